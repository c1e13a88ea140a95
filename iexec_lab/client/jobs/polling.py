"""Reading the deals and tasks of a job, together with the chain's clock, and how often to look again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from iexec_lab.client.jobs.detached import detached_await
from iexec_lab.client.jobs.status import JobDeal
from iexec_lab.client.what_is import not_found
from iexec_lab.errors import CallError, ChainError, JobError, ValidationError
from iexec_lab.ethereum.ahead import expect, one_look
from iexec_lab.ethereum.calls import Call, checked
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.plain_text import plain
from iexec_lab.protocol import TASK_STATUSES, Deal, Task, task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from iexec_lab.client.jobs.detached import Detached
    from iexec_lab.client.jobs.status import TaskRef, TaskView
    from iexec_lab.client.session import Session
    from iexec_lab.ethereum.rpc import Request

PATIENCE = 60.0
"""Seconds that a node may be away before the wait ends with an error."""


NEWEST: Request = ("eth_getBlockByNumber", ["latest", False])

T = TypeVar("T")


class Block(NamedTuple):
    """The newest block; ``time`` in seconds since 1970."""

    number: int
    time: int


def to_head(answer: Any) -> Block:
    """The block in the answer to ``NEWEST``.

    Raises:
        CallError: It is none.
    """
    block = checked(answer, NEWEST[0])
    found = block if isinstance(block, dict) else {}
    return Block(to_int(found.get("number")), to_int(found.get("timestamp")))


def read_tasks(session: Session, refs: Sequence[TaskRef]) -> tuple[list[TaskView], Block]:
    """The tasks as they are now, in one batch, and the newest block from just before."""
    calls = [_view(session, ref.task_id) for ref in refs]
    head, *answers = session.rpc.batch([NEWEST, *(call.request() for call in calls)])
    block = to_head(head)
    tasks = [Task.from_abi(call.decode(answer)) for call, answer in zip(calls, answers, strict=True)]
    return [seen(ref, task, block.time) for ref, task in zip(refs, tasks, strict=True)], block


def look(session: Session, refs: Sequence[TaskRef]) -> list[TaskView]:
    """The tasks as they are now, in one batch with the chain's clock."""
    return read_tasks(session, refs)[0]


def seen(ref: TaskRef, task: Task, now: int) -> TaskView:
    """The task as the node showed it at a moment of the chain's clock.

    Raises:
        CallError: It is another one, or its status is unknown.
    """
    if task.exists and (task.deal_id != ref.deal_id or task.index != ref.index):
        raise another_task(ref.task_id, task)
    if task.status >= len(TASK_STATUSES):
        raise CallError(f"The node gives task {ref.task_id} an unknown status: {plain(task.status, 80)}")
    return ref.seen(task, now)


def foresee_now(session: Session) -> None:
    """Let the chain's clock come along with the next reads."""
    expect(session.rpc, [NEWEST])


def foresee_first(session: Session, deal_ids: Sequence[str]) -> None:
    """Let a first look at the deals' first tasks come along with the deals, whose sizes are not known yet."""
    expect(session.rpc, [_view(session, task_id(deal_id, 0)).request() for deal_id in deal_ids])
    foresee_now(session)


def _view(session: Session, task_id: str) -> Call:
    return Call(session.network.hub, HUB.viewTask, (bytes.fromhex(task_id[2:]),))


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
    with one_look():
        hub.foresee_terms()
        return _read_deals(session, deal_ids, tx_hashes, only)


def _read_deals(
    session: Session,
    deal_ids: Sequence[str],
    tx_hashes: Sequence[str | None],
    only: Callable[[Deal], bool] | None,
) -> list[JobDeal]:
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
    categories = hub.categories(sorted({deal.category for deal in deals}))
    ratio = hub.ratios.final
    hashes = tx_hashes or [None] * len(deals)
    found = [
        JobDeal(deal_id, deal, deal.final_time(categories[deal.category].work_clock_time_ref, ratio), tx_hash)
        for deal_id, deal, tx_hash in zip(deal_ids, deals, hashes, strict=True)
    ]
    session.deals_seen |= {held.deal_id: held for held in found}
    return found


def looks(session: Session, look: Callable[[], T]) -> Iterator[T]:
    """Yield what each look sees; the caller ends it. What a look takes is a part of the pause after it."""
    for pause in pauses(session):
        began = time.monotonic()
        yield patiently(look)
        time.sleep(max(began + pause - time.monotonic(), 0))


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
        began = time.monotonic()
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
            raise _left_behind(
                f"{what} did not end within {timeout:g} seconds; the job goes on", {"status": seen}, left
            )
        long = max(pause, least(seen)) - (time.monotonic() - began)  # a look is a part of the pause
        yield max(long if rest is None else min(long, rest), 0)
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
    words = f"The node does not answer; the job goes on: {error.message}"
    return _left_behind(words, error.details, left)


def _left_behind(words: str, details: Mapping[str, Any], left: Detached) -> JobError:
    error = JobError(words, details=details, hint=left.back)
    error.line = left.line
    return error
