"""``task``: follow, download, debug a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.commands.handlers import calling, done, given
from iexec_lab.commands.options import BENEFICIARY_FOLDER, BENEFICIARY_KEY, READS, SENDS, flag
from iexec_lab.commands.tree import Argument, Command, Option

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome

_TASK = Argument("taskid", "task", "the task", required=True)


def show(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    values = given(args, ("watch", "download", "decrypt", "beneficiary_keystoredir", "beneficiary_key_file"))
    with context.face.working("Waiting for the task" if args.watch else "Reading the task"):
        return done(lab, "task.show", taskid=args.taskid, **values)


COMMANDS = (
    Command(
        ("task", "show"),
        "show a task, wait for it, download its result",
        show,
        args=(_TASK,),
        options=(
            *READS,
            flag("--watch", "wait until the task has ended"),
            Option("--download", "path", "store the result here (<task>.zip)", "optional", shows="fileName"),
            flag("--decrypt", "decrypt the downloaded result"),
            BENEFICIARY_FOLDER,
            BENEFICIARY_KEY,
        ),
        example="task show 0x97a2...4e --watch --download",
    ),
    Command(
        ("task", "debug"),
        "show what the chain and the workerpool know about a task",
        calling("task.debug", "taskid", "logs", doing="Asking the workerpool"),
        args=(_TASK,),
        options=(*READS, flag("--logs", "also the app's output, for the requester")),
        example="task debug 0x97a2...4e --logs",
    ),
    Command(
        ("task", "claim"),
        "take back what was paid for a task that nobody finished",
        calling("task.claim", "taskid", doing="Claiming", said="Claimed.", spends=True),
        args=(_TASK,),
        options=SENDS,
        example="task claim 0x97a2...4e",
        notes="Possible once the deadline of the task has passed.",
        spends=True,
    ),
)
