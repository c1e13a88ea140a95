"""What an id really names when it is not what was asked for: a deal for a task, an order, a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.errors import IexecError, ObjectNotFoundError
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol import ORDERS, Task

if TYPE_CHECKING:
    from iexec_lab.client.session import Session

_ELSEWHERE = "Is it of another network?"


def not_found(session: Session, kind: str, wanted: str) -> ObjectNotFoundError:
    """The error for a deal or task that is not there; its hint says what the id names instead."""
    return ObjectNotFoundError(kind, wanted, session.network.id, hint=what_is(session, wanted))


def what_is(session: Session, word: str) -> str:
    """A sentence about what 32 bytes name on this network, as far as node and market can tell."""
    try:
        return _on_chain(session, word) or _on_the_market(session, word) or _ELSEWHERE
    except (IexecError, TypeError, ValueError, AttributeError):
        return _ELSEWHERE  # this is advice: nothing here is worth another error


def _on_chain(session: Session, word: str) -> str:
    data = bytes.fromhex(word[2:])
    [task] = attempt(session.rpc, [Call(session.network.hub, HUB.viewTask, (data,))])
    if not isinstance(task, IexecError) and (found := Task.from_abi(task)).exists:
        return f"This is a task, of deal {found.deal_id}: iexec-lab task show {word}"
    [deal] = session.hub.view_deals([word])
    if deal.exists:
        return f"This is a deal: iexec-lab deal show {word}"
    if isinstance(session.rpc.request("eth_getTransactionByHash", word), dict):
        return "This is the hash of a transaction. iexec-lab jobs lists your deals."
    return ""


def _on_the_market(session: Session, word: str) -> str:
    def named(kind: str) -> str:
        try:
            session.market.order(kind, word)
        except IexecError:
            return ""
        return kind

    kind = next(filter(None, session.each(named, ORDERS)), "")
    flag = kind.removesuffix("order")
    return f"This is the hash of an order: iexec-lab order show --{flag} {word}" if kind else ""
