"""``orderbook``: what is for sale, and what is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.client.market.book_filters import FILTERS
from iexec_lab.client.options import on_a_line
from iexec_lab.commands.handlers import given, outcome_of
from iexec_lab.commands.official_json import fetch
from iexec_lab.commands.options import CHAIN, PLOT, declared_options
from iexec_lab.commands.plotting import plotting
from iexec_lab.commands.tree import Argument, Command

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome
    from iexec_lab.commands.tree import Handler


def _book(kind: str) -> Handler:
    def handle(context: Context, args: Namespace) -> Outcome:
        from iexec_lab.client.nouns.orderbook import not_listed

        lab = context.lab(args)
        values = given(args, on_a_line(FILTERS[kind]))
        values["limit"] = args.limit or context.rows
        if args.address:
            values[kind] = args.address
        with context.face.working("Reading the orderbook"):
            answer = fetch(lab, f"orderbook.{kind}", **values)
            remark = None
            if not (args.raw or args.quiet):
                remark = not_listed(lab.orderbook, kind, values.pop(kind, None), values, answer.facts)
        outcome = outcome_of(answer)
        _tell_rest(context, outcome)
        if remark:
            context.face.remark(remark)
        return outcome

    return handle


def _tell_rest(context: Context, outcome: Outcome) -> None:
    listed = next(value for value in outcome.raw.values() if isinstance(value, list))
    rest = int(outcome.raw["count"]) - len(listed)
    if rest > 0:
        context.face.note(f"{rest} more; --limit {outcome.raw['count']} shows all.")


def _command(kind: str, summary: str, *, required: bool = False, example: str) -> Command:
    what = f'address, or "any" for orders of every {kind}' if required else f"the {kind} (any)"
    given_kind = "user" if kind == "requester" else kind
    return Command(
        ("orderbook", kind),
        summary,
        plotting(_book(kind), "depth"),
        args=(Argument("address", given_kind, what, required=required),),
        options=(*CHAIN, PLOT, *declared_options(FILTERS[kind])),
        example=example,
    )


COMMANDS = (
    _command("app", "orders that sell an app", required=True, example="orderbook app any"),
    _command(
        "dataset", "orders that sell a dataset", required=True, example="orderbook dataset any --app any"
    ),
    _command("workerpool", "orders that sell computing power", example="orderbook workerpool --category 0"),
    _command("requester", "requests that wait for a workerpool", example="orderbook requester --category 0"),
)
