"""``orderbook``: what is for sale, and what is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iexec_lab.client.market.book_filters import (
    FILTERS,
    FOLDER,
    BestFilters,
    BookFilters,
    LevelFilters,
    SpreadFilters,
)
from iexec_lab.client.matching.run_options import MatchOptions
from iexec_lab.client.options import on_a_line
from iexec_lab.commands.following import FOLLOW, follow
from iexec_lab.commands.handlers import given, given_for_app, outcome_of
from iexec_lab.commands.official_json import Answer, fetch
from iexec_lab.commands.options import CHAIN, PLOT, READS, declared_options
from iexec_lab.commands.plotting import plotting
from iexec_lab.commands.readable import readable
from iexec_lab.commands.tree import Argument, Command, Option

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
        values["limit"] = context.rows if args.limit is None else args.limit
        if args.address:
            values[kind] = args.address
        if args.follow:
            address = values.pop(kind, None)
            return follow(context, args, lab.orderbook.stream(kind, address, timeout=args.timeout, **values))
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


def _figures(verb: str, *positional: str) -> Handler:
    """A handler of a verb that computes something from the book."""

    def handle(context: Context, args: Namespace) -> Outcome:
        lab = context.lab(args)
        if verb == "match":
            values = given_for_app(context, args, _COMPUTED[verb], lab.session.network.id)
        else:
            values = given(args, (*positional, *on_a_line(_COMPUTED[verb])))
        with context.face.working("Reading the orderbook"):
            answer = fetch(lab, f"orderbook.{verb}", **values)
        outcome = outcome_of(answer)
        shown = {key: _even(value) for key, value in outcome.raw.items() if isinstance(value, list)}
        if answer.facts.remark and not args.raw:
            context.face.note(answer.facts.remark)
        return replace(outcome, shown=readable(shown))

    return handle


def _even(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the same columns, so that they make a table."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name, "") for name in names} for row in rows]


_COMPUTED = {
    "depth": LevelFilters,
    "best": BestFilters,
    "spread": SpreadFilters,
    "match": MatchOptions,
    "simulate": LevelFilters,
}
_KIND = Argument("kind", "text", "what is on sale (workerpool)", choices=tuple(FILTERS))


def _computed(
    verb: str, summary: str, *args: Argument, options: tuple[Option, ...] = CHAIN, example: str
) -> Command:
    positional = [argument.dest for argument in args if argument.dest != "app"]
    return Command(
        ("orderbook", verb),
        summary,
        _figures(verb, *positional),
        args=args,
        options=(*options, *declared_options(_COMPUTED[verb])),
        example=example,
    )


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
        options=(*CHAIN, PLOT, *declared_options(FILTERS[kind]), *FOLLOW),
        example=example,
    )


def record(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    with context.face.working("Recording the orderbook") as step:
        answer = fetch(
            lab, "orderbook.record", args.list, to=args.to, timeout=args.timeout, progress=step.update
        )
    said = "{changes} changes written to {folder}; {listed} orders at the end."
    return outcome_of(answer, said)


def look_back(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    values = given(args, on_a_line(BookFilters))
    values["limit"] = context.rows if args.limit is None else args.limit
    with context.face.working("Reading the recording"):
        facts = fetch(
            lab, "orderbook.at", args.moment, args.list, args.address, folder=args.folder, **values
        ).facts
    return outcome_of(Answer(f"orderbook.{args.list}", facts, lab.orderbook))


_LIST = Argument("list", "name", "which list", default="workerpool", choices=tuple(FILTERS))
_FOLDER = "folder of the recordings (book)"

COMMANDS = (
    _command("app", "orders that sell an app", required=True, example="orderbook app any"),
    _command(
        "dataset", "orders that sell a dataset", required=True, example="orderbook dataset any --app any"
    ),
    _command("workerpool", "orders that sell computing power", example="orderbook workerpool --category 0"),
    _command("requester", "requests that wait for a workerpool", example="orderbook requester --category 0"),
    Command(
        ("orderbook", "record"),
        "write a list and its changes down, until interrupted",
        record,
        args=(_LIST,),
        options=(
            *CHAIN,
            Option("--to", "folder", _FOLDER, shows="path", default=FOLDER),
            Option("--timeout", "integer", "stop after so many seconds", shows="seconds"),
        ),
        example="orderbook record workerpool --to book",
        notes="Needs pyarrow. iexec-lab orderbook at <moment> shows what the list looked like at a moment.",
    ),
    Command(
        ("orderbook", "at"),
        "a recorded list as it was at a moment",
        look_back,
        args=(
            Argument("moment", "text", "date and time, UTC", required=True),
            _LIST,
            Argument("address", "address", "only this app, dataset, workerpool or requester"),
        ),
        options=(
            *CHAIN,
            Option("--folder", "folder", _FOLDER, shows="path", default=FOLDER),
            *declared_options(BookFilters),
        ),
        example='orderbook at "2026-10-01 12:30" workerpool',
    ),
    _computed(
        "depth",
        "orders by price, and what they add up to",
        _KIND,
        example="orderbook depth workerpool --category 0",
    ),
    _computed(
        "best",
        "the best order of each category and tag, or of each app or dataset",
        _KIND,
        example="orderbook best --category 0",
    ),
    _computed("spread", "what is asked and what is paid, by category", example="orderbook spread"),
    _computed(
        "match",
        "all combinations of orders for an app; the first is what app run takes",
        Argument("app", "app", "the app; by default the one in deployed.json", shows="appAddress"),
        options=READS,
        example="orderbook match --tag tee,tdx",
    ),
    _computed(
        "simulate",
        "fill a volume through the book, price by price",
        Argument("volume", "integer", "how many tasks", required=True),
        _KIND,
        options=READS,
        example="orderbook simulate 100 --category 0",
    ),
)
