"""Reading values that come as text or JSON, with the coercions and the messages of the real service.

That service validates with the JavaScript library yup, which turns text into numbers and booleans the way
JavaScript does and reports one fault. Ours because validators for Python coerce by Python's rules, report all
faults, and say them in other words, which clients show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import to_address
from iexec_lab.protocol.javascript import print_value, to_text
from iexec_lab.sandbox.services.market.icap import is_icap
from iexec_lab.sandbox.services.market.refusals import InvalidRequestError

MAX_SAFE: Final = 2**53 - 1
ANY: Final = "any"

_SPACE: Final = re.compile(r"\s+")
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_RADIX: Final = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_BYTES32: Final = re.compile(r"0x[0-9a-f]{64}")
_MAX_DIGITS: Final = 400
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}

Reader = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """How to read one value; ``missing`` replaces the message for a required value that is not there."""

    read: Reader
    required: bool = False
    missing: str | None = None


def required(read: Reader, missing: str | None = None) -> Field:
    return Field(read, required=True, missing=missing)


def optional(read: Reader) -> Field:
    return Field(read)


def read_fields(fields: Mapping[str, Field], values: Any, prefix: str = "") -> dict[str, Any]:
    """The clean values of those fields that are given.

    Fields are looked at last to first, as yup does: of several faults the last field's is reported. Values
    are converted before any of them is judged, and where that stumbles it comes first.

    Raises:
        InvalidRequestError: with the message of one fault.
        TypeError: a value that the real service can not convert: its status is 500.
    """
    if not isinstance(values, Mapping):
        where = prefix.rstrip(".") or "this"
        raise InvalidRequestError(
            f"{where} must be a `object` type, but the final value was: `{print_value(values)}`."
        )
    for name, field in fields.items():
        if field.read is bytes32 and isinstance(value := values.get(name), list | dict):
            bytes32(prefix + name, value)
    clean = {}
    for name, field in reversed(list(fields.items())):
        path = prefix + name
        value = values.get(name)
        if value is not None:
            clean[name] = field.read(path, value)
        elif field.required:
            raise InvalidRequestError(field.missing or f"{path} is a required field")
        elif name in values:
            raise InvalidRequestError(f"{path} cannot be null")
    return clean


def text(path: str, value: Any) -> str:
    if isinstance(value, list | dict):
        raise InvalidRequestError(
            f"{path} must be a `string` type, but the final value was: `{print_value(value)}`."
        )
    return to_text(value)


def address(path: str, value: Any) -> str:
    """An address in any case, returned in EIP-55 form; one of the ICAP (``XE…``) as it is given."""
    return _address(text(path, value), f"{path} is not a valid ethereum address")


def address_or_any(path: str, value: Any) -> str:
    given = text(path, value)
    return given if given == ANY else _address(given, f'{path} is neither "any" nor a valid ethereum address')


def _address(given: str, message: str) -> str:
    if is_icap(given):
        return given
    try:
        return to_address(given)
    except ValidationError:
        raise InvalidRequestError(message) from None


def bytes32(path: str, value: Any) -> str:
    if isinstance(value, list | dict):
        raise TypeError(f"{path} has no lower case")  # the real service stumbles too: status 500
    given = to_text(value).lower()
    if not _BYTES32.fullmatch(given):
        raise InvalidRequestError(f"{path} must be a bytes32 hexstring")
    return given


def signature(path: str, value: Any) -> str:
    """Whatever starts with 0x; the hub judges the rest."""
    given = text(path, value)
    if not given.startswith("0x"):
        raise InvalidRequestError(f"{path} must be a valid signature")
    return given


def integer(path: str, value: Any, least: int = 0, most: int = MAX_SAFE) -> int:
    number = _to_number(value)
    if number is None:
        raise InvalidRequestError(
            f"{path} must be a `number` type, but the final value was: `NaN` "
            f"(cast from the value `{print_value(value)}`)."
        )
    if isinstance(number, float) and not number.is_integer():
        raise InvalidRequestError(f"{path} must be an integer")
    if number < least:
        raise InvalidRequestError(f"{path} must be greater than or equal to {least}")
    if number > most:
        raise InvalidRequestError(f"{path} must be less than or equal to {most}")
    return int(number)


positive = partial(integer, least=1)
page_size = partial(integer, least=10, most=1000)


def boolean(path: str, value: Any) -> bool:
    try:
        return _BOOLEANS[to_text(value).lower()]
    except KeyError:
        raise InvalidRequestError(
            f"{path} must be a `boolean` type, but the final value was: `{print_value(value)}`."
        ) from None


def one_of(path: str, value: Any, allowed: tuple[str, ...]) -> str:
    given = text(path, value)
    if given not in allowed:
        raise InvalidRequestError(f"{path} must be one of the following values: {', '.join(allowed)}")
    return given


def supported_chain(path: str, value: Any, chain_id: int) -> str:
    given = text(path, value)
    if given != str(chain_id):
        raise InvalidRequestError(f"{path} {given} is not supported")
    return given


def _to_number(value: Any) -> int | float | None:
    """The JavaScript number for a value, None for NaN."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        given = _SPACE.sub("", value)
        if _RADIX.fullmatch(given):
            return int(given[:_MAX_DIGITS], 0)
        return _decimal(given) if _DECIMAL.fullmatch(given) else _infinity(given)
    prefix = _DECIMAL.match(to_text(value).lstrip())
    return _decimal(prefix[0]) if prefix else None


def _decimal(given: str) -> int | float:
    digits = given.lstrip("+-")
    return int(given) if digits.isdigit() and len(digits) < _MAX_DIGITS else float(given)


def _infinity(given: str) -> float | None:
    sign, word = (given[:1], given[1:]) if given[:1] in {"+", "-"} else ("", given)
    return float(sign + "inf") if word == "Infinity" else None
