"""``history``: what happened on the market, at any size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.market.past_filters import MOMENTS, PAST, PastDeals, PastOptions
from iexec_lab.client.options import on_a_line
from iexec_lab.commands.handlers import given
from iexec_lab.commands.official_json import fetch
from iexec_lab.commands.options import CHAIN, PLOT, declared_options
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.plotting import plotting
from iexec_lab.commands.tree import Command, Option
from iexec_lab.errors import UsageError
from iexec_lab.protocol import to_moment
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.tree import Handler

_SHOWN = 6
"""Columns of a table in a terminal."""
_BETWEEN = (
    Option("--since", "text", f"from then on: {MOMENTS}", shows="moment"),
    Option("--until", "text", "before then; as --since", shows="moment"),
)


def _handler(table: str) -> Handler:
    def handle(context: Context, args: Namespace) -> Outcome:
        if args.to and getattr(args, "plot", None):
            raise UsageError("Write the rows with --to, or draw them with --plot: not both")
        lab = context.lab(args)
        values = given(args, on_a_line(PAST[table]))
        if args.to:
            values["to"] = str(context.folder / args.to)
        else:
            values["limit"] = context.rows if args.limit is None else args.limit
        with context.face.working(f"Reading {table}"):
            answer = fetch(lab, f"history.{table}", args.since, args.until, **values)
        raw = answer.facts.to_json()
        left_out = f" {answer.facts.left_out} left out: not to be believed." if answer.facts.left_out else ""
        if args.to:
            said = f"{raw['rows']} {table} in {raw['folder']}, {raw['read']} of them read now.{left_out}"
            return Outcome(raw, answer.to_value, said, shown={})
        outcome = Outcome(raw, answer.to_value, told=left_out.strip())
        return replace(outcome, shown=[dict(map(_cell, [*row.items()][:_SHOWN])) for row in raw["rows"]])

    return handle


def _figures(verb: str, names: tuple[str, ...]) -> Handler:
    """The handler of a figure: its frame in a notebook, its rows in a terminal, exact in ``--raw``."""

    def handle(context: Context, args: Namespace) -> Outcome:
        lab = context.lab(args)
        asked = to_limit(args.limit)
        values = given(args, names)
        moments = {"end": args.until} if verb == "staked" else {"start": args.since, "end": args.until}
        with context.face.working("Reading the past"):
            frame = getattr(lab.history, verb)(**moments, **values)
        from iexec_lab.frames.shown import chosen

        total = len(frame)
        if asked is not None and asked < total:
            frame = frame.head(asked)
            frame.attrs |= {"rows": asked, "remark": f"the first of {total}: --limit {total} shows all"}
        rows = [
            {name: _told(name, value) for name, value in row.items() if not name.endswith("_rlc")}
            for row in frame.to_dict("records")
        ]
        wanted = [name.removesuffix("_rlc") for name in chosen(frame, wide=False)]
        kept = [
            name for name in frame.columns if name.removesuffix("_nrlc") in wanted and name[-4:] != "_rlc"
        ]
        kept.sort(key=lambda name: wanted.index(name.removesuffix("_nrlc")))
        read = rows[: asked or context.rows]
        if len(read) < total:
            context.face.note(f"The first {len(read)} of {total} rows: --limit {total} shows all.")
        shown = [dict(_cell((name, row[name])) for name in kept) for row in read]
        return Outcome({"rows": rows, "count": total}, lambda: frame, told=f"{total} rows.", shown=shown)

    return handle


def _told(name: str, value: Any) -> Any:
    """A value of a frame as JSON has it: exact integers, moments in ISO 8601, None for what is missing."""
    if name.endswith("_nrlc"):
        return None if value is None else str(value)
    if hasattr(value, "isoformat"):
        return None if value != value else value.isoformat()  # noqa: PLR0124 - NaT
    if isinstance(value, float):
        return None if value != value else round(value, 9)  # noqa: PLR0124 - NaN
    if isinstance(value, (str, bool)) or value is None:
        return value
    return int(value) if hasattr(value, "__int__") else None  # pandas' NA


def _cell(item: tuple[str, Any]) -> tuple[str, Any]:
    """A value as people read it: RLC, and dates."""
    name, value = item
    if value is None:
        return name.removesuffix("_nrlc"), "none"
    if name.endswith("_nrlc"):
        return name.removesuffix("_nrlc"), in_rlc(int(value))
    if name == "starts_at":
        return name, f"{to_moment(value):%Y-%m-%d %H:%M}"
    if name.endswith(("_at", "_deadline")):
        return name, f"{to_moment(value):%Y-%m-%d %H:%M:%S} UTC"
    return item


def _command(table: str, summary: str, **about: Any) -> Command:
    drawn = table in {"deals", "tasks"}
    return Command(
        ("history", table),
        summary,
        plotting(_handler(table), table) if drawn else _handler(table),
        options=(*CHAIN, *_BETWEEN, *([PLOT] if drawn else []), *declared_options(PAST[table])),
        notes="With --to, all rows since the beginning unless --since says otherwise; run it again to go on.",
        **about,
    )


_EVERY = Option("--every", "name", "hour, day, week or month", shows="period")
_BY = Option("--by", "name", "party: app, workerpool, requester, payer, category ...", shows="party")
_WHOSE = Option("--of", "name", "whose price: workerpool, app, dataset, or task, all three", shows="party")
_SHARED = Option("--of", "name", "what is shared: spent_nrlc, volume_nrlc, tasks, deals", shows="column")
_LIMIT = Option("--limit", "integer", "so many rows, the first ones", shows="count")
_FILTERS = tuple(
    option
    for option in declared_options(PastDeals)
    if option.flag not in {each.flag for each in declared_options(PastOptions)}
)


def _figure(verb: str, summary: str, *own: Option, picture: str = "", filters: bool = True) -> Command:
    """The command of a verb of ``lab.history`` that computes."""
    offered = (*own, *(_FILTERS if filters else ()))
    handler = _figures(verb, tuple(option.dest for option in offered))
    name = verb.replace("_", "-")
    between = _BETWEEN if filters else _BETWEEN[1:]
    return Command(
        ("history", name),
        summary,
        plotting(handler, picture) if picture else handler,
        options=(
            *CHAIN,
            *between,
            *([PLOT] if picture else []),
            _LIMIT,
            *offered,
        ),
        example=f"history {name}" + (" --since 30d" if filters else " --every week"),
    )


FIGURES = (
    _figure("per_day", "the deals of each day", _EVERY, picture="tasks"),
    _figure("per_app", "the deals of each app"),
    _figure("per_workerpool", "the deals of each workerpool"),
    _figure("per_requester", "the deals of each requester"),
    _figure("prices", "the prices of tasks over time", _EVERY, _WHOSE, picture="prices"),
    _figure("match_to_result", "how long people waited for a result", _BY),
    _figure("success", "how often tasks succeed and fail", _BY),
    _figure("late", "deals with tasks that nobody finished in time"),
    _figure("earnings", "what each party earned, and lost of its stake", picture="earnings"),
    _figure("concentration", "how much of the market the largest have", _BY, _SHARED),
    _figure("staked", "how much RLC is staked in all, over time", _EVERY, filters=False),
)

COMMANDS = (
    _command("deals", "all deals of the market", example="history deals --since 30d --to history"),
    _command("tasks", "all tasks, with the times of their events", example="history tasks --since 7d"),
    _command("events", "events of the hub", example="history events --event TaskFinalize --since 1d"),
    _command("transfers", "transfers of staked RLC and their causes", example="history transfers --limit 20"),
    _command("orders", "orders that were matched", example="history orders --order-kind workerpool"),
    *FIGURES,
)
