"""Progress of tasks, and why they take long when the workerpool knows."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from iexec_lab.errors import IexecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.client.iexec import IExec
    from iexec_lab.client.jobs.status import JobStatus, TaskView
    from iexec_lab.commands.context import Step

_PATIENCE = 4.0  # seconds before the workerpool is asked, and between two requests


class Trouble:
    """What the workerpool says about a task that has not ended."""

    def __init__(self, lab: IExec) -> None:
        self._session = lab.session
        self._asked = time.monotonic()
        self.text = ""

    def look(self, view: TaskView) -> str:
        """A sentence when every worker of the task gave up, else nothing; asks now and then only."""
        if not self.text and time.monotonic() - self._asked >= _PATIENCE:
            from iexec_lab.client.jobs.why import ask_cause

            with suppress(IexecError):  # nobody initialised the task yet, or the node is away: wait on
                self.text = told(ask_cause(self._session, view))
            self._asked = time.monotonic()
        return self.text


def told(cause: str | None) -> str:
    """Why no worker goes on; nothing while one does."""
    if cause is None:
        return ""
    return f"no worker goes on ({cause}; task debug --logs tells more), waiting for the deadline"


def telling(step: Step, lab: IExec) -> Callable[[JobStatus], None]:
    """Show the progress of a job in a step."""
    trouble = Trouble(lab)

    def tell(status: JobStatus) -> None:
        counts = ", ".join(f"{count} {name.lower()}" for name, count in status.counts.items())
        waiting = next((view for view in status.tasks if not view.ended), None)
        step.update(_joined(counts, trouble.look(waiting) if waiting else ""), status.done, status.total)

    return tell


def telling_task(step: Step, lab: IExec) -> Callable[[TaskView], None]:
    """Show the progress of one task in a step."""
    trouble = Trouble(lab)

    def tell(view: TaskView) -> None:
        step.update(_joined(view.status.lower(), "" if view.ended else trouble.look(view)))

    return tell


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)
