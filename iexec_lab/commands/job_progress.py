"""Progress of tasks, and why they take long when the workerpool knows.

A worker that gave up does not end a task: the chain waits for another one until the deadline. Who waits
should know.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iexec_lab.client.iexec import IExec
    from iexec_lab.client.jobs.status import JobStatus, TaskView
    from iexec_lab.commands.context import Step

_PATIENCE = 4.0  # seconds before the workerpool is asked, and between two questions
_GIVEN_UP = {"ABORTED", "FAILED"}


class Trouble:
    """What the workerpool says about a task that has not ended."""

    def __init__(self, lab: IExec) -> None:
        self._lab = lab
        self._asked = time.monotonic()
        self.text = ""

    def look(self, task_id: str) -> str:
        """A sentence when every worker of the task gave up, else nothing; asks now and then only."""
        if not self.text and time.monotonic() - self._asked >= _PATIENCE:
            with suppress(IexecError):  # nobody initialised the task yet, or the node is away: wait on
                found = self._lab.task.debug(task_id).get("offchainData", {})
                self.text = explain(found.get("replicates", []))
            self._asked = time.monotonic()
        return self.text


def explain(replicates: list[Mapping[str, Any]]) -> str:
    """Why no worker goes on; nothing while one does."""
    if not replicates or any(replicate.get("status") not in _GIVEN_UP for replicate in replicates):
        return ""
    last = replicates[-1]
    if last.get("exitCode"):
        why = f"the app ended with exit code {last['exitCode']}"
    else:
        history = [step for step in last.get("statusHistory") or () if step["status"].endswith("_FAILED")]
        step = history[-1] if history else last
        why = f"{step['status']} {step.get('cause') or ''}".strip()
    return f"no worker goes on ({why}; task debug --logs tells more), waiting for the deadline"


def telling(step: Step, lab: IExec) -> Callable[[JobStatus], None]:
    """Tells a step how far a job is."""
    trouble = Trouble(lab)

    def tell(status: JobStatus) -> None:
        counts = ", ".join(f"{count} {name.lower()}" for name, count in status.counts.items())
        waiting = next((view.task_id for view in status.tasks if not view.ended), None)
        step.update(_joined(counts, trouble.look(waiting) if waiting else ""), status.done, status.total)

    return tell


def telling_task(step: Step, lab: IExec) -> Callable[[TaskView], None]:
    """Tells a step how far one task is."""
    trouble = Trouble(lab)

    def tell(view: TaskView) -> None:
        step.update(_joined(view.status.lower(), "" if view.ended else trouble.look(view.task_id)))

    return tell


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)
