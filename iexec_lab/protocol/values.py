"""Addresses, 32-byte words and unsigned integers, read from what people and services write.

Messages are those of the official SDK, which shows the value as given.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.protocol.constants import MAX_UINT256
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.javascript import to_text
from iexec_lab.protocol.slips import address_hint, id_hint, number_hint

if TYPE_CHECKING:
    from collections.abc import Callable

_ADDRESS: Final = re.compile(r"(?:0x)?[0-9a-f]{40}")
_BYTES32: Final = re.compile(r"0x[0-9a-f]{64}")
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_NUMBER: Final = re.compile(r"-?[0-9]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_MAX_DIGITS: Final = len(str(MAX_UINT256))


@lru_cache(maxsize=4096)
def _checksum(text: str) -> str | None:
    """EIP-55 form of 40 hex digits, with or without 0x, in any case; None for anything else."""
    lower = text.lower()
    if _ADDRESS.fullmatch(lower) is None:
        return None
    digits = lower[-40:]
    if digits.isdecimal():
        return "0x" + digits
    marks = keccak(digits.encode()).hex()
    return "0x" + "".join(c.upper() if mark > "7" else c for c, mark in zip(digits, marks, strict=False))


def to_address(value: Any, *, resolve: Callable[[str], str | None] | None = None) -> str:
    """The EIP-55 form of an address; a wrong checksum, a missing 0x and 20 bytes are accepted.

    Args:
        value: Text or 20 bytes.
        resolve: Looks up names that end in ``.eth``, as SDK 8 does on networks that have ENS.

    Raises:
        ValidationError: ``<value> is not a valid ethereum address``, ``Unable to resolve ENS <value>``.
    """
    if value is None:
        raise ValidationError("this cannot be null")
    if resolve is not None and isinstance(value, str) and value.endswith(".eth"):
        resolved = resolve(value)
        if resolved is None:
            raise ValidationError(f"Unable to resolve ENS {value}")
        value = resolved
    if isinstance(value, bytes | bytearray) and len(value) == 20:
        value = value.hex()
    address = _checksum(value) if isinstance(value, str) else None
    if address is None:
        raise ValidationError(f"{to_text(value)} is not a valid ethereum address", hint=address_hint(value))
    return address


def is_address(value: Any) -> bool:
    """True when ``to_address`` would accept the value."""
    if isinstance(value, str):
        return _checksum(value) is not None
    return isinstance(value, bytes | bytearray) and len(value) == 20


def to_bytes32(value: Any) -> str:
    """32 bytes as ``0x`` and 64 lower-case digits; given as such text in any case, or as 32 bytes.

    Raises:
        ValidationError: ``<value> is not a bytes32 hexstring``.
    """
    if isinstance(value, str):
        lower = value.lower()
        if _BYTES32.fullmatch(lower):
            return lower
    elif isinstance(value, bytes | bytearray) and len(value) == 32:
        return "0x" + value.hex()
    raise ValidationError(f"{to_text(value)} is not a bytes32 hexstring", hint=id_hint(value))


def to_uint256(value: Any) -> int:
    """An unsigned integer below 2**256, given as int or as decimal text; the empty text is 0.

    Raises:
        ValidationError: ``<value> is not a valid uint256``.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value <= MAX_UINT256:
            return value
    elif isinstance(value, str | float):
        digits = (value if isinstance(value, str) else to_text(value)).lstrip("0") or "0"
        if len(digits) <= _MAX_DIGITS and digits.isascii() and _DIGITS.fullmatch(digits):
            number = int(digits)
            if number <= MAX_UINT256:
                return number
    raise ValidationError(f"{to_text(value)} is not a valid uint256", hint=number_hint(value))


def to_number(value: Any) -> int:
    """An integer of at most 256 bits, given as int or as decimal text.

    Raises:
        ValidationError: ``<value> is not a number``.
    """
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and _NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -MAX_UINT256 <= value <= MAX_UINT256:
        return value
    raise ValidationError(f"{plain(value, 80)} is not a number")


def to_signature(value: Any) -> str:
    """An order's signature as 0x text: 65 bytes, 64 (EIP-2098), none (presigned), or a smart account's.

    Raises:
        ValidationError: ``<value> is not a valid signature``.
    """
    if isinstance(value, str) and _HEX.fullmatch(value):
        return value.lower()
    if isinstance(value, bytes | bytearray):
        return "0x" + value.hex()
    raise ValidationError(f"{to_text(value)} is not a valid signature")
