"""Tasks as they stand on chain, read together with the chain's clock, and how often to look again."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from iexec_lab.errors import CallError, ChainError
from iexec_lab.ethereum.calls import Call, checked
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.plain_text import plain
from iexec_lab.protocol import TASK_STATUSES, Task, to_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from iexec_lab.client.session import Session

PATIENCE = 60.0
"""Seconds that a node may be away before a wait is given up."""

T = TypeVar("T")
COMPLETED = 3
FAILED = 4


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task at one moment; times are seconds since 1970 on the chain's clock.

    ``final_time`` is the deadline of the deal, which a task that was never initialised does not know itself.
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
        return "TIMEOUT" if late else TASK_STATUSES[self.task.status]

    @property
    def ended(self) -> bool:
        """Completed, failed or too late: nothing more will come."""
        return self.task.status in {COMPLETED, FAILED} or self.timed_out

    @property
    def completed(self) -> bool:
        """It ended with a result."""
        return self.task.status == COMPLETED

    def to_json(self) -> dict[str, Any]:
        """The task as the official CLI shows it."""
        shown = {"taskid": self.task_id, **self.task.to_json()}
        if not self.task.exists:
            shown |= {"dealid": self.deal_id, "idx": str(self.index), "finalDeadline": str(self.final_time)}
        return {**shown, "statusName": self.status, "taskTimedOut": self.timed_out}


@dataclass(frozen=True, slots=True)
class JobStatus:
    """All tasks of a job, or of a deal, at one moment."""

    tasks: tuple[TaskView, ...]

    @property
    def total(self) -> int:
        """Number of tasks."""
        return len(self.tasks)

    @property
    def done(self) -> int:
        """Tasks that have ended, well or not."""
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
        """Whether all tasks have ended, well or not."""
        return self.done == self.total

    @property
    def counts(self) -> Mapping[str, int]:
        """Status name -> number of tasks."""
        return Counter(view.status for view in self.tasks)

    @property
    def seconds_left(self) -> int:
        """Until the last task that still runs is too late; 0 when none runs."""
        return max((view.final_time - view.now for view in self.tasks if not view.ended), default=0)

    def __str__(self) -> str:
        parts = [f"{count} {name}" for name, count in self.counts.items()]
        return f"{self.done}/{self.total} tasks ended ({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class TaskRef:
    """A task to look at: its id and what its deal says about it."""

    task_id: str
    deal_id: str
    index: int
    final_time: int


def look(session: Session, refs: Sequence[TaskRef]) -> list[TaskView]:
    """The tasks as they stand, in one batch with the chain's clock."""
    hub = session.network.hub
    calls = [Call(hub, HUB.viewTask, (bytes.fromhex(ref.task_id[2:]),)) for ref in refs]
    newest = ("eth_getBlockByNumber", ["latest", False])
    *answers, head = session.rpc.batch([*(call.request() for call in calls), newest])
    block = checked(head, "eth_getBlockByNumber")
    now = to_int(block.get("timestamp") if isinstance(block, dict) else None)
    tasks = [Task.from_abi(call.decode(answer)) for call, answer in zip(calls, answers, strict=True)]
    for ref, task in zip(refs, tasks, strict=True):
        if task.exists and (task.deal_id != ref.deal_id or task.index != ref.index):
            raise another_task(ref.task_id, task)
        if task.status >= len(TASK_STATUSES):
            raise CallError(f"The node gives task {ref.task_id} an unknown status: {plain(task.status, 80)}")
    return [
        TaskView(ref.task_id, ref.deal_id, ref.index, task, now, ref.final_time)
        for ref, task in zip(refs, tasks, strict=True)
    ]


def another_task(task_id: str, task: Task) -> CallError:
    """What to raise when the node answers with a task whose id is another one."""
    return CallError(
        f"The node did not answer with task {task_id}",
        details={"answer": plain(f"task {task.index} of deal {task.deal_id}")},
        hint="This node mixes tasks up, or it lies: use another one.",
    )


def date(seconds: int) -> str:
    """A time of the chain, UTC, to the second.

    Raises:
        ValidationError: It is none, or after 2261.
    """
    moment = to_moment(seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "none"


def look_again(session: Session, refs: Sequence[TaskRef], last: Sequence[TaskView]) -> list[TaskView]:
    """As ``look``, but tasks that had ended are not asked for again."""
    ended = {view.task_id: view for view in last if view.ended}
    fresh = {view.task_id: view for view in look(session, [ref for ref in refs if ref.task_id not in ended])}
    return [ended.get(ref.task_id) or fresh[ref.task_id] for ref in refs]


def patiently(look: Callable[[], T]) -> T:
    """What a look gives, tried again for a while when the node is not there: work that was paid for goes on.

    Raises:
        ChainError: It was not there for ``PATIENCE`` seconds.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return look()
        except ChainError:
            if time.monotonic() >= end:
                raise
            time.sleep(1)


def pauses(session: Session) -> Iterator[float]:
    """Seconds between looks: short at first, longer for long work; a loopback node is asked more often."""
    host = urlsplit(session.network.host).hostname
    longest = 0.25 if host in {"127.0.0.1", "localhost", "::1"} else 5.0
    pause = 0.05
    while True:
        yield pause
        pause = min(pause * 1.3, longest)
