"""A single task: found before it began, waited for, its downloaded result decrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.client.jobs.detached import Detached, typed
from iexec_lab.client.jobs.doubts import Doubts
from iexec_lab.client.jobs.polling import look, to_timeout, waiting, watch
from iexec_lab.client.jobs.status import TaskRef
from iexec_lab.client.results.key import read_key
from iexec_lab.client.results.result import Result
from iexec_lab.client.what_is import not_found
from iexec_lab.errors import CryptoError, JobError
from iexec_lab.regular_files import is_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.session import Session


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
    line = f"task show {view.task_id} --watch"
    back = f"Come back: {typed(line)}"
    left = Detached("Detached; the task goes on.", line, back)
    doubts = Doubts(session, fail_fast=fail_fast, tell=tell, back=back)
    pauses = waiting(
        session,
        looker(session, view),
        lambda seen: seen.ended,
        what=f"Task {view.task_id}",
        left=left,
        timeout=to_timeout(timeout),
        progress=progress,
        doubt=lambda view: doubts.consider([view]),
    )
    try:
        return watch(pauses, left)
    except JobError as error:
        doubts.explain(error)
        raise


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
