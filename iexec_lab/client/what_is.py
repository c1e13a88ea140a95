"""What an id really names when it is not what was asked for: a deal for a task, an order, a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError, ObjectNotFoundError, ValidationError
from iexec_lab.ethereum.calls import Call, attempt, has_code
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.hub import MOST_CATEGORIES
from iexec_lab.plain_text import plain
from iexec_lab.protocol import ORDERS, Task, to_uint256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.client.session import Session

_NAMED = 20
"""How many categories an error lists."""
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


def what_lives_at(session: Session, address: str, kind: str) -> str:
    """A sentence about an address where no resource of this kind was deployed."""
    try:
        found = [each for each in session.hub.kinds(address) if each != kind]
        if found:
            return f"This is the address of a {found[0]}: iexec-lab {found[0]} show {address}"
        if address in {session.network.hub, session.token}:
            return "This is a contract of iExec itself."
        if not has_code(session.rpc, [address])[0]:
            hint = f"There is no contract at this address: is it a wallet, or {_an(kind)} of another network?"
            if session.network.funding_hint is None:
                return hint
            return (
                f"{hint} If it is from deployed.json, the sandbox was reset since: iexec-lab {kind} deploy."
            )
    except (IexecError, TypeError, ValueError, AttributeError):
        pass  # as above
    return f"It is no {kind} of this network."


def category_hint(session: Session, category: int | None) -> str | None:
    """The categories there are, when this is none of them."""
    count = 0 if category is None else session.hub.count_category()
    if category is None or category < count or count > _NAMED:
        return None
    names = [each.name for each in session.hub.view_categories(range(count))]
    return f"There is no category {category}. Categories: {_listed(names)}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{number} ({plain(name, 20)})" for number, name in enumerate(names[:_NAMED]))


def _an(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


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


def no_such_category(session: Session, category: Any) -> str:
    """A remark on an empty list of a category that does not exist; empty where that is not known."""
    try:
        return category_hint(session, to_uint256(category)) or "" if category is not None else ""
    except IexecError:
        return ""


def to_category(session: Session, value: Any) -> int:
    """The number of a category, which may be given by its name, in any case.

    Raises:
        ValidationError: It is neither.
    """
    if not isinstance(value, str) or not any(map(str.isalpha, value)):
        return to_uint256(value)
    hub = session.hub
    count = min(hub.count_category(), MOST_CATEGORIES)
    names = [each.name for each in hub.view_categories(range(count))]
    wanted = value.strip().casefold()
    for number, name in enumerate(names):
        if name.casefold() == wanted:
            return number
    raise ValidationError(f"{plain(value, 40)} is not a valid uint256", hint=f"Categories: {_listed(names)}.")
