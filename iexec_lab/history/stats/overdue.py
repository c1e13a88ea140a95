"""Tasks that nobody finished in time, and how often that happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.history.stats.counted import PARTIES, TERMS, payers, per, rate, task_prices
from iexec_lab.history.stats.exact import about, held, integers, seconds, table, texts

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd


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
    owed = _owed_by(overdue, by)
    rows = []
    for party, tasks, completed, failed, unfinished in counted[
        [by, "tasks", "completed", "failed", "unfinished"]
    ].itertuples(index=False, name=None):
        too_late = owed.get(party, 0)
        ended = completed + failed + too_late
        rates = rate(completed, ended), rate(failed + too_late, ended)
        rows.append((party, tasks, completed, failed, too_late, unfinished - too_late, *rates))
    rows.sort(key=lambda row: (-row[1], row[0]))
    counts = dict.fromkeys(("tasks", "completed", "failed", "late", "running"), "count")
    kinds = {by: "count" if by == "category" else "text", **counts}
    return table(
        "success", {**kinds, "success_rate": "number", "failure_rate": "number"}, rows, **about(deals)
    )


def _owed_by(overdue: pd.DataFrame, by: str) -> dict[Any, int]:
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
    found = held(deals, ["deal_id", "final_deadline", *TERMS, *parties])
    left = [
        tasks - completed - claimed
        for tasks, completed, claimed in zip(
            *(integers(found[name]) for name in ("tasks", "completed", "claimed")), strict=True
        )
    ]
    deadlines = seconds(found["final_deadline"]).astype("int64").tolist()
    known = found["final_deadline"].notna().tolist()
    chosen = [
        place for place, count in enumerate(left) if count > 0 and known[place] and deadlines[place] <= moment
    ]
    found = found.iloc[chosen]
    names = ["deal_id", *parties]
    rows = [
        (*named, payer, deadline, moment - deadline, tasks, count, price * count)
        for named, payer, deadline, tasks, count, price in zip(
            zip(*(texts(found[name]) for name in names), strict=True),
            payers(found),
            [deadlines[place] for place in chosen],
            integers(found["tasks"]),
            [left[place] for place in chosen],
            task_prices(found),
            strict=True,
        )
    ]
    rows.sort(key=lambda row: (-row[-1], -row[-2], row[0]))
    kinds = {name: "count" if name == "category" else "text" for name in (*names, "payer")}
    kinds |= {"final_deadline": "time", **dict.fromkeys(("late_seconds", "tasks", "late"), "count")}
    kinds |= {"claimable_nrlc": "nrlc"}
    return table("late_deals", kinds, rows, **about(deals))
