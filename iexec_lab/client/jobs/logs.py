"""What happened to a task off chain: the scheduler's story and the app's output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.errors import JobError, WorkerpoolError
from iexec_lab.networks import COMPASS
from iexec_lab.services.compass import is_api_url
from iexec_lab.services.rows import Rows
from iexec_lab.services.workerpool import WorkerpoolApi

if TYPE_CHECKING:
    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.session import Session
    from iexec_lab.protocol import Deal


def workerpool_url(session: Session, workerpool: str) -> str | None:
    """The API of a workerpool: from Compass, or from its ENS name where there is none; None when unknown.

    Raises:
        ConfigurationError: The network has neither.
    """
    if session.compass is not None:
        return session.compass.api_url(session.network.id, workerpool)
    if session.network.ens_registry:
        url = session.ens.workerpool_url(workerpool)
        return url if is_api_url(url) else None
    session.network.require(COMPASS)
    return None


def workerpool_api(session: Session, workerpool: str) -> WorkerpoolApi:
    """The API of a workerpool.

    Raises:
        WorkerpoolError: ``Impossible to resolve API url for workerpool ...``.
    """
    url = workerpool_url(session, workerpool)
    if url is None:
        raise WorkerpoolError(f"Impossible to resolve API url for workerpool {workerpool}")
    return WorkerpoolApi(url, timeout=session.timeout)


def fetch_logs(session: Session, task_id: str, deal: Deal) -> Rows:
    """``[{worker, stdout, stderr}]`` of a task; the wallet must be the deal's requester.

    Raises:
        JobError: The wallet is not the requester.
        WorkerpoolError: The scheduler was not reached.
    """
    gate = session.gate
    if gate.address != deal.requester:
        raise JobError(
            f"Only task requester {deal.requester} can access replicates logs",
            details={"wallet": gate.address},
        )
    return workerpool_api(session, deal.workerpool.pointer).logs(task_id, gate)


def log_rows(session: Session, view: TaskView, deal: Deal) -> Rows:
    """The same as rows of a frame, with the task that they are of.

    Raises:
        JobError, WorkerpoolError: As ``fetch_logs``.
    """
    found = fetch_logs(session, view.task_id, deal)
    about = {"taskid": view.task_id, "index": view.index, "statusName": view.status}
    return Rows.of([{**about, **entry} for entry in found], found.left_out)
