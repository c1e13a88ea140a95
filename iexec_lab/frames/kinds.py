"""The kinds of values: how each is read from what a stranger said, and how a column stores it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_BYTES32,
    TASK_STATUSES,
    decode_tag,
    to_address,
    to_moment,
    to_number,
)
from iexec_lab.protocol.states import COMPLETED, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of a kind are read and stored; ``dtype`` None: text, up to pandas' version."""

    read: Callable[[Any], Any]
    dtype: str | None
    categories: Sequence[str] | None = None


def _anyone(value: Any) -> str | None:
    if value == NULL_ADDRESS:
        return None
    address = to_address(value)
    return None if address == NULL_ADDRESS else address


def whole_text(text: str) -> str:
    """The text; half of a surrogate pair, which neither Arrow nor a terminal takes, is replaced."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(value: Any) -> str:
    return whole_text(value if isinstance(value, str) else str(value))


def _hash(value: Any) -> str:
    return value.lower() if isinstance(value, str) and value.isascii() else _text(value).lower()


def _word(value: Any) -> str | None:
    text = _hash(value)
    return None if text == NULL_BYTES32 else text


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValidationError(f"{plain(value, 80)} is neither true nor false")
    return value


def _total(value: Any) -> int:
    """A sum or product of ours, which may be larger than what one number of a contract can be."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValidationError(f"{plain(value, 80)} is not a whole number")
    return value


def _ratio(value: Any) -> float:
    """A number to look at."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError(f"{plain(value, 80)} is not a number")
    return float(value)


def _one_of(names: Sequence[str]) -> Callable[[Any], str | None]:
    """Reads a status; an unknown one is missing."""
    known = {name: name for name in names}
    return known.get


@lru_cache(maxsize=256)
def _tag(value: str) -> str | None:
    """The words of a tag, ``tee,tdx``, empty without any; None for a tag with bits that have no name."""
    try:
        return ",".join(decode_tag(value))
    except ValidationError:
        return None


def _words(value: Any) -> str:
    text = _text(value)
    return "" if text == "none" else text


_ORDER_STATUSES = ("open", "filled", "canceled", "dead")
_TASK_STATUSES = (*TASK_STATUSES[:COMPLETED], TIMEOUT, *TASK_STATUSES[COMPLETED:])

KINDS: Mapping[str, Kind] = {
    "u256": Kind(to_number, "object"),
    "nrlc": Kind(to_number, "object"),
    "wei": Kind(to_number, "object"),
    "count": Kind(to_number, "Int64"),
    "share": Kind(float, "float64"),
    "total": Kind(_total, "object"),
    "tally": Kind(_total, "Int64"),
    "ratio": Kind(_ratio, "float64"),
    "flag": Kind(_flag, "boolean"),
    "text": Kind(_text, None),
    "address": Kind(to_address, None),
    "anyone": Kind(_anyone, None),
    "hash": Kind(_hash, None),
    "word": Kind(_word, None),
    "tag": Kind(_tag, None),
    "words": Kind(_words, None),
    "object": Kind(lambda value: value, "object"),
    "time": Kind(to_moment, "datetime64[us, UTC]"),
    "order_status": Kind(_one_of(_ORDER_STATUSES), "category", _ORDER_STATUSES),
    "task_status": Kind(_one_of(_TASK_STATUSES), "category", _TASK_STATUSES),
}
"""Missing is None in object columns, pandas' NA elsewhere; ``anyone`` and ``word`` read zero as missing.
``tag`` reads the bits of a tag, ``words`` the words of one."""
