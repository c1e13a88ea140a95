"""Folders too large for one block: a tree of shards, as kubo makes it beyond 256 KiB of links.

Source: the UnixFS specification (HAMTDirectory). Each level takes eight bits of the MurmurHash3 of a name; a
slot holds an entry when only one name has these bits, else a further shard. Ours for the reason in
``unixfs.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from iexec_lab.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iexec_lab.ipfs.links import Link

FANOUT = 256
HASH_CODE = 0x22  # murmur3-x64-64
THRESHOLD = 256 << 10
"""Bytes of names and CIDs above which a folder is sharded."""

_LEVELS = 8  # bytes of the hash
_MASK = (1 << 64) - 1
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


class Shard(NamedTuple):
    """One node of the tree: slot (0 to 255) -> its only entry, or the shard below."""

    slots: dict[int, Link | Shard]

    def bitfield(self) -> bytes:
        """One bit for each slot in use, as the node's data: big-endian, without leading zeros."""
        bits = sum(1 << slot for slot in self.slots)
        return bits.to_bytes((bits.bit_length() + 7) // 8, "big")


def is_large(links: Iterable[Link]) -> bool:
    return sum(len(link.name.encode()) + len(bytes(link.cid)) for link in links) > THRESHOLD


def shard(links: Iterable[Link]) -> Shard:
    """The tree of a folder's links, whose names all differ."""
    return _shard([(murmur3(link.name.encode()), link) for link in links], 0)


def _shard(hashed: list[tuple[bytes, Link]], level: int) -> Shard:
    if level == _LEVELS:
        raise ValidationError("sharded directory too deep", hint="Two names have the same hash.")
    groups: dict[int, list[tuple[bytes, Link]]] = {}
    for pair in hashed:
        groups.setdefault(pair[0][level], []).append(pair)
    slots: dict[int, Link | Shard] = {}
    for slot, group in sorted(groups.items()):
        slots[slot] = group[0][1] if len(group) == 1 else _shard(group, level + 1)
    return Shard(slots)


def murmur3(data: bytes) -> bytes:
    """The first half of MurmurHash3 x64 128 with seed 0, 8 bytes."""
    h1 = h2 = 0
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        h1 ^= _mix(int.from_bytes(data[at : at + 8], "little"), _C1, 31, _C2)
        h1 = (_rotate(h1, 27) + h2) * 5 + 0x52DCE729 & _MASK
        h2 ^= _mix(int.from_bytes(data[at + 8 : at + 16], "little"), _C2, 33, _C1)
        h2 = (_rotate(h2, 31) + h1) * 5 + 0x38495AB5 & _MASK
    tail = data[whole:]
    h1 ^= _mix(int.from_bytes(tail[:8], "little"), _C1, 31, _C2)
    h2 ^= _mix(int.from_bytes(tail[8:], "little"), _C2, 33, _C1)
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = h1 + h2 & _MASK
    h2 = h2 + h1 & _MASK
    return (_finish(h1) + _finish(h2) & _MASK).to_bytes(8, "big")


def _mix(word: int, first: int, turn: int, second: int) -> int:
    return _rotate(word * first & _MASK, turn) * second & _MASK


def _rotate(word: int, turn: int) -> int:
    return (word << turn | word >> 64 - turn) & _MASK


def _finish(word: int) -> int:
    word ^= word >> 33
    word = word * 0xFF51AFD7ED558CCD & _MASK
    word ^= word >> 33
    word = word * 0xC4CEB9FE1A85EC53 & _MASK
    return word ^ word >> 33
