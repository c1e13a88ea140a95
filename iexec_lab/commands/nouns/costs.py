"""``costs``: what was signed, locked, paid and returned here, and what may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.commands.options import READS, flag
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import Command, Option
from iexec_lab.spelling import in_rlc
from iexec_lab.units import format_rlc, parse_rlc

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context

_NO_BUDGET = "none"


def costs(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    here = lab.costs.here()
    if args.budget is not None:
        words = args.budget if isinstance(args.budget, list) else [args.budget]
        here.budget = None if words == [_NO_BUDGET] else _amount(words)
    shown = here if args.here or not context.lasting else lab.costs
    with context.face.working("Reading what became of it"):
        rows = shown.rows()
    sums = shown.sums(rows)
    raw: dict[str, Any] = {
        "count": len(rows),
        "costs": rows,
        "total": {name: str(value) for name, value in sums.items()},
    }
    allowed, used = here.budget, here.used
    said = ""
    if allowed is not None:
        raw |= {"budget": str(allowed), "used": str(used)}
        left = format_rlc(max(allowed - used, 0))
        said = f"Budget of this folder: {in_rlc(allowed)}, {left} RLC left."
    elif args.budget is not None:
        said = "This folder has no budget."
    return Outcome(raw, lambda: shown, said, shown=shown.text(rows))


def _amount(words: list[Any]) -> int:
    """An amount as it is typed, RLC unless a unit follows."""
    return parse_rlc(words if len(words) > 1 else words[0], "RLC")


COMMANDS = (
    Command(
        ("costs",),
        "show what was signed, locked, paid and returned, or set a budget",
        costs,
        options=(
            *READS,
            flag("--here", "whatever was noted in this folder; in a notebook else this session"),
            Option(
                "--budget",
                "amount",
                'refuse what would pass this amount, RLC unless a unit follows; "none" for no limit',
                shows="amount unit",
                variadic=True,
            ),
        ),
        example="costs --budget 5 RLC",
        notes="The budget holds for every program in this folder, on this network, from now on: what signs\n"
        "away, transfers or allows others to take more is refused before it is signed, --force or not.\n"
        "Deposits to one's own account and gas do not count, and what comes back counts no more.",
    ),
)
