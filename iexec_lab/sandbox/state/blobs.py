"""Blocks on disk, and files and folders made of them.

Ours because kubo is a program of its own to fetch and to keep alive; that CIDs are kubo's, the 49 vectors of
``unixfs.json`` hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from iexec_lab.errors import SandboxError, ValidationError
from iexec_lab.ipfs.cid import RAW, Cid
from iexec_lab.ipfs.unixfs import CHUNK_SIZE, FileBuilder, Node, build_directory, decode_node
from iexec_lab.sandbox.state.disk import replacing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from iexec_lab.ipfs.links import Link

_ABANDONED = 3600  # seconds
_DEEPEST = 32  # levels of a file's tree; 174 links a node make 5 plenty


class AbsentError(SandboxError):
    """A block or a name that is not in the store."""


class BlobStore:
    """A folder of blocks, one file each, named by their sha2-256.

    Equal blocks are stored once, a block appears under its name whole or not at all, and one that no longer
    matches its name counts as absent. Methods may be called from any thread.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._incoming = self.folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        # Drafts of a process that was killed; a young one may be another store's, at work in this moment.
        for draft in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - draft.stat().st_mtime > _ABANDONED:
                    draft.unlink()

    def put_block(self, cid: Cid, block: bytes) -> None:
        path = self._path(cid)
        with contextlib.suppress(FileNotFoundError):
            if path.read_bytes() == block:
                return
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._incoming)
        with os.fdopen(handle, "wb") as file:
            file.write(block)
        Path(name).replace(path)

    def get_block(self, cid: Cid) -> bytes:
        """The bytes of a block.

        Raises:
            AbsentError: not stored here, or damaged.
        """
        with contextlib.suppress(FileNotFoundError):
            block = self._path(cid).read_bytes()
            if hashlib.sha256(block).digest() == cid.digest:
                return block
        raise AbsentError(f"block was not found locally: ipld: could not find {cid}")

    def builder(self, *, version: int = 0) -> FileBuilder:
        """A file to be written piece by piece."""
        return FileBuilder(self.put_block, version=version)

    def add(self, source: Path | str | bytes | BinaryIO, cid_version: int = 0) -> str:
        """Store a file, a folder with everything below it, or bytes; return the CID kubo would give."""
        return str(self.add_link(source, cid_version).cid)

    def add_link(self, source: Path | str | bytes | BinaryIO, cid_version: int = 0) -> Link:
        """As ``add``, with the cumulative size.

        Raises:
            ValidationError: a pipe or a device, which might never end.
        """
        if isinstance(source, (str, Path)):
            path = Path(source)
            if path.is_dir():
                children = {child.name: self.add_link(child, cid_version) for child in path.iterdir()}
                return build_directory(children, self.put_block, cid_version)
            if path.exists() and not path.is_file():
                raise ValidationError(f"{path} is neither a file nor a folder")
            with path.open("rb") as file:
                return self.add_link(file, cid_version)
        builder = self.builder(version=cid_version)
        if isinstance(source, bytes):
            builder.write(source)
        else:
            while piece := source.read(CHUNK_SIZE):
                builder.write(piece)
        return builder.finish()

    def node(self, cid: Cid) -> Node:
        """The UnixFS node of a CID; a raw block is a file of its own, a sharded folder has all its links."""
        block = self.get_block(cid)
        if cid.codec == RAW:
            return Node("file", block, len(block), (), ())
        try:
            node = decode_node(block)
            if node.kind != "shard":
                return node
            return Node("directory", b"", 0, (), tuple(self._entries(node, _DEEPEST)))
        except (TypeError, ValueError) as error:
            raise ValidationError(f"{cid} is not a UnixFS node: {error}") from error

    def resolve(self, cid: str | Cid, path: str = "") -> tuple[Cid, Node]:
        """Walk from a CID through folder names.

        Raises:
            ValidationError: not a CID, or not UnixFS.
            AbsentError: a block or a name is not there.
        """
        here = cid if isinstance(cid, Cid) else Cid.parse(cid)
        node = self.node(here)
        for name in PurePosixPath(path.strip("/")).parts:
            link = next((link for link in node.links if link.name == name), None)
            if node.kind != "directory" or link is None:
                raise AbsentError(f'no link named "{name}" under {here}')
            here, node = link.cid, self.node(link.cid)
        return here, node

    def read(
        self, cid: str | Cid, path: str = "", start: int = 0, stop: int | None = None
    ) -> Iterator[bytes]:
        """The content of a file from start to stop (default: to its end), a block at a time.

        Raises:
            ValidationError: it is a folder.
        """
        here, node = self.resolve(cid, path)
        if node.kind not in {"file", "raw"}:
            raise ValidationError(f"{here} is a {node.kind or 'node'}, not a file")
        return self._content(
            node, start, node.filesize if stop is None else min(stop, node.filesize), _DEEPEST
        )

    async def chunks(
        self, cid: str | Cid, path: str = "", start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        """As ``read``, without stopping the event loop for the disk."""
        pieces = await asyncio.to_thread(self.read, cid, path, start, stop)
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece

    def export(self, cid: str | Cid, target: Path | str, path: str = "") -> None:
        """Write a file, or a folder with everything below it, to target; each file appears whole."""
        here, node = self.resolve(cid, path)
        target = Path(target)
        if node.kind == "directory":
            target.mkdir(parents=True, exist_ok=True)
            for link in node.links:
                if link.name in {"", ".", ".."} or "/" in link.name:
                    raise ValidationError(f"{link.name!r} is no file name", details={"cid": str(here)})
                self.export(link.cid, target / link.name)
            return
        with replacing(target, 0o644) as file:
            file.writelines(self.read(here))

    def _entries(self, shard: Node, depth: int) -> Iterator[Link]:
        """All entries below a shard; a link named by nothing but its slot leads to a further one."""
        for link in shard.links:
            if len(link.name) > 2:
                yield link._replace(name=link.name[2:])
            elif depth:
                yield from self._entries(decode_node(self.get_block(link.cid)), depth - 1)

    def _content(self, node: Node, start: int, stop: int, depth: int) -> Iterator[bytes]:
        if start >= stop:
            return
        if depth == 0 or len(node.sizes) != len(node.links):
            raise ValidationError("malformed file node")
        if node.data and start < len(node.data):
            yield node.data[start:stop]
        at = len(node.data)
        for link, size in zip(node.links, node.sizes, strict=True):
            if at >= stop:
                return
            if at + size > start:
                yield from self._content(
                    self.node(link.cid), max(start - at, 0), min(stop - at, size), depth - 1
                )
            at += size

    def _path(self, cid: Cid) -> Path:
        name = cid.digest.hex()
        return self.folder / name[:2] / name
