"""What a wait does about tasks that nobody goes on with: find out beside it, tell once, or give up."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.jobs.polling import read_deals
from iexec_lab.client.jobs.why import ask, patience_with
from iexec_lab.errors import IexecError, JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.jobs.why import Trouble
    from iexec_lab.client.session import Session

    Tell = Callable[[str], None]

FIRST, LONGEST, GROWTH = 1.0, 30.0, 1.5
"""Seconds before the workerpool is asked, most seconds between two rounds, and how fast these grow."""
AT_ONCE: Final = 8
"""Tasks that are asked about in one round; the next round goes on behind them."""
MOST_TOLD: Final = 5
"""Reasons that one wait tells, each once however many tasks have it."""


def on_stderr(text: str) -> None:
    """Say it where a script's log and a notebook's cell show it."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - nothing else would be seen for an hour


class Doubts:
    """Looks after the tasks of one wait that have not ended.

    The workerpool is asked by a thread of its own: one that hangs delays nothing.

    Args:
        session: Where they are.
        fail_fast: Raise the first trouble that leaves no hope, or no worker.
        tell: Called with each reason, once; by default standard error has it.
        back: How to come back to the work, in a sentence.
        after: Those of an earlier wait for the same tasks: what it found stuck is asked about at once.
    """

    def __init__(
        self,
        session: Session,
        *,
        fail_fast: bool = False,
        tell: Tell | None = None,
        back: str = "",
        after: Doubts | None = None,
    ) -> None:
        self._session = session
        self._fail_fast = fail_fast
        self._tell = tell or on_stderr
        self._back = back
        self._begun, self._last_begin = 0, time.monotonic()
        self._pause = FIRST
        self._next = self._last_begin + FIRST
        if after is not None and after.troubles:
            self._next = self._last_begin
            self._begun, self._last_begin = after._begun, after._last_begin  # noqa: SLF001
        self._round: threading.Thread | None = None
        self._found: list[Trouble] = []
        self._place = 0
        self._told: set[tuple[object, ...]] = set()
        self.troubles: dict[str, Trouble] = {}

    def consider(self, views: Sequence[TaskView]) -> None:
        """Hear what was found out, and ask on.

        Raises:
            JobError: With ``fail_fast``: no worker goes on with one of the tasks.
        """
        running = {view.task_id: view for view in views if not view.ended}
        begun = sum(view.task.exists for view in views)
        if begun != self._begun:
            self._begun, self._last_begin = begun, time.monotonic()
        while self._found:
            trouble = self._found.pop(0)
            view = running.get(trouble.view.task_id)
            # Somebody may have gone on since.
            if view is not None and view.task == trouble.view.task:
                self._hear(trouble)
        busy = self._round is not None and self._round.is_alive()
        if running and not busy and time.monotonic() >= self._next:
            self._ask(list(running.values()))

    def explain(self, error: JobError, job: Any = None) -> None:
        """Add to an error that ends the wait what was found out."""
        error.job = error.job or job
        if not error.troubles and self.troubles:
            error.troubles = tuple(self.troubles.values())[:MOST_TOLD]
            first = error.troubles[0]
            error.details["why"] = first.sentence()
            error.details |= first.words()
            self._advise(error, first)

    def _advise(self, error: JobError, trouble: Trouble) -> None:
        """Say how to come back, that this is safe, and what else can be done."""
        back = [error.hint] if error.hint else []
        error.steps = (*back, *(step.text() for step in trouble.steps()))
        error.hint = " ".join(error.steps)

    def _hear(self, trouble: Trouble) -> None:
        self.troubles[trouble.view.task_id] = trouble
        if self._fail_fast and (trouble.gave_up or trouble.hopeless or trouble.unasked):
            raise given_up(trouble, self._back)
        reason = (trouble.view.deal_id, trouble.gave_up, trouble.hopeless, trouble.app, trouble.stderr)
        if reason not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(reason)
            self._tell(trouble.text())

    def _ask(self, running: list[TaskView]) -> None:
        start = self._place % len(running)
        chosen = [*running[start:], *running[:start]][:AT_ONCE]
        self._place = start + AT_ONCE
        self._round = threading.Thread(target=self._find_out, args=(chosen,), daemon=True)
        self._round.start()
        self._pause = min(self._pause * GROWTH, LONGEST)
        self._next = time.monotonic() + self._pause

    def _find_out(self, views: Iterable[TaskView]) -> None:
        for view in views:
            try:
                held = self._session.deals_seen.get(view.deal_id)
                held = held or read_deals(self._session, [view.deal_id])[0]
                # A scheduler that begins many tasks part by part is at work.
                waited = time.monotonic() - self._last_begin
                if not self._begun:
                    waited = max(waited, view.now - held.deal.start_time)
                if not view.task.exists and waited < patience_with(self._session, held):
                    continue
                trouble = ask(self._session, view, waited=waited)
            except IexecError:  # the node is away: that is for the wait to say
                continue
            if trouble.headline is not None:
                self._found.append(trouble)


def given_up(trouble: Trouble, back: str) -> JobError:
    """The error of a wait that ends since nobody goes on with a task."""
    view = trouble.view
    error = JobError(
        f"Task {view.index} of deal {view.deal_id} cannot be expected to complete: {trouble.sentence()}",
        details={"task": f"{view.task_id} {view.status}", **trouble.details()},
    )
    error.steps = (*(step.text() for step in trouble.steps()), *([back] if back else []))
    error.hint = " ".join(error.steps)
    error.troubles = (trouble,)
    return error
