"""Exact amounts: RLC in nRLC (10^-9 RLC) and ether in wei (10^-18 ether), always as int.

An amount is an int, a text such as ``"5"``, ``"1.5 RLC"`` (one space), or a list ``[amount]``,
``[amount, unit]``. What the units cannot hold is refused, never rounded.

Ours because ``eth_utils.to_wei`` rounds (``1.0000000000000000001`` ether became 10**18 wei), has no RLC, and
the messages and printed forms here are those of the official SDK.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError

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

_LOOSE_AMOUNT = re.compile(r"([0-9]+(?:[.,][0-9]+)*|[.,][0-9]+) *([A-Za-z]*)")
_DECIMAL: Final = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_PREFIXED: Final = re.compile(r"0x[0-9a-f]{1,80}|0o[0-7]{1,100}|0b[01]{1,300}", re.IGNORECASE)
# No amount on chain has more than 78 digits; far longer text would only cost time.
_MAX_LENGTH: Final = 200
_LONG_INTEGER: Final = 10_000
_NO_UNIT: Final = (None, "", 0)
_CONSTANTS: Final = {None: "null", True: "true", False: "false"}


def parse_rlc(amount: Any, unit: str = "nRLC") -> int:
    """The amount in nRLC, not negative and exact.

    Args:
        amount: ``1500000000``, ``"1.5 RLC"`` (one space) or ``["1.5", "RLC"]``.
        unit: ``nRLC`` or ``RLC``, for an amount without a unit.

    Raises:
        ValidationError: ``<amount> is not a valid amount``.
    """
    return _parse(amount, unit, RLC_UNITS)


def parse_ether(amount: Any, unit: str = "wei") -> int:
    """The amount in wei, not negative and exact.

    Args:
        amount: ``10**10``, ``"10 gwei"`` (one space) or ``["10", "gwei"]``.
        unit: A key of ``ETHER_UNITS``, for an amount without a unit.

    Raises:
        ValidationError: ``<amount> is not a valid amount``.
    """
    return _parse(amount, unit, ETHER_UNITS)


def rlc_to_nrlc(amount: Any, unit: str = "RLC") -> int:
    """``utils.parseRLC`` of the official library: the amount in nRLC; no lists, but negative amounts.

    Raises:
        ValidationError: ``Invalid token unit`` or ``Invalid token amount``.
    """
    return _convert(amount, unit, RLC_UNITS, "token")


def ether_to_wei(amount: Any, unit: str = "ether") -> int:
    """``utils.parseEth`` of the official library: the amount in wei; no lists, but negative amounts.

    Raises:
        ValidationError: ``Invalid ether unit`` or ``Invalid ether amount``.
    """
    return _convert(amount, unit, ETHER_UNITS, "ether")


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


def _parse(amount: Any, default_unit: str, units: Mapping[str, int]) -> int:
    default_unit = to_text(default_unit)
    if isinstance(amount, int) and not isinstance(amount, bool) and units.get(default_unit) == 0 <= amount:
        return amount
    number, *unit = _join(amount).split(" ")
    decimals = units.get(unit[0] if unit else default_unit)
    value = None
    if decimals is not None and len(unit) <= 1:
        value = _scale(number.lstrip("0") or "0", decimals)
    if value is None or value < 0:
        shown = " ".join(map(_item, amount)) if isinstance(amount, list | tuple) else to_text(amount)
        hint = _amount_hint(shown.strip(), default_unit, units)
        raise ValidationError(f"{shown} is not a valid amount", hint=hint)
    return value


def _amount_hint(shown: str, default_unit: str, units: Mapping[str, int]) -> str:
    """What to write in place of an amount that is none."""
    known = f"Units are {', '.join(units)}."
    found = _LOOSE_AMOUNT.fullmatch(shown)
    if found is None:
        example = f"A number and its unit, such as 1.5 {max(units, key=units.__getitem__)}. {known}"
        return "An amount is not negative." if shown.startswith("-") else example
    unit = found[2] or default_unit
    if re.fullmatch("[0-9]{1,3}(,[0-9]{3})+", found[1]):
        return f"Write it without commas: {found[1].replace(',', '')} {unit}."
    number = found[1].replace(",", ".")
    meant = unit if unit in units else next((each for each in units if each.lower() == unit.lower()), None)
    if meant is None:
        return known
    if _scale(number, units[meant]) is not None:
        return f"Write {number} {meant}."
    if number.count(".") == 1:
        larger = next((each for each in units if _scale(number, units[each]) is not None), None)
        places = units[meant]
        fraction = f"{meant} has {places} decimal places" if places else f"{meant} has no fractions"
        return f"{fraction}." if larger is None else f"{fraction}; in {larger}: {number} {larger}."
    return known


def _convert(amount: Any, default_unit: str, units: Mapping[str, int], what: str) -> int:
    number, *unit = to_text(amount).split(" ")
    decimals = units.get(unit[0] if unit else to_text(default_unit))
    if decimals is None:
        raise ValidationError(f"Invalid {what} unit", hint=f"units are {', '.join(units)}")
    value = _scale(number, decimals)
    if value is None:
        raise ValidationError(f"Invalid {what} amount")
    return value


def _join(amount: Any) -> str:
    """The text of an amount; a list is joined with a space, an empty unit is left out."""
    if not isinstance(amount, list | tuple):
        return to_text(amount)
    given = amount[:1] if len(amount) == 2 and amount[1] in _NO_UNIT else amount
    return " ".join(map(to_text, given)) if 1 <= len(given) <= 2 else "?"


def _item(value: Any) -> str:
    return "" if value is None else to_text(value)


def _scale(number: str, decimals: int) -> int | None:
    """The decimal text times 10**decimals, None unless that is an integer."""
    match = _DECIMAL.fullmatch(number) if len(number) <= _MAX_LENGTH else None
    if match is None:
        return None
    sign, whole, part = match[1], match[2], match[3] or ""
    digits = part.rstrip("0")
    if not (whole or part) or len(digits) > decimals:
        return None
    value = int(whole + digits.ljust(decimals, "0") or "0")
    return -value if sign else value


def _format(amount: Any, decimals: int, message: str) -> str:
    is_number = isinstance(amount, str | int | float) and not isinstance(amount, bool)
    text = to_text(amount).strip() if is_number else ""
    if _PREFIXED.fullmatch(text):
        text = str(int(text, 0))
    if not _INTEGER.fullmatch(text):
        raise ValidationError(message)
    digits = text.lstrip("+-").lstrip("0").rjust(decimals + 1, "0")
    sign = "-" if text[0] == "-" and digits.strip("0") else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:].rstrip('0') or '0'}"


def number_text(value: float) -> str:
    """A number as JavaScript prints it: ``1``, ``1.5``, ``1e+21``, ``1e-7``."""
    if isinstance(value, int):
        if value.bit_length() > _LONG_INTEGER:
            return f"an integer of {value.bit_length()} bits"
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent)
    if text == "0":
        return "0"
    if 0 < point <= 21:
        shown = text.ljust(point, "0") if len(text) <= point else f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        shown = "0." + "0" * -point + text
    else:
        mantissa = text if len(text) == 1 else f"{text[0]}.{text[1:]}"
        shown = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return "-" + shown if sign else shown


def to_text(value: Any, depth: int = 20) -> str:
    """The value inside a JavaScript template string: lists joined by commas, ``true``, ``null``."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | int | float):
        return _CONSTANTS[value] if value is None or isinstance(value, bool) else number_text(value)
    if isinstance(value, list | tuple):
        return (
            ",".join(["" if item is None else to_text(item, depth - 1) for item in value]) if depth else "..."
        )
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, bytes | bytearray):
        return "0x" + value.hex()
    return f"<{type(value).__name__}>"
