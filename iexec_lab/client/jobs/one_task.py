"""A single task: found before it began, waited for, its downloaded result decrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iexec_lab.client.jobs.detached import Detached, typed
from iexec_lab.client.jobs.doubts import Doubts
from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.names import foresee_names, learn_names, used_by
from iexec_lab.client.jobs.polling import look, to_timeout, waiting, watch
from iexec_lab.client.jobs.shown import Shown
from iexec_lab.client.jobs.status import JobStatus, TaskRef, date
from iexec_lab.client.jobs.why import too_early
from iexec_lab.client.results.key import read_key
from iexec_lab.client.results.result import Result
from iexec_lab.client.what_is import not_found
from iexec_lab.errors import CryptoError, JobError
from iexec_lab.ethereum.ahead import one_look
from iexec_lab.protocol.states import COMPLETED, TASK_STATUSES, TIMEOUT
from iexec_lab.regular_files import is_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.session import Session

_CLAIMABLE: Final = frozenset({*TASK_STATUSES[:COMPLETED], TIMEOUT})


def not_begun(session: Session, task_id: str) -> TaskRef:
    """A task that no scheduler has initialised yet: its deal, not the hub, tells its id.

    Raises:
        ObjectNotFoundError: No deal of the session has it.
    """
    for deal in tuple(session.deals_seen.values()):
        for ref in [] if deal.too_many else deal.refs():
            if ref.task_id == task_id:
                return ref
    raise not_found(session, "task", task_id)


def looker(session: Session, view: TaskView) -> Callable[[], TaskView]:
    """Looks at a task again and again; the first time it is as it was seen already."""
    ref = TaskRef(view.task_id, view.deal_id, view.index, view.final_time)
    seen = [view]
    return lambda: seen.pop() if seen else look(session, [ref])[0]


class OneTask(Shown):
    """A task that is waited for, drawn as a card."""

    _is_task = True

    def __init__(self, session: Session, view: TaskView) -> None:
        super().__init__()
        self._session = session
        self.deal_ids, self.tx_hashes = (view.deal_id,), (None,)
        self._last = JobStatus((view,))
        self._view = view
        self._task_id = view.task_id

    @property
    def key(self) -> tuple[object, ...]:
        return (*super().key, self._task_id)

    def status(self) -> JobStatus:
        view = self._view
        ref = TaskRef(view.task_id, view.deal_id, view.index, view.final_time)
        return self._saw(JobStatus(tuple(look(self._session, [ref]))))

    def wait(
        self,
        look: Callable[[], TaskView],
        timeout: float | None,
        *,
        fail_fast: bool,
        progress: Callable[[TaskView], None] | None,
        tell: Callable[[str], None] | None,
    ) -> TaskView:
        """Wait until it has ended; its last view.

        Raises:
            JobError: The timeout passed, or nobody goes on with it.
            Detached: Interrupted.
        """
        line = f"task show {self._task_id} --watch"
        back = f"Come back: {typed(line)}"
        job = Job(self._session, self.deal_ids)
        left = Detached("Detached; the task goes on.", line, back, job)
        said = self._teller(tell)
        self._doubted = doubts = Doubts(self._session, fail_fast=fail_fast, tell=said, back=back)
        uses = used_by(self._known_deals())

        def see() -> TaskView:
            with self._telling_absence(), one_look():
                foresee_names(self._session, uses)
                view = look()
                learn_names(self._session, uses)
            self._saw(JobStatus((view,)))
            return view

        pauses = waiting(
            self._session,
            see,
            lambda seen: seen.ended,
            what=f"Task {self._task_id}",
            left=left,
            timeout=to_timeout(timeout),
            progress=progress,
            doubt=lambda view: doubts.consider([view]),
        )
        with self._in_sight(told=progress is not None):
            try:
                return watch(pauses, left)
            except JobError as error:
                doubts.explain(error)
                self._gone_wrong(error)
                raise


def wait_for(
    session: Session,
    view: TaskView,
    timeout: float | None,
    *,
    fail_fast: bool,
    progress: Callable[[TaskView], None] | None,
    tell: Callable[[str], None] | None,
) -> TaskView:
    """Wait until a task has ended; its last view.

    Raises:
        JobError: The timeout passed, or nobody goes on with it.
        Detached: Interrupted.
    """
    task = OneTask(session, view)
    return task.wait(looker(session, view), timeout, fail_fast=fail_fast, progress=progress, tell=tell)


def check_claimable(session: Session, view: TaskView) -> None:
    """Refuse to claim a task that ended, or that still has time.

    Raises:
        JobError: It did, or has.
    """
    if view.status not in _CLAIMABLE:
        raise JobError(f"Cannot claim a task having status {view.status}")
    if not view.timed_out:
        raise JobError(
            f"Cannot claim a task before reaching the consensus deadline date: {date(view.final_time)} UTC",
            hint=too_early(session, view),
        )


def decrypt_download(path: Path, view: TaskView, key: Path) -> None:
    """Replace an encrypted zip by the decrypted one.

    Raises:
        JobError: There is no key.
        CryptoError: The result cannot be decrypted or written.
    """
    if not is_file(key):
        raise JobError(
            f"Failed to load beneficiary key from {key}",
            hint="Give --beneficiary-keystoredir or --beneficiary-key-file.",
        )
    try:
        decrypted = Result(path).decrypt(read_key(key, "private"))
    except CryptoError as error:
        error.details |= {"deal": view.deal_id, "task": view.task_id, "encrypted": path}
        raise
    decrypted.path.replace(path)
