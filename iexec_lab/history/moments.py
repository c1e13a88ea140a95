"""``since`` and ``until``: how long ago, a date, or a block.

What is relative counts back from the chain's newest block, whose clock may differ from this machine's.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.history.records import Span
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.history.records import Block

FORMS: Final = '"7d", "12h", "30m", a date such as "2026-10-01", or a block such as "#123"'

_AGO: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([smhdw])", re.IGNORECASE)
_BLOCK: Final = re.compile(r"#([0-9]{1,18})")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LAST: Final = int(datetime(2262, 1, 1, tzinfo=UTC).timestamp())  # where pandas' nanoseconds end


def to_span(since: Any, until: Any, head: Callable[[], Block], block: Callable[[int], Block]) -> Span:
    """The part of the past from ``since`` up to, and without, ``until``.

    Args:
        since: ``"7d"``, ``"12h"``, ``"30m"`` before the newest block, a timedelta, a date (its first moment),
            a datetime (UTC unless it says otherwise), a block as ``"#123"`` or ``123``; None for all.
        until: The same.
        head: Tells the newest block; asked only when it is needed.
        block: Tells the block with a number.

    Raises:
        ValidationError: It is none of these, or ``until`` is before ``since``.
    """
    start, first = _read("since", since, head, block)
    end, beyond = _read("until", until, head, block)
    if start is not None and end is not None and end < start:
        raise ValidationError(
            f"until ({plain(until, 40)}) is before since ({plain(since, 40)})",
            hint="since is the earlier end; until is not included.",
        )
    # A block that is not the last of its second: the rest of that second belongs to later blocks.
    end = end + 1 if beyond is not None and end is not None else end
    return Span(start or 0, end, first or 0, beyond)


def _read(
    name: str, value: Any, head: Callable[[], Block], block: Callable[[int], Block]
) -> tuple[int | None, int | None]:
    """(seconds since 1970, block number), each None where it is not said."""
    if value is None:
        return None, None
    number = _block_number(value)
    if number is not None:
        return block(number).time, number
    ago = _ago(value)
    if ago is not None:
        return max(head().time - ago, 0), None
    moment = _moment(value)
    if moment is None or not 0 <= moment < _LAST:
        raise ValidationError(f"{name} cannot be {plain(value, 80)}", hint=f"Use {FORMS}.")
    return moment, None


def _block_number(value: Any) -> int | None:
    if isinstance(value, str):
        found = _BLOCK.fullmatch(value.strip())
        return int(found[1]) if found else None
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return None
    number = value.__index__()  # also the integers of numpy
    return number if 0 <= number < 10**18 else None


def _ago(value: Any) -> int | None:
    if isinstance(value, timedelta):
        return int(value.total_seconds()) if value >= timedelta() else None
    found = _AGO.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(float(found[1]) * _SECONDS[found[2].lower()]) if found else None


def to_datetime(text: str) -> datetime | None:
    """A date, or date and time, as text: UTC unless it says otherwise; None where it is neither."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(value: Any) -> int | None:
    if isinstance(value, str):
        value = to_datetime(value)
    if isinstance(value, datetime):
        try:
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return -int(-moment.timestamp() // 1)
        except (OverflowError, ValueError):  # also the missing moment of pandas
            return None
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    return None
