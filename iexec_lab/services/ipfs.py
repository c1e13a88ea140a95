"""IPFS: results and datasets from a gateway, uploads to a node."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from iexec_lab.errors import ConfigurationError, IpfsError, ServiceError, ValidationError
from iexec_lab.ipfs.cid import Cid
from iexec_lab.ipfs.unixfs import MAX_BLOCK, file_size
from iexec_lab.protocol.javascript import loads
from iexec_lab.services.http import SLOWEST, TIMEOUT, Answer, Http, answer_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from iexec_lab.crypto.streams import Meter

    Progress = Callable[[int, int | None], None]

MAX_DOWNLOAD = 4 << 30
"""Bytes of the largest download, unless the caller says otherwise."""
UNSIZED = 64 << 20
"""Bytes read at most of a file of unknown size; beyond this the root block is asked for the size."""
_RAW_BLOCK = "application/vnd.ipld.raw"
_DIGITS = 20  # of a possible length
_PIECE = 64 << 10  # small, so that slow lines make progress within the time-out
_LOCATION = re.compile(r"/?(?![A-Za-z0-9+.-]+:)[^/?#]")
_CID = re.compile(r"[0-9A-Za-z]{46,100}")


class Ipfs:
    """A gateway to read from and, where there is one, a node to upload to.

    All methods raise IpfsError when IPFS cannot be reached or fails, and ApiError when it refuses.
    """

    def __init__(self, gateway: str, node: str | None = None, *, timeout: float = TIMEOUT) -> None:
        self.gateway = gateway.rstrip("/")
        self._gateway = Http(gateway, IpfsError, timeout=timeout)
        self._node = Http(node, IpfsError, timeout=timeout) if node else None

    def download(
        self,
        location: str,
        target: Path | str | BinaryIO,
        *,
        progress: Progress | None = None,
        max_bytes: int = MAX_DOWNLOAD,
    ) -> int:
        """Write the gateway's content at ``location`` to a file; return the number of bytes.

        Args:
            location: ``/ipfs/<cid>``, with a path after it if needed, as in a task's result.
            target: A path, which gets the whole file or keeps what it had; or an open file.
            progress: Called with the bytes so far and in all (None when unknown).
            max_bytes: More is refused.

        A large file, or one of unannounced size, must have the size in the root block of its CID. If the
        gateway does not give that block, the announced size counts, else 64 MiB within the plain time-out.

        Raises:
            ValidationError: the location leads away from the gateway.
            CryptoError: the file cannot be written.
        """
        from iexec_lab.crypto import open_target

        if not _LOCATION.match(location):
            raise ValidationError(
                f"{location} is not a location on an IPFS gateway", hint="Write it as /ipfs/<cid>."
            )
        path = "/" + location.lstrip("/")

        def read(response: requests.Response) -> int:
            from iexec_lab.services.transport import pieces

            head = answer_head(response)
            if not head.ok:
                message = f"Failed to download from {self.gateway}: API error: {head.status_line}"
                raise self._gateway.api_error(message, head)
            total = self._size(path, head)
            if total is not None and total > max_bytes:
                message = f"{location} has {total} bytes, the most allowed is {max_bytes}"
                raise self._gateway.api_error(message, head)
            done = 0
            _rewind(target)
            with open_target(target) as file:
                for piece in pieces(response, min(max_bytes, UNSIZED if total is None else total)):
                    file.write(piece)
                    done += len(piece)
                    if progress:
                        progress(done, total)
            return done

        # Without compression Content-Length is the size of the file.
        headers = {"Accept": "application/zip", "Accept-Encoding": "identity"}
        return self._gateway.exchange("GET", path, None, read, headers=headers, long=True)

    def _size(self, path: str, head: Answer) -> int | None:
        """Bytes to come; None when unknown, and then they earn no more time."""
        from iexec_lab.http_deadline import current

        announced, allowed = _length(head), current()
        if announced is not None and announced <= UNSIZED:
            return announced
        promised = self._promised(path, allowed.left() if allowed else TIMEOUT)
        if promised is not None and announced not in {None, promised}:
            message = f"The gateway announces {announced} bytes for {path}, but its CID stands for {promised}"
            raise self._gateway.api_error(message, head)
        size = announced if promised is None else promised
        if allowed:
            allowed.rate = SLOWEST if size is not None else None
        return size

    def _promised(self, path: str, timeout: float) -> int | None:
        """Bytes of the file that a CID stands for, by its root block; None without that block."""
        words = path.strip("/").split("/")
        if len(words) != 2 or words[0] != "ipfs":
            return None
        http = Http(self.gateway, IpfsError, timeout=max(timeout, 0.0), retries=0, max_bytes=MAX_BLOCK)
        try:
            cid = Cid.parse(words[1])
            answer = http.call("GET", path, {"format": "raw"}, headers={"Accept": _RAW_BLOCK})
        except (ServiceError, ValidationError):
            return None
        if not answer.ok or Cid.of(answer.body, version=cid.version, codec=cid.codec) != cid:
            return None
        return file_size(cid, answer.body)

    def exists(self, cid: str) -> bool:
        """Whether the gateway has it."""
        return self._gateway.call("HEAD", f"/ipfs/{_check_cid(cid)}").ok

    def require_node(self) -> Http:
        """The node to upload to.

        Raises:
            ConfigurationError: None is configured.
        """
        if self._node is None:
            raise ConfigurationError(
                "No IPFS node to upload to", hint='Add "ipfsNode" to the chain in chain.json.'
            )
        return self._node

    def add(
        self,
        source: bytes | Path | str | BinaryIO,
        *,
        check: bool = True,
        progress: Progress | None = None,
    ) -> str:
        """Upload a file (a path, an open file or its bytes) to the node; return its CID (version 0).

        Args:
            source: What to upload.
            check: Make sure that the gateway serves it.
            progress: Called with the bytes sent and in all (None when unknown).

        Raises:
            ConfigurationError: no node is configured.
            CryptoError: the file cannot be read.
        """
        node = self.require_node()
        from iexec_lab.crypto.streams import Meter, open_source

        boundary = secrets.token_hex(16)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "application/json"}
        query = {"stream-channels": True, "progress": False}
        with open_source(source) as (file, size):
            body = _multipart(file, boundary, Meter(progress, size))
            answer = node.call("POST", "/api/v0/add", query, body=body, headers=headers, long=True)
        cid = _added(answer.body) if answer.ok else None
        if cid is None:
            raise node.api_error(f"Failed to upload: API error: {answer.status_line}", answer)
        if check and not self.exists(cid):
            raise self._gateway.api_error(f"Failed to load uploaded file at {self.gateway}/ipfs/{cid}")
        return cid


def _check_cid(cid: str) -> str:
    if not isinstance(cid, str) or not _CID.fullmatch(cid):
        raise ValidationError(f"{cid} is not a valid CID")
    return cid


def _length(head: Answer) -> int | None:
    length = head.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and len(length) < _DIGITS else None


def _rewind(target: Path | str | BinaryIO) -> None:
    """Empty an open file, which each attempt writes anew."""
    if not isinstance(target, (str, Path)) and target.seekable():
        target.seek(0)
        target.truncate()


def _multipart(file: BinaryIO, boundary: str, meter: Meter) -> Iterator[bytes]:
    """One file part, read as it is sent."""
    yield (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file-0"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    while piece := file.read(_PIECE):
        yield piece
        meter.add(len(piece))
    yield f"\r\n--{boundary}--\r\n".encode()


def _added(body: bytes) -> str | None:
    """The CID in the last line of the node's answer."""
    try:
        last = loads(body.splitlines()[-1])
        return _check_cid(last["Hash"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None  # ValidationError is a ValueError
