"""How numbers of any size are kept in SQLite so that they compare as numbers, and how they are written.

SQLite's integers have 64 bits. What fits is kept as an integer, what does not as decimal text of 80 digits,
padded with zeros: SQLite sorts every integer before every text, so the order is right for all numbers from
-2^63 to 10^80. Amounts in RLC are kept in nRLC, as integers too.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

_MOST: Final = 2**63 - 1
_DIGITS: Final = 80
_LARGEST: Final = 10**_DIGITS - 1
NRLC: Final = 10**9
_NO_POWER: Final = 100
"""Powers of ten beyond which a decimal is larger than all that can be kept, or nothing."""


def to_stored(number: int) -> int | str:
    """An integer as it is kept; what is out of bounds becomes the bound, which no value of a chain is."""
    if number > _MOST:
        return str(min(number, _LARGEST)).zfill(_DIGITS)
    return max(number, -_MOST - 1)


def text_of(column: str) -> str:
    """SQL of a stored integer's decimal text."""
    return f"CASE typeof({column}) WHEN 'text' THEN ltrim({column}, '0') ELSE CAST({column} AS TEXT) END"


@lru_cache(65536)
def rlc_text(stored: int | str | None) -> str | None:
    """Stored nRLC as decimal text in RLC, without zeros at its end."""
    if stored is None:
        return None
    nrlc = int(stored)
    whole, part = divmod(abs(nrlc), NRLC)
    sign = "-" if nrlc < 0 else ""
    return f"{sign}{whole}.{part:09d}".rstrip("0") if part else f"{sign}{whole}"


def to_decimal(text: str) -> Decimal:
    """A decimal number of a query; ValueError when it is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("invalid digit found in string") from None
    if not number.is_finite():
        raise ValueError("invalid digit found in string")
    return number


def nrlc_bounds(rlc: Decimal) -> tuple[int, int]:
    """The nearest amounts in nRLC from below and from above; equal when it is an exact amount."""
    if not rlc:
        return 0, 0
    power = rlc.adjusted()
    if power > _NO_POWER:
        bound = -_LARGEST if rlc < 0 else _LARGEST
        return bound, bound
    if power < -_NO_POWER:
        return (-1, 0) if rlc < 0 else (0, 1)
    # A ratio is exact whatever the precision of the decimal context.
    above, below = rlc.as_integer_ratio()
    floor, rest = divmod(above * NRLC, below)
    return floor, floor + bool(rest)
