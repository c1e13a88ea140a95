"""Commands that list the market: ``deal list``, ``app deals`` ... one declaration for all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.market.filters import LISTS, ChildFilters, DatasetDealFilters, EventFilters
from iexec_lab.client.options import on_a_line
from iexec_lab.commands.following import FOLLOW, follow
from iexec_lab.commands.handlers import given, outcome_of
from iexec_lab.commands.official_json import fetch
from iexec_lab.commands.options import PLOT, READS, declared_options, flag
from iexec_lab.commands.plotting import plotting
from iexec_lab.commands.tree import Argument, Command, Option
from iexec_lab.errors import UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from iexec_lab.client.iexec import IExec
    from iexec_lab.client.live.follow import Stream
    from iexec_lab.client.market.listing import Listed
    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome
    from iexec_lab.commands.tree import Handler

_PICTURES: Final = frozenset({"deals", "tasks"})
"""Lists that have a picture."""
DETAILS: Final = flag("--details", "also what the history and the market know of it")
_SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "listed_deal": ("deal_id", "started_at", "status", "app", "workerpool", "tasks", "task_price_nrlc"),
    "past_task": ("task_id", "status", "initialized_at", "execution_seconds", "workerpool"),
    "past_app": ("address", "name", "owner", "created_at", "usage_count", "last_used"),
    "past_dataset": ("address", "name", "owner", "created_at", "usage_count", "last_used"),
    "past_workerpool": ("address", "description", "owner", "created_at", "usage_count", "last_used"),
    "past_event": ("happened_at", "event", "account", "amount_nrlc", "tx_hash"),
    "asset_transfer": ("happened_at", "from_", "to", "tx_hash"),
    "contribution": ("task_id", "worker", "status", "contributed_at", "task_status", "score"),
}
"""Kind of frame -> the columns that a terminal shows; ``--raw`` and a notebook have all."""


def lists(noun: str, what: str, *, requester: bool = False, feed: bool = False, example: str) -> Command:
    """The command ``<noun> list``; ``feed`` where the market tells what changes."""
    options = (*declared_options(LISTS[noun]), *(FOLLOW if feed else ()))
    if requester:
        whose = Option("--requester", "user", f"only {noun}s of this requester", shows="address")
        options = (*options, whose)
    handler = _handler(f"{noun}.list", LISTS[noun])
    return _drawn((noun, "list"), f"{noun}s", handler, summary=what, options=options, example=example)


def of_one(noun: str, verb: str, argument: Argument, what: str, *, filters: type, example: str) -> Command:
    """A command that lists what belongs to one thing: ``app deals <address>``."""
    handler, options = _handler(f"{noun}.{verb}", filters, argument.dest), declared_options(filters)
    return _drawn(
        (noun, verb), verb, handler, summary=what, args=(argument,), options=options, example=example
    )


def _drawn(
    path: tuple[str, str], rows: str, handler: Handler, *, options: tuple[Option, ...], **about: Any
) -> Command:
    """The command; a list of deals or tasks takes ``--plot``."""
    if rows not in _PICTURES:
        return Command(path, handler=handler, options=(*READS, *options), **about)
    return Command(path, handler=plotting(handler, rows), options=(*READS, PLOT, *options), **about)


def of_asset(kind: str) -> tuple[Command, Command, Command]:
    """``list``, ``deals`` and ``transfers`` of apps, datasets or workerpools."""
    it = Argument("address", kind, f"the {kind}", required=True, shows=f"{kind}Address")
    example = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    return (
        lists(kind, f"{kind}s of everybody, newest first", example=f"{kind} list --sort usage_count"),
        of_one(
            kind,
            "deals",
            it,
            f"deals with this {kind}, newest first",
            filters=DatasetDealFilters if kind == "dataset" else ChildFilters,
            example=f"{kind} deals {example} --since 7d",
        ),
        of_one(
            kind,
            "transfers",
            it,
            f"who made and who owned this {kind}",
            filters=EventFilters,
            example=f"{kind} transfers {example}",
        ),
    )


def _handler(verb: str, filters: type, *names: str) -> Handler:
    def handle(context: Context, args: Namespace) -> Outcome:
        if getattr(args, "all", False) and getattr(args, "requester", None):
            raise UsageError("Name a requester or --all, not both")
        lab = context.lab(args)
        known = [*names, *on_a_line(filters), *(["requester"] if hasattr(args, "requester") else [])]
        values = given(args, known)
        if "limit" in known and context.rows is not None:
            values.setdefault("limit", context.rows)
        if getattr(args, "follow", False):
            return follow(context, args, _stream(lab, values, args.timeout))
        with context.face.working(f"Reading {verb.replace('.', ' ')}"):
            answer = fetch(lab, verb, **values)
        if "all" in known and not len(answer.facts) and _is_of_wallet(values):
            context.face.note(f"Everybody's: iexec-lab {verb.replace('.', ' ')} --all")
        return shown(context, answer, verb)

    return handle


def _is_of_wallet(values: Mapping[str, Any]) -> bool:
    from iexec_lab.client.market.wanted import NAMING

    return not values.keys() & {"all", *NAMING}


def _stream(lab: IExec, values: dict[str, Any], timeout: int | None) -> Stream:
    """Deals as they are made: the market's feed knows fewer filters than the history.

    Raises:
        UsageError: One of them is not among those.
    """
    from iexec_lab.services.market import DealFilters

    everybody = values.pop("all", False)
    beyond = sorted(set(values) - {"requester", "limit", *DealFilters.__annotations__})
    if beyond:
        flag_ = f"--{beyond[0].replace('_', '-')}"
        raise UsageError(f"The market's feed cannot look for {flag_}", hint=f"Leave out {flag_} or --follow.")
    return lab.deal.stream(timeout=timeout, all=everybody, **values)


def shown(context: Context, answer: Any, verb: str) -> Outcome:
    """The answer of a list as a person reads it: a few columns, a row each."""
    found: Listed = answer.facts
    outcome = outcome_of(answer)
    for remark in filter(None, (found.remark, found.more_to_type if found.more else "")):
        context.face.note(f"{remark[0].upper()}{remark[1:]}.")
    noun = verb.partition(".")[2] if not verb.endswith(".list") else f"{verb.partition('.')[0]}s"
    count = f"{len(found)} {noun.removesuffix('s') if len(found) == 1 else noun}."
    return replace(outcome, told=f"{count} {outcome.told}".strip(), shown=table(found))


def table(found: Listed) -> list[dict[str, Any]]:
    """Rows of text: dates, RLC, short ids but for the first column, nothing for what is missing."""
    names = _SHOWN[found.kind]
    return [
        {
            _title(name): _text(name, found.columns[name][row], whole=place == 0)
            for place, name in enumerate(names)
        }
        for row in range(len(found))
    ]


def _title(name: str) -> str:
    """As the columns of a frame are called."""
    return name.removesuffix("_nrlc")


def _text(name: str, value: Any, *, whole: bool) -> str:
    from iexec_lab.protocol import is_address, to_address
    from iexec_lab.spelling import in_rlc, short_id

    if value is None:
        return ""
    if name.endswith("_nrlc"):
        return in_rlc(value)
    if name.endswith("_at") or name == "last_used":
        from datetime import UTC, datetime

        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S}"
    text = to_address(value) if is_address(value) else str(value)
    return text if whole or name == "tx_hash" else short_id(text)
