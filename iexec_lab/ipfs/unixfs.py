"""Files and folders as IPFS blocks: UnixFS inside dag-pb, laid out as kubo does by default.

Source: the IPLD dag-pb and UnixFS specifications. A file is cut into chunks of 262,144 bytes; more than
one chunk makes a balanced tree of at most 174 links a node; a folder is one node, links sorted by name.

Ours because no Python library both builds and reads such blocks: ``py-ipld-dag`` 0.2 has dag-pb without
UnixFS, ``aleph-cid`` 0.1 computes kubo's CIDs but reads no block (both agree on folders of 3, 1,200 and 9,000
files).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Protocol

from iexec_lab.ipfs.cid import DAG_PB, RAW, Cid
from iexec_lab.ipfs.hamt import FANOUT, HASH_CODE, Shard, is_large, shard
from iexec_lab.ipfs.links import Link
from iexec_lab.protocol.cid import write_varint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHUNK_SIZE = 262_144
MAX_LINKS = 174
MAX_BLOCK = 2 << 20  # kubo refuses larger blocks

_DIRECTORY = 1
_FILE = 2
_SHARD = 5
_KINDS = {0: "raw", 1: "directory", 2: "file", 3: "metadata", 4: "symlink", 5: "shard"}


class Put(Protocol):
    """Where finished blocks go."""

    def __call__(self, cid: Cid, block: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Node:
    """A decoded dag-pb block with its UnixFS part; ``sizes`` are the content sizes of a file's links."""

    kind: str
    data: bytes
    filesize: int
    sizes: tuple[int, ...]
    links: tuple[Link, ...]


@dataclass(slots=True)
class FileBuilder:
    """Builds the blocks of one file from its bytes; holds one chunk, and one node a level.

    ``raw_leaves`` defaults to what kubo does: on for version 1, off for version 0.
    """

    put: Put
    version: int = 0
    raw_leaves: bool | None = None
    chunk_size: int = CHUNK_SIZE
    max_links: int = MAX_LINKS
    _rest: bytearray = field(default_factory=bytearray)
    _levels: list[list[Link]] = field(default_factory=list)
    _chunks: int = 0

    def write(self, data: bytes) -> None:
        self._rest += data
        while len(self._rest) > self.chunk_size:
            self._leaf(bytes(self._rest[: self.chunk_size]))
            del self._rest[: self.chunk_size]

    def finish(self) -> Link:
        """Close the tree and return its root."""
        if self._rest or not self._chunks:
            self._leaf(bytes(self._rest))
        level = 0
        while level + 1 < len(self._levels) or len(self._levels[level]) > 1:
            if self._levels[level]:
                self._close(level)
            level += 1
        return self._levels[level][0]

    def _leaf(self, chunk: bytes) -> None:
        self._chunks += 1
        raw = self.version == 1 if self.raw_leaves is None else self.raw_leaves
        block = chunk if raw else encode_node([], _unixfs(_FILE, chunk, len(chunk), ()))
        cid = Cid.of(block, version=self.version, codec=RAW if raw else DAG_PB)
        self.put(cid, block)
        self._add(0, Link(cid, len(block), len(chunk)))

    def _add(self, level: int, link: Link) -> None:
        if level == len(self._levels):
            self._levels.append([])
        elif len(self._levels[level]) == self.max_links:
            self._close(level)
        self._levels[level].append(link)

    def _close(self, level: int) -> None:
        links = self._levels[level]
        self._levels[level] = []
        size = sum(link.filesize for link in links)
        block = encode_node(links, _unixfs(_FILE, b"", size, [link.filesize for link in links]))
        cid = Cid.of(block, version=self.version)
        self.put(cid, block)
        self._add(level + 1, Link(cid, len(block) + sum(link.tsize for link in links), size))


def cid_of(file: BinaryIO, version: int = 0, *, raw_leaves: bool | None = None) -> Cid:
    """The identifier that kubo gives a file by default; it is read from its beginning, nothing is stored."""
    builder = FileBuilder(lambda _cid, _block: None, version, raw_leaves=raw_leaves)
    file.seek(0)
    while piece := file.read(CHUNK_SIZE):
        builder.write(piece)
    return builder.finish().cid


def build_directory(entries: Mapping[str, Link], put: Put, version: int = 0) -> Link:
    """A folder of finished children: one node, or a tree of shards when that would be too large."""
    links = [link._replace(name=name) for name, link in entries.items()]
    if is_large(links):
        return _build_shard(shard(links), put, version)
    links.sort(key=lambda link: link.name.encode())
    return _put_folder(links, _tag(1, 0) + write_varint(_DIRECTORY), put, version)


def _build_shard(tree: Shard, put: Put, version: int) -> Link:
    """Links are named by their slot, two digits, and the name of the entry there, if any."""
    links = [
        child._replace(name=f"{slot:02X}{child.name}")
        if isinstance(child, Link)
        else _build_shard(child, put, version)._replace(name=f"{slot:02X}")
        for slot, child in tree.slots.items()
    ]
    parts = [_tag(1, 0), write_varint(_SHARD), _field(2, tree.bitfield())]
    parts += [_tag(5, 0), write_varint(HASH_CODE), _tag(6, 0), write_varint(FANOUT)]
    return _put_folder(links, b"".join(parts), put, version)


def _put_folder(links: list[Link], data: bytes, put: Put, version: int) -> Link:
    block = encode_node(links, data)
    cid = Cid.of(block, version=version)
    put(cid, block)
    return Link(cid, len(block) + sum(link.tsize for link in links))


def encode_node(links: list[Link], data: bytes) -> bytes:
    """A dag-pb block: links first, then data, as the specification requires."""
    parts = []
    for link in links:
        body = (
            _field(1, bytes(link.cid)) + _field(2, link.name.encode()) + _tag(3, 0) + write_varint(link.tsize)
        )
        parts.append(_field(2, body))
    parts.append(_field(1, data))
    return b"".join(parts)


def decode_node(block: bytes) -> Node:
    """Read a dag-pb block.

    Raises:
        ValueError: the bytes are not dag-pb with UnixFS inside.
    """
    links, unixfs = [], b""
    for number, value in _fields(block):
        if number == 2 and isinstance(value, bytes):
            links.append(_decode_link(value))
        elif number == 1 and isinstance(value, bytes):
            unixfs = value
    kind, data, size, sizes = "", b"", 0, []
    for number, value in _fields(unixfs):
        if number == 1 and isinstance(value, int):
            kind = _KINDS.get(value, "")
        elif number == 2 and isinstance(value, bytes):
            data = value
        elif number == 3 and isinstance(value, int):
            size = value
        elif number == 4 and isinstance(value, int):
            sizes.append(value)
    if not kind:
        raise ValueError("not a UnixFS node")
    return Node(kind, data, size, tuple(sizes), tuple(links))


def unixfs_part(block: bytes) -> bytes:
    """What a dag-pb block holds besides its links."""
    return next((value for number, value in _fields(block) if number == 1 and isinstance(value, bytes)), b"")


def file_size(cid: Cid, block: bytes) -> int | None:
    """Bytes of the file whose root is this block; None when it is not the root of a file."""
    if cid.codec == RAW:
        return len(block)
    try:
        node = decode_node(block)
    except ValueError:
        return None
    return node.filesize if node.kind in {"file", "raw"} else None


def _decode_link(body: bytes) -> Link:
    found: dict[int, int | bytes] = dict(_fields(body))
    cid, name, size = found.get(1, b""), found.get(2, b""), found.get(3, 0)
    if not isinstance(cid, bytes) or not isinstance(name, bytes) or not isinstance(size, int):
        raise ValueError("malformed link")  # noqa: TRY004 -- the bytes are wrong, not the caller
    return Link(Cid.from_bytes(cid), size, 0, name.decode())


def _unixfs(kind: int, data: bytes, filesize: int, sizes: list[int] | tuple[int, ...]) -> bytes:
    parts = [_tag(1, 0), write_varint(kind)]
    if data:
        parts.append(_field(2, data))
    parts += [_tag(3, 0), write_varint(filesize)]
    for size in sizes:
        parts += [_tag(4, 0), write_varint(size)]
    return b"".join(parts)


def _tag(number: int, wire: int) -> bytes:
    return bytes([number << 3 | wire])


def _field(number: int, value: bytes) -> bytes:
    return _tag(number, 2) + write_varint(len(value)) + value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2 and at + value <= len(data):
            yield tag >> 3, data[at : at + value]
            at += value
        else:
            raise ValueError("malformed protobuf")


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("malformed protobuf")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
