"""The error of tasks that ended without a result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.jobs.again import Step, run_again
from iexec_lab.client.jobs.why import ask
from iexec_lab.errors import ChainError, JobError
from iexec_lab.protocol.states import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.jobs.why import Trouble
    from iexec_lab.client.session import Session

NAMED: Final = 10
"""Failed tasks that an error lists."""
EXPLAINED: Final = 3
"""Failed tasks whose reason is asked for."""


def failure(
    session: Session,
    failed: Sequence[TaskView],
    known: Mapping[str, Trouble] | None = None,
    *,
    job: Any = None,
) -> JobError:
    """The error of tasks that did not complete: which, why as far as somebody knows, and what to do.

    Args:
        session: Where they are.
        failed: The tasks, at least one.
        known: What a wait has found out about them, by id.
        job: Kept by the error.
    """
    first = failed[0]
    troubles = find_troubles(session, failed, known or {})
    tasks = "1 task" if len(failed) == 1 else f"{len(failed)} tasks"
    details: dict[str, Any] = {
        f"task {view.index}": f"{view.task_id} {view.status}" for view in failed[:NAMED]
    }
    reasons = dict.fromkeys(filter(None, (each.sentence() for each in troubles)))
    details |= dict(zip(("why", "also", "and"), reasons, strict=False))
    if troubles:
        details |= troubles[0].words()
    steps = [Step("See why", f"task debug {first.task_id} --logs")]
    late = next((view for view in failed if view.status == TIMEOUT), None)
    if late is not None and all(each.price_nrlc for each in troubles):
        steps.append(Step("Get back the RLC of late tasks", f"deal claim {late.deal_id}"))
    held = session.deals_seen.get(first.deal_id)
    if held is not None:
        steps.append(run_again(held.deal, session.wishes.get(first.deal_id)))
    error = JobError(f"{tasks} of deal {first.deal_id} did not complete", details=details)
    error.steps = tuple(step.text() for step in steps)
    error.hint = " ".join(error.steps)
    error.job, error.troubles = job, tuple(troubles)
    return error


def find_troubles(
    session: Session, failed: Sequence[TaskView], known: Mapping[str, Trouble]
) -> list[Trouble]:
    """What is known about the first of these tasks; their workerpools are asked side by side."""

    def find(view: TaskView) -> Trouble | None:
        if view.task_id in known:
            return replace(known[view.task_id], view=view)
        try:
            return ask(session, view)
        except ChainError:
            return None

    return [found for found in session.each(find, failed[:EXPLAINED]) if found is not None]
