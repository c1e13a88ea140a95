"""``deal``: agreements and their tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iexec_lab.commands.handlers import calling, done
from iexec_lab.commands.job_outcome import brief, sentences, wait_limits
from iexec_lab.commands.job_progress import telling
from iexec_lab.commands.options import FORCE, READS, SENDS, watching
from iexec_lab.commands.tree import Argument, Command

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome

_DEAL = Argument("dealid", "deal", "the deal", required=True)


def show(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    limits = wait_limits(args, watch=args.watch)
    with context.face.working("Waiting for the tasks" if args.watch else "Reading the deal") as step:
        outcome = done(
            lab,
            "deal.show",
            dealid=args.dealid,
            watch=args.watch,
            progress=telling(step),
            tell=context.face.warn,
            **limits,
        )
    if args.watch:
        shown = {name: value for name, value in brief(outcome.raw).items() if name != "deal"}
        outcome = replace(outcome, said=f"Deal {args.dealid}: all tasks ended.", shown=shown)
    failed = outcome.raw.get("failedTasks")
    if not failed:
        return outcome
    from iexec_lab.client.jobs.failures import failure

    job = lab.job(args.dealid)
    error = failure(lab.session, job.status().failed, job=job)
    return replace(outcome, failed=sentences(failed, error), error=error)


COMMANDS = (
    Command(
        ("deal", "show"),
        "show a deal, or wait for its tasks",
        show,
        args=(_DEAL,),
        options=(*READS, *watching()),
        example="deal show 0x5b1e...c3 --watch",
    ),
    Command(
        ("deal", "claim"),
        "get back what was paid for tasks that nobody finished",
        calling("deal.claim", doing="Claiming", said="Claimed."),
        args=(_DEAL,),
        options=(*SENDS, FORCE),
        example="deal claim 0x5b1e...c3",
        notes="Possible once the deadline of the deal has passed.",
        spends=True,
    ),
)
