"""``history``: what happened on the market, at any size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iexec_lab.client.market.past_filters import MOMENTS, PAST
from iexec_lab.client.options import on_a_line
from iexec_lab.commands.handlers import given
from iexec_lab.commands.official_json import fetch
from iexec_lab.commands.options import CHAIN, PLOT, declared_options
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.plotting import plotting
from iexec_lab.commands.tree import Command, Option
from iexec_lab.errors import UsageError
from iexec_lab.protocol import to_moment
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from iexec_lab.commands.context import Context, Step
    from iexec_lab.commands.tree import Handler
    from iexec_lab.history.disk.streams import Progress

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
        with context.face.working(f"Reading {table}") as step:
            answer = fetch(lab, f"history.{table}", args.since, args.until, progress=_telling(step), **values)
        raw = answer.facts.to_json()
        left_out = f" {answer.facts.left_out} left out: not to be believed." if answer.facts.left_out else ""
        if args.to:
            said = f"{raw['rows']} {table} in {raw['folder']}, {raw['read']} of them read now.{left_out}"
            return Outcome(raw, answer.to_value, said, shown={})
        outcome = Outcome(raw, answer.to_value, left_out.strip())
        return replace(outcome, shown=[dict(map(_cell, [*row.items()][:_SHOWN])) for row in raw["rows"]])

    return handle


def _cell(item: tuple[str, Any]) -> tuple[str, Any]:
    """A value as people read it: RLC, and dates."""
    name, value = item
    if value is None:
        return name.removesuffix("_nrlc"), "none"
    if name.endswith("_nrlc"):
        return name.removesuffix("_nrlc"), f"{format_rlc(int(value))} RLC"
    if name.endswith(("_at", "_deadline")):
        return name, f"{to_moment(value):%Y-%m-%d %H:%M:%S} UTC"
    return item


def _telling(step: Step) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        left = "" if progress.seconds_left is None else f", {_duration(progress.seconds_left)} left"
        words = f"{progress.rows} rows, {progress.rows_per_second:,.0f} a second{left}"
        step.update(words, int(100 * progress.share), 100)

    return tell


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


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


COMMANDS = (
    _command("deals", "all deals of the market", example="history deals --since 30d --to history"),
    _command("tasks", "all tasks, with the times of their events", example="history tasks --since 7d"),
    _command("events", "events of the hub", example="history events --event TaskFinalize --since 1d"),
    _command("transfers", "transfers of staked RLC and their causes", example="history transfers --limit 20"),
    _command("orders", "orders that were matched", example="history orders --order-kind workerpool"),
)
