"""Text and JSON exactly as JavaScript writes them.

Orders hash the text of their parameters, so two writers must agree on every character; and error messages of
the official SDK show values the way JavaScript prints them.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

from iexec_lab.errors import ValidationError

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_MAX_INDEX: Final = 2**32 - 2
_LONG_INTEGER: Final = 10_000
_CONSTANTS: Final = {None: "null", True: "true", False: "false"}


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


def to_text(value: Any) -> str:
    """The value inside a JavaScript template string: lists joined by commas, ``true``, ``null``."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | int | float):
        return _CONSTANTS[value] if value is None or isinstance(value, bool) else number_text(value)
    if isinstance(value, list | tuple):
        return ",".join("" if item is None else to_text(item) for item in value)
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, bytes | bytearray):
        return "0x" + value.hex()
    return f"<{type(value).__name__}>"


def print_value(value: Any) -> str:
    """The value as the SDK's schema errors show it: text in quotes, objects as JSON of printed leaves."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict | list | tuple):
        return json.dumps(_printed_leaves(value), ensure_ascii=False, indent=2)
    return to_text(value)


def _printed_leaves(value: Any) -> Any:
    if isinstance(value, dict):
        return {to_text(key): _printed_leaves(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printed_leaves(item) for item in value]
    return print_value(value)


def type_error(path: str, kind: str, value: Any) -> ValidationError:
    """What the SDK says about a value of another type."""
    return ValidationError(
        f"{path} must be a `{kind}` type, but the final value was: `{print_value(value)}`."
    )


def dumps(value: Any) -> str:
    """``JSON.stringify``: no spaces, raw non-ASCII, keys that are array indices first in ascending order.

    Raises:
        ValidationError: something in the value has no JSON form.
    """
    try:
        return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", _write(value))
    except RecursionError as error:
        raise ValidationError("a value is nested too deep for JSON") from error


def _write(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return "null"
    if value is None or isinstance(value, bool | int | float):
        return to_text(value)
    if isinstance(value, dict):
        items = [(key if isinstance(key, str) else to_text(key), item) for key, item in value.items()]
        items.sort(key=_place)
        return "{" + ",".join(f"{_write(key)}:{_write(item)}" for key, item in items) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_write, value)) + "]"
    raise ValidationError(f"a value of type {type(value).__name__} has no JSON form")


def _place(item: tuple[str, Any]) -> int:
    """Where a key stands in a JavaScript object: indices by value, then all others as they came."""
    key = item[0]
    return min(int(key), _MAX_INDEX + 1) if _INDEX.fullmatch(key) else _MAX_INDEX + 1


def loads(text: str) -> Any:
    """``JSON.parse``: no NaN, no Infinity.

    Raises:
        ValueError: the text is not JSON, or nests deeper than Python can follow.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("JSON is nested too deep") from error


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
