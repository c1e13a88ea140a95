"""What happened in a transaction: who sent it, what it cost, and the events of the market in it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import CallError, IexecError
from iexec_lab.ethereum.abi import Event, Function
from iexec_lab.ethereum.ahead import expect
from iexec_lab.ethereum.answers import to_int
from iexec_lab.ethereum.calls import Call
from iexec_lab.ethereum.contracts import (
    APP_REGISTRY,
    BOOST,
    DATASET_REGISTRY,
    ERC721_EVENTS,
    EVENTS,
    HUB,
    NATIVE_HUB,
    RLC,
    VOUCHER,
    VOUCHER_EVENTS,
    WORKERPOOL_EVENTS,
    WORKERPOOL_REGISTRY,
)
from iexec_lab.protocol import to_address
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iexec_lab.client.session import Session
    from iexec_lab.ethereum.rpc import Request

MOST_EVENTS: Final = 1_000
"""Events of a transaction that are told one by one."""
_CALLED: Final = (
    *(NATIVE_HUB, BOOST, APP_REGISTRY, DATASET_REGISTRY, WORKERPOOL_REGISTRY, RLC, VOUCHER, HUB),
)
_OTHERS: Final = (
    ERC721_EVENTS.Transfer,
    WORKERPOOL_EVENTS.PolicyUpdate,
    *(each for each in vars(VOUCHER_EVENTS).values() if isinstance(each, Event)),
)
_SUBJECTS: Final = {"dealid": "dealid", "dealId": "dealid", "taskid": "taskid", "ref": "taskid"}
_ACCOUNTS: Final = ("owner", "worker", "from", "sponsor", "workerpool", "account", "previousOwner")
_AMOUNTS: Final = ("amount", "value")


def requests(tx_hash: str) -> list[Request]:
    """What a node is asked about a transaction."""
    return [("eth_getTransactionByHash", [tx_hash]), ("eth_getTransactionReceipt", [tx_hash])]


def describe(session: Session, tx_hash: str, sent: Any, receipt: Any) -> dict[str, Any] | None:
    """A transaction from a node's answers to ``requests``; None where the node does not know it.

    Returns:
        ``transactionHash, from, to, function, value`` (wei), and once it is in a block ``blockNumber, status,
        gasUsed, gasPrice, fee`` (wei), ``timestamp``, ``events``: ``[{event, contract, logIndex, dealid,
        taskid, account, to, amount, args}]``, and ``eventsCount``.
    """
    if not isinstance(sent, dict) or str(sent.get("hash", "")).lower() != tx_hash:
        return None
    session.hub.foresee_registries()
    expect(session.rpc, [Call(session.network.hub, HUB.token).request()])
    found: dict[str, Any] = {
        "transactionHash": tx_hash,
        "from": _address(sent.get("from")),
        "to": _address(sent.get("to")),
        "function": _function(sent.get("input", sent.get("data"))),
        "value": _decimal(sent.get("value")),
    }
    if isinstance(receipt, dict) and receipt["transactionHash"] == tx_hash:
        found |= _of_receipt(session, sent, receipt)
    return {name: value for name, value in found.items() if value is not None}


def _of_receipt(session: Session, sent: Mapping[str, Any], receipt: Mapping[str, Any]) -> dict[str, Any]:
    used = to_int(receipt["gasUsed"])
    price = _decimal(receipt.get("effectiveGasPrice", sent.get("gasPrice")))
    status = receipt.get("status")
    logs = receipt["logs"]
    return {
        "blockNumber": to_int(receipt["blockNumber"]),
        "status": None if status is None else "success" if to_int(status) else "reverted",
        "gasUsed": str(used),
        "gasPrice": price,
        "fee": None if price is None else str(used * int(price)),
        "timestamp": _time(session, receipt["blockNumber"]),
        "events": list(_events(session, logs[:MOST_EVENTS])),
        "eventsCount": len(logs),
    }


def _time(session: Session, number: str) -> int | None:
    [block] = session.rpc.batch([("eth_getBlockByNumber", [number, False])])
    time = block.get("timestamp") if isinstance(block, dict) else None
    return None if time is None else to_int(time)


@cache
def _known_events() -> dict[tuple[str, int], Event]:
    """(topic, number of topics) -> the event."""
    ours = [each for each in vars(EVENTS).values() if isinstance(each, Event)]
    return {(each.topic, 1 + sum(field[2] for field in each.fields)): each for each in (*ours, *_OTHERS)}


@cache
def _known_functions() -> dict[str, str]:
    """Selector -> name of the function."""
    functions = (each for owner in _CALLED for base in owner.__mro__ for each in vars(base).values())
    return {each.selector.hex(): each.name for each in functions if isinstance(each, Function)}


def _function(data: Any) -> str | None:
    """The name of the function that was called; its selector where it is none of the market's."""
    if not isinstance(data, str) or len(data) < 10:
        return None
    selector = data[2:10].lower()
    return _known_functions().get(selector, f"0x{selector}")


def _events(session: Session, logs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    names = _contracts(session)
    for log in logs:
        address = log["address"].lower()
        place = {"contract": to_address(address), "logIndex": _number(log.get("logIndex"))}
        event = _known_events().get((next(iter(log["topics"]), ""), len(log["topics"])))
        if event is None:
            yield {"event": next(iter(log["topics"]), "")[:10], **place, "args": {}}
            continue
        try:
            args = event.decode(log)
        except CallError:
            yield {"event": event.name, **place, "args": {}}
            continue
        yield {"event": _named(event, names.get(address)), **place, **_subjects(args), "args": _plain(args)}


def _contracts(session: Session) -> dict[str, str]:
    """Address in lower case -> what a transfer there is one of."""
    kinds = {address.lower(): kind for kind, address in session.hub.registries().items()}
    return {**kinds, session.network.hub.lower(): "stake", session.token.lower(): "RLC"}


def _named(event: Event, kind: str | None) -> str:
    """Transfers by what moves: of staked RLC they are plain ones, as in the contracts."""
    if event.name != "Transfer" or kind in {None, "stake"}:
        return event.name
    return "TokenTransfer" if kind == "RLC" else f"{str(kind).capitalize()}Transfer"


def _subjects(args: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        kind: "0x" + args[name].hex() for name, kind in _SUBJECTS.items() if name in args
    }
    if "tokenId" in args:
        found["asset"] = to_address(args["tokenId"].to_bytes(32, "big")[12:])
    account = next((args[name] for name in _ACCOUNTS if name in args), None)
    amount = next((args[name] for name in _AMOUNTS if name in args), None)
    if account is not None:
        found["account"] = to_address(account)
    if "to" in args:
        found["to"] = to_address(args["to"])
    if amount is not None:
        found["amount"] = str(amount)
    return found


def _plain(value: Any) -> Any:
    """Arguments as JSON: bytes as 0x text, numbers as decimal text."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def sentence(event: Mapping[str, Any]) -> str:
    """An event in a few words."""
    words = [str(event["event"])]
    if "amount" in event and event["event"] != "Approval":
        words.append(in_rlc(int(event["amount"])))
    if "to" in event:
        words.append(f"to {event['to']}")
    return " ".join(words)


def _address(value: Any) -> str | None:
    try:
        return None if value is None else to_address(value)
    except IexecError:
        return None


def _decimal(value: Any) -> str | None:
    try:
        return str(to_int(value))
    except CallError:
        return None


def _number(value: Any) -> int | None:
    decimal = _decimal(value)
    return None if decimal is None else int(decimal)
