"""Progress of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.client.jobs.status import JobStatus, TaskView
    from iexec_lab.commands.context import Step


def telling(step: Step) -> Callable[[JobStatus], None]:
    """Show the progress of a job in a step."""

    def tell(status: JobStatus) -> None:
        counts = ", ".join(f"{count} {name.lower()}" for name, count in status.counts.items())
        step.update(counts, status.done, status.total)

    return tell


def telling_task(step: Step) -> Callable[[TaskView], None]:
    """Show the progress of one task in a step."""
    return lambda view: step.update(view.status.lower())
