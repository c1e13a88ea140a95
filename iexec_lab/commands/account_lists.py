"""What lists of an account print: its statement, the orders it gave and was given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iexec_lab.client.market.own_filters import AccessFilters, StatementFilters
from iexec_lab.client.options import on_a_line
from iexec_lab.commands.handlers import given, outcome_of
from iexec_lab.commands.official_json import fetch
from iexec_lab.commands.readable import readable
from iexec_lab.spelling import in_rlc, short_id

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome


def history(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    values = given(args, ("address", *on_a_line(StatementFilters)))
    if args.limit is None and not args.raw:
        values["limit"] = context.rows
    with context.face.working("Reading the account's movements"):
        answer = fetch(lab, "account.history", **values)
    found = answer.facts
    listed = sum("amount" in row for row in found)
    if listed < found.total:
        context.face.note(f"{found.total - listed} earlier movements; --limit {found.total} shows all.")
    if found.remark:
        context.face.note(found.remark)
    rlc = f"{in_rlc(found.stake)} staked, {in_rlc(found.locked)} locked"
    outcome = outcome_of(answer, f"Account {found.address} at block {found.block}: {rlc}.")
    return replace(outcome, shown=[_movement(row) for row in found])


def _movement(row: dict[str, Any]) -> dict[str, Any]:
    """A movement as a line of a table."""
    rlc = {name: in_rlc(int(row[name])) if name in row else "" for name in ("amount", "stake", "locked")}
    time = readable(row.get("timestamp", ""), "startTime") if "timestamp" in row else ""
    return {
        "time": time,
        "cause": row["cause"].replace("_", " "),
        "amount": rlc["amount"],
        "stake": rlc["stake"],
        "locked": rlc["locked"],
        "deal": short_id(row.get("dealid", "")),
    }


def list_orders(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    values = given(args, ("address", *on_a_line(AccessFilters)))
    if args.limit is None and context.rows is not None:
        values["limit"] = context.rows
    with context.face.working("Reading the orders"):
        answer = fetch(lab, "order.list", **values)
    found = answer.facts
    if len(found) < found.total:
        context.face.note(f"{found.total - len(found)} more; --limit {found.total} shows all.")
    if found.remark:
        context.face.note(f"{found.remark[0].upper()}{found.remark[1:]}.")
    outcome = outcome_of(answer)
    count = f"{found.total} {'order' if found.total == 1 else 'orders'}."
    told = f"{count} {outcome.told}".strip()
    return replace(outcome, told=told, shown=[_order(row) for row in found])


def _order(row: dict[str, Any]) -> dict[str, Any]:
    """An order as a line of a table."""
    return {
        "kind": row["kind"],
        "order_hash": row["orderHash"],
        "asset": row["asset"],
        "price": in_rlc(int(row["price"])),
        "remaining": f"{row['remaining']} of {row['volume']}",
        "status": row["status"],
    }
