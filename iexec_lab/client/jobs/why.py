"""Why a task has no result: what the chain and the workerpool know about it.

A worker that gave up does not end a task: the chain waits for another one until the deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.client.jobs.logs import workerpool_api
from iexec_lab.client.jobs.status import date
from iexec_lab.errors import ConfigurationError, ServiceError
from iexec_lab.protocol.states import FAILED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.session import Session

_GIVEN_UP = {"ABORTED", "FAILED"}


def cause(replicates: Sequence[Mapping[str, Any]]) -> str | None:
    """Why no worker goes on with a task, as the workerpool tells it; None while one does."""
    if not replicates or any(replicate.get("status") not in _GIVEN_UP for replicate in replicates):
        return None
    last = replicates[-1]
    if last.get("exitCode"):
        return f"the app ended with exit code {last['exitCode']}"
    history = [step for step in last.get("statusHistory") or () if step["status"].endswith("_FAILED")]
    step = history[-1] if history else last
    return f"{step['status']} {step.get('cause') or ''}".strip()


def ask_cause(session: Session, view: TaskView) -> str | None:
    """Ask the workerpool for the cause.

    Raises:
        ConfigurationError, ServiceError: It cannot be asked.
    """
    deal = session.hub.view_deal(view.deal_id)
    return cause(workerpool_api(session, deal.workerpool.pointer).task(view.task_id)["replicates"])


def reason(session: Session, view: TaskView) -> str | None:
    """A sentence on why a task has no result; None when it has one, or a worker still works on it."""
    if view.completed:
        return None
    try:
        known = ask_cause(session, view)
    except (ConfigurationError, ServiceError) as error:
        known = f"the workerpool does not say why: {error.message}" if view.ended else None
    if not view.ended:
        return f"no worker goes on: {known}" if known else None
    end = f"nobody finished it by its deadline, {date(view.final_time)} UTC"
    if view.task.status == FAILED:  # a claim is what makes it so
        end += ", and its price was claimed back"
    return f"{end}; {known}" if known else end
