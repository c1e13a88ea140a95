"""``orderbook``: what is for sale, and what is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.commands.handlers import done, given
from iexec_lab.commands.options import CATEGORY, CHAIN, flag
from iexec_lab.commands.tree import Argument, Command, Option

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome
    from iexec_lab.commands.tree import Handler

_PARTIES = {
    "app": Option("--app", "app", "orders this app may use", shows="address"),
    "dataset": Option("--dataset", "dataset", "orders this dataset may use", shows="address"),
    "workerpool": Option("--workerpool", "workerpool", "orders this workerpool may use", shows="address"),
    "requester": Option("--requester", "user", "orders this requester may use", shows="address"),
    "beneficiary": Option("--beneficiary", "user", "requests for this beneficiary", shows="address"),
}
_TAGS = (
    Option("--tag", "tag", "orders with exactly this tag"),
    Option("--require-tag", "tag", "orders with at least this tag"),
    Option("--max-tag", "tag", "orders with at most this tag"),
    Option("--min-volume", "integer", "orders good for at least this many executions"),
)
_LIMIT = Option("--limit", "integer", "stop after this many orders", shows="count")


def _strict(kind: str) -> Option:
    return flag(f"--{kind}-strict", f"leave out orders that any {kind} may use")


def _book(kind: str, options: tuple[Option, ...]) -> Handler:
    names = tuple(option.dest for option in options)

    def handle(context: Context, args: Namespace) -> Outcome:
        lab = context.lab(args)
        values = given(args, names)
        values["limit"] = args.limit or context.rows
        if args.address:
            values[kind] = args.address
        with context.face.working("Reading the orderbook"):
            outcome = done(lab, f"orderbook.{kind}", **values)
        _tell_rest(context, outcome)
        return outcome

    return handle


def _tell_rest(context: Context, outcome: Outcome) -> None:
    listed = next(value for value in outcome.raw.values() if isinstance(value, list))
    rest = int(outcome.raw["count"]) - len(listed)
    if rest > 0:
        context.face.note(f"{rest} more; --limit {outcome.raw['count']} shows all.")


def _command(kind: str, summary: str, *options: Option, required: bool = False, example: str) -> Command:
    what = "any" if not required else f'address, or "any" for orders of every {kind}'
    given_kind = "user" if kind == "requester" else kind
    return Command(
        ("orderbook", kind),
        summary,
        _book(kind, (*_TAGS, *options)),
        args=(
            Argument(
                "address", given_kind, f"the {kind}; {what}" if not required else what, required=required
            ),
        ),
        options=(*CHAIN, *_TAGS, *options, _LIMIT),
        example=example,
    )


COMMANDS = (
    _command(
        "app",
        "orders that sell an app",
        _PARTIES["dataset"],
        _PARTIES["workerpool"],
        _PARTIES["requester"],
        _strict("dataset"),
        _strict("workerpool"),
        _strict("requester"),
        required=True,
        example="orderbook app any",
    ),
    _command(
        "dataset",
        "orders that sell a dataset",
        _PARTIES["app"],
        _PARTIES["workerpool"],
        _PARTIES["requester"],
        _strict("app"),
        _strict("workerpool"),
        _strict("requester"),
        flag("--bulk-only", "orders that bulk processing can use"),
        required=True,
        example="orderbook dataset any --app any",
    ),
    _command(
        "workerpool",
        "orders that sell computing power",
        CATEGORY,
        Option("--min-trust", "integer", "pools that promise at least this trust"),
        _PARTIES["app"],
        _PARTIES["dataset"],
        _PARTIES["requester"],
        _strict("app"),
        _strict("dataset"),
        _strict("requester"),
        example="orderbook workerpool --category 0",
    ),
    _command(
        "requester",
        "requests that wait for a workerpool",
        CATEGORY,
        Option("--max-trust", "integer", "requests that ask for at most this trust"),
        _PARTIES["app"],
        _PARTIES["dataset"],
        _PARTIES["beneficiary"],
        _PARTIES["workerpool"],
        _strict("workerpool"),
        example="orderbook requester --category 0",
    ),
)
