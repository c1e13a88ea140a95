"""Exact amounts: RLC in nRLC (10^-9 RLC) and ether in wei (10^-18 ether), always as int.

An amount is an int, a text such as ``"5"``, ``"1.5 RLC"`` (one space), or a list ``[amount]``,
``[amount, unit]``. What the units can not hold is refused, never rounded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.javascript import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Decimals of each RLC unit.
RLC_UNITS: Final[Mapping[str, int]] = {"nRLC": 0, "RLC": 9}

#: Decimals of each ether unit.
ETHER_UNITS: Final[Mapping[str, int]] = {
    "wei": 0,
    "kwei": 3,
    "mwei": 6,
    "gwei": 9,
    "szabo": 12,
    "finney": 15,
    "ether": 18,
    "eth": 18,
}

_DECIMAL: Final = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?")
_INTEGER: Final = re.compile(r"-?[0-9]+")
# No amount on chain is longer than 78 digits; far longer ones would only cost time.
_MAX_LENGTH: Final = 200


def parse_rlc(amount: Any, unit: str = "nRLC", *, negative: bool = False) -> int:
    """The amount in nRLC; ``unit`` is meant where the amount names none.

    Raises:
        ValidationError: ``<amount> is not a valid amount``.
    """
    return _parse(amount, unit, RLC_UNITS, negative)


def parse_ether(amount: Any, unit: str = "wei", *, negative: bool = False) -> int:
    """The amount in wei; ``unit`` is meant where the amount names none.

    Raises:
        ValidationError: ``<amount> is not a valid amount``.
    """
    return _parse(amount, unit, ETHER_UNITS, negative)


def format_rlc(nrlc: Any) -> str:
    """Decimal text of RLC for nRLC, with at least one decimal: 1500000000 -> ``"1.5"``.

    Raises:
        ValidationError: ``Invalid nRLC``.
    """
    return _format(nrlc, 9, "Invalid nRLC")


def format_ether(wei: Any) -> str:
    """Decimal text of ether for wei, with at least one decimal: 10**18 -> ``"1.0"``.

    Raises:
        ValidationError: ``Invalid wei``.
    """
    return _format(wei, 18, "Invalid wei")


def _parse(amount: Any, default_unit: str, units: Mapping[str, int], negative: bool) -> int:
    if isinstance(amount, int) and not isinstance(amount, bool) and units.get(default_unit) == 0 <= amount:
        return amount
    text = _join(amount)
    number, *rest = text.split(" ")
    decimals = units.get(rest[0] if rest else default_unit)
    value = None
    if decimals is not None and len(rest) <= 1 and len(text) <= _MAX_LENGTH:
        value = _scale(number.lstrip("0") or "0", decimals)
    if value is None or (value < 0 and not negative):
        shown = " ".join(map(_item, amount)) if isinstance(amount, list | tuple) else to_text(amount)
        raise ValidationError(f"{shown} is not a valid amount", hint=f"units are {', '.join(units)}")
    return value


def _join(amount: Any) -> str:
    if isinstance(amount, list | tuple):
        if not 1 <= len(amount) <= 2:
            return ""
        given = amount[:1] if len(amount) == 2 and not amount[1] else amount
        return " ".join(map(_item, given)) or " "
    return to_text(amount)


def _item(value: Any) -> str:
    return "" if value is None else to_text(value)


def _scale(number: str, decimals: int) -> int | None:
    """The decimal text times 10**decimals, None unless that is an integer."""
    match = _DECIMAL.fullmatch(number) if number.isascii() else None
    if match is None:
        return None
    sign, whole, part = match[1], match[2], (match[3] or "").rstrip("0")
    if not (whole or match[3]) or len(part) > decimals:
        return None
    value = int(whole + part.ljust(decimals, "0") or "0")
    return -value if sign else value


def _format(amount: Any, decimals: int, message: str) -> str:
    text = to_text(amount) if isinstance(amount, str | int) and not isinstance(amount, bool) else ""
    if not (text.isascii() and _INTEGER.fullmatch(text)):
        raise ValidationError(message)
    digits = text.lstrip("-").lstrip("0").rjust(decimals + 1, "0")
    sign = "-" if text[0] == "-" and digits.strip("0") else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:].rstrip('0') or '0'}"
