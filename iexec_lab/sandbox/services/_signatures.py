"""Signatures as the libraries of the real services judge them; they agree on what wallets make, not on more.

ethers (the market): v may be 0, 1, 27, 28 or from 35 on, 64 bytes are EIP-2098, and s must be in the lower
half of the curve's order. web3j (SMS, result proxy): v is 27 to 34, s is any. A login to a scheduler or an
8.x result proxy looks at r and s alone.
"""

from __future__ import annotations

import re
from typing import Final

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import is_signed_by

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_HEX: Final = re.compile(r"0x((?:[0-9a-f]{2})*)", re.IGNORECASE | re.ASCII)
_SIZE: Final = 65


def is_ethers_signature(address: str, digest: bytes, signature: str) -> bool:
    raw = _bytes(signature)
    if len(raw) == _SIZE:
        v = raw[64]
        if v not in {0, 1, 27, 28} and v < 35:
            return False
        parity = v % 27 if v < 35 else 1 - v % 2
        raw = raw[:64] + bytes([parity])
        if int.from_bytes(raw[32:64], "big") > _HALF_ORDER:
            return False
    return _is_by(address, digest, raw)


def is_web3j_signature(address: str, digest: bytes, signature: str) -> bool:
    raw = _bytes(signature)
    if len(raw) != _SIZE or not 27 <= raw[64] <= 34:
        return False
    return _is_by(address, digest, raw[:64] + bytes([(raw[64] - 27) % 4]))


def is_by_r_and_s(address: str, digest: bytes, signature: str) -> bool:
    raw = _bytes(signature)
    return len(raw) == _SIZE and any(_is_by(address, digest, raw[:64] + bytes([each])) for each in (0, 1))


def _is_by(address: str, digest: bytes, raw: bytes) -> bool:
    try:
        return is_signed_by(address, digest, raw)
    except ValidationError:
        return False


def _bytes(signature: str) -> bytes:
    found = _HEX.fullmatch(signature)
    return bytes.fromhex(found[1]) if found else b""
