"""The content identifiers that kubo makes by default: sha2-256 and the codecs ``raw`` and ``dag-pb``.

Source: the multiformats specifications (CID, multibase, multihash, multicodec). Ours for the reason in
``protocol/cid.py``, on which it builds.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.cid import DAG_PB, base58_encode, parse_cid, write_varint

__all__ = ["DAG_PB", "RAW", "Cid"]

RAW = 0x55

_SHA2_256 = b"\x12\x20"
_LONGEST = 128  # a sha2-256 CID in base 16 has 73 characters


@dataclass(frozen=True, slots=True)
class Cid:
    """One content identifier; ``digest`` is the sha2-256 of the block.

    Version 0 is always ``dag-pb`` and reads ``Qm...``; version 1 reads ``b...`` (base 32).
    """

    version: int
    codec: int
    digest: bytes

    @classmethod
    def of(cls, block: bytes, *, version: int, codec: int = DAG_PB) -> Cid:
        """The identifier of a block; a raw block has no version 0, so it gets version 1."""
        return cls(1 if codec == RAW else version, codec, hashlib.sha256(block).digest())

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Read a CID in any of the bases gateways accept (58, 32, 36, 16).

        Raises:
            ValidationError: not a CID, or not one of sha2-256 with dag-pb or raw.
        """
        try:
            return cls.from_bytes(_decode(text))
        except ValueError as error:
            raise ValidationError(f"invalid cid: {error}", details={"cid": text[:_LONGEST]}) from error

    @classmethod
    def from_bytes(cls, data: bytes) -> Cid:
        """Read the binary form, as in dag-pb links."""
        if len(data) == 34 and data.startswith(_SHA2_256):
            return cls(0, DAG_PB, data[2:])
        if len(data) != 36 or data[0] != 1 or data[1] not in {RAW, DAG_PB} or data[2:4] != _SHA2_256:
            raise ValueError("selected encoding not supported")
        return cls(1, data[1], data[4:])

    def __bytes__(self) -> bytes:
        prefix = b"" if self.version == 0 else bytes([1, self.codec])
        return prefix + _SHA2_256 + self.digest

    def __str__(self) -> str:
        if self.version == 0:
            return base58_encode(bytes(self))
        return "b" + base64.b32encode(bytes(self)).decode().lower().rstrip("=")


def _decode(text: str) -> bytes:
    """The bytes of a CID; bases of a single letter case are read in either case."""
    plain = text.lower() if text[:1] in "BFK" else text
    if plain.startswith("f"):
        return bytes.fromhex(plain[1:])
    cid = parse_cid(plain)
    return cid.multihash if cid.version == 0 else b"\x01" + write_varint(cid.codec) + cid.multihash
