"""Files and folders of the IPFS store as archives: tar, and CAR (version 1), the blocks themselves."""

from __future__ import annotations

import tarfile
import tempfile
from typing import IO, TYPE_CHECKING

from iexec_lab.errors import ValidationError
from iexec_lab.ipfs.cid import RAW, Cid
from iexec_lab.ipfs.unixfs import decode_node
from iexec_lab.protocol.cid import write_varint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.sandbox.state.blobs import BlobStore

_IN_MEMORY = 8 << 20
_PIECE = 1 << 18


def links_of(cid: Cid, block: bytes) -> list[Cid]:
    """What a block leads to."""
    try:
        return [] if cid.codec == RAW else [link.cid for link in decode_node(block).links]
    except (TypeError, ValueError) as error:
        raise ValidationError(f"{cid} is not a UnixFS node: {error}") from error


def walk(store: BlobStore, root: Cid) -> Iterator[tuple[Cid, bytes]]:
    """A block and all below it, each once, parents before children."""
    waiting, seen = [root], set()
    while waiting:
        cid = waiting.pop()
        if bytes(cid) in seen:
            continue
        seen.add(bytes(cid))
        block = store.get_block(cid)
        yield cid, block
        waiting += reversed(links_of(cid, block))


def car(store: BlobStore, root: Cid, last: Cid, above: list[Cid], scope: str) -> Iterator[bytes]:
    """A CAR of ``root``: the blocks ``above`` that lead to ``last``, then ``last`` and what is below it.

    ``scope`` is ``all``, ``entity`` (a folder without its files' content) or ``block``.
    """
    name = b"\x00" + bytes(root)
    header = b"\xa2eroots\x81\xd8\x2a\x58" + bytes([len(name)]) + name + b"gversion\x01"
    yield write_varint(len(header)) + header
    sent = set()
    for cid in above:
        sent.add(bytes(cid))
        yield _section(cid, store.get_block(cid))
    is_alone = scope == "block" or (scope == "entity" and store.node(last).kind == "directory")
    below = [(last, store.get_block(last))] if is_alone else walk(store, last)
    for cid, block in below:
        if bytes(cid) not in sent:
            yield _section(cid, block)


def _section(cid: Cid, block: bytes) -> bytes:
    return write_varint(len(bytes(cid)) + len(block)) + bytes(cid) + block


def tar(store: BlobStore, cid: Cid, name: str) -> IO[bytes]:
    """A tar of a file or a folder, which is called ``name`` in it; read from its beginning."""
    packed = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 -- the caller closes it
    try:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            _add(archive, store, cid, name)
    except BaseException:
        packed.close()
        raise
    packed.seek(0)
    return packed


def _add(archive: tarfile.TarFile, store: BlobStore, cid: Cid, name: str) -> None:
    node, about = store.node(cid), tarfile.TarInfo(name)
    if node.kind == "directory":
        about.type, about.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(about)
        for link in node.links:
            if link.name in {"", ".", ".."} or "/" in link.name:
                raise ValidationError(f"{link.name!r} is no file name", details={"cid": str(cid)})
            _add(archive, store, link.cid, f"{name}/{link.name}")
        return
    about.size, about.mode = node.filesize, 0o644
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as content:
        content.writelines(store.read(cid))
        content.seek(0)
        archive.addfile(about, content)


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of a file, which is closed at its end."""
    with file:
        while piece := file.read(_PIECE):
            yield piece
