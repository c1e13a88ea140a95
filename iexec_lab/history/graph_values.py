"""Values of a subgraph's rows: each is checked, and one that cannot be believed is a ValueError."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from iexec_lab.protocol import NULL_ADDRESS, to_address
from iexec_lab.protocol.bulk import bulk_cid

MOST_NRLC: Final = 10**38
"""More than there is of RLC; a column of Parquet holds less."""
_MOST_ADDRESSES: Final = 1 << 17
LATEST: Final = 9_000_000_000  # seconds since 1970, in the year 2255
_COUNT: Final = re.compile(r"[0-9]{1,19}").fullmatch
_RLC: Final = re.compile(r"([0-9]{1,60})(?:\.([0-9]{1,60}))?(?:[eE]([+-]?[0-9]{1,2}))?").fullmatch
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}").fullmatch
_WORD: Final = re.compile(r"0x[0-9a-fA-F]{64}").fullmatch
_BYTES: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*").fullmatch
_EVENT: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})").fullmatch


def count(value: Any) -> int:
    """A number below 2**63, from decimal text or an integer."""
    if type(value) is int:
        number = value
    elif isinstance(value, str) and _COUNT(value):
        number = int(value)
    else:
        raise ValueError("not a count")
    if not 0 <= number < 2**63:
        raise ValueError("too large for a count")
    return number


def amount(value: Any) -> int:
    """NRLC from an integer of nRLC in decimal text."""
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal() or len(value) > 38:
        raise ValueError("not an amount of nRLC")
    return int(value)


@lru_cache(maxsize=1 << 14)
def rlc(text: Any) -> int:
    """Exact nRLC from decimal text in RLC."""
    found = _RLC(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("not an amount of RLC")
    whole, fraction, exponent = found[1], found[2] or "", int(found[3] or 0)
    shift = 9 + exponent - len(fraction)
    number: int = int(whole + fraction)
    if shift >= 0:
        number *= 10**shift
    else:
        number, rest = divmod(number, 10**-shift)
        if rest:
            raise ValueError("less than one nRLC")
    if number >= MOST_NRLC:
        raise ValueError("more than there is of RLC")
    return number


def moment(value: Any) -> int:
    """Seconds since 1970, after its first second and before 2255."""
    seconds = count(value)
    if not 0 < seconds < LATEST:
        raise ValueError("not a moment of a chain")
    return seconds


def moment_or_none(value: Any) -> int | None:
    return None if value in {None, "0", 0} else moment(value)


def address(value: Any) -> str:
    if not isinstance(value, str) or not _ADDRESS(value):
        raise ValueError("not an address")
    return value


def anyone(value: Any) -> str | None:
    """An address; None for the null address."""
    found = address(value)
    return None if found == NULL_ADDRESS else found


def linked(value: Any) -> str:
    """The address of a linked entity."""
    return address(value["id"])


def linked_or_none(value: Any) -> str | None:
    return None if value is None else anyone(value["id"])


def word(value: Any) -> str:
    """32 bytes, lower case."""
    if not isinstance(value, str) or not _WORD(value):
        raise ValueError("not 32 bytes")
    return value.lower()


def word_or_none(value: Any) -> str | None:
    found = None if value is None else word(value)
    return None if found is None or int(found, 16) == 0 else found


def text(value: Any) -> str:
    """Text that UTF-8 can hold."""
    if not isinstance(value, str):
        raise TypeError("not text")
    if not value.isascii():
        value.encode()  # UnicodeEncodeError is a ValueError
    return value


def raw_bytes(value: Any) -> bytes:
    if not isinstance(value, str) or not _BYTES(value):
        raise ValueError("not bytes")
    return bytes.fromhex(value[2:])


def readable(data: bytes | None) -> str | None:
    """Bytes of a result: text where they are UTF-8, else hexadecimal; None for none."""
    if not data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "0x" + data.hex()


def hexadecimal(data: bytes | None) -> str | None:
    return "0x" + data.hex() if data else None


def position(value: Any) -> tuple[int, int]:
    """Block and index of the log, from the id of an event."""
    found = _EVENT(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not the id of an event")
    return int(found[1]), int(found[2])


def is_bulk(dataset: str | None, params: str) -> bool:
    """Whether the parameters of a deal name a bulk of datasets."""
    return dataset is None and "bulk_cid" in params and bulk_cid(params) is not None


class _Spelled(dict[str, str]):
    """Addresses by any spelling; the same few come again and again."""

    def __missing__(self, address: str) -> str:
        if len(self) > _MOST_ADDRESSES:
            self.clear()
        found = self[address] = to_address(address)
        return found


_SPELLED: Final = _Spelled()


def eip55(address: str) -> str:
    """The EIP-55 spelling of an address."""
    return _SPELLED[address]
