"""Reading the deals and tasks of a job, together with the chain's clock, and how often to look again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from iexec_lab.client.jobs.status import JobDeal, TaskRef, TaskView
from iexec_lab.client.what_is import not_found
from iexec_lab.errors import CallError, ChainError, JobError
from iexec_lab.ethereum.calls import Call, checked
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.plain_text import plain
from iexec_lab.protocol import TASK_STATUSES, Deal, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from iexec_lab.client.jobs.detached import Detached
    from iexec_lab.client.session import Session

PATIENCE = 60.0
"""Seconds that a node may be away before the wait ends with an error."""


T = TypeVar("T")


def look(session: Session, refs: Sequence[TaskRef]) -> list[TaskView]:
    """The tasks as they are now, in one batch with the chain's clock."""
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
    """What to raise when the node answers with a task of another id."""
    return CallError(
        f"The node did not answer with task {task_id}",
        details={"answer": plain(f"task {task.index} of deal {task.deal_id}")},
        hint="This node mixes tasks up, or it lies: use another one.",
    )


def look_again(session: Session, refs: Sequence[TaskRef], last: Sequence[TaskView]) -> list[TaskView]:
    """As ``look``, but tasks that had ended are not asked for again."""
    ended = {view.task_id: view for view in last if view.ended}
    fresh = {view.task_id: view for view in look(session, [ref for ref in refs if ref.task_id not in ended])}
    return [ended.get(ref.task_id) or fresh[ref.task_id] for ref in refs]


def patiently(look: Callable[[], T]) -> T:
    """The outcome of ``look``, tried again for a while when the node is away: work that was paid for goes on.

    Raises:
        ChainError: It was away for ``PATIENCE`` seconds.
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


def read_deals(
    session: Session,
    deal_ids: Sequence[str],
    tx_hashes: Sequence[str | None] = (),
    *,
    only: Callable[[Deal], bool] | None = None,
) -> list[JobDeal]:
    """Deals with their final deadlines; the session remembers them: a new task's id does not name its deal.

    Args:
        session: Where they are.
        deal_ids: Their ids.
        tx_hashes: The transactions that made them, as far as known.
        only: Leave out deals that do not exist, and those for which this is false.

    Raises:
        ObjectNotFoundError: One of them does not exist.
    """
    hub = session.hub
    deals = hub.view_deals(deal_ids)
    if only is not None:
        pairs = [*zip(deal_ids, deals, strict=True)]
        kept = [(each, deal) for each, deal in pairs if deal.exists and only(deal)]
        deal_ids, deals = [each for each, _ in kept], [deal for _, deal in kept]
    if not deals:
        return []
    for deal_id, deal in zip(deal_ids, deals, strict=True):
        if not deal.exists:
            raise not_found(session, "deal", deal_id)
    numbers = sorted({deal.category for deal in deals})
    categories = dict(zip(numbers, hub.view_categories(numbers), strict=True))
    ratio = hub.ratios.final
    hashes = tx_hashes or [None] * len(deals)
    found = [
        JobDeal(deal_id, deal, deal.final_time(categories[deal.category].work_clock_time_ref, ratio), tx_hash)
        for deal_id, deal, tx_hash in zip(deal_ids, deals, hashes, strict=True)
    ]
    session.deals_seen |= {held.deal_id: held for held in found}
    return found


def looks(session: Session, look: Callable[[], T]) -> Iterator[T]:
    """Yield what each look sees; the caller ends it."""
    for pause in pauses(session):
        yield patiently(look)
        time.sleep(pause)


def watch(
    session: Session,
    look: Callable[[], T],
    ended: Callable[[T], bool],
    *,
    what: str,
    left: Detached,
    timeout: float | None = None,
    progress: Callable[[T], None] | None = None,
) -> T:
    """Look until the work has ended; the one wait of all verbs.

    Args:
        session: Where to look.
        look: Reads the state of the work.
        ended: Whether that state is the end.
        what: What is waited for, at the beginning of a sentence: ``The tasks``.
        left: Raised when the wait is interrupted; its text says how to come back.
        timeout: Seconds to wait; None waits until the deadline of the deal.
        progress: Called with each state.

    Raises:
        JobError: The timeout passed, or the node stays away. The work goes on.
        Detached: Interrupted. The work goes on.
    """
    end = None if timeout is None else time.monotonic() + timeout
    try:
        for seen in looks(session, look):
            if progress is not None:
                progress(seen)
            if ended(seen):
                return seen
            if end is not None and time.monotonic() >= end:
                raise _left_behind(
                    f"{what} did not end within {timeout:g} seconds; the job goes on", {"status": seen}, left
                )
    except KeyboardInterrupt:
        raise left from None
    except ChainError as error:
        raise out_of_sight(error, left) from error
    raise AssertionError  # looks never end


def out_of_sight(error: ChainError, left: Detached) -> JobError:
    """What to raise when the node stays away while work goes on."""
    words = f"The node does not answer; the job goes on: {error.message}"
    return _left_behind(words, error.details, left)


def _left_behind(words: str, details: Mapping[str, Any], left: Detached) -> JobError:
    error = JobError(words, details=details, hint=left.back)
    error.line = left.line
    return error
