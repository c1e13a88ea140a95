"""Content identifiers of IPFS: the text forms, their bytes, and back.

Source: the multiformats specifications (CID, multibase, multihash, multicodec). Only what kubo hands out by
default is here: sha2-256 and the codecs ``raw`` and ``dag-pb``.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from iexec_lab.errors import ValidationError

RAW = 0x55
DAG_PB = 0x70

_SHA2_256 = b"\x12\x20"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
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
            ValidationError: not a CID, or one of another hash or codec than sha2-256 with dag-pb or raw.
        """
        try:
            if len(text) == 46 and text.startswith("Qm"):
                return cls.from_bytes(_from_base(_BASE58, text))
            return cls.from_bytes(_decode_multibase(text))
        except ValueError as error:
            raise ValidationError(f"invalid cid: {error}", details={"cid": text[:_LONGEST]}) from error

    @classmethod
    def from_bytes(cls, data: bytes) -> Cid:
        """The binary form, as dag-pb links hold it."""
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
            return _to_base58(bytes(self))
        return "b" + base64.b32encode(bytes(self)).decode().lower().rstrip("=")


def _decode_multibase(text: str) -> bytes:
    if not 2 <= len(text) <= _LONGEST:
        raise ValueError("cid too short" if len(text) < 2 else "cid too long")
    base, body = text[0], text[1:]
    if base in "bB":
        return base64.b32decode(body.upper() + "=" * (-len(body) % 8))
    if base in "fF":
        return bytes.fromhex(body)
    if base in "kK":
        return _from_base(_BASE36, body.lower())
    if base == "z":
        return _from_base(_BASE58, body)
    raise ValueError("selected encoding not supported")


def _from_base(alphabet: str, text: str) -> bytes:
    number = 0
    for char in text:
        number = number * len(alphabet) + alphabet.index(char)
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _to_base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text
