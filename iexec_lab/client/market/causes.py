"""Why an account's RLC moved: the transaction of a movement says to which deal or task it belongs.

The hub does its work for one deal or task after another and ends each with an event that names it:
``OrdersMatched``, ``TaskContribute``, ``TaskFinalize``, ``TaskClaimed``. What stands before such an event
belongs to it. Within a finished task the payer's lock is seized first, then the owners of app and
dataset are paid, then the scheduler's stake comes free; workers are paid or seized after that, and the last
reward is the scheduler's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.errors import IexecError
from iexec_lab.ethereum.answers import to_int
from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.protocol import NULL_ADDRESS, to_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iexec_lab.client.market.money import Movement
    from iexec_lab.client.session import Session
    from iexec_lab.protocol.states import Deal, Task

CAUSES: Final = (
    *("deposit", "withdrawal", "transfer_in", "transfer_out"),
    *("deal_lock", "payment", "refund"),
    *("app_reward", "dataset_reward", "worker_reward", "scheduler_reward", "kitty_reward"),
    *("stake_lock", "stake_unlock", "stake_seized"),
    *("kitty_in", "kitty_lock", "kitty_out"),
    *("lock", "unlock", "reward", "seize"),
)
"""Why RLC moved. The last four stand where the transaction does not tell more."""

_PLAIN: Final = {
    "mint": "deposit",
    "burn": "withdrawal",
    "in": "transfer_in",
    "out": "transfer_out",
}
_ENDS: Final = {
    event.topic: event
    for event in (EVENTS.OrdersMatched, EVENTS.TaskContribute, EVENTS.TaskFinalize, EVENTS.TaskClaimed)
}
_MONEY: Final = {
    event.topic: event for event in (EVENTS.Transfer, EVENTS.Lock, EVENTS.Unlock, EVENTS.Reward, EVENTS.Seize)
}
_AT_ONCE: Final = 1_000
"""Transactions that are asked for together."""


class Told(NamedTuple):
    """An event of the hub in a transaction.

    ``owner`` and ``amount`` are those of an event about money; ``subject`` is the id of the deal or task that
    it is about, empty where it names none.
    """

    log_index: int
    name: str
    owner: str = ""
    amount: int = 0
    subject: str = ""


@dataclass(slots=True)
class Reason:
    """Why a movement took place, and as what the account was part of it."""

    cause: str
    role: str | None = None
    deal_id: str | None = None
    task_id: str | None = None
    asset: str | None = None
    counterparty: str | None = None


@dataclass(slots=True)
class _Transaction:
    """What a transaction's receipt says: who sent it, the hub's events, transfers of the RLC token."""

    origin: str | None
    events: list[Told]
    payouts: list[tuple[str, int]] = field(default_factory=list)

    def end_of(self, log_index: int) -> Told | None:
        """The event that names the deal or task for which the hub worked at this place."""
        return next(
            (each for each in self.events if each.log_index >= log_index and each.name in _NAMES), None
        )

    def part(self, end: Told) -> list[Told]:
        """The events of this deal or task, up to its end."""
        before = [
            each.log_index for each in self.events if each.name in _NAMES and each.log_index < end.log_index
        ]
        start = max(before, default=-1)
        return [each for each in self.events if start < each.log_index <= end.log_index]

    def of_task(self, task_id: str) -> list[Told]:
        return [each for each in self.events if each.name in {"Reward", "Seize"} and each.subject == task_id]

    def has_ended(self, name: str, task_id: str) -> bool:
        return any(each.name == name and each.subject == task_id for each in self.events)


_NAMES: Final = {event.name for event in _ENDS.values()}


def explain(session: Session, who: str, moved: Sequence[Movement], kitty: str) -> list[Reason]:
    """A reason for each movement of an account; a plain one where the node does not have the transaction."""
    found = _transactions(session, {each.tx_hash for each in moved})
    tasks, deals = _named(session, moved, found)
    return [_reason(who, each, found.get(each.tx_hash), tasks, deals, kitty) for each in moved]


def _transactions(session: Session, hashes: Iterable[str]) -> dict[str, _Transaction]:
    wanted = sorted(hashes)
    found: dict[str, _Transaction] = {}
    token = session.token.lower()
    for start in range(0, len(wanted), _AT_ONCE):
        chunk = wanted[start : start + _AT_ONCE]
        answers = session.rpc.batch([("eth_getTransactionReceipt", [each]) for each in chunk])
        for tx_hash, receipt in zip(chunk, answers, strict=True):
            if isinstance(receipt, dict) and receipt["transactionHash"] == tx_hash:
                found[tx_hash] = _read(session.network.hub.lower(), token, receipt)
    return found


def _read(hub: str, token: str, receipt: Mapping[str, Any]) -> _Transaction:
    """The parts of a receipt that explain something; what has another form explains nothing."""
    made = _Transaction(_address(receipt.get("from")), [])
    for log in receipt["logs"]:
        address, topic = log["address"].lower(), next(iter(log["topics"]), "")
        event = _ENDS.get(topic) or _MONEY.get(topic)
        if event is None or not event.matches(log):
            continue
        try:
            if address == hub:
                made.events.append(_told(event.name, log))
            elif address == token and event is EVENTS.Transfer and log["topics"][1][26:] == hub[2:]:
                made.payouts.append((to_address("0x" + log["topics"][2][26:]), int(log["data"], 16)))
        except (IexecError, KeyError, ValueError):
            continue  # balances do not depend on it
    made.events.sort(key=lambda each: each.log_index)
    return made


def _told(name: str, log: Mapping[str, Any]) -> Told:
    """An event from its words of 32 bytes: ``eth_abi`` takes a millisecond for each."""
    data, place = log["data"][2:], to_int(log["logIndex"])
    words = [data[start : start + 64] for start in range(0, min(len(data), 192), 64)]
    if name == "OrdersMatched":
        return Told(place, name, subject="0x" + words[0].lower())
    if name in _NAMES:
        return Told(place, name, subject=log["topics"][1])
    if name == "Transfer":
        return Told(place, name)
    subject = "0x" + words[2].lower() if name in {"Reward", "Seize"} else ""
    return Told(place, name, to_address("0x" + words[0][24:]), int(words[1], 16), subject)


def _named(
    session: Session, moved: Sequence[Movement], found: Mapping[str, _Transaction]
) -> tuple[dict[str, Task], dict[str, Deal]]:
    """The tasks and deals that these movements belong to, as the hub knows them."""
    task_ids: dict[str, None] = {}
    deal_ids: dict[str, None] = {}
    for each in moved:
        transaction = found.get(each.tx_hash)
        end = transaction.end_of(each.log_index) if transaction and each.kind not in _PLAIN else None
        if each.task_id:
            task_ids[each.task_id] = None
        elif end is not None and end.name == "OrdersMatched":
            deal_ids[end.subject] = None
        elif end is not None:
            task_ids[end.subject] = None
    tasks = dict(zip(task_ids, session.hub.view_tasks(task_ids), strict=True))
    deal_ids |= dict.fromkeys(task.deal_id for task in tasks.values() if task.exists)
    deals = dict(zip(deal_ids, session.hub.view_deals(deal_ids), strict=True))
    return tasks, {deal_id: deal for deal_id, deal in deals.items() if deal.exists}


def _reason(
    who: str,
    moved: Movement,
    transaction: _Transaction | None,
    tasks: Mapping[str, Task],
    deals: Mapping[str, Deal],
    kitty: str,
) -> Reason:
    if moved.kind in _PLAIN:
        return _plain(moved, transaction)
    if transaction is None:
        return Reason(moved.kind, task_id=moved.task_id)
    end = transaction.end_of(moved.log_index)
    if end is not None and end.name == "OrdersMatched":
        deal_id = end.subject
        return _of_match(who, moved, transaction, end, deal_id, deals.get(deal_id))
    task_id = moved.task_id or (end.subject if end is not None else None)
    task = tasks.get(task_id or "")
    if task_id is None or task is None or task.deal_id not in deals:
        return Reason(moved.kind, task_id=task_id)
    deal = deals[task.deal_id]
    part = transaction.part(end) if end is not None else []
    made = _of_task(who, moved, transaction, part, task_id, task, deal, kitty)
    made.deal_id, made.task_id = task.deal_id, task_id
    return made


def _plain(moved: Movement, transaction: _Transaction | None) -> Reason:
    """A deposit names who sent it, a withdrawal who got it, a transfer the other account."""
    other: str | None = moved.other
    if moved.kind == "mint":
        other = transaction.origin if transaction else None
    elif moved.kind == "burn":
        paid = [to for to, amount in transaction.payouts if amount == -moved.amount] if transaction else []
        other = paid[0] if paid else None  # a native hub pays coins, of which no event tells
    return Reason(_PLAIN[moved.kind], counterparty=other)


def payer_of(deal: Deal) -> str:
    return deal.requester if deal.sponsor == NULL_ADDRESS else deal.sponsor


def _payer_role(deal: Deal) -> str:
    return "requester" if payer_of(deal) == deal.requester else "sponsor"


def _of_match(
    who: str,
    moved: Movement,
    transaction: _Transaction,
    end: Told,
    deal_id: str,
    deal: Deal | None,
) -> Reason:
    """The payer's lock comes first, then the scheduler's."""
    if moved.kind != "lock" or deal is None:
        return Reason(moved.kind, deal_id=deal_id)
    first = next(each for each in transaction.part(end) if each.name == "Lock")
    scheduler = deal.workerpool.owner
    if who == payer_of(deal) and (who != scheduler or moved.log_index == first.log_index):
        return Reason("deal_lock", _payer_role(deal), deal_id, None, deal.app.pointer, scheduler)
    return Reason("stake_lock", "scheduler", deal_id, None, deal.workerpool.pointer, payer_of(deal))


def _of_task(
    who: str,
    moved: Movement,
    transaction: _Transaction,
    part: Sequence[Told],
    task_id: str,
    task: Task,
    deal: Deal,
    kitty: str,
) -> Reason:
    scheduler, payer = deal.workerpool.owner, payer_of(deal)
    pool = deal.workerpool.pointer
    as_payer = Reason("payment", _payer_role(deal), asset=deal.app.pointer, counterparty=scheduler)
    as_scheduler = Reason("stake_unlock", "scheduler", asset=pool, counterparty=payer)
    as_worker = Reason("stake_unlock", "worker", asset=pool, counterparty=scheduler)
    of_kitty = Reason("kitty_in", "kitty", asset=pool, counterparty=scheduler)
    claimed = transaction.has_ended("TaskClaimed", task_id)
    if moved.kind == "lock":
        # The newest contracts lock what the kitty gets without passing it through the stake first.
        gained = "kitty_lock" if moved.stake_change else "kitty_in"
        made, cause = (of_kitty, gained) if who == kitty and claimed else (as_worker, "stake_lock")
    elif moved.kind == "seize":
        seized = [each for each in transaction.of_task(task_id) if each.name == "Seize"]
        is_first = bool(seized) and seized[0].log_index == moved.log_index
        if claimed:
            made, cause = as_scheduler, "stake_seized"
        elif is_first and who == payer:
            made, cause = as_payer, "payment"
        elif who == kitty and who not in task.contributors:
            made, cause = of_kitty, "kitty_out"
        else:
            made, cause = as_worker, "stake_seized"
    elif moved.kind == "unlock":
        mine = [each for each in part if each.name == "Unlock"]
        is_first = bool(mine) and mine[0].log_index == moved.log_index
        if claimed:
            made, cause = (as_payer, "refund") if who == payer and is_first else (as_worker, "stake_unlock")
        else:
            is_pool = who == scheduler and is_first
            made, cause = (as_scheduler if is_pool else as_worker), "stake_unlock"
    else:
        return of_kitty if claimed else _of_reward(moved, transaction, task_id, deal, kitty)
    made.cause = cause
    return made


def _of_reward(moved: Movement, transaction: _Transaction, task_id: str, deal: Deal, kitty: str) -> Reason:
    """Which of the rewards of a finished task this is, by their order."""
    payer, scheduler, pool = payer_of(deal), deal.workerpool.owner, deal.workerpool.pointer
    told = transaction.of_task(task_id)
    rewards = [each for each in told if each.name == "Reward"]
    for label, asset in (("app", deal.app), ("dataset", deal.dataset)):
        first = rewards[0] if rewards else None
        if first and asset.pointer != NULL_ADDRESS and asset.price and first.owner == asset.owner:
            rewards = rewards[1:]
            if first.log_index == moved.log_index:
                return Reason(f"{label}_reward", f"{label}_owner", asset=asset.pointer, counterparty=payer)
    # What the kitty gives stands right after it was taken from it.
    before = dict(zip((each.log_index for each in told[1:]), told, strict=False))
    given = {each.log_index for each in rewards if _is_taken(before.get(each.log_index), each, kitty)}
    if moved.log_index in given:
        return Reason("kitty_reward", "scheduler", asset=pool, counterparty=kitty)
    rewards = [each for each in rewards if each.log_index not in given]
    if rewards and rewards[-1].log_index == moved.log_index and rewards[-1].owner == scheduler:
        return Reason("scheduler_reward", "scheduler", asset=pool, counterparty=payer)
    return Reason("worker_reward", "worker", asset=pool, counterparty=payer)


def _is_taken(before: Told | None, reward: Told, kitty: str) -> bool:
    """Whether a reward is what was seized from the kitty just before."""
    return (
        before is not None
        and before.name == "Seize"
        and before.owner == kitty
        and before.amount == reward.amount
    )


def _address(value: Any) -> str | None:
    try:
        return to_address(value)
    except IexecError:
        return None
