"""Looking at many tasks again and again: only what can have changed is asked for.

Two requests tell what happened since the last look: the newest block and the hub's events. Only tasks named
in those are read. A node may lack events, or lie: now and then, and at the deadline, everything that has not
ended is read as if there were none.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.client.jobs.polling import NEWEST, Block, read_tasks, to_head
from iexec_lab.errors import CallError
from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.ethereum.transport import RpcFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iexec_lab.client.jobs.status import TaskRef, TaskView
    from iexec_lab.client.session import Session

FEW: Final = 20
"""So many tasks are read at each look: that costs no more than asking for events."""
FULL_LOOKS: Final = (10.0, 60.0)
"""Seconds to the second full look, and most seconds between two; each pause is twice the one before."""
SHARE: Final = 20
"""Without events a full look is followed by a pause of so many times its duration."""
OVERLAP: Final = 8
"""Blocks that are asked for twice: another node behind the same address may lag, and blocks are replaced."""


class _Topics(NamedTuple):
    """The events that change the status of a task: all of them, and those of its end."""

    steps: list[str]
    ends: list[str]


@cache
def _topics() -> _Topics:
    ends = [EVENTS.TaskFinalize.topic, EVENTS.TaskClaimed.topic]
    others = (EVENTS.TaskInitialize, EVENTS.TaskConsensus, EVENTS.TaskReopen)
    return _Topics([*(event.topic for event in others), *ends], ends)


class Lookout:
    """The tasks of a job, for one wait.

    Args:
        session: Where they are.
        refs: The tasks.
        seen: What is known of some of them; those that nothing can change are not asked for again.
    """

    def __init__(self, session: Session, refs: Sequence[TaskRef], seen: Iterable[TaskView] = ()) -> None:
        self._session = session
        self._refs = refs
        self._views: dict[str, TaskView] = {view.task_id: view for view in seen if view.settled}
        self._since: int | None = None
        self._told: set[tuple[Any, ...]] = set()
        self._pause = FULL_LOOKS[0]
        self._cost = self._full_at = self._next_full = 0.0
        self._blind = False

    def look(self) -> list[TaskView]:
        """The tasks as they are now.

        Raises:
            CallError: The node cannot be asked.
        """
        running = [ref for ref in self._refs if not self._has_ended(ref)]
        if running:
            now = time.monotonic()
            if self._since is None or len(running) <= FEW or now >= self._next_full:
                self._look_at(running)
                self._plan_next()
            elif not self._blind:
                self._look_for_changes(running)
            elif now >= self._full_at + SHARE * self._cost:
                self._look_at(running)
            else:
                [head] = self._session.rpc.batch([NEWEST])
                self._pass_time(running, to_head(head))
        return [self._views[ref.task_id] for ref in self._refs]

    def _has_ended(self, ref: TaskRef) -> bool:
        view = self._views.get(ref.task_id)
        return view is not None and view.ended

    def _look_at(self, refs: Sequence[TaskRef]) -> None:
        """Read all these tasks."""
        started = time.monotonic()
        block = self._read(refs)
        self._full_at = time.monotonic()
        self._cost = self._full_at - started
        self._since = max(block.number - OVERLAP, 0)

    def _plan_next(self) -> None:
        """When everything is read again, whatever events tell."""
        self._next_full = self._full_at + self._pause
        self._pause = min(2 * self._pause, FULL_LOOKS[1])
        self._blind = False

    def _look_for_changes(self, refs: Sequence[TaskRef]) -> None:
        """Read the tasks that events name; all of them where the node has no events, or a task is late."""
        events = {
            "address": self._session.network.hub,
            "topics": [_topics().steps],
            "fromBlock": hex(self._since or 0),
            "toBlock": "latest",
        }
        try:
            head, logs = self._session.rpc.batch([NEWEST, ("eth_getLogs", [events])])
        except CallError as error:  # or it is away: reading the tasks will tell
            head, logs = None, RpcFault(0, error.message)
        self._blind = isinstance(logs, RpcFault)
        if self._blind:
            self._look_at(refs)
            return
        block = to_head(head)
        if self._pass_time(refs, block):
            self._follow(logs, refs)
            self._since = max(block.number - OVERLAP, 0)

    def _pass_time(self, refs: Sequence[TaskRef], block: Block) -> bool:
        """Set the clock of what was seen; whether nothing is late: else everything is read."""
        if any(ref.final_time <= block.time for ref in refs):
            self._look_at(refs)
            return False
        for ref in refs:
            view = self._views[ref.task_id]
            if view.now < block.time:
                self._views[ref.task_id] = ref.seen(view.task, block.time)
        return True

    def _follow(self, logs: Iterable[Mapping[str, Any]], refs: Sequence[TaskRef]) -> None:
        """Read the tasks that have news; one that should have ended and has not yet stays news."""
        found = {
            (log.get("blockHash"), *log["topics"][:2]): log["topics"][1]
            for log in logs
            if len(log["topics"]) > 1
        }
        fresh = {task_id for event, task_id in found.items() if event not in self._told}
        named = [ref for ref in refs if ref.task_id in fresh]
        if named:
            self._read(named)
        unmet = {ref.task_id for ref in named if not self._has_ended(ref)}
        self._told = {
            event
            for event, task_id in found.items()
            if event[1] not in _topics().ends or task_id not in unmet
        }

    def _read(self, refs: Sequence[TaskRef]) -> Block:
        views, block = read_tasks(self._session, refs)
        self._views |= {view.task_id: view for view in views}
        return block
