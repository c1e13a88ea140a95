"""What became of what was signed, from the chain: receipts, deals, tasks, orders. Nothing is guessed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.jobs.polling import look, read_deals
from iexec_lab.client.jobs.status import MAX_TASKS
from iexec_lab.client.ledger import DEALS, Entry, Facts, Gas
from iexec_lab.errors import CallError
from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.ethereum.receipts import Receipt
from iexec_lab.protocol import NULL_ADDRESS, to_address
from iexec_lab.protocol.ids import deal_id
from iexec_lab.protocol.states import COMPLETED, FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iexec_lab.client.jobs.status import JobDeal, TaskView
    from iexec_lab.client.session import Session

NEWEST: Final = 500
"""So many of the newest entries are asked about."""
_ROUNDS: Final = 50
"""Deals of one request that are looked for, one after the other."""
_CLAIMS: Final = frozenset({"deal claim", "task claim"})
_TRANSFERS: Final = frozenset(
    {"wallet send-RLC", "wallet sweep", "wallet bridge-to-sidechain", "wallet bridge-to-mainchain"}
)

Held = tuple["JobDeal", list["TaskView"]]


def refresh(session: Session, entries: Sequence[Entry]) -> None:
    """Ask the chain what became of entries; two or three round trips for all of them.

    Raises:
        CallError: The node does not answer.
    """
    asked = list({id(entry): entry for entry in entries if not entry.void}.values())[-NEWEST:]
    _read_receipts(session, asked)
    found = find_deals(session, asked)
    remaining = _remaining(session, asked)
    claimed = {view.task_id: held for deals in found.values() for held, views in deals for view in views}
    for entry in asked:
        entry.facts = _facts(entry, found[entry.id], remaining, claimed)


def _read_receipts(session: Session, entries: Sequence[Entry]) -> None:
    """The gas of transactions that is not known yet; those that are not mined stay unknown."""
    wanted = [(entry, tx_hash) for entry in entries for tx_hash, gas in entry.sent.items() if gas is None]
    if not wanted:
        return
    answers = session.rpc.batch([("eth_getTransactionReceipt", [tx_hash]) for _, tx_hash in wanted])
    for (entry, tx_hash), answer in zip(wanted, answers, strict=True):
        if not isinstance(answer, dict):
            continue
        try:
            receipt = Receipt.from_json(answer)
        except CallError:
            continue
        if receipt.tx_hash == tx_hash:  # else the node mixes transactions up
            entry.sent[tx_hash] = Gas(receipt.status, receipt.gas_wei, receipt.logs)


def find_deals(session: Session, entries: Sequence[Entry]) -> dict[str, list[Held]]:
    """The deals of each entry, by its id, with their tasks; also those that nobody lived to note.

    A deal follows from its request: the first from volume 0, the next from where that one ends. Deals of
    another requester than the entry's wallet are not its own, whatever the record says.
    """
    deals: dict[str, JobDeal] = {}
    wanted = {each for entry in entries for each in entry.deals}
    wanted |= {deal_id(request, 0) for entry in entries for request in entry.requests}
    request_of = {deal_id(request, 0): request for entry in entries for request in entry.requests}
    volumes = {request: entry.volume for entry in entries for request in entry.requests if entry.volume}
    for _ in range(_ROUNDS):
        missing = sorted(wanted - deals.keys())
        if not missing:
            break
        read = read_deals(session, missing, only=lambda _deal: True)
        wanted = set()
        for held in read:
            deals[held.deal_id] = held
            request, end = request_of.get(held.deal_id), held.deal.bot_first + held.deal.bot_size
            if request is not None and end < volumes.get(request, end + 1):
                after = deal_id(request, end)
                request_of[after] = request
                wanted.add(after)
    of_request = defaultdict(list)
    for name, request in request_of.items():
        if name in deals:
            of_request[request].append(name)
    mine: dict[str, list[JobDeal]] = {entry.id: [] for entry in entries}
    told: set[str] = set()
    claims = [(entry, name) for entry in entries for name in entry.deals]
    claims += [(entry, name) for entry in entries for each in entry.requests for name in of_request[each]]
    for entry, name in claims:  # what an entry names itself comes first
        made = deals.get(name)
        if made is not None and name not in told and made.deal.requester == entry.wallet:
            mine[entry.id].append(made)
            told.add(name)
    views = _tasks(session, [held for own in mine.values() for held in own])
    return {
        name: [(held, views[held.deal_id]) for held in own if held.deal_id in views]
        for name, own in mine.items()
    }


def _tasks(session: Session, deals: Sequence[JobDeal]) -> dict[str, list[TaskView]]:
    """The tasks of deals as they are now; deals that are too large to look at are left out."""
    kept, tasks = [], 0
    for held in reversed(deals):
        if tasks + held.deal.bot_size <= MAX_TASKS:
            kept.append(held)
            tasks += held.deal.bot_size
    views: dict[str, list[TaskView]] = {held.deal_id: [] for held in kept}
    refs = [ref for held in kept for ref in held.refs()]
    for view in look(session, refs) if refs else ():
        views[view.deal_id].append(view)
    return views


def _remaining(session: Session, entries: Sequence[Entry]) -> dict[str, int]:
    """How much of each standing request is used, by its hash."""
    standing = [each for entry in entries if entry.action not in DEALS for each in entry.requests]
    return dict(zip(standing, session.hub.view_consumed(standing), strict=True)) if standing else {}


def _facts(
    entry: Entry,
    deals: Sequence[Held],
    consumed: Mapping[str, int],
    tracked: Mapping[str, JobDeal],
) -> Facts:
    known = [gas for gas in entry.sent.values() if gas is not None]
    failed = bool(entry.sent) and len(known) == len(entry.sent) and not any(gas.done for gas in known)
    waits = len(known) < len(entry.sent)
    if deals or entry.requests:
        return _of_deals(entry, deals, consumed, failed=failed)
    if failed:
        return Facts(state="failed")
    if waits:
        return Facts(free=entry.signed, state="sent")
    if entry.action in _CLAIMS:
        return Facts(returned=_claimed(entry, known, tracked), state="done")
    if entry.action in _TRANSFERS:
        return Facts(paid=entry.signed, state="done")
    return Facts(free=entry.signed, state="done" if not entry.signed else "allowed")


def _of_deals(entry: Entry, deals: Sequence[Held], consumed: Mapping[str, int], *, failed: bool) -> Facts:
    """Locked, paid and returned by the states of tasks; of sponsored deals only what the wallet added."""
    locked = paid = returned = tasks = done = 0
    late = False
    for held, views in deals:
        price = held.deal.task_price if held.deal.sponsor in {entry.wallet, NULL_ADDRESS} else 0
        if not price:
            paid += sum(_transferred(entry, held.deal.sponsor))
        for view in views:
            tasks, done, late = tasks + 1, done + view.ended, late or (view.timed_out and not view.settled)
            if view.task.status == COMPLETED:
                paid += price
            elif view.task.status == FAILED:
                returned += price
            else:
                locked += price
    free = 0
    if entry.action in DEALS:
        free = 0 if deals or failed else entry.signed
    elif entry.volume:  # of a request that stands; a cancelled one is used up
        used = sum(consumed.get(request, 0) for request in entry.requests)
        free = entry.signed // entry.volume * max(entry.volume - used, 0)
    states = ("failed" if failed else "sent") if entry.action in DEALS else "standing" if free else "used up"
    state = states if free or not deals else "late" if late else "running" if done < tasks else "ended"
    return Facts(locked, paid, returned, free, state, tasks if deals else None, done if deals else None)


def _transferred(entry: Entry, to: str) -> Iterator[int]:
    """What the wallet's account gave to an address, by the receipts of the entry."""
    for values in _events(entry.sent.values(), EVENTS.Transfer):
        if to_address(values["from"]) == entry.wallet and to_address(values["to"]) == to:
            yield int(values["value"])


def _claimed(entry: Entry, known: Sequence[Gas], tracked: Mapping[str, JobDeal]) -> int:
    """What a claim gave back, without what the rows of the jobs themselves show."""
    back = sum(
        int(values["amount"])
        for values in _events(known, EVENTS.Unlock)
        if to_address(values["owner"]) == entry.wallet
    )
    shown = 0
    for values in _events(known, EVENTS.TaskClaimed):
        held = tracked.get("0x" + values["taskid"].hex())
        if held is not None and held.deal.sponsor == entry.wallet:
            shown += held.deal.task_price
    return max(back - shown, 0)


def _events(gases: Any, event: Any) -> Iterator[dict[str, Any]]:
    for gas in gases:
        for log in gas.logs if gas is not None else ():
            if event.matches(log):
                yield event.decode(log)
