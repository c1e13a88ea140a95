"""Prices, and what is staked, over time; and how long people waited."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ValidationError
from iexec_lab.history.stats.counted import PRICES
from iexec_lab.history.stats.exact import (
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
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd


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
    return table("prices_per_period", kinds, made, **about(deals))


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
    return table("waits", kinds, rows, **known)


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
    return table("staked_per_period", kinds, rows, **about(transfers))


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
