"""Is a downloaded file what its IPFS address names? Only hashes are made, nothing is stored.

An address is the hash of the root of a tree over the file. The layouts tried are kubo's defaults,
with leaves wrapped (version 0) or raw (version 1).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from iexec_lab.ipfs.cid import RAW
from iexec_lab.ipfs.unixfs import CHUNK_SIZE, cid_of
from iexec_lab.protocol.cid import DAG_PB, parse_cid

if TYPE_CHECKING:
    from typing import BinaryIO

_SHA2_256 = b"\x12\x20"


def matches(file: BinaryIO, address: str) -> bool | None:
    """True when the file has this address; None for an address that says nothing about a file's bytes.

    Args:
        file: The file, open for reading; it is read from its beginning.
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
        return _sha256(file) == cid.multihash[2:]
    return any(
        root_hash(file, version=cid.version, raw_leaves=raw) == cid.multihash
        for raw in (cid.version == 1, cid.version != 1)
    )


def _sha256(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(CHUNK_SIZE):
        digest.update(piece)
    return digest.digest()


def root_hash(file: BinaryIO, *, version: int, raw_leaves: bool) -> bytes:
    """The multihash of the root that kubo would give the file."""
    return _SHA2_256 + cid_of(file, version, raw_leaves=raw_leaves).digest
