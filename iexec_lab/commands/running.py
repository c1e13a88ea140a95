"""From a job to the outcome of a command: not waited for, waited for, downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.commands.outcome import Outcome
from iexec_lab.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iexec_lab.client.iexec import IExec
    from iexec_lab.client.job import Job, JobStatus
    from iexec_lab.commands.context import Context


def follow(
    context: Context,
    lab: IExec,
    job: Job,
    *,
    raw: Callable[[Job], dict[str, Any]] | None = None,
    watch: bool = False,
    download: Any = None,
) -> Outcome:
    """The outcome of a new job.

    Args:
        context: Asks and tells.
        lab: Where the job runs.
        job: The job.
        raw: Its JSON form; that of ``app run`` by default.
        watch: Wait for the end of all tasks; a failed one makes the outcome a failure.
        download: True or a name: also store the results here.
    """
    to_raw = raw or lab.app.run.raw
    if not watch:
        context.face.note(f"iexec-lab deal show {job.deal_id} --watch waits for it.")
        return Outcome(to_raw(job), lambda: job, f"Deal {job.deal_id}")
    wait(context, job)
    answer = to_raw(job)
    failed = answer.get("failedTasks", [])
    if failed:
        return Outcome(answer, failed=_sentences(failed), error=_failure(job, failed))
    if download is None:
        return Outcome(answer, lambda: job, f"Deal {job.deal_id}: all tasks completed.")
    results = [job.result(index) for index in range(job.volume)]
    paths = [keep(context, result, name) for result, name in zip(results, _names(job, download), strict=True)]
    answer["resultPaths"] = [str(path) for path in paths]
    said = "Results: " + ", ".join(path.name for path in paths)
    return Outcome(answer, lambda: results[0] if len(results) == 1 else results, said)


def wait(context: Context, job: Job) -> None:
    """Wait for a job, with progress."""
    with context.face.working("Waiting for the tasks") as step:

        def progress(status: JobStatus) -> None:
            counts = ", ".join(f"{count} {name.lower()}" for name, count in status.counts.items() if count)
            step.update(counts, status.done, status.total)

        job.wait(progress=progress)


def _names(job: Job, download: Any) -> list[str]:
    tasks = [task.task_id for task in job.status().tasks]
    if not isinstance(download, str):
        return tasks
    stem = download.removesuffix(".zip")
    return [stem] if len(tasks) == 1 else [f"{stem}-{index}" for index in range(len(tasks))]


def keep(context: Context, result: Any, name: str) -> Path:
    """Copy a result into the project folder; it replaces a file of that name, like the official CLI."""
    import shutil

    target = (context.folder / name).with_name(f"{name.rpartition('/')[2]}.zip").absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(result.path, target)
    return target


def _sentences(failed: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(f"task {task['idx']} ({task['taskid']}): {task['statusName']}" for task in failed)


def _failure(job: Job, failed: list[dict[str, Any]]) -> JobError:
    tasks = "task" if len(failed) == 1 else "tasks"
    error = JobError(
        f"{len(failed)} {tasks} of deal {job.deal_id} did not complete",
        details={f"task {task['idx']}": f"{task['taskid']} {task['statusName']}" for task in failed[:10]},
        hint=f"iexec-lab task debug {failed[0]['taskid']} --logs tells why.",
    )
    error.job = job
    return error
