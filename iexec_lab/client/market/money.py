"""What moved an account on the hub: its stake and its locked RLC, movement by movement.

The hub tells most movements twice. A lock is a ``Transfer`` of staked RLC from the account to the hub and a
``Lock`` right after it; unlocks and rewards are a ``Transfer`` from the hub and an ``Unlock`` or ``Reward``.
So the stake follows transfers alone, what is locked follows ``Lock``, ``Unlock`` and ``Seize`` alone, and a
pair is one movement. A deposit is a transfer from nobody, a withdrawal one to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.history.source import Span, open_source
from iexec_lab.protocol import NULL_ADDRESS, to_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from iexec_lab.client.session import Session
    from iexec_lab.history.from_logs import LogSource
    from iexec_lab.history.from_subgraph import SubgraphSource
    from iexec_lab.history.source import Page, Source

MONEY: Final = ("Transfer", "Lock", "Unlock", "Reward", "Seize")
"""The events of the hub that move RLC."""
_SIDES: Final = (("Transfer", "from"), ("Transfer", "to"), *((name, "account") for name in MONEY[1:]))
"""The events of an account in a subgraph: their names, and the field that names the account."""
_IN_PAIRS: Final = {"Lock": -1, "Unlock": 1, "Reward": 1}
"""Events that follow a transfer -> its direction, as the account sees it."""
_LOCKED: Final = {"Lock": 1, "Unlock": -1, "Seize": -1}
_FIELDS: Final = (
    "block",
    "log_index",
    "tx_hash",
    "happened_at",
    "event",
    "account",
    "to",
    "amount_nrlc",
    "task_id",
)


class Event(NamedTuple):
    """An event that moves RLC; ``account`` is whose it is, of a transfer who sent it."""

    block: int
    log_index: int
    tx_hash: str
    at: int
    name: str
    account: str
    to: str
    amount: int
    task_id: str | None


@dataclass(slots=True)
class Movement:
    """One movement of one account; changes are signed nRLC, ``stake`` and ``locked`` what was left after it.

    ``kind`` is ``mint``, ``burn``, ``in``, ``out``, ``self``, or the event's name in lower case;
    ``log_index`` is that of the event that says most, and ``other`` the other side of a transfer.
    """

    block: int
    log_index: int
    tx_hash: str
    at: int
    kind: str
    stake_change: int
    locked_change: int
    other: str
    task_id: str | None
    stake: int = 0
    locked: int = 0

    @property
    def amount(self) -> int:
        """What the stake gained or lost; of a seizure, what the locked RLC lost."""
        return self.stake_change or self.locked_change


class Read(NamedTuple):
    """The events of an account up to a block, oldest first, and how many rows could not be believed."""

    events: list[Event]
    left_out: int


def read_events(session: Session, who: str, last_block: int, source: Source) -> Read:
    """All events that moved RLC of an account, from the first block to ``last_block``.

    What a subgraph has not seen yet is read from the node's logs.
    """
    head = min(source.head().number, last_block)
    found, left_out = _collected(_pages(session, source, who, Span(end_block=head + 1)), who)
    if head < last_block and source.name != "logs":
        logs = open_source(session.network, session.rpc, timeout=session.timeout, source="logs")
        span = Span(first_block=head + 1, end_block=last_block + 1)
        rest, more = _collected(_pages(session, logs, who, span), who)
        found, left_out = found | rest, left_out + more
    return Read([found[place] for place in sorted(found) if place[0] <= last_block], left_out)


def _pages(session: Session, source: Source, who: str, span: Span) -> list[Page]:
    """The events of an account; nothing about others is asked for where that can be helped."""
    from iexec_lab.history.from_logs import LogSource
    from iexec_lab.history.from_subgraph import SubgraphSource

    if isinstance(source, SubgraphSource):
        found = session.each(lambda side: _from_subgraph(source, who, *side), _SIDES)
    else:
        assert isinstance(source, LogSource)
        first, last = source.blocks(span)
        found = session.each(lambda topics: _from_logs(source, who, topics, first, last), _topics(who))
    return [page for pages in found for page in pages]


def _from_subgraph(source: SubgraphSource, who: str, name: str, side: str) -> list[Page]:
    """The events of one kind with the account on one side."""
    from iexec_lab.history.graph_rows import EVENTS as LISTS
    from iexec_lab.history.graph_rows import read_page

    pages = source.raw_pages(LISTS[name], Span(), {side: who.lower()})
    return [read_page("events", LISTS[name], rows) for rows, _ in pages]


def _topics(who: str) -> list[list[Any]]:
    """Transfers are found by their sides; the other events have no index: whose they are is in their data."""
    transfer, others = EVENTS.Transfer.topic, [getattr(EVENTS, name).topic for name in MONEY[1:]]
    return [[transfer, _padded(who)], [transfer, None, _padded(who)], [others]]


def _padded(who: str) -> str:
    """An address as a word of 32 bytes."""
    return f"0x{who[2:].lower():0>64}"


def _from_logs(source: LogSource, who: str, topics: list[Any], first: int, last: int) -> list[Page]:
    """The events of an account among logs with these topics."""
    from iexec_lab.ethereum.logs import read_many_logs
    from iexec_lab.history.logs import rows

    pages, transfer, account = [], EVENTS.Transfer.topic, _padded(who)
    for logs in read_many_logs(source.rpc, source.hub.address, topics, from_block=first, to_block=last):
        mine = [log for log in logs if log["topics"][0] == transfer or log["data"][:66].lower() == account]
        source.times.learn(mine)
        pages.append(rows.to_page("events", mine, lambda log: rows.event(log, source.times)))
    return pages


def _collected(pages: Iterable[Page], who: str) -> tuple[dict[tuple[int, int], Event], int]:
    found: dict[tuple[int, int], Event] = {}
    left_out = 0
    for page in pages:
        left_out += page.left_out
        for values in zip(*(page[name] for name in _FIELDS), strict=True):
            event = _event(values)
            if who in {event.account, event.to}:
                found[event.block, event.log_index] = event
    return found, left_out


def _event(values: Sequence[Any]) -> Event:
    block, log_index, tx_hash, at, name, account, to, amount, task_id = values
    receiver = to_address(to or NULL_ADDRESS) if name == "Transfer" else ""
    return Event(
        block,
        log_index,
        tx_hash,
        at,
        name,
        to_address(account or NULL_ADDRESS),
        receiver,
        amount,
        task_id,
    )


def movements(events: Sequence[Event], who: str) -> list[Movement]:
    """The movements of an account with their running balances; what moves 0 nRLC is none."""
    found: list[Movement] = []
    stake = locked = 0
    for each in _paired(events, who):
        if not (each.stake_change or each.locked_change):
            continue
        stake, locked = stake + each.stake_change, locked + each.locked_change
        each.stake, each.locked = stake, locked
        found.append(each)
    return found


def _paired(events: Sequence[Event], who: str) -> Iterator[Movement]:
    waiting: Movement | None = None  # a transfer that the next event may explain
    for event in events:
        if event.name == "Transfer":
            if waiting:
                yield waiting
            waiting = _transfer(event, who)
            continue
        moved = Movement(
            event.block,
            event.log_index,
            event.tx_hash,
            event.at,
            event.name.lower(),
            0,
            _LOCKED.get(event.name, 0) * event.amount,
            "",
            event.task_id,
        )
        direction = _IN_PAIRS.get(event.name)
        if (
            waiting
            and direction
            and (waiting.block, waiting.log_index + 1) == (event.block, event.log_index)
            and waiting.stake_change == direction * event.amount
        ):
            moved.stake_change, moved.other = waiting.stake_change, waiting.other
            waiting = None
        if waiting:
            yield waiting
            waiting = None
        yield moved
    if waiting:
        yield waiting


def _transfer(event: Event, who: str) -> Movement:
    if event.account == event.to:
        kind, change, other = "self", 0, who
    elif event.to == who:
        kind, change, other = ("mint" if event.account == NULL_ADDRESS else "in"), event.amount, event.account
    else:
        kind, change, other = ("burn" if event.to == NULL_ADDRESS else "out"), -event.amount, event.to
    return Movement(
        event.block, event.log_index, event.tx_hash, event.at, kind, change, 0, other, event.task_id
    )
