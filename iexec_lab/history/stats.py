"""Figures of the market's past: functions from frames of ``lab.history`` to plain frames.

    from iexec_lab.history import stats
    deals = lab.history.deals(since="30d")
    stats.per_workerpool(deals)         # also lab.history.per_workerpool(since="30d")

Sums are exact (``..._nrlc``, with the twin ``..._rlc`` to look at). Empty frames give empty frames with the
same columns. All periods are UTC. A Dask frame works as well; what it adds up to is a pandas frame.

A price is for one task. What a task costs is paid when it is completed; what was locked for one that nobody
finished goes back to the payer when it is claimed. So of each deal ``volume_nrlc`` is what all tasks would
cost, ``spent_nrlc`` what the completed ones did; ``failed`` counts those claimed. A deal, and all that
became of it, belongs to the day on which it was made.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.history.earned import earnings
from iexec_lab.history.exact import (
    about,
    all_starts,
    check_every,
    each,
    held,
    integers,
    is_missing,
    seconds,
    starts,
    table,
    texts,
)
from iexec_lab.history.shares import concentration
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import pandas as pd

__all__ = [
    "concentration",
    "earnings",
    "late",
    "match_to_result",
    "per",
    "per_app",
    "per_day",
    "per_requester",
    "per_workerpool",
    "prices",
    "staked",
    "success",
]

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
_TERMS: Final = (*PRICES, "tasks", "completed", "claimed", "requester", "sponsor")


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
    return table({"starts_at": "time", **_COUNTED}, rows, **about(deals))


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
    return table({by: kind, **_COUNTED}, rows, **about(deals))


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
    names = [name for name in (by,) if name != "payer"] + list(_TERMS)
    total: dict[Any, list[int]] = {}
    for part in each(deals, names, partial(_tally, by=by, every=every)):
        for key, sums in part.items():
            before = total.setdefault(key, [0] * len(sums))
            total[key] = [old + new for old, new in zip(before, sums, strict=True)]
    return dict(total)


def _tally(part: pd.DataFrame, by: str, every: str | None) -> dict[Any, list[int]]:
    """Key -> deals, tasks, completed, failed, unfinished, volume, spent, sponsored."""
    requesters, sponsors = texts(part["requester"]), texts(part["sponsor"])
    payers = [sponsor or requester for requester, sponsor in zip(requesters, sponsors, strict=True)]
    if by == "payer":
        keys: list[Any] = payers
    else:
        keys = starts(part[by], every) if every else texts(part[by])
    found: dict[Any, list[int]] = {}
    rows = zip(
        keys,
        task_prices(part),
        *(integers(part[name]) for name in ("tasks", "completed", "claimed")),
        [payer != requester for payer, requester in zip(payers, requesters, strict=True)],
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


def task_prices(deals: pd.DataFrame) -> list[int]:
    """What one task of each deal costs, nRLC."""
    return [sum(prices) for prices in zip(*(integers(deals[name]) for name in PRICES), strict=True)]


def _figures(sums: Sequence[int]) -> tuple[Any, ...]:
    deals, tasks, completed, failed, unfinished, *amounts = sums
    return deals, tasks, completed, failed, unfinished, _rate(completed, completed + failed), *amounts


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def prices(
    deals: Any, *, every: str = "day", of: str = "workerpool", category: int | None = None
) -> pd.DataFrame:
    """The prices of tasks over time, for each category: the first, highest, lowest and last of each period.

    Args:
        deals: A frame of ``lab.history.deals``.
        every: ``hour``, ``day``, ``week`` or ``month``.
        of: Whose price: ``workerpool``, ``app``, ``dataset``, or ``task``, the three together.
        category: This one only.

    Returns:
        DataFrame, one row per period and category in which there were deals, oldest first: ``starts_at``,
            ``category``, ``open_nrlc``, ``high_nrlc``, ``low_nrlc``, ``close_nrlc``, ``average_nrlc``
            (weighted by tasks, rounded down), ``median_nrlc`` (the price that half of the tasks do not
            exceed), ``deals``, ``tasks``, ``volume_nrlc``. A period without a deal has no price and no row.

    Raises:
        ValidationError: It is no frame of deals, or there is no such period or price.
    """
    check_every(every)
    wanted = {"task": PRICES, **{name.removesuffix("_price_nrlc"): (name,) for name in PRICES}}
    if of not in wanted:
        raise ValidationError(f"{plain(of, 40)} has no price", hint=f"Use one of: {', '.join(wanted)}.")
    order = [name for name in ("block", "log_index") if name in getattr(deals, "columns", ())]
    found = held(deals, ["started_at", "category", "tasks", *wanted[of], *order])
    rows = zip(
        starts(found["started_at"], every),
        texts(found["category"]),
        seconds(found["started_at"]).astype("int64").tolist(),
        zip(*(integers(found[name]) for name in order), strict=True) if order else [()] * len(found),
        [sum(each_) for each_ in zip(*(integers(found[name]) for name in wanted[of]), strict=True)],
        integers(found["tasks"]),
        strict=True,
    )
    kept = [row for row in rows if row[0] is not None and row[1] is not None]
    if category is not None:
        kept = [row for row in kept if row[1] == category]
    kept.sort(key=itemgetter(0, 1, 2, 3))
    named = ("open", "high", "low", "close", "average", "median")
    kinds = {"starts_at": "time", "category": "count"} | {f"{name}_nrlc": "nrlc" for name in named}
    kinds |= {"deals": "count", "tasks": "count", "volume_nrlc": "nrlc"}
    made = [(*key, *_candle([row[4:] for row in group])) for key, group in groupby(kept, itemgetter(0, 1))]
    return table(kinds, made, **about(deals))


def _candle(traded: Sequence[tuple[int, int]]) -> tuple[int | None, ...]:
    """Open, high, low, close, average, median, deals, tasks, volume of (price, tasks) in their order."""
    paid = [price for price, _ in traded]
    tasks = sum(count for _, count in traded)
    volume = sum(price * count for price, count in traded)
    passed, median = 0, None
    for price, count in sorted(traded):
        passed += count
        if 2 * passed >= tasks:
            median = price
            break
    average = volume // tasks if tasks else None
    return paid[0], max(paid), min(paid), paid[-1], average, median, len(traded), tasks, volume


def match_to_result(
    deals: Any, tasks: Any, *, by: str = "workerpool", quantiles: Iterable[float] = (0.5, 0.9, 0.99)
) -> pd.DataFrame:
    """How long people waited: from the deal to the completed task.

    Args:
        deals: A frame of ``lab.history.deals``.
        tasks: A frame of ``lab.history.tasks``; those of other deals are counted in ``attrs["left_out"]``.
        by: ``workerpool``, ``app``, ``requester`` or ``category``.
        quantiles: Which, between 0 and 1.

    Returns:
        DataFrame, one row per party, those with most tasks first: the party, ``tasks`` (completed ones),
            ``fastest_seconds``, ``p50_seconds`` ... (each quantile), ``slowest_seconds``.

    Raises:
        ValidationError: It is no such frame, or no quantile.
    """
    import numpy as np

    levels = sorted(quantiles)
    if not all(0 <= level <= 1 for level in levels):
        raise ValidationError("A quantile is between 0 and 1", details={"quantiles": levels})
    if by not in {"workerpool", "app", "requester", "category"}:
        raise ValidationError(
            f"{plain(by, 40)} waits for nothing", hint="Use workerpool, app, requester or category."
        )
    made = held(deals, ["deal_id", "started_at"])
    begun = dict(
        zip(made["deal_id"].tolist(), seconds(made["started_at"]).astype("int64").tolist(), strict=True)
    )
    done = held(tasks, ["deal_id", by, "finalized_at"])
    done = done[done["finalized_at"].notna()]
    waits: dict[Any, list[int]] = {}
    strangers = 0
    ends = seconds(done["finalized_at"]).astype("int64").tolist()
    for deal_id, party, end in zip(done["deal_id"].tolist(), texts(done[by]), ends, strict=True):
        start = begun.get(deal_id)
        if start is None or party is None:
            strangers += 1
        else:
            waits.setdefault(party, []).append(end - start)
    kinds = {by: "count" if by == "category" else "text", "tasks": "count", "fastest_seconds": "count"}
    kinds |= {f"p{level * 100:g}_seconds": "number" for level in levels} | {"slowest_seconds": "count"}
    rows = [
        (party, len(found), min(found), *np.quantile(found, levels).tolist(), max(found))
        for party, found in sorted(waits.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    known = about(deals)
    if strangers:
        known["left_out"] = strangers
    return table(kinds, rows, **known)


def success(deals: Any, *, by: str = "workerpool", now: datetime | None = None) -> pd.DataFrame:
    """How often tasks succeed and fail.

    Args:
        deals: A frame of ``lab.history.deals``.
        by: As for ``per``.
        now: A task that is unfinished after the deadline of its deal counts as late from then on; by
            default the time of this machine.

    Returns:
        DataFrame, one row per party, those with most tasks first: the party, ``tasks``, ``completed``,
            ``failed`` (claimed), ``late`` (claimable), ``running``, ``success_rate`` and ``failure_rate`` of
            those that ended: completed, failed or late.

    Raises:
        ValidationError: It is no frame of deals, or deals are not counted by that.
    """
    counted = per(deals, by)
    overdue = late(deals, now=now)
    owed = per_late(overdue, by)
    rows = []
    for party, tasks, completed, failed, unfinished in counted[
        [by, "tasks", "completed", "failed", "unfinished"]
    ].itertuples(index=False, name=None):
        too_late = owed.get(party, 0)
        ended = completed + failed + too_late
        rates = _rate(completed, ended), _rate(failed + too_late, ended)
        rows.append((party, tasks, completed, failed, too_late, unfinished - too_late, *rates))
    rows.sort(key=lambda row: (-row[1], row[0]))
    counts = dict.fromkeys(("tasks", "completed", "failed", "late", "running"), "count")
    kinds = {by: "count" if by == "category" else "text", **counts}
    return table({**kinds, "success_rate": "number", "failure_rate": "number"}, rows, **about(deals))


def per_late(overdue: pd.DataFrame, by: str) -> dict[Any, int]:
    """Late tasks of each party, from a frame of ``late``."""
    owed: dict[Any, int] = {}
    for party, tasks in zip(texts(overdue[by]), integers(overdue["late"]), strict=True):
        owed[party] = owed.get(party, 0) + tasks
    return owed


def late(deals: Any, *, now: datetime | None = None) -> pd.DataFrame:
    """Deals with tasks that nobody finished in time, whose price can be claimed back.

    Args:
        deals: A frame of ``lab.history.deals``.
        now: By default the time of this machine.

    Returns:
        DataFrame, one row per deal, the largest amount first: ``deal_id``, the parties (``payer`` gets the
            money), ``final_deadline``, ``late_seconds``, ``tasks``, ``late`` (how many of them),
            ``claimable_nrlc``.

    Raises:
        ValidationError: It is no frame of deals.
    """
    import pandas as pd

    at = pd.Timestamp.now("UTC") if now is None else pd.Timestamp(now)
    moment = int((at.tz_localize("UTC") if at.tz is None else at).timestamp())
    parties = [name for name in PARTIES if name != "payer" and name in getattr(deals, "columns", ())]
    found = held(deals, ["deal_id", "final_deadline", *_TERMS, *parties])
    rows = []
    names = ["deal_id", *parties]
    columns = zip(
        zip(*(texts(found[name]) for name in names), strict=True),
        texts(found["sponsor"]),
        texts(found["requester"]),
        seconds(found["final_deadline"]).astype("int64").tolist(),
        found["final_deadline"].notna(),
        task_prices(found),
        *(integers(found[name]) for name in ("tasks", "completed", "claimed")),
        strict=True,
    )
    for named, sponsor, requester, deadline, known, price, tasks, completed, claimed in columns:
        unfinished = tasks - completed - claimed
        if known and unfinished > 0 and deadline <= moment:
            after = moment - deadline
            rows.append(
                (*named, sponsor or requester, deadline, after, tasks, unfinished, price * unfinished)
            )
    rows.sort(key=lambda row: (-row[-1], -row[-2], row[0]))
    kinds = {name: "count" if name == "category" else "text" for name in (*names, "payer")}
    kinds |= {"final_deadline": "time", **dict.fromkeys(("late_seconds", "tasks", "late"), "count")}
    kinds |= {"claimable_nrlc": "nrlc"}
    return table(kinds, rows, **about(deals))


def staked(transfers: Any, *, every: str = "day", before: int = 0) -> pd.DataFrame:
    """How much RLC is staked in all, over time: what the hub's ``totalSupply`` said at the end of a period.

    Args:
        transfers: A frame of ``lab.history.transfers``, from the first one unless ``before`` is given.
        every: ``hour``, ``day``, ``week`` or ``month``.
        before: What was staked before the first transfer of the frame, nRLC.

    Returns:
        DataFrame, one row per period from the first to the last with a deposit or a withdrawal, those
            without any too: ``starts_at``, ``deposited_nrlc``, ``withdrawn_nrlc``, ``staked_nrlc`` at its
            end.

    Raises:
        ValidationError: It is no frame of transfers, there is no such period, or more was withdrawn than
            was there: something is missing before.
    """
    check_every(every)
    moved: dict[Any, list[int]] = {}
    names = ("happened_at", "from_", "to", "amount_nrlc")
    for part in each(transfers, names, partial(_moved, every=every)):
        for at, (put, taken) in part.items():
            sums = moved.setdefault(at, [0, 0])
            sums[0] += put
            sums[1] += taken
    total, rows = before, []
    for at in all_starts(moved, every):
        put, taken = moved.get(at, (0, 0))
        total += put - taken
        if total < 0:
            raise ValidationError(
                "More was withdrawn than is known to have been deposited",
                details={"missing_nrlc": -total},
                hint="Take all transfers from the first one, or give before, what was staked before them.",
            )
        rows.append((at, put, taken, total))
    kinds = {"starts_at": "time", "deposited_nrlc": "nrlc", "withdrawn_nrlc": "nrlc", "staked_nrlc": "nrlc"}
    return table(kinds, rows, **about(transfers))


def _moved(part: pd.DataFrame, every: str) -> dict[int, list[int]]:
    """Start of a period -> deposited, withdrawn."""
    found: dict[int, list[int]] = {}
    rows = zip(
        starts(part["happened_at"], every),
        map(is_missing, part["from_"].tolist()),
        map(is_missing, part["to"].tolist()),
        integers(part["amount_nrlc"]),
        strict=True,
    )
    for at, is_deposit, is_withdrawal, amount in rows:
        if at is not None and is_deposit != is_withdrawal:
            found.setdefault(at, [0, 0])[int(is_withdrawal)] += amount
    return found
