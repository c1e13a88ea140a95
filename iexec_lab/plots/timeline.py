"""The tasks of a job over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.history.stats.exact import held, integers, is_missing, seconds, texts
from iexec_lab.plots import style
from iexec_lab.plots.periods import DAY
from iexec_lab.plots.picture import Picture
from iexec_lab.plots.twin import Twin, numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLOURS: Final = {
    "completed": style.BLUE,
    "failed": style.RED,
    "late": style.PURPLE,
    "running": style.GREY,
}
_STATUSES: Final = {"COMPLETED": "completed", "FAILED": "failed", "TIMEOUT": "late"}
_MOST_NAMED: Final = 30
_MOMENTS: Final = ("initialized_at", "finalized_at", "claimed_at", "contributed_at", "final_deadline")


@dataclass(frozen=True, order=True)
class _Task:
    """Moments in seconds since 1970; ``worker`` is the first that contributed, or empty."""

    worker: str
    begun: int
    ended: int
    index: int
    status: str
    contributed: int | None

    @property
    def name(self) -> str:
        return f"task {self.index}"


def timeline(tasks: Any, *, now: datetime | None = None, waiting: int = 0, of: str = "") -> Picture:
    """The tasks of a job as bars from their beginning to their end, those of a worker together.

    Args:
        tasks: A frame of ``lab.history.tasks`` or ``lab.task.list``, with the times of events. A task that
            was not begun has no bar; it is counted.
        now: Where the bars of running tasks end; by default the last moment in the frame.
        waiting: How many more tasks there are that nobody began.
        of: Which job it is, for the title; by default the deal of the tasks.

    Raises:
        ValidationError: It is no frame of tasks with their times.
    """
    rows, without = _read(tasks, now)
    waiting += without
    heading = f"Tasks of {of or _whose(tasks)}"
    notes = [f"{numbered(waiting, 'task')} not begun"] if waiting else []
    if len(rows) <= _MOST_NAMED and any(row.contributed is not None for row in rows):
        notes.append("a white mark is the first contribution")
    seen = [status for status in _COLOURS if any(row.status == status for row in rows)]
    table = [
        (
            str(row.index),
            row.status,
            style.short(row.worker),
            f"{datetime.fromtimestamp(row.begun, UTC):%Y-%m-%d %H:%M:%S}",
            f"{row.ended - row.begun}",
        )
        for row in rows
    ]
    twin = Twin(
        ("task", "status", "worker", "begun (UTC)", "seconds"), table, [row.ended - row.begun for row in rows]
    )

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        style.title(figure, axes, heading, notes)
        if not rows:
            style.nothing(axes, "no task has begun")
            return
        for status in seen:
            _draw(axes, [(place, row) for place, row in enumerate(rows) if row.status == status], status)
        if len(rows) <= _MOST_NAMED:
            marks = [
                (place, row.contributed) for place, row in enumerate(rows) if row.contributed is not None
            ]
            axes.plot(
                [at / DAY for _, at in marks],
                [place for place, _ in marks],
                "|",
                color="white",  # it stands on a bar
                markersize=10,
                markeredgewidth=1.8,
            )
            axes.set_yticks(range(len(rows)), [style.label(_named(row), 28) for row in rows])
        else:
            axes.set_ylabel(f"{len(rows):,} tasks, by worker")
            axes.set_yticks([])
        axes.set_ylim(max(len(rows), 4) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        first, last = min(row.begun for row in rows), max(row.ended for row in rows)
        margin = max((last - first) * 0.02, 1) / DAY
        style.dates(axes, first / DAY - margin, last / DAY + margin, 10 / DAY)
        style.legend(figure)

    height = min(1.6 + 0.24 * max(len(rows), 5), 6.0)
    return Picture(heading, twin, draw, tuple(notes), "no task has begun", height)


def _whose(tasks: Any) -> str:
    """The deal of the tasks, or how many there are."""
    deals = tasks["deal_id"].dropna().unique().tolist() if "deal_id" in tasks else []
    if len(deals) > 1:
        return f"{len(deals):,} deals"
    return f"deal {style.short(deals[0])}" if deals else "the job"


def _draw(axes: Any, chosen: Sequence[tuple[int, _Task]], status: str) -> None:
    """Bars of one status."""
    corners = [
        [
            (row.begun, place - 0.36),
            (row.ended, place - 0.36),
            (row.ended, place + 0.36),
            (row.begun, place + 0.36),
        ]
        for place, row in chosen
    ]
    shapes = [[(at / DAY, high) for at, high in each] for each in corners]
    colour = _COLOURS[status]
    thin = len(chosen) > _MOST_NAMED  # thinner than a dot: an edge keeps it visible
    style.shapes(axes, shapes, colour, edge=0.4 if thin else 0, label=status)


def _named(row: _Task) -> str:
    return f"{row.name}  {style.short(row.worker)}" if row.worker else row.name


def _read(frame: Any, now: datetime | None) -> tuple[Sequence[_Task], int]:
    """The tasks that were begun, by worker and time, and how many were not."""
    columns = getattr(frame, "columns", ())
    if "initialized_at" not in columns:
        raise ValidationError(
            "timeline draws tasks with the times of their events",
            hint="Pass a job, or tasks of the history.",
        )
    moments = [name for name in _MOMENTS if name in columns]
    found = held(frame, ["task_index", "status", *moments, *(["workers"] if "workers" in columns else [])])
    times = {name: _moments(found[name]) for name in moments}
    absent: list[int | None] = [None] * len(found)
    begun, ended, claimed, contributed, deadline = (times.get(name, absent) for name in _MOMENTS)
    known = [at for name in moments if name != "final_deadline" for at in times[name] if at is not None]
    last = int(now.timestamp()) if now is not None else max(known, default=0)
    workers = found["workers"].tolist() if "workers" in columns else [None] * len(found)
    rows = [
        _Task(
            _first(who), start, max(start, _end(last, *ends)), index, _STATUSES.get(status, "running"), first
        )
        for who, start, first, index, status, *ends in zip(
            workers,
            begun,
            contributed,
            integers(found["task_index"]),
            map(str, texts(found["status"])),
            ended,
            claimed,
            deadline,
            strict=True,
        )
        if start is not None
    ]
    return sorted(rows, key=lambda row: (row.worker, row.begun, row.index)), len(found) - len(rows)


def _end(last: int, ended: int | None, claimed: int | None, deadline: int | None) -> int:
    """When a task ended; of one that nobody finished, its deadline or now."""
    if ended is not None:
        return ended
    if claimed is not None:
        return claimed
    return last if deadline is None else min(last, deadline)


def _moments(values: Any) -> list[int | None]:
    known = values.notna().tolist()
    found = seconds(values).astype("int64").tolist()
    return [at if is_known else None for at, is_known in zip(found, known, strict=True)]


def _first(workers: Any) -> str:
    if isinstance(workers, str):
        return workers
    if not hasattr(workers, "__iter__"):
        return "" if is_missing(workers) else str(workers)
    return next((str(each) for each in workers), "")
