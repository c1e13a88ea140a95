"""Deals, tasks and earnings as bars."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.history.fates import deal_status, task_status
from iexec_lab.history.stats.earned import earnings as earned
from iexec_lab.history.stats.exact import all_starts, check_every, held, integers, seconds, starts, texts
from iexec_lab.plots import style
from iexec_lab.plots.periods import choose, days, lengths, named, period_of
from iexec_lab.plots.picture import Picture
from iexec_lab.plots.twin import Twin
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Now = datetime | Callable[[], datetime] | None

_COLOURS: Final = {
    "completed": style.BLUE,
    "failed": style.RED,
    "late": style.PURPLE,
    "claimable": style.PURPLE,
    "running": style.GREY,
    "unfinished": style.GREY,
    "made": style.BLUE,
}
_ROLES: Final = {
    "app_owner": style.BLUE,
    "dataset_owner": style.GREEN,
    "workerpool_owner": style.RED,
    "worker": style.OCHRE,
    "workerpool": style.PURPLE,
    "other": style.GREY,
}
_STATUSES: Final = {"COMPLETED": "completed", "FAILED": "failed", "TIMEOUT": "late"}


def deals(frame: Any, *, every: str | None = None, now: Now = None, period: str = "") -> Picture:
    """How many deals were made, by what became of them.

    Args:
        frame: Deals of ``lab.history.deals`` or ``lab.deal.list``. One whose tasks all have a result is
            completed, one whose other tasks were all claimed has failed; any other is claimable from its
            deadline on, and runs before.
        every: ``hour``, ``day``, ``week`` or ``month``; by default what fits.
        now: The chain's time, or what tells it when it is needed; by default the time of this machine.
        period: The time that the frame is of, for the title.

    Raises:
        ValidationError: It is no frame of deals, or there is no such period.
    """
    columns = getattr(frame, "columns", ())
    failed = next((name for name in ("claimed", "failed") if name in columns), None)
    known = "completed" in columns and failed is not None
    names = ["completed", str(failed), *_deadline(columns)] if known else []
    found = held(frame, ["started_at", "tasks", *names])
    if known:
        counts = [integers(found[name]) for name in ("tasks", "completed", str(failed))]
        ends = _ends(found)
        status = deal_status(_seconds(now, ends))
        fates = [status(*each) or "running" for each in zip(*counts, ends, strict=True)]
    else:
        fates = ["made"] * len(found)
    return _over_time("Deals", "deals", found["started_at"], fates, [1] * len(found), every, period)


def tasks(frame: Any, *, every: str | None = None, now: Now = None, period: str = "") -> Picture:
    """How many tasks were begun, by their status; of a frame of deals, how many were bought.

    Args:
        frame: Tasks of ``lab.history.tasks`` or ``lab.task.list``, deals of ``lab.history.deals`` or a frame
            of ``lab.history.per_day``. What nobody finished before the deadline is late.
        every: ``hour``, ``day``, ``week`` or ``month``; by default what fits.
        now: As for ``deals``.
        period: As for ``deals``.

    Raises:
        ValidationError: It is neither, or there is no such period.
    """
    columns = getattr(frame, "columns", ())
    if "starts_at" in columns:
        return _of_periods(frame, every or period_of(frame), period)
    if "completed" in columns and "task_index" not in columns:
        failed = "claimed" if "claimed" in columns else "failed"
        found = held(frame, ["started_at", "tasks", "completed", failed, *_deadline(columns)])
        bought, done, lost = (integers(found[name]) for name in ("tasks", "completed", failed))
        left = [max(each - well - ill, 0) for each, well, ill in zip(bought, done, lost, strict=True)]
        ends = _ends(found)
        clock = _seconds(now, ends)
        gone = [end is not None and clock >= end for end in ends]
        late = [count if over else 0 for count, over in zip(left, gone, strict=True)]
        open_ = [count - over for count, over in zip(left, late, strict=True)]
        fates = [fate for fate in ("completed", "failed", "late", "running") for _ in range(len(found))]
        import pandas as pd

        moments = pd.concat([found["started_at"]] * 4, ignore_index=True)
        counts = [*done, *lost, *late, *open_]
        return _over_time("Tasks bought", "tasks", moments, fates, counts, every, period)
    found = held(frame, ["status", "initialized_at", *_deadline(columns)])
    ends = _ends(found)
    status = task_status(_seconds(now, ends))
    said = [
        word if end is None else status(word, end)
        for word, end in zip(map(str, texts(found["status"])), ends, strict=True)
    ]
    fates = [_STATUSES.get(word, "running") for word in said]
    return _over_time("Tasks begun", "tasks", found["initialized_at"], fates, [1] * len(found), every, period)


def _of_periods(frame: Any, every: str, period: str) -> Picture:
    """The tasks of a frame of ``per_day``."""
    import pandas as pd

    names = ("completed", "failed", "unfinished")
    found = held(frame, ["starts_at", *names])
    fates = [name for name in names for _ in range(len(found))]
    moments = pd.concat([found["starts_at"]] * len(names), ignore_index=True)
    counts = [count for name in names for count in integers(found[name])]
    return _over_time("Tasks bought", "tasks", moments, fates, counts, every, period)


def _deadline(columns: Any) -> list[str]:
    return [name for name in ("final_deadline",) if name in columns]


def _ends(found: Any) -> list[int | None]:
    """When the deadline of each row is; None where that is not known."""
    if "final_deadline" not in found.columns:
        return [None] * len(found)
    known = found["final_deadline"].notna().tolist()
    at = seconds(found["final_deadline"]).astype("int64").tolist()
    return [end if is_known else None for end, is_known in zip(at, known, strict=True)]


def _seconds(now: Now, ends: Sequence[int | None]) -> int:
    """The time, seconds since 1970; nobody is asked where no row depends on it."""
    if all(end is None for end in ends):
        return 0
    told = now() if callable(now) else now
    return int((told or datetime.now(UTC)).timestamp())


def _over_time(
    what: str,
    unit: str,
    moments: Any,
    fates: Sequence[str],
    counts: Sequence[int],
    every: str | None,
    over: str,
) -> Picture:
    """Bars over time, one on the other by fate; periods without any are there too."""
    period = every or choose(moments)
    check_every(period)
    stacked: dict[int, dict[str, int]] = {}
    for at, fate, count in zip(starts(moments, period), fates, counts, strict=True):
        if at is not None:
            sums = stacked.setdefault(at, {})
            sums[fate] = sums.get(fate, 0) + count
    begun = all_starts(stacked, period)
    seen = [fate for fate in _COLOURS if any(sums.get(fate) for sums in stacked.values())]
    totals = [sum(stacked.get(at, {}).values()) for at in begun]
    rows = [
        (named(at, period), str(total), *(str(stacked.get(at, {}).get(fate, 0)) for fate in seen))
        for at, total in zip(begun, totals, strict=True)
    ]
    heading, empty = style.heading(f"{what} per {period}", over), f"no {unit}"
    split = seen if seen != ["made"] else []
    twin = Twin(
        (f"{period} (UTC)", unit, *split),
        [row[: 2 + len(split)] for row in rows],
        totals,
        newest=True,
        gap=f"{{}} {period}s without a {unit.removesuffix('s')}",
    )

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        style.title(figure, axes, heading)
        if not begun:
            style.nothing(axes, empty)
            return
        left, wide = days(begun), lengths(begun, period)
        bottom = [0.0] * len(begun)
        edge = 0 if len(begun) <= 300 else 0.8  # bars thinner than a dot are not seen
        for fate in seen:
            up = [style.real(stacked.get(at, {}).get(fate, 0)) for at in begun]
            name = None if fate == "made" else fate
            # As one area: thousands of bars of their own take seconds.
            across = [end for at, size in zip(left, wide, strict=True) for end in (at, at + size * 0.9)]
            top = [end for low, high in zip(bottom, up, strict=True) for end in (low + high, low)]
            base = [end for low in bottom for end in (low, low)]
            axes.fill_between(
                across, base, top, step="post", color=_COLOURS[fate], linewidth=edge, label=name
            )
            bottom = [low + high for low, high in zip(bottom, up, strict=True)]
        axes.set_ylim(0, max(*bottom, 1) * 1.05)
        axes.set_ylabel(unit)
        style.numbers(axes.yaxis, whole=True)
        style.dates(axes, left[0], left[-1] + wide[-1], 8 * wide[0])
        if split:
            style.legend(figure)

    return Picture(heading, twin, draw, (), empty)


def earnings(frame: Any, *, top: int = 10, period: str = "") -> Picture:
    """Who earned most.

    Args:
        frame: A frame of ``lab.history.earnings``, or deals of ``lab.history.deals``.
        top: How many accounts; the others are one bar.
        period: As for ``deals``.

    Raises:
        ValidationError: It is neither, or nobody is wanted.
    """
    if top < 1:
        raise ValidationError("Earnings are those of one account or more", details={"top": top})
    table = frame if "earned_nrlc" in getattr(frame, "columns", ()) else earned(frame)
    found = held(table, ["account", "role", "earned_nrlc"])
    books: dict[str, dict[str, int]] = {}
    for account, role, nrlc in zip(
        texts(found["account"]), texts(found["role"]), integers(found["earned_nrlc"]), strict=True
    ):
        if nrlc > 0:
            sums = books.setdefault(str(account), {})
            known = role if role in _ROLES else "other"
            sums[known] = sums.get(known, 0) + nrlc
    ranked = sorted(books.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    shown = [(name, sums) for name, sums in ranked[:top]]
    rest = ranked[top:]
    if rest:
        shown.append((f"{len(rest):,} more", _added(sums for _, sums in rest)))
    seen = [role for role in _ROLES if any(role in sums for _, sums in shown)]
    rows = [
        (name, format_rlc(sum(sums.values())), ", ".join(role for role in seen if role in sums))
        for name, sums in shown
    ]
    heading = style.heading("Earnings", period)
    twin = Twin(("account", "earned (RLC)", "as"), rows, [sum(sums.values()) for _, sums in shown])

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        style.title(figure, axes, heading)
        if not shown:
            style.nothing(axes, "nobody earned anything")
            return
        places = range(len(shown))
        before = [0.0] * len(shown)
        for role in seen:
            across = [style.rlc(sums.get(role, 0)) for _, sums in shown]
            axes.barh(places, across, 0.72, left=before, color=_ROLES[role], label=role.replace("_", " "))
            before = [low + high for low, high in zip(before, across, strict=True)]
        for place, length in zip(places, before, strict=True):
            axes.annotate(
                style.number(float(f"{length:.4g}")),
                (length, place),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
            )
        axes.set_yticks(places, [style.label(style.short(name), 24) for name, _ in shown])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlim(0, max(before) * 1.12)
        axes.set_xlabel("earned (RLC)")
        style.numbers(axes.xaxis)
        style.legend(figure)

    height = min(1.7 + 0.28 * max(len(shown), 4), 12)
    return Picture(heading, twin, draw, (), "nobody earned anything", height)


def _added(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for sums in many:
        for role, nrlc in sums.items():
            total[role] = total.get(role, 0) + nrlc
    return total
