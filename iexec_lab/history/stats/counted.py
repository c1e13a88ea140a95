"""Deals counted by day and by party."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.history.stats.exact import about, all_starts, check_every, each, integers, starts, table, texts
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

PRICES: Final = ("app_price_nrlc", "dataset_price_nrlc", "workerpool_price_nrlc")
PARTIES: Final = (
    *("app", "dataset", "workerpool", "requester", "payer", "beneficiary", "category"),
    *("app_owner", "dataset_owner", "workerpool_owner"),
)
"""What deals can be counted by; ``payer`` is the sponsor of a deal, or else its requester."""
_COUNTED: Final = {
    "deals": "count",
    "tasks": "count",
    "completed": "count",
    "failed": "count",
    "unfinished": "count",
    "success_rate": "number",
    "volume_nrlc": "nrlc",
    "spent_nrlc": "nrlc",
    "sponsored_nrlc": "nrlc",
}
TERMS: Final = (*PRICES, "tasks", "completed", "claimed", "requester", "sponsor")


def per_day(deals: Any, *, every: str = "day") -> pd.DataFrame:
    """The deals of each day.

    Args:
        deals: A frame of ``lab.history.deals``.
        every: ``hour``, ``day``, ``week`` (from Monday) or ``month``.

    Returns:
        DataFrame, one row per period from the first to the last with a deal, those without any too:
            ``starts_at``, ``deals``, ``tasks``, ``completed``, ``failed``, ``unfinished``, ``success_rate``
            (of those that ended), ``volume_nrlc``, ``spent_nrlc``, ``sponsored_nrlc`` (the part that
            sponsors paid).

    Raises:
        ValidationError: It is no frame of deals, there is no such period, or there are too many of them.
    """
    check_every(every)
    counted = _counted(deals, "started_at", every)
    counted.pop(None, None)
    rows = [(at, *_figures(counted.get(at, _ZERO))) for at in all_starts(counted, every)]
    return table("per_period", {"starts_at": "time", **_COUNTED}, rows, **about(deals))


def per(deals: Any, by: str) -> pd.DataFrame:
    """The deals of each party.

    Args:
        deals: A frame of ``lab.history.deals``.
        by: One of ``PARTIES``: ``app``, ``dataset``, ``workerpool``, ``requester``, ``payer`` ...

    Returns:
        DataFrame, one row per party, those whose tasks cost most first: the party, and the columns of
            ``per_day``. Deals without one (no dataset) are left out.

    Raises:
        ValidationError: It is no frame of deals, or deals are not counted by that.
    """
    if by not in PARTIES:
        raise ValidationError(
            f"Deals are not counted by {plain(by, 40)}", hint=f"Use one of: {', '.join(PARTIES)}."
        )
    counted = _counted(deals, by)
    counted.pop(None, None)
    rows = sorted(
        ((party, *_figures(sums)) for party, sums in counted.items()),
        key=lambda row: (-row[8], -row[7], -row[2], -row[1], row[0]),
    )
    kind = "count" if by == "category" else "text"
    return table("per_party", {by: kind, **_COUNTED}, rows, **about(deals))


def per_app(deals: Any) -> pd.DataFrame:
    """The deals of each app: DataFrame, as ``per(deals, "app")``."""
    return per(deals, "app")


def per_workerpool(deals: Any) -> pd.DataFrame:
    """The deals of each workerpool: DataFrame, as ``per(deals, "workerpool")``."""
    return per(deals, "workerpool")


def per_requester(deals: Any) -> pd.DataFrame:
    """The deals of each requester, also sponsored ones: DataFrame, as ``per(deals, "requester")``."""
    return per(deals, "requester")


_ZERO: Final = (0,) * 8


def _counted(deals: Any, by: str, every: str | None = None) -> dict[Any, Sequence[int]]:
    names = [name for name in (by,) if name != "payer"] + list(TERMS)
    total: dict[Any, list[int]] = {}
    for part in each(deals, names, partial(_tally, by=by, every=every)):
        for key, sums in part.items():
            before = total.setdefault(key, [0] * len(sums))
            total[key] = [old + new for old, new in zip(before, sums, strict=True)]
    return dict(total)


def _tally(part: pd.DataFrame, by: str, every: str | None) -> dict[Any, list[int]]:
    """Key -> deals, tasks, completed, failed, unfinished, volume, spent, sponsored."""
    requesters, paying = texts(part["requester"]), payers(part)
    if by == "payer":
        keys: list[Any] = paying
    else:
        keys = starts(part[by], every) if every else texts(part[by])
    found: dict[Any, list[int]] = {}
    rows = zip(
        keys,
        task_prices(part),
        *(integers(part[name]) for name in ("tasks", "completed", "claimed")),
        [payer != requester for payer, requester in zip(paying, requesters, strict=True)],
        strict=True,
    )
    for key, price, tasks, completed, claimed, sponsored in rows:
        sums = found.setdefault(key, [0] * len(_ZERO))
        sums[0] += 1
        sums[1] += tasks
        sums[2] += completed
        sums[3] += claimed
        sums[4] += max(tasks - completed - claimed, 0)
        sums[5] += price * tasks
        sums[6] += price * completed
        sums[7] += price * completed if sponsored else 0
    return found


def payers(deals: pd.DataFrame) -> list[Any]:
    """Who pays for each deal: its sponsor, or else its requester."""
    pairs = zip(texts(deals["requester"]), texts(deals["sponsor"]), strict=True)
    return [sponsor or requester for requester, sponsor in pairs]


def task_prices(deals: pd.DataFrame) -> list[int]:
    """What one task of each deal costs, nRLC."""
    return [sum(prices) for prices in zip(*(integers(deals[name]) for name in PRICES), strict=True)]


def _figures(sums: Sequence[int]) -> tuple[Any, ...]:
    deals, tasks, completed, failed, unfinished, *amounts = sums
    return deals, tasks, completed, failed, unfinished, rate(completed, completed + failed), *amounts


def rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None
