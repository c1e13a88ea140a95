"""``task``: follow, download, debug a task."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from iexec_lab.client.market.filters import EventFilters
from iexec_lab.commands.context import Sight
from iexec_lab.commands.handlers import calling, done, given, outcome_of
from iexec_lab.commands.job_outcome import sentences, tell_reports, wait_limits
from iexec_lab.commands.job_progress import telling_task
from iexec_lab.commands.list_commands import DETAILS, lists, of_one
from iexec_lab.commands.official_json import fetch
from iexec_lab.commands.options import (
    BENEFICIARY_FOLDER,
    BENEFICIARY_KEY,
    FORCE,
    READS,
    SENDS,
    flag,
    watching,
)
from iexec_lab.commands.tree import Argument, Command, Option

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome

_TASK = Argument("taskid", "task", "the task", required=True)


def show(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    values = wait_limits(args, watch=args.watch)
    values |= given(args, ("watch", "download", "decrypt", "details"))
    values |= given(args, ("beneficiary_keystoredir", "beneficiary_key_file"))
    waits = context.face.watching("Waiting for the task") if args.watch else nullcontext(Sight())
    reads = nullcontext() if args.watch else context.face.working("Reading the task")
    with waits as sight, reads:
        outcome = done(
            lab,
            "task.show",
            taskid=args.taskid,
            progress=telling_task(sight.step),
            tell=sight.tell,
            **values,
        )
    task = outcome.raw["task"]
    if args.watch and task["statusName"] != "COMPLETED":
        from iexec_lab.client.jobs.failures import failure
        from iexec_lab.client.jobs.one_task import OneTask

        view = lab.task._look(args.taskid)  # noqa: SLF001 - the other half of the verb
        error = failure(lab.session, [view])
        OneTask(lab.session, view)._gone_wrong(error)  # noqa: SLF001
        return replace(outcome, failed=sentences([task], error), shows=True, error=error)
    path = outcome.raw.get("resultPath")
    if args.download and path is None:
        context.face.note(f"Nothing to download: the task is {task['statusName']}.")
    if path is not None:
        from iexec_lab.client.results.result import Result

        tell_reports(context, lab.session, [Result(path, task_id=task["taskid"])])
        return replace(outcome, make=lambda: Result(path), said=f"Result: {path}")
    if args.watch:
        tell_reports(context, lab.session, [], [task])
    return outcome


def debug(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.client.jobs.story import TaskStory
    from iexec_lab.frames.logs import to_text

    lab = context.lab(args)
    with context.face.working("Asking the workerpool"):
        outcome = done(lab, "task.debug", taskid=args.taskid, logs=args.logs, warn=context.face.note)
    story = TaskStory(outcome.raw)
    if "appLogs" not in story:
        return replace(outcome, make=lambda: story)
    rows = story.log_rows()
    shown = {name: value for name, value in story.items() if name != "appLogs"}
    return replace(outcome, make=lambda: story, shown={**shown, "appLogs": to_text(rows, len(rows))})


def logs(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.frames.logs import MOST_BLOCKS, to_text

    lab = context.lab(args)
    with context.face.working("Asking the workerpool"):
        answer = fetch(lab, "task.logs", args.taskid)
    found = [
        {**row, "task_index": row["index"], "status": row["statusName"]} for row in answer.facts[:MOST_BLOCKS]
    ]
    return replace(outcome_of(answer), shown=to_text(found, len(answer.facts)))


COMMANDS = (
    Command(
        ("task", "show"),
        "show a task, wait for it, download its result",
        show,
        args=(_TASK,),
        options=(
            *READS,
            *watching(),
            Option("--download", "path", "store the result here (<task>.zip)", "optional", shows="fileName"),
            flag("--decrypt", "decrypt the downloaded result"),
            BENEFICIARY_FOLDER,
            BENEFICIARY_KEY,
            DETAILS,
        ),
        example="task show 0x97a2...4e --watch --download",
    ),
    lists(
        "task",
        "tasks, newest first, with their times: one's own, or everybody's",
        requester=True,
        example="task list --all --late",
    ),
    of_one(
        "task",
        "events",
        _TASK,
        "what happened to a task, with times and transactions",
        filters=EventFilters,
        example="task events 0x97a2...4e",
    ),
    of_one(
        "task",
        "contributions",
        _TASK,
        "who worked on a task",
        filters=EventFilters,
        example="task contributions 0x97a2...4e",
    ),
    Command(
        ("task", "debug"),
        "show what the chain and the workerpool know about a task",
        debug,
        args=(_TASK,),
        options=(*READS, flag("--logs", "also the app's output, for the requester")),
        example="task debug 0x97a2...4e --logs",
    ),
    Command(
        ("task", "logs"),
        "show what the app wrote, for the requester",
        logs,
        args=(_TASK,),
        options=READS,
        example="task logs 0x97a2...4e",
    ),
    Command(
        ("task", "claim"),
        "get back what was paid for a task that nobody finished",
        calling("task.claim", doing="Claiming", said="Claimed."),
        args=(_TASK,),
        options=(*SENDS, FORCE),
        example="task claim 0x97a2...4e",
        notes="Possible once the deadline of the task has passed.",
        spends=True,
    ),
)
