"""An account statement: every nRLC that came to an account on the hub or left it, why, and what was left.

The movements are recomputed from the first one on and compared with what the hub shows now: a statement that
does not end there says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.market.causes import CAUSES, Reason, explain
from iexec_lab.client.market.given import plain_values
from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.market.money import movements, read_events
from iexec_lab.errors import ValidationError
from iexec_lab.ethereum.answers import to_int
from iexec_lab.ethereum.calls import Call, read
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.history.moments import to_span
from iexec_lab.history.source import open_source
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_address
from iexec_lab.protocol.states import Account
from iexec_lab.services.rows import Rows
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.client.market.money import Movement
    from iexec_lab.client.session import Session
    from iexec_lab.history.source import Span

BEFORE: Final = "balance_before"
"""The cause of the row that sums up what is not listed."""
_GROUPS: Final = {word for cause in CAUSES for word in (cause, *cause.split("_"))}


class Statement(Rows):
    """The rows of a statement, oldest first.

    Attributes:
        address: Whose account it is.
        block: The block up to which it was read.
        stake: nRLC staked at that block, as the hub shows it.
        locked: The same of what is locked.
        unexplained: (stake, locked) that the hub shows beyond what all movements add up to, nRLC.
        total: How many movements there are in the time that was asked for.
    """

    address: str = ""
    block: int = 0
    stake: int = 0
    locked: int = 0
    unexplained: tuple[int, int] = (0, 0)
    total: int = 0
    remark: str = ""


def read_statement(
    session: Session,
    address: str,
    *,
    since: Any = None,
    until: Any = None,
    limit: int | None = None,
    cause: Any = None,
    source: str | None = None,
) -> Statement:
    """The statement of an account.

    Args:
        session: Where it is.
        address: Whose account.
        since: From then on, as for ``history.moments.to_span``; what was before is one row.
        until: Before then.
        limit: The newest so many movements; what was before is one row. None for all.
        cause: Only movements with these causes: words of ``CAUSES``, or parts of them (``reward``).
        source: ``subgraph`` or ``logs``, to choose.

    Raises:
        ValidationError: A moment, the limit or the cause cannot be read.
        ServiceError, CallError: The source or the node was not reached.
    """
    given = plain_values({"since": since, "until": until, "cause": cause, "source": source})
    since, until, source = (given[name] for name in ("since", "until", "source"))
    wanted, most = _causes(given["cause"]), to_limit(limit)
    held = open_source(session.network, session.rpc, timeout=session.timeout, source=source)
    span = to_span(since, until, held.head, held.block)
    block = to_int(session.rpc.request("eth_blockNumber"))
    account, kitty = _now(session, address, block)
    events = read_events(session, address, block, held)
    moved = movements(events.events, address)
    made = Statement()
    made.address, made.block, made.left_out = address, block, events.left_out
    made.stake, made.locked = account.stake, account.locked
    stake, locked = (moved[-1].stake, moved[-1].locked) if moved else (0, 0)
    made.unexplained = (account.stake - stake, account.locked - locked)
    _fill(session, made, moved, span, wanted, most, kitty)
    made.remark = _remark(made)
    return made


def _now(session: Session, address: str, block: int) -> tuple[Account, str]:
    """What the hub shows at this block, and who its kitty is."""
    hub = session.network.hub
    calls = [Call(hub, HUB.viewAccount, (address,)), Call(hub, HUB.kitty_address)]
    account, kitty = read(session.rpc, calls, block=hex(block))
    return Account.from_abi(account), to_address(kitty)


def _fill(
    session: Session,
    made: Statement,
    moved: Sequence[Movement],
    span: Span,
    wanted: frozenset[str],
    most: int | None,
    kitty: str,
) -> None:
    """Add the rows that were asked for."""
    chosen = [place for place, each in enumerate(moved) if span.holds(each.at, each.block)]
    if wanted:
        reasons = dict(
            zip(chosen, explain(session, made.address, [moved[i] for i in chosen], kitty), strict=True)
        )
        chosen = [place for place in chosen if _fits(reasons[place].cause, wanted)]
        made.total, chosen = len(chosen), _last(chosen, most)
    else:
        made.total, chosen = len(chosen), _last(chosen, most)
        reasons = dict(
            zip(chosen, explain(session, made.address, [moved[i] for i in chosen], kitty), strict=True)
        )
    first = chosen[0] if chosen else _end(moved, span)
    if first and not wanted:
        made.append(_opening(moved[first - 1]))
    made += [_row(moved[place], reasons[place]) for place in chosen]


def _last(places: list[int], most: int | None) -> list[int]:
    return places if most is None else places[len(places) - min(most, len(places)) :]


def _end(moved: Sequence[Movement], span: Span) -> int:
    """How many movements there were before the end of a time in which there were none."""
    return sum(
        (span.end is None or each.at < span.end) and (span.end_block is None or each.block < span.end_block)
        for each in moved
    )


def _opening(last: Movement) -> dict[str, Any]:
    return {"cause": BEFORE, "stake": str(last.stake), "locked": str(last.locked)}


def _row(moved: Movement, reason: Reason) -> dict[str, Any]:
    row = {
        "timestamp": moved.at,
        "blockNumber": moved.block,
        "logIndex": moved.log_index,
        "transactionHash": moved.tx_hash,
        "cause": reason.cause,
        "role": reason.role,
        "dealid": reason.deal_id,
        "taskid": reason.task_id,
        "asset": reason.asset,
        "counterparty": reason.counterparty,
        "amount": str(moved.amount),
        "stakeChange": str(moved.stake_change),
        "lockedChange": str(moved.locked_change),
        "stake": str(moved.stake),
        "locked": str(moved.locked),
    }
    return {name: value for name, value in row.items() if value is not None}


def _causes(cause: Any) -> frozenset[str]:
    """The words of the causes asked for.

    Raises:
        ValidationError: No cause has such a word.
    """
    if cause is None:
        return frozenset()
    words = cause if isinstance(cause, list) else str(cause).split(",")
    wanted = frozenset(str(word).strip().lower().replace(" ", "_").replace("-", "_") for word in words)
    unknown = sorted(wanted - _GROUPS)
    if unknown:
        raise ValidationError(
            f"{plain(unknown[0], 40)} is not a cause of movements", hint=f"Use one of: {', '.join(CAUSES)}."
        )
    return wanted


def _fits(cause: str, wanted: frozenset[str]) -> bool:
    return cause in wanted or not wanted.isdisjoint(cause.split("_"))


def _remark(made: Statement) -> str:
    """A sentence where the movements do not add up to what the hub shows."""
    stake, locked = made.unexplained
    if not (stake or locked):
        return ""
    apart = " and ".join(
        f"{in_rlc(abs(nrlc))} {'more' if nrlc > 0 else 'less'} {word}"
        for nrlc, word in ((stake, "staked"), (locked, "locked"))
        if nrlc
    )
    why = (
        f"{made.left_out} events could not be read"
        if made.left_out
        else "the source does not have all events of this hub: it began later, or leaves some out"
    )
    return f"At block {made.block} the hub shows {apart} than these movements add up to: {why}."
