"""``explore`` and ``dashboard``: pages in a notebook; a terminal shows what they begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab import doors
from iexec_lab.client.options import either
from iexec_lab.commands.options import READS
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import PROGRAM, Argument, Command, Option

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context


def explore(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    with context.face.working("Reading the market"):
        page = doors.explore(lab, args.what, args.address, is_page=context.lasting)
    return _shown(context, page)


def dashboard(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    with context.face.working("Reading the account"):
        page = doors.dashboard(lab, is_page=context.lasting)
    return _shown(context, page)


def _shown(context: Context, page: Any) -> Outcome:
    if not context.lasting:
        context.face.note("In a notebook this is a page to search, filter and open.")
    text = str(page) if context.lasting else str(page).replace("%iexec ", f"{PROGRAM} ")
    raw = {"line": page.line.removeprefix("%iexec "), "rows": len(page.frame)}
    return Outcome(raw, lambda: page, shown=text)


_LISTS = (
    *("workerpool-orders", "app-orders", "dataset-orders", "requests"),
    *("deals", "tasks", "apps", "datasets", "workerpools"),
)

COMMANDS = (
    Command(
        ("explore",),
        "the market as a page to search, filter and open, in a notebook",
        explore,
        args=(
            Argument(
                "what",
                "name",
                f"the list that it begins with: {either(_LISTS)}",
            ),
        ),
        options=(
            *READS,
            Option("--address", "text", "begin with one thing: its address, id or name", shows="text"),
        ),
        example="explore deals",
        notes="A terminal shows the first rows of the list, and the line that gives all of it.",
    ),
    Command(
        ("dashboard",),
        "the account, jobs, orders and earnings of a wallet as a page, in a notebook",
        dashboard,
        options=READS,
        example="dashboard",
        notes="A terminal shows the account and its newest jobs.",
    ),
)
