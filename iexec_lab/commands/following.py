"""``--follow``: a list that goes on as it changes, until it is interrupted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.commands.options import flag
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.text import safe
from iexec_lab.commands.tree import Option
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.client.live.follow import Change, Stream
    from iexec_lab.commands.context import Context

FOLLOW: Final = (
    flag("--follow", "go on with what changes, until interrupted", "follow"),
    Option(
        "--timeout", "integer", "with --follow: stop after so many seconds", shows="seconds", group="follow"
    ),
)
LISTED: Final = "listed"
_SIGNS: Final = {LISTED: " ", "added": "+", "changed": "~", "removed": "-"}


def follow(context: Context, args: Namespace, stream: Stream) -> Outcome:
    """Show the list and its changes where the command was typed; the value is the list at the end."""
    with stream:
        context.face.follow(stream, raw=args.raw)
    rows, total, changes = len(stream.rows), stream.total, stream.changes
    counted = f"{rows} of {total}" if total > rows else f"{rows}"
    said = f"{changes} {'change' if changes == 1 else 'changes'}, {counted} rows at the end"
    if stream.gaps:
        said += f"; the feed was cut {stream.gaps} times, and what was missed is in"
    raw = {"count": rows, "changes": changes, "gaps": stream.gaps}
    return Outcome(raw, lambda: stream.frame, f"{said}.", shown={})


def line(event: str, row: Any, kind: str, at: str = "") -> str:
    """One change as a line: when, what, which, its price in RLC and what is left."""
    if kind == "deal":
        price, status = row["task_price_nrlc"], row["status"]
        cost = "? RLC" if price is None else in_rlc(int(price))
        text = (
            f"{row['deal_id']}  {cost} x {row['tasks']}  app {row['app']}"
            f"  workerpool {row['workerpool']}{f'  {status}' if status else ''}"
        )
    else:
        from iexec_lab.services.market import RESOURCE_FIELDS
        from iexec_lab.services.market_filter import PRICE_FIELDS

        order, of = row["order"], RESOURCE_FIELDS[kind]
        text = (
            f"{row['orderHash']}  {in_rlc(int(order[PRICE_FIELDS[kind]]))} x {row['remaining']}"
            f"  {of} {order[of]}"
        )
    return safe(f"{at:>8} {_SIGNS[event]} {text}")


def json_line(event: str, row: Any, at: str | None = None) -> str:
    """One change as a line of JSON."""
    return json.dumps({"event": event, **({"at": at} if at else {}), "row": row}, separators=(",", ":"))


def change_line(change: Change, *, raw: bool) -> str:
    """A change as a line, of text or of JSON."""
    if raw:
        return json_line(change.event, change.row, f"{change.at:%Y-%m-%dT%H:%M:%SZ}")
    return line(change.event, change.row, change.kind, f"{change.at:%H:%M:%S}")
