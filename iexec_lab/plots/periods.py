"""Periods on a time axis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.history.stats.exact import held, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY: Final = 86_400
_LENGTHS: Final = {"hour": 1 / 24, "day": 1.0, "week": 7.0}
_NAMES: Final = {"hour": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m"}
_FEW: Final = (("hour", 2 * DAY), ("day", 120 * DAY), ("week", 800 * DAY))


def choose(moments: Any) -> str:
    """The period that gives some ten to some hundred bars."""
    import numpy as np

    found = seconds(moments)
    found = found[~np.isnat(found)]
    span = int((found.max() - found.min()).astype("int64")) if len(found) else 0
    few = next((period for period, most in _FEW if span <= most), "month")
    return "day" if span == 0 else few


def period_of(frame: Any) -> str:
    """What the rows of a frame of figures are for, by the least time between two of them."""
    import numpy as np

    begun = np.unique(seconds(held(frame, ["starts_at"])["starts_at"]).astype("int64"))
    least = int(np.diff(begun).min()) if len(begun) > 1 else 86_400
    return (
        "hour" if least < 86_400 else "day" if least < 604_800 else "week" if least < 28 * 86_400 else "month"
    )


def days(begun: Sequence[int]) -> list[float]:
    """Days since 1970, as axes count them."""
    return [at / DAY for at in begun]


def lengths(begun: Sequence[int], period: str) -> list[float]:
    """How long each of these periods is, in days."""
    if period != "month":
        return [_LENGTHS[period]] * len(begun)
    return [float(_days_of_month(datetime.fromtimestamp(at, UTC))) for at in begun]


def _days_of_month(first: datetime) -> int:
    from calendar import monthrange

    return monthrange(first.year, first.month)[1]


def named(at: int, period: str) -> str:
    """A period as text."""
    return f"{datetime.fromtimestamp(at, UTC):{_NAMES[period]}}"
