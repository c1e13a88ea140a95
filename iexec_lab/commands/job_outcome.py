"""From a job to the outcome of a command: not waited for, waited for, downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.commands.job_progress import telling
from iexec_lab.commands.official_json import official_json
from iexec_lab.commands.outcome import Outcome
from iexec_lab.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.client.iexec import IExec
    from iexec_lab.client.jobs.job import Job
    from iexec_lab.commands.context import Context

_NAMED = 10  # failed tasks that an error lists
_TOLD = {"dealid", "failedTasks", "resultPaths"}  # by the lines around the answer


def follow(
    context: Context,
    lab: IExec,
    job: Job,
    *,
    verb: str = "app.run",
    watch: bool = False,
    download: Any = None,
) -> Outcome:
    """The outcome of a new job.

    Args:
        context: Asks and tells.
        lab: Where the job runs.
        job: The job.
        verb: The verb that made it, which decides its JSON.
        watch: Wait until all tasks have ended; a failed one makes the outcome a failure.
        download: True or a name: also store the results here.
    """
    if not watch:
        context.face.note(f"iexec-lab deal show {job.deal_id} --watch waits for it.")
        answer = official_json(verb, job)
        return Outcome(answer, lambda: job, f"Deal {job.deal_id}", shown=brief(answer))
    with context.face.working("Waiting for the tasks") as step:
        job.wait(progress=telling(step, lab))
    answer = official_json(verb, job)
    failed = answer.get("failedTasks", [])
    if failed:
        said = f"Deal {job.deal_id}: all tasks ended."
        error = failure(failed, job)
        return Outcome(answer, said=said, shown=brief(answer), failed=sentences(failed), error=error)
    if download is None:
        said = f"Deal {job.deal_id}: all tasks completed."
        return Outcome(answer, lambda: job, said, shown=brief(answer))
    with context.face.working("Downloading"):
        results = job.results()
    paths = [
        result.save(context.folder / name)
        for result, name in zip(results, _names(job, download), strict=True)
    ]
    answer["resultPaths"] = [str(path.absolute()) for path in paths]
    said = f"Deal {job.deal_id}: results in {', '.join(path.name for path in paths)}"
    value = results[0] if len(results) == 1 else results
    return Outcome(answer, lambda: value, said, shown=brief(answer))


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


def _names(job: Job, download: Any) -> list[str]:
    if not isinstance(download, str):
        return [f"{task}.zip" for task in job.task_ids]
    stem = download.removesuffix(".zip")
    if job.volume == 1:
        return [f"{stem}.zip"]
    return [f"{stem}-{index}.zip" for index in range(job.volume)]


def sentences(failed: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """One sentence for each failed task."""
    return tuple(f"task {task['idx']} ({task['taskid']}): {task['statusName']}" for task in failed)


def failure(failed: Sequence[Mapping[str, Any]], job: Job | None = None) -> JobError:
    """The error of tasks that did not complete; it keeps the job."""
    tasks = "1 task" if len(failed) == 1 else f"{len(failed)} tasks"
    late = any(task["statusName"] == "TIMEOUT" for task in failed)
    claim = f" Get back the RLC of late tasks: iexec-lab deal claim {failed[0]['dealid']}." if late else ""
    error = JobError(
        f"{tasks} of deal {failed[0]['dealid']} did not complete",
        details={f"task {task['idx']}": f"{task['taskid']} {task['statusName']}" for task in failed[:_NAMED]},
        hint=f"See why: iexec-lab task debug {failed[0]['taskid']} --logs.{claim}",
    )
    error.job = job
    return error
