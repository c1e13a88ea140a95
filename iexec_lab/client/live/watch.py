"""``lab.watch``: call a function when something happens at the market or to a task."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, Self

from iexec_lab.client.jobs.doubts import Doubts
from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.running import find_deals
from iexec_lab.client.live.follow import ADDED, Change
from iexec_lab.errors import IexecError, ServiceError, ValidationError
from iexec_lab.services.market_filter import PRICE_FIELDS
from iexec_lab.units import parse_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.jobs.why import Trouble
    from iexec_lab.client.live.follow import Stream
    from iexec_lab.client.session import Session

EVENTS: Final = ("grant", "order", "price", "deal", "task")
STATES: Final = ("failed", "completed", "ended")
_NEWEST: Final = 50
"""Deals of a requester whose tasks are looked at."""
_TICK: Final = 0.25


class TaskChange(NamedTuple):
    """A task that ended, or that cannot be expected to complete.

    Attributes:
        event: ``failed`` or ``completed``.
        row: The task, as ``task show --raw`` has it.
        at: When it was seen, UTC.
        kind: ``task``.
        why: For a failed one: what chain and workerpool tell, in a sentence.
    """

    event: Literal["failed", "completed"]
    row: Mapping[str, Any]
    at: datetime
    kind: str
    why: str


class _Source(Protocol):
    """What a watch waits on."""

    def next_within(self, wait: float) -> Change | TaskChange | None: ...

    def close(self) -> None: ...


class Watch:
    """A watch that goes on in a thread beside you; made by ``lab.watch``.

    Args:
        what: The event, for people.
        source: Tells what happened.
        matches: Whether it is what is watched for.
        call: Called with it, one at a time.
        once: Stop after the first.

    Attributes:
        calls: How often ``call`` was called.
        error: What ended it before ``stop``: an error of the market, or one that ``call`` raised.
    """

    def __init__(
        self,
        what: str,
        source: _Source,
        matches: Callable[[Any], bool],
        call: Callable[[Any], Any],
        *,
        once: bool = False,
        tell: Callable[[str], None],
    ) -> None:
        self.what = what
        self.calls = 0
        self.error: Exception | None = None
        self._source, self._matches, self._call = source, matches, call
        self._once, self._tell = once, tell
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {what}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it still watches."""
        return not self._ended.is_set()

    def stop(self) -> None:
        """Stop watching; a call that has begun is finished."""
        self._ended.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended: True then, False after ``timeout`` seconds. An interrupt stops it.

        Raises:
            Exception: What ended it.
        """
        end = None if timeout is None else time.monotonic() + timeout
        try:
            while not self._ended.wait(_TICK):
                if end is not None and time.monotonic() >= end:
                    return False
        except KeyboardInterrupt:
            self.stop()
            raise
        if self.error is not None:
            raise self.error
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self.running else f"ended: {self.error}" if self.error else "stopped"
        return f"<Watch for {self.what}, {self.calls} calls, {state}>"

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                happened = self._source.next_within(_TICK)
                if happened is None or not self._matches(happened):
                    continue
                self.calls += 1
                self._call(happened)
                if self._once:
                    break
        except Exception as error:  # noqa: BLE001 - kept and told: nobody else would hear of it in a thread
            self.error = error
            self._tell(f"The watch for {self.what} has ended: {error}")
        finally:
            self._ended.set()
            self._source.close()


def watch(
    session: Session,
    what: str,
    call: Callable[[Any], Any],
    *,
    open_stream: Callable[..., Stream],
    once: bool = False,
    every: float = 10.0,
    wanted: Mapping[str, Any],
) -> Watch:
    """Begin to watch; see ``IExec.watch``.

    Args:
        session: Whose market.
        what: One of ``EVENTS``.
        call: Called with each ``Change`` or ``TaskChange``.
        open_stream: ``open_stream(kind, address, every=..., **filters)``, of orders or of ``deal``s.
        once: Stop after the first call.
        every: Seconds between two looks at tasks, and at lists where the market has no feed.
        wanted: The conditions.

    Raises:
        ValidationError: There is no such event, or it has no such condition.
    """
    if what not in EVENTS:
        raise ValidationError(f"Nobody can watch for {what}", hint=f"Use one of: {', '.join(EVENTS)}.")
    if not callable(call):
        raise ValidationError(
            "A watch needs a function to call", hint="Give one that takes the change, or print."
        )
    conditions = dict(wanted)
    begin = {"grant": _grants, "order": _orders, "price": _prices, "deal": _deals}.get(what)
    source: _Source
    if begin is None:
        source, matches = _tasks(session, conditions, every)
    else:
        source, matches = begin(
            session, conditions, lambda *kind, **more: open_stream(*kind, every=every, **more)
        )
    return Watch(what, source, matches, call, once=once, tell=session.tell)


def _grants(session: Session, conditions: dict[str, Any], open_stream: Callable[..., Stream]) -> Any:
    """Orders published from now on that name me as the requester."""
    kind = conditions.pop("kind", "dataset")
    others = {"app", "dataset", "workerpool"} - {kind}
    filters = dict.fromkeys(others, "any") | {"requester": session.own_address, "requester_strict": True}
    return open_stream(kind, conditions.pop(kind, None), **filters | conditions), _is_new


def _orders(_: Session, conditions: dict[str, Any], open_stream: Callable[..., Stream]) -> Any:
    kind = conditions.pop("kind", "workerpool")
    return open_stream(kind, conditions.pop(kind, None), **conditions), _is_new


def _prices(_: Session, conditions: dict[str, Any], open_stream: Callable[..., Stream]) -> Any:
    """Orders at a price, also those that are there already: each once for a price."""
    kind = conditions.pop("kind", "workerpool")
    below, above = conditions.pop("below", None), conditions.pop("above", None)
    if (below is None) == (above is None):
        raise ValidationError("A price needs a bound", hint='Give below="0.5 RLC", or above=...; not both.')
    bound = parse_rlc(below if above is None else above)
    stream = open_stream(kind, conditions.pop(kind, None), **conditions)
    field = PRICE_FIELDS[stream.kind]

    def matches(change: Change) -> bool:
        price = int(change.row["order"][field])
        return change.event == ADDED and (price < bound if above is None else price > bound)

    return _FromTheStart(stream), matches


def _deals(_: Session, conditions: dict[str, Any], open_stream: Callable[..., Stream]) -> Any:
    return open_stream("deal", conditions.pop("requester", None), **conditions), _is_new


def _is_new(change: Change) -> bool:
    return change.event == ADDED


class _FromTheStart:
    """A stream whose first changes are the rows that are there already."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        now = datetime.now(UTC)
        self._first = iter([Change(ADDED, row, now, stream.kind) for row in stream.rows])

    def next_within(self, wait: float) -> Change | None:
        return next(self._first, None) or self._stream.next_within(wait)

    def close(self) -> None:
        self._stream.close()


def _tasks(session: Session, conditions: dict[str, Any], every: float) -> Any:
    state = conditions.pop("status", "failed")
    if state not in STATES:
        raise ValidationError(f"{state} is not an end of a task", hint=f"Use one of: {', '.join(STATES)}.")
    deal, requester = conditions.pop("deal", None), conditions.pop("requester", None)
    if conditions:
        raise ValidationError(
            f"Tasks have no condition {next(iter(conditions))}", hint="Use: status, deal, requester."
        )
    source = _Tasks(session, deal, requester, every)
    return source, lambda change: state in {"ended", change.event}


class _Tasks:
    """Tasks of a deal, or of the newest deals of a requester, as they end.

    Those of a named deal that have ended already are told at once; of other deals, what ends from now on.
    """

    def __init__(self, session: Session, deal: str | None, requester: str | None, every: float) -> None:
        self._session, self._requester, self._every = session, requester, every
        self._job = None if deal is None else Job(session, [deal])
        self._told: dict[str, str] = {}
        self._doubts = Doubts(session, tell=lambda _: None)
        self._waiting: Iterator[TaskChange] = iter(())
        self._next = 0.0
        views = self._look()
        if self._job is None:
            self._told = {view.task_id: _end(view, None) or "" for view in views if view.ended}
        else:
            self._waiting = iter(self._changes(views))

    def next_within(self, wait: float) -> TaskChange | None:
        if (change := next(self._waiting, None)) is not None:
            return change
        now = time.monotonic()
        if now < self._next:
            time.sleep(min(wait, self._next - now))
            return None
        try:
            views = self._look()
        except ServiceError:  # away for a while
            return None
        self._doubts.consider(views)
        self._waiting = iter(self._changes(views))
        return next(self._waiting, None)

    def close(self) -> None:
        """Nothing is open."""

    def _look(self) -> list[TaskView]:
        self._next = time.monotonic() + self._every
        if self._job is not None:
            return list(self._job.status().tasks)
        found, _ = find_deals(self._session, self._requester, _NEWEST)
        return [view for looked in found for view in looked.status.tasks]

    def _changes(self, views: list[TaskView]) -> list[TaskChange]:
        found = []
        for view in views:
            trouble = self._doubts.troubles.get(view.task_id)
            end = _end(view, trouble)
            if end is not None and self._told.get(view.task_id) != end:
                self._told[view.task_id] = end
                why = "" if end == "completed" else self._why(view, trouble)
                found.append(TaskChange(end, view.to_json(), datetime.now(UTC), "task", why))
        return found

    def _why(self, view: TaskView, trouble: Trouble | None) -> str:
        from iexec_lab.client.jobs.why import ask

        try:
            return (trouble or ask(self._session, view)).sentence() or view.status
        except IexecError:  # nobody can tell; the status does
            return view.status


def _end(view: TaskView, trouble: Trouble | None) -> Literal["failed", "completed"] | None:
    if view.ended:
        return "completed" if view.completed else "failed"
    return "failed" if trouble is not None and (trouble.gave_up or trouble.hopeless) else None
