"""``--dry-run``: what a command would cost; nothing is signed or sent."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.options import flag
from iexec_lab.commands.outcome import Outcome

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.client.nouns._run import RunPlan
    from iexec_lab.client.plan import Plan
    from iexec_lab.commands.context import Context
    from iexec_lab.commands.tree import Handler

DRY_RUN = flag("--dry-run", "show the cost, sign nothing")


def rehearsable(handler: Handler) -> Handler:
    """The handler of a command with ``--dry-run``: it then stops at the gate, where the cost is known."""

    @wraps(handler)
    def handle(context: Context, args: Namespace) -> Outcome:
        if not args.dry_run:
            return handler(context, args)
        from iexec_lab.client.plan import rehearse

        return planned(rehearse(lambda: handler(context, args)))

    return handle


def planned(plan: Plan | RunPlan) -> Outcome:
    """A plan as the answer of a command."""
    row: dict[str, Any] = {
        name: str(value) if type(value) is int else value for name, value in plan.row().items()
    }
    return Outcome(row, plan.frame, "Nothing was signed.", shown="\n".join(plan.lines()))
