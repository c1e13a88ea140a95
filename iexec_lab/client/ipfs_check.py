"""Is a downloaded file what its IPFS address names? Only hashes are made, nothing is stored.

An address is the hash of the root of a tree over the file. The layouts tried are those kubo makes by default:
chunks of 262,144 bytes, leaves wrapped (version 0) or raw (version 1), nodes of at most 174 links. Source:
the IPLD dag-pb and UnixFS specifications.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from iexec_lab.protocol.cid import DAG_PB, parse_cid, write_varint

if TYPE_CHECKING:
    from pathlib import Path

RAW = 0x55
CHUNK = 262_144
WIDTH = 174
_SHA2_256 = b"\x12\x20"
_FILE = 2


class _Link(NamedTuple):
    """A node of the tree: its address, the bytes of it and all below, and the bytes of the file in it."""

    cid: bytes
    total: int
    content: int


def matches(path: Path, address: str) -> bool | None:
    """True when the file has this address; None for an address that says nothing about a file's bytes.

    Args:
        path: The file.
        address: ``/ipfs/<cid>``; with a path behind it, only a folder has the address.
    """
    words = address.strip("/").split("/")
    if len(words) != 2 or words[0] != "ipfs":
        return None
    try:
        cid = parse_cid(words[1])
    except ValueError:
        return None
    if not cid.multihash.startswith(_SHA2_256) or cid.codec not in {RAW, DAG_PB}:
        return None
    if cid.codec == RAW:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == cid.multihash[2:]
    return any(
        root_hash(path, version=cid.version, raw_leaves=raw) == cid.multihash
        for raw in (cid.version == 1, cid.version != 1)
    )


def root_hash(path: Path, *, version: int, raw_leaves: bool) -> bytes:
    """The multihash of the root that kubo would give the file."""
    level = []
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            level.append(_leaf(chunk, version, raw=raw_leaves))
    level = level or [_leaf(b"", version, raw=raw_leaves)]
    while len(level) > 1:
        level = [_node(level[start : start + WIDTH], version) for start in range(0, len(level), WIDTH)]
    return level[0].cid[-34:]


def _leaf(chunk: bytes, version: int, *, raw: bool) -> _Link:
    if raw:
        return _link(chunk, 1, RAW, len(chunk), len(chunk))
    unixfs = b"\x08" + write_varint(_FILE) + (_bytes(2, chunk) if chunk else b"")
    block = _bytes(1, unixfs + b"\x18" + write_varint(len(chunk)))
    return _link(block, version, DAG_PB, len(block), len(chunk))


def _node(links: list[_Link], version: int) -> _Link:
    content = sum(link.content for link in links)
    sizes = b"".join(b"\x20" + write_varint(link.content) for link in links)
    unixfs = b"\x08" + write_varint(_FILE) + b"\x18" + write_varint(content) + sizes
    named = (_bytes(1, link.cid) + _bytes(2, b"") + b"\x18" + write_varint(link.total) for link in links)
    block = b"".join(_bytes(2, body) for body in named) + _bytes(1, unixfs)
    return _link(block, version, DAG_PB, len(block) + sum(link.total for link in links), content)


def _link(block: bytes, version: int, codec: int, total: int, content: int) -> _Link:
    prefix = b"" if version == 0 else bytes([1, codec])
    return _Link(prefix + _SHA2_256 + hashlib.sha256(block).digest(), total, content)


def _bytes(field: int, value: bytes) -> bytes:
    """A field of a protocol buffer that holds bytes."""
    return bytes([field << 3 | 2]) + write_varint(len(value)) + value
