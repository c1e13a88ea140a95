"""Reading the deals and tasks of a job, together with the chain's clock, and how often to look again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from iexec_lab.client.jobs.detached import detached_await
from iexec_lab.client.jobs.status import JobDeal
from iexec_lab.errors import CallError, ChainError, JobError, ObjectNotFoundError, ValidationError
from iexec_lab.ethereum.calls import Call, checked
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.plain_text import plain
from iexec_lab.protocol import TASK_STATUSES, Deal, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from iexec_lab.client.jobs.detached import Detached
    from iexec_lab.client.jobs.status import TaskRef, TaskView
    from iexec_lab.client.session import Session

PATIENCE = 60.0
"""Seconds that a node may be away before the wait ends with an error."""


T = TypeVar("T")


class Block(NamedTuple):
    """The newest block; ``time`` in seconds since 1970."""

    number: int
    time: int


NEWEST = ("eth_getBlockByNumber", ["latest", False])


def to_head(answer: Any) -> Block:
    """The block in the answer to ``NEWEST``.

    Raises:
        CallError: It is none.
    """
    block = checked(answer, NEWEST[0])
    found = block if isinstance(block, dict) else {}
    return Block(to_int(found.get("number")), to_int(found.get("timestamp")))


def read_tasks(session: Session, refs: Sequence[TaskRef]) -> tuple[list[Task], Block]:
    """The tasks as they are now, in one batch, and the newest block from just before."""
    hub = session.network.hub
    calls = [Call(hub, HUB.viewTask, (bytes.fromhex(ref.task_id[2:]),)) for ref in refs]
    head, *answers = session.rpc.batch([NEWEST, *(call.request() for call in calls)])
    block = to_head(head)
    tasks = [Task.from_abi(call.decode(answer)) for call, answer in zip(calls, answers, strict=True)]
    for ref, task in zip(refs, tasks, strict=True):
        if task.exists and (task.deal_id != ref.deal_id or task.index != ref.index):
            raise another_task(ref.task_id, task)
        if task.status >= len(TASK_STATUSES):
            raise CallError(f"The node gives task {ref.task_id} an unknown status: {plain(task.status, 80)}")
    return tasks, block


def look(session: Session, refs: Sequence[TaskRef]) -> list[TaskView]:
    """The tasks as they are now, in one batch with the chain's clock."""
    tasks, block = read_tasks(session, refs)
    return [ref.seen(task, block.time) for ref, task in zip(refs, tasks, strict=True)]


def another_task(task_id: str, task: Task) -> CallError:
    """What to raise when the node answers with a task of another id."""
    return CallError(
        f"The node did not answer with task {task_id}",
        details={"answer": plain(f"task {task.index} of deal {task.deal_id}")},
        hint="This node mixes tasks up, or it lies: use another one.",
    )


def patiently(look: Callable[[], T], until: float | None = None) -> T:
    """The outcome of ``look``, tried again for a while when the node is away: work that was paid for goes on.

    Raises:
        ChainError: It was away for ``PATIENCE`` seconds, or at ``until`` (monotonic seconds).
    """
    end = time.monotonic() + PATIENCE
    end = end if until is None else min(end, until)
    while True:
        try:
            return look()
        except ChainError:
            if time.monotonic() >= end:
                raise
            time.sleep(1)


def is_near(session: Session) -> bool:
    """Whether the node is on this machine."""
    return urlsplit(session.network.host).hostname in {"127.0.0.1", "localhost", "::1"}


def pauses(session: Session) -> Iterator[float]:
    """Seconds between looks: short at first, longer for long work; a loopback node is asked more often."""
    longest = 0.25 if is_near(session) else 5.0
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
            raise ObjectNotFoundError("deal", deal_id, session.network.id)
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


def waiting(
    session: Session,
    look: Callable[[], T],
    ended: Callable[[T], bool],
    *,
    what: str,
    left: Detached,
    timeout: float | None = None,
    progress: Callable[[T], None] | None = None,
    doubt: Callable[[T], None] | None = None,
    least: Callable[[T], float] = lambda _seen: 0.0,
) -> Generator[float, None, T]:
    """The one wait of all verbs, as its pauses: yields seconds to sleep, returns the state at the end.

    Args:
        session: Where to look.
        look: Reads the state of the work.
        ended: Whether that state is the end.
        what: What is waited for, at the beginning of a sentence: ``The tasks``.
        left: Raised when the wait is interrupted; its text says how to come back.
        timeout: Seconds to wait; None waits until the deadline of the deal.
        progress: Called with each state.
        doubt: Called with each state that is not the end; may raise JobError.
        least: Seconds that the pause after such a state has at least.

    Raises:
        JobError: The timeout passed, or the node stays away. The work goes on.
    """
    end = None if timeout is None else time.monotonic() + timeout
    for pause in pauses(session):
        try:
            seen = patiently(look, end)
        except ChainError as error:
            raise out_of_sight(error, left) from error
        if progress is not None:
            progress(seen)
        if ended(seen):
            return seen
        if doubt is not None:
            doubt(seen)
        rest = None if end is None else end - time.monotonic()
        if rest is not None and rest <= 0:
            raise JobError(
                f"{what} did not end within {timeout:g} seconds; the job goes on",
                details={"status": seen},
                hint=left.back,
            )
        long = max(pause, least(seen))
        yield long if rest is None else min(long, rest)
    raise AssertionError  # pauses never end


def watch(pauses_of: Generator[float, None, T], left: Detached) -> T:
    """Carry out a ``waiting`` here.

    Raises:
        JobError: As ``waiting``.
        Detached: Interrupted. The work goes on.
    """
    try:
        while True:
            time.sleep(next(pauses_of))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    except KeyboardInterrupt:
        raise left from None


async def watch_async(pauses_of: Generator[float, None, T], left: Detached) -> T:
    """The same while other work of the event loop goes on; looks are made in threads.

    Raises:
        JobError: As ``waiting``.
        CancelledError: Cancelled, as a ``DetachedAwait``. The work goes on.
    """
    import asyncio

    def step() -> tuple[float, list[T]]:
        try:
            return next(pauses_of), []
        except StopIteration as end:  # may not leave a thread by itself
            return 0, [end.value]

    try:
        while True:
            pause, found = await asyncio.to_thread(step)
            if found:
                return found[0]
            await asyncio.sleep(pause)
    except asyncio.CancelledError:
        raise detached_await()(str(left)) from None


def to_timeout(value: Any) -> float | None:
    """The seconds of a ``timeout``; None for none.

    Raises:
        ValidationError: It is not a number of seconds.
    """
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return value
    raise ValidationError(f"timeout cannot be {plain(value, 80)}", hint="Give it seconds, 0 or more.")


def out_of_sight(error: ChainError, left: Detached) -> JobError:
    """What to raise when the node stays away while work goes on."""
    return JobError(
        f"The node does not answer; the job goes on: {error.message}",
        details=error.details,
        hint=left.back,
    )
