"""Times: seconds since 1970 on chain, ISO 8601 text from services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain

#: pandas' nanoseconds end in the year 2262.
_END: Final = datetime(2262, 1, 1, tzinfo=UTC)
_START: Final = datetime.fromtimestamp(0, UTC)
_LAST: Final = int(_END.timestamp())
_DIGITS: Final = 20


def to_moment(value: Any) -> datetime | None:
    """The moment, UTC; None for 0.

    Args:
        value: Seconds since 1970 (number or decimal text), ISO 8601 text, or a datetime.

    Raises:
        ValidationError: ``<value> is not a time``: none of these, or not between 1970 and 2262.
    """
    found = _read(value)
    if found == 0:
        return None
    if isinstance(found, int) and 0 < found < _LAST:
        return datetime.fromtimestamp(found, UTC)
    if isinstance(found, datetime) and _START <= found < _END:
        return found
    raise ValidationError(f"{plain(value, 80)} is not a time")


def _read(value: Any) -> int | datetime | None:
    if isinstance(value, str):
        if value.isdecimal():
            return int(value) if value.isascii() and len(value) <= _DIGITS else None
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        if value.tzinfo is UTC:
            return value
        try:
            return value.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
