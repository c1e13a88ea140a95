"""The results of a job's tasks: one, all of them, or what there is; ``job`` is always a ``Job``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.client.jobs.failures import find_troubles
from iexec_lab.client.results.download import fetch_result
from iexec_lab.client.results.many import Results, collect
from iexec_lab.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.jobs.why import Trouble
    from iexec_lab.client.results.result import Result
    from iexec_lab.errors import CryptoError


def fetch(job: Any, view: TaskView, known: Mapping[str, Trouble], **options: Any) -> Result:
    """The result of a task; the error of one that ended without says why. Options are ``fetch_result``'s."""
    try:
        return fetch_result(job._session, view, job._beneficiary(view.deal_id), **options)  # noqa: SLF001
    except JobError as error:
        if view.ended and not view.completed:
            error.job, error.troubles = job, tuple(find_troubles(job._session, [view], known))  # noqa: SLF001
            for trouble in error.troubles:
                error.details |= {"why": trouble.sentence(), **trouble.words()}
            job._gone_wrong(error)  # noqa: SLF001
        elif not view.ended and (stuck := job._known_reasons().get(view.task_id)):  # noqa: SLF001
            error.details |= {"why": stuck.sentence() or "somebody works on it"}
        raise


def fetch_all(
    job: Any, known: Mapping[str, Trouble], *, partial: bool, others: str, **options: Any
) -> Results:
    """The results of all tasks; ``partial`` and ``others`` are ``collect``'s."""
    wrong_key = (lambda _error: None) if partial else None

    def one(place: int, view: TaskView) -> Result:
        return fetch(job, view, known, index=place, wrong_key=wrong_key, **options)

    return collect(job._session, job.status().tasks, one, partial=partial, others=others)  # noqa: SLF001


def fetch_kept(job: Any, progress: Callable[[int, int], object]) -> tuple[Results, list[CryptoError]]:
    """The results of all tasks that completed; those that our key does not open stay encrypted."""
    errors: list[CryptoError] = []
    done = [(place, view) for place, view in enumerate(job.status().tasks) if view.completed]

    def one(place: int, view: TaskView) -> Result:
        return fetch(job, view, {}, index=done[place][0], wrong_key=errors.append)

    return collect(job._session, [view for _, view in done], one, progress=progress), errors  # noqa: SLF001
