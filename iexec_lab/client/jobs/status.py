"""Deals and tasks of a job as they were when somebody looked: records only, nothing is read here."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import JobError
from iexec_lab.protocol import TASK_STATUSES, Deal, Task, to_moment
from iexec_lab.protocol.states import COMPLETED, FAILED, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task at one moment; times are seconds since 1970 on the chain's clock.

    ``final_time`` is the deadline of the deal: a task that was never initialised does not have its own.
    """

    task_id: str
    deal_id: str
    index: int
    task: Task
    now: int
    final_time: int

    @property
    def timed_out(self) -> bool:
        """The deadline has passed without a result: the price can be claimed back."""
        return self.task.status != COMPLETED and self.now >= self.final_time

    @property
    def status(self) -> str:
        """A name of ``TASK_STATUSES``, or ``TIMEOUT``."""
        late = self.task.status < COMPLETED and self.timed_out
        return TIMEOUT if late else TASK_STATUSES[self.task.status]

    @property
    def ended(self) -> bool:
        """Completed, failed or too late: nothing more will come."""
        return self.task.status in {COMPLETED, FAILED} or self.timed_out

    @property
    def completed(self) -> bool:
        """It ended with a result."""
        return self.task.status == COMPLETED

    @property
    def settled(self) -> bool:
        """Nothing can change it; a late task may still be claimed."""
        return self.task.status in {COMPLETED, FAILED}

    def to_json(self) -> dict[str, Any]:
        """The task as the official CLI shows it."""
        shown = {"taskid": self.task_id, **self.task.to_json()}
        if not self.task.exists:
            shown |= {"dealid": self.deal_id, "idx": str(self.index), "finalDeadline": str(self.final_time)}
        return {**shown, "statusName": self.status, "taskTimedOut": self.timed_out}


@dataclass(frozen=True, slots=True, repr=False)
class JobStatus:
    """All tasks of a job, or of a deal, at one moment."""

    tasks: tuple[TaskView, ...]

    @property
    def total(self) -> int:
        """Number of tasks."""
        return len(self.tasks)

    @property
    def done(self) -> int:
        """Tasks that have ended, successfully or not."""
        return sum(view.ended for view in self.tasks)

    @property
    def completed(self) -> int:
        """Tasks that ended with a result."""
        return sum(view.completed for view in self.tasks)

    @property
    def failed(self) -> tuple[TaskView, ...]:
        """Tasks that ended without a result."""
        return tuple(view for view in self.tasks if view.ended and not view.completed)

    @property
    def ended(self) -> bool:
        """Whether all tasks have ended, successfully or not."""
        return self.done == self.total

    @property
    def counts(self) -> Mapping[str, int]:
        """Status name -> number of tasks."""
        return Counter(view.status for view in self.tasks)

    @property
    def seconds_left(self) -> int:
        """Seconds until the last running task is too late; 0 when none runs."""
        return max((view.final_time - view.now for view in self.tasks if not view.ended), default=0)

    def __str__(self) -> str:
        parts = [f"{count} {name}" for name, count in self.counts.items()]
        return f"{self.done}/{self.total} tasks ended ({', '.join(parts)})"

    def __repr__(self) -> str:
        return f"<JobStatus {self}>"


@dataclass(frozen=True, slots=True)
class TaskRef:
    """A task to look at: its id and what its deal says about it."""

    task_id: str
    deal_id: str
    index: int
    final_time: int

    def seen(self, task: Task, now: int) -> TaskView:
        """What it is at a time of the chain's clock."""
        return TaskView(self.task_id, self.deal_id, self.index, task, now, self.final_time)


def date(seconds: int) -> str:
    """A time of the chain, UTC, to the second.

    Raises:
        ValidationError: It is not a time, or after 2261.
    """
    moment = to_moment(seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "none"


MAX_TASKS = 100_000
"""Most tasks of a deal that are looked at: its size is a number from the chain, and may be any."""


@dataclass(frozen=True, slots=True)
class JobDeal:
    """A deal of a job; ``final_time`` is in seconds since 1970."""

    deal_id: str
    deal: Deal
    final_time: int
    tx_hash: str | None = None

    @property
    def too_many(self) -> bool:
        """Whether the deal has more tasks than can be looked at together."""
        return self.deal.bot_size > MAX_TASKS

    def task_ids(self) -> list[str]:
        """Ids of the tasks, by index.

        Raises:
            JobError: There are more than ``MAX_TASKS``.
        """
        if self.too_many:
            raise JobError(
                f"Deal {self.deal_id} has {self.deal.bot_size} tasks, more than can be looked at",
                details={"most": MAX_TASKS},
            )
        return self.deal.task_ids(self.deal_id)

    def refs(self) -> list[TaskRef]:
        """The tasks, by index.

        Raises:
            JobError: There are more than ``MAX_TASKS``.
        """
        ids = self.task_ids()
        return [
            TaskRef(task_id, self.deal_id, index, self.final_time)
            for task_id, index in zip(ids, self.deal.indices, strict=True)
        ]


MOST_CLOCKS: Final = 1_000
"""Jobs whose clocks a session keeps: those that were looked at last."""


class Clock:
    """The chain's clock between looks, and how long a job took; seconds."""

    def __init__(self) -> None:
        self._seen: tuple[int, float] | None = None
        self._ran = False
        self._end: float | None = None

    def look(self, status: JobStatus) -> None:
        """Hear when the tasks were looked at."""
        told = max((view.now for view in status.tasks), default=0)
        if self._seen is None or told > self._seen[0]:
            self._seen = told, time.monotonic()
        if status.ended:
            self._end = self._end or self.now
        else:
            self._ran, self._end = True, None

    @property
    def now(self) -> float:
        """What it shows by now: a chain without blocks tells no time."""
        return self._seen[0] + time.monotonic() - self._seen[1] if self._seen else 0

    def elapsed(self, since: int) -> float | None:
        """Seconds until now or the end; None where nobody saw it run."""
        return (self._end or self.now) - since if self._ran else None
