"""From a job to the outcome of a command: not waited for, waited for, downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.client.options import declared
from iexec_lab.client.wait_options import WaitOptions
from iexec_lab.commands.handlers import given
from iexec_lab.commands.job_progress import has_card, rows_of, telling
from iexec_lab.commands.official_json import official_json
from iexec_lab.commands.outcome import Outcome, leaving_the_job
from iexec_lab.errors import CryptoError, JobError, UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from iexec_lab.client.jobs.job import Job
    from iexec_lab.client.results.result import Result
    from iexec_lab.client.session import Session
    from iexec_lab.commands.context import Context

_MOST_NAMED = 3
_TOLD = {"dealid", "failedTasks", "resultPaths"}  # by the lines around the answer


@leaving_the_job
def follow(
    context: Context,
    job: Job,
    *,
    verb: str = "app.run",
    watch: bool = False,
    download: Any = None,
    timeout: float | None = None,
    fail_fast: bool = False,
) -> Outcome:
    """The outcome of a new job.

    Args:
        context: Asks and tells.
        job: The job.
        verb: The verb that made it, which decides its JSON.
        watch: Wait until all tasks have ended; a failed one makes the outcome a failure.
        download: True or a name: also store the results here.
        timeout: As for ``job.wait``.
        fail_fast: As for ``job.wait``.
    """
    if not watch:
        context.face.note(f"iexec-lab deal show {job.deal_id} --watch waits for it.")
        answer = official_json(verb, job)
        return Outcome(answer, lambda: job, f"Deal {job.deal_id}", shown=brief(answer))
    error = None
    with context.face.watching("Waiting for the tasks") as sight:
        try:
            job.wait(timeout, fail_fast=fail_fast, progress=telling(sight.step), tell=sight.tell)
        except JobError as found:
            error = found
    answer = official_json(verb, job)
    shown = {**rows_of(job), **brief(answer)}
    if error is not None:
        failed = answer.get("failedTasks") if job.done else None
        said = f"Deal {job.deal_id}: all tasks ended." if failed else f"Deal {job.deal_id}"
        told = sentences(failed, error) if failed else (error.message,)
        if failed and download is not None and any(view.completed for view in job.status().tasks):
            _, paths, unopened = _download(context, job, download)
            answer["resultPaths"] = [str(path.absolute()) for path in paths]
            context.face.remark(f"Results of the other tasks: {_named(paths)}")  # no value says it
            told += unopened_tasks(unopened)
        return Outcome(answer, said=said, shown=shown, failed=told, error=error)
    if download is None:
        tell_reports(context, job._session, [], answer["tasks"])  # noqa: SLF001
        line = "" if has_card(job) else f"Deal {job.deal_id}: all tasks completed."
        return Outcome(answer, lambda: job, told=line, shown=shown)
    results, paths, unopened = _download(context, job, download)
    answer["resultPaths"] = [str(path.absolute()) for path in paths]
    state = "encrypted results" if unopened else "results"
    said = f"Deal {job.deal_id}: {state} in {_named(paths)}"
    if unopened:
        told = unopened_tasks(unopened)
        return Outcome(answer, said=said, shown=shown, failed=told, error=unopened[0])
    tell_reports(context, job._session, results)  # noqa: SLF001
    value = results[0] if len(results) == 1 else results
    return Outcome(answer, lambda: value, said, shown=shown)


def _download(
    context: Context, job: Job, name: bool | str
) -> tuple[Sequence[Result], list[Path], list[CryptoError]]:
    """Store the results of the tasks that completed: the results, where, and why some stay encrypted."""
    from iexec_lab.client.jobs.fetching import fetch_kept
    from iexec_lab.client.results.download import targets

    with context.face.working("Downloading") as step:
        results, unopened = fetch_kept(job, lambda done, total: step.update("results", done, total))
    places = targets(context.folder, name, job.task_ids)
    paths = [result.save(places[result.task_index or 0]) for result in results]
    return results, paths, unopened


def _named(paths: Sequence[Path]) -> str:
    """The files: a few by name, of many where they are."""
    if len(paths) <= _MOST_NAMED:
        return ", ".join(map(str, paths))
    return f"{paths[0]} … {paths[-1].name} ({len(paths)} files)"


def unopened_tasks(errors: Sequence[CryptoError]) -> tuple[str, ...]:
    return tuple(f"task {each.details['task']}: {each.message}" for each in errors)


def brief(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer for a person, below a line that names the deal: one line per task."""
    shown = {name: value for name, value in answer.items() if name not in _TOLD}
    tasks = shown.pop("tasks", None)
    deals = shown.pop("deals", None)
    if deals is not None:
        shown |= {"txHash": deals[0]["txHash"]} if len(deals) == 1 else {"deals": deals}
    if tasks is not None:
        shown["tasks"] = [
            {"idx": task["idx"], "taskid": task["taskid"], "status": task["statusName"]} for task in tasks
        ]
    return shown


def tell_reports(
    context: Context, session: Session, results: Sequence[Result], tasks: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Say which results are error reports, once for each reason.

    Args:
        context: Tells.
        session: Where the tasks are.
        results: Those that were downloaded.
        tasks: Completed tasks whose results were not, as official JSON; their workerpools are asked.
    """
    from iexec_lab.client.jobs.reports import find_reports, in_result

    completed = [(task["taskid"], task["dealid"]) for task in tasks if task["statusName"] == "COMPLETED"]
    try:
        found = [in_result(session, result) for result in results]
    except CryptoError:  # no zip: for whoever reads it to see
        found = []
    if completed:
        found += find_reports(session, completed)
    for report in {report.said: report for report in found if report}.values():
        context.face.warn(report.text())


def sentences(failed: Sequence[Mapping[str, Any]], error: JobError) -> tuple[str, ...]:
    """One sentence for each failed task, with the reason where it is known."""
    reasons = {trouble.view.task_id: trouble.sentence() for trouble in error.troubles}
    return tuple(
        ": ".join(
            filter(
                None,
                (f"task {task['idx']} ({task['taskid']})", task["statusName"], reasons.get(task["taskid"])),
            )
        )
        for task in failed
    )


def wait_limits(args: Namespace, *, watch: bool) -> dict[str, Any]:
    """The options of a wait that were given.

    Raises:
        UsageError: Nothing is waited for.
    """
    limits = given(args, declared(WaitOptions))
    if limits and not watch:
        name = next(iter(limits)).replace("_", "-")
        raise UsageError(f"Option --{name} is for a command that waits", hint="Add --watch.")
    return limits
