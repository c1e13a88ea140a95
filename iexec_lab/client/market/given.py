"""Values of filters as plain Python values: a filter takes what notebooks hold, or says that it does not."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import date, timedelta
from operator import index
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.what_is import no_such_category, to_category
from iexec_lab.errors import IexecError, ValidationError
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from iexec_lab.client.session import Session

WORDS: Final = frozenset({"tag", "require_tag", "max_tag", "cause"})
"""Filters whose one value may be a list of words."""
_MOST: Final = 1000
"""Values of one filter."""


def plain_values(values: Mapping[str, Any], several: Collection[str] = ()) -> dict[str, Any]:
    """The filters that were given, and None for the others.

    Args:
        values: Filter -> value; numbers and times of NumPy and pandas become those of Python.
        several: Filters that take a list, a set, an array or a column too: any of its values will do.

    Raises:
        ValidationError: A filter cannot have such a value.
    """
    return {name: _plain(name, value, several) for name, value in values.items()}


def _plain(name: str, value: Any, several: Collection[str]) -> Any:
    many = _many(value)
    if many is None:
        return _one(name, value)
    if name not in WORDS and name not in several:
        raise ValidationError(
            f"{name} takes one value, not {plain(value, 40)}", hint="Ask once for each of them."
        )
    if not many or len(many) > _MOST:
        raise ValidationError(f"{name} takes 1 to {_MOST} values, not {len(many)}")
    return [_one(name, each) for each in many]


def _many(value: Any) -> list[Any] | None:
    """The values of a list, a set, an array or a column; None for a single value."""
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1:
        found: list[Any] = value.tolist()
        return found
    return None


def _one(name: str, value: Any) -> Any:
    if hasattr(value, "astype") and getattr(value, "ndim", None) == 0:  # a scalar of NumPy
        value = (value.astype("datetime64[us]") if type(value).__name__ == "datetime64" else value).item()
    if value is None or isinstance(value, str | int | date | timedelta):
        return value
    if isinstance(value, bytes | bytearray) and len(value) in {20, 32}:
        return "0x" + value.hex()
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() else value
    with suppress(TypeError):  # also of an array that has an index only where it has one value
        return index(value)
    raise ValidationError(f"{name} cannot be {plain(value, 40)}", hint="Give one value, or leave it out.")


def with_category(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    """The filters, the category by its number."""
    category = values.get("category")
    if category is None:
        return dict(values)
    if isinstance(category, list):
        return {**values, "category": [to_category(session, each) for each in category]}
    return {**values, "category": to_category(session, category)}


def about_category(session: Session, values: Mapping[str, Any]) -> str:
    """A remark on an empty list whose category there is not; empty where that is not so, or not known."""
    category = values.get("category")
    if category is None or isinstance(category, list):
        return ""
    try:
        return no_such_category(session, to_category(session, category))
    except IexecError:
        return ""
