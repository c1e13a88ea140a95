"""``deal``: agreements and their tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iexec_lab.client.market.filters import ChildFilters, EventFilters
from iexec_lab.commands.dry_run import DRY_RUN, rehearsable
from iexec_lab.commands.handlers import calling, done
from iexec_lab.commands.job_outcome import brief, sentences, tell_reports, wait_limits
from iexec_lab.commands.job_progress import has_card, telling
from iexec_lab.commands.list_commands import DETAILS, lists, of_one
from iexec_lab.commands.options import FORCE, READS, SENDS, flag, watching
from iexec_lab.commands.tree import PROGRAM, Argument, Command
from iexec_lab.errors import UsageError

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome

_DEAL = Argument("dealid", "deal", "the deal", required=True)


def show(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    limits = wait_limits(args, watch=args.watch)
    if not args.watch:
        with context.face.working("Reading the deal"):
            return done(lab, "deal.show", dealid=args.dealid, details=args.details)
    with context.face.watching("Waiting for the tasks") as sight:
        outcome = done(
            lab,
            "deal.show",
            dealid=args.dealid,
            watch=True,
            details=args.details,
            progress=telling(sight.step),
            tell=sight.tell,
            **limits,
        )
    job = lab.job(outcome.raw["deal"]["dealid"])
    error, failed = None, outcome.raw.get("failedTasks", [])
    if failed:
        from iexec_lab.client.jobs.failures import failure

        error = failure(lab.session, job.status().failed, job=job)
        job._gone_wrong(error)  # noqa: SLF001 - commands are the other half of a verb
    said = "" if has_card(job) else f"Deal {args.dealid}: all tasks ended."
    shown = {name: value for name, value in brief(outcome.raw).items() if name != "deal"}
    outcome = replace(outcome, said=said, shown=shown)
    tell_reports(context, lab.session, [], outcome.raw["tasks"])
    if error is None:
        return outcome
    return replace(outcome, failed=sentences(failed, error), shows=True, error=error)


def claim(context: Context, args: Namespace) -> Outcome:
    if args.all and args.dealid:
        raise UsageError("Option --all claims all late deals", hint="Name a deal or --all, not both.")
    if not args.all and not args.dealid:
        raise UsageError(
            "missing required argument 'dealid'",
            usage=f"{PROGRAM} deal claim <dealid> [options]",
            hint="Or add --all: all late deals of the wallet.",
        )
    if args.all:
        return calling("deal.claim_all", doing="Claiming", said="Claimed {amount_rlc}.")(context, args)
    return calling("deal.claim", doing="Claiming", said="Claimed.")(context, args)


COMMANDS = (
    Command(
        ("deal", "show"),
        "show a deal, or wait for its tasks",
        show,
        args=(_DEAL,),
        options=(*READS, *watching(), DETAILS),
        example="deal show 0x5b1e...c3 --watch",
    ),
    lists(
        "deal",
        "deals, newest first: one's own, or everybody's",
        requester=True,
        feed=True,
        example="deal list --all --since 7d --status claimable",
    ),
    Command(
        ("deal", "tasks"),
        "show the tasks of a deal",
        calling("deal.tasks", doing="Reading the tasks"),
        args=(_DEAL,),
        options=(*READS, DETAILS),
        example="deal tasks 0x5b1e...c3 --details",
    ),
    of_one(
        "deal",
        "events",
        _DEAL,
        "what happened to a deal and its tasks, with times and transactions",
        filters=EventFilters,
        example="deal events 0x5b1e...c3",
    ),
    of_one(
        "deal",
        "deals",
        _DEAL,
        "the other deals of the same request order",
        filters=ChildFilters,
        example="deal deals 0x5b1e...c3",
    ),
    Command(
        ("deal", "claim"),
        "get back what was paid for tasks that nobody finished",
        rehearsable(claim),
        args=(Argument("dealid", "deal", "the deal"),),
        options=(*SENDS, FORCE, DRY_RUN, flag("--all", "everything that is claimable for this wallet")),
        example="deal claim 0x5b1e...c3",
        notes="Possible once the deadline of the deal has passed.",
        spends=True,
    ),
)
