"""Which condition failed when a contract reverts without a reason: the conditions are checked again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError
from iexec_lab.ethereum.calls import Call, has_code, read
from iexec_lab.ethereum.contracts import HUB, RLC
from iexec_lab.ethereum.hub import Hub
from iexec_lab.protocol.constants import NULL_ADDRESS
from iexec_lab.protocol.ids import task_id
from iexec_lab.protocol.states import ACTIVE, REVEALING, UNSET
from iexec_lab.protocol.values import to_address
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.ethereum.rpc import Provider
    from iexec_lab.protocol.states import Task


def explain(rpc: Provider, call: Mapping[str, Any]) -> str | None:
    """A sentence on why this call (JSON-RPC fields from, to, data) reverts; None when it is not known.

    Costs one or two round trips and never raises.
    """
    try:
        data = bytes.fromhex(str(call.get("data", "0x")).removeprefix("0x"))
        found = _CHECKS.get(data[:4])
        if found is None:
            return None
        function, check = found
        hub = Hub(rpc, str(call["to"]))
        return check(hub, to_address(call.get("from") or NULL_ADDRESS), *function.decode_input(data))
    except (IexecError, ValueError, KeyError):
        return None


def _when(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"second {seconds} since 1970"


def _initialize(hub: Hub, _sender: str, deal_id: bytes, index: int) -> str | None:
    key = "0x" + deal_id.hex()
    deal = hub.view_deal(key)
    if not deal.exists:
        return f"There is no deal {key} on this chain."
    if index not in deal.indices:
        return f"The deal's tasks have indices {deal.bot_first} to {deal.bot_first + deal.bot_size - 1}."
    if hub.view_task(task_id(key, index)).status != UNSET:
        return f"Task {index} of the deal is already initialised."
    return None


def _initialize_array(
    hub: Hub, sender: str, deals: tuple[bytes, ...], indices: tuple[int, ...]
) -> str | None:
    found = (_initialize(hub, sender, deal, index) for deal, index in zip(deals, indices, strict=False))
    return next(filter(None, found), None)


def _claim(hub: Hub, _sender: str, task: bytes) -> str | None:
    state, now = hub.view_task("0x" + task.hex()), hub.now()
    if (problem := _not_open(task, state, {ACTIVE, REVEALING})) is not None:
        return problem
    if now < state.final_deadline:
        return f"The task can be claimed only after {_when(state.final_deadline)}."
    return None


def _claim_array(hub: Hub, sender: str, tasks: tuple[bytes, ...]) -> str | None:
    return next(filter(None, (_claim(hub, sender, task) for task in tasks)), None)


def _contribute(hub: Hub, sender: str, task: bytes, *rest: Any) -> str | None:
    state, now = hub.view_task("0x" + task.hex()), hub.now()
    if (problem := _not_open(task, state, {ACTIVE})) is not None:
        return problem
    if now >= state.contribution_deadline:
        return f"Contributions were taken until {_when(state.contribution_deadline)}."
    deal = hub.view_deal(state.deal_id)
    challenge = to_address(rest[-3])
    if challenge == NULL_ADDRESS and int(deal.tag, 16) & 1:
        return "The deal asks for a TEE: the contribution needs an enclave challenge."
    if hub.view_contributions([("0x" + task.hex(), sender)])[0].status != UNSET:
        return f"Worker {sender} has already contributed to this task."
    return "The workerpool owner's authorisation or the enclave's signature does not fit."


def _contribute_and_finalize(hub: Hub, sender: str, task: bytes, *rest: Any) -> str | None:
    state = hub.view_task("0x" + task.hex())
    if state.status == ACTIVE:
        if state.contributors:
            return "Other workers have already contributed; contribute and reveal instead."
        deal = hub.view_deal(state.deal_id)
        if deal.trust != 1:
            return f"The deal's trust is {deal.trust}: several workers have to contribute."
        if (problem := _callback_data(deal.callback, rest[2], rest[0])) is not None:
            return problem
    return _contribute(hub, sender, task, *rest)


def _reveal(hub: Hub, sender: str, task: bytes, _digest: bytes) -> str | None:
    state, now = hub.view_task("0x" + task.hex()), hub.now()
    if (problem := _not_open(task, state, {REVEALING})) is not None:
        return problem
    if now >= state.reveal_deadline:
        return f"Results could be revealed until {_when(state.reveal_deadline)}."
    mine = hub.view_contributions([("0x" + task.hex(), sender)])[0]
    if mine.status != ACTIVE:
        return f"Worker {sender} has nothing to reveal for this task."
    if mine.result_hash != state.consensus_value:
        return "The consensus is on another result than this worker's."
    return "The digest is not the one that was contributed."


def _finalize(hub: Hub, sender: str, task: bytes, _results: bytes, callback: bytes) -> str | None:
    state, now = hub.view_task("0x" + task.hex()), hub.now()
    if (problem := _not_open(task, state, {REVEALING})) is not None:
        return problem
    deal = hub.view_deal(state.deal_id)
    if sender != deal.workerpool.owner:
        return f"Only the workerpool's owner {deal.workerpool.owner} may finalise the task."
    if now >= state.final_deadline:
        return f"The task could be finalised until {_when(state.final_deadline)}; it can be claimed."
    if state.reveal_counter < state.winner_counter and not (
        state.reveal_counter and now >= state.reveal_deadline
    ):
        return f"{state.reveal_counter} of {state.winner_counter} workers have revealed their result."
    return _callback_data(deal.callback, callback, bytes.fromhex(state.result_digest[2:]))


def _reopen(hub: Hub, sender: str, task: bytes) -> str | None:
    state, now = hub.view_task("0x" + task.hex()), hub.now()
    if (problem := _not_open(task, state, {REVEALING})) is not None:
        return problem
    deal = hub.view_deal(state.deal_id)
    if sender != deal.workerpool.owner:
        return f"Only the workerpool's owner {deal.workerpool.owner} may reopen the task."
    if now < state.reveal_deadline:
        return f"The task can be reopened only after {_when(state.reveal_deadline)}."
    return "A worker has revealed, or the task's final deadline is over."


def _match(hub: Hub, _sender: str, *orders: tuple[Any, ...]) -> str | None:
    """Name an address without code: the hub asks for its owner first, which reverts without a reason."""
    named = [("app", orders[0][0]), ("dataset", orders[1][0]), ("workerpool", orders[2][0])]
    present = [(kind, to_address(address)) for kind, address in named if to_address(address) != NULL_ADDRESS]
    codes = has_code(hub.rpc, [address for _, address in present])
    for (kind, address), code in zip(present, codes, strict=True):
        if not code:
            return f"There is no {kind} at {address} on this chain."
    return None


def _transfer(hub: Hub, sender: str, _receiver: str, amount: int) -> str | None:
    """``transfer`` of the RLC token; ``hub`` is the token here."""
    [balance] = read(hub.rpc, [Call(hub.address, RLC.balanceOf, (sender,))])
    if balance < amount:
        return f"{sender} has {in_rlc(balance)}, less than the {in_rlc(amount)} to transfer."
    return None


def _callback_data(callback: str, data: bytes, digest: bytes) -> str | None:
    from iexec_lab.protocol.hashing import keccak

    if callback == NULL_ADDRESS and data:
        return "The deal has no callback: the result must not have callback data."
    if callback != NULL_ADDRESS and keccak(data) != digest:
        return "The result's digest must be the hash of the callback data."
    return None


def _not_open(task: bytes, state: Task, wanted: set[int]) -> str | None:
    if not state.exists:
        return f"Task 0x{task.hex()} is not initialised, or there is no such task on this chain."
    if state.status in wanted:
        return None
    return f"The task is {state.status_name(0)}."


_CHECKS: dict[bytes, tuple[Function, Callable[..., str | None]]] = {
    function.selector: (function, check)
    for function, check in (
        (HUB.initialize, _initialize),
        (HUB.initializeArray, _initialize_array),
        (HUB.claim, _claim),
        (HUB.claimArray, _claim_array),
        (HUB.contribute, _contribute),
        (HUB.contributeAndFinalize, _contribute_and_finalize),
        (HUB.reveal, _reveal),
        (HUB.finalize, _finalize),
        (HUB.reopen, _reopen),
        (HUB.matchOrders, _match),
        (HUB.sponsorMatchOrders, _match),
        (HUB.transfer, _transfer),
        (
            HUB.approveAndCall,
            lambda hub, sender, spender, amount, _data: _transfer(hub, sender, spender, amount),
        ),
    )
}
