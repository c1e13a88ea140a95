"""The yes to a plan. Verbs need it to sign orders and send transactions, and only those the plan showed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from iexec_lab.client import ledger
from iexec_lab.client.plan import Rehearsed, is_rehearsal
from iexec_lab.errors import AbortedError, BudgetError, IexecError, SignatureError
from iexec_lab.ethereum.ahead import forget
from iexec_lab.ethereum.sent import watching
from iexec_lab.protocol import RequestOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from iexec_lab.client.plan import Plan
    from iexec_lab.client.session import Session
    from iexec_lab.ethereum.transactions import Receipt
    from iexec_lab.protocol import Order

FEE_ROOM = 10
"""How many times the price shown gas may cost: that was an estimate, and fees offer twice the base fee."""

MOST_UNSHOWN = 10**17
"""Wei that the gas of a transaction may cost when no price could be shown: 0.1 of the chain's coin."""

T = TypeVar("T", bound="Order")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Permit:
    """What ``spend`` returns for a plan that was agreed to.

    Attributes:
        session: The session it belongs to.
        plan: What was agreed to.
        shown: Somebody was asked, and agreed to the costs that the plan names.
        entry: Where the ledger notes what it signs and sends.
    """

    session: Session
    plan: Plan
    shown: bool = False
    entry: ledger.Entry | None = None

    def note(self, **step: str) -> bool:
        """Note a request, a transaction or a deal before the next step is taken; False if only in memory."""
        return ledger.note(self.entry, self.plan, self.session.folder, **step)

    def sign(self, order: T) -> T:
        """A signed copy of an order of the plan.

        Raises:
            SignatureError: The plan did not show this order.
        """
        if _terms(order) not in map(_terms, self.plan.orders):
            raise SignatureError(
                f"The {order.kind} is not the one that was shown",
                details={"plan": str(self.plan), "order": order.to_json()},
                hint="Nothing was signed.",
            )
        signed = self.session.gate.order(order)
        if isinstance(signed, RequestOrder):
            self.note(request=signed.hash(self.session.domain))
        return signed

    def send(
        self,
        to: str,
        data: bytes = b"",
        value: int = 0,
        *,
        gas: int | None = None,
        fees: Mapping[str, int] | None = None,
    ) -> Receipt:
        """Send one transaction of the plan and wait for it; ``value`` in wei."""
        with watching(lambda tx_hash: self.note(tx=tx_hash)):
            receipt = self.session.sender.send(to, data, value, gas=gas, fees=fees, most=self._most(value))
        ledger.note_receipt(self.entry, receipt)
        return receipt

    def send_many(self, transactions: Iterable[tuple[str, bytes]]) -> list[Receipt]:
        """Send transactions of the plan that do not depend on each other, and wait for them."""
        with watching(lambda tx_hash: self.note(tx=tx_hash)):
            receipts = self.session.sender.send_many(transactions, most=self._most(0))
        for receipt in receipts:
            ledger.note_receipt(self.entry, receipt)
        return receipts

    def _most(self, value: int) -> int | None:
        """Wei that one transaction may cost, value and gas together; None where nobody was shown a cost."""
        cost = self.plan.cost_wei
        if cost is None:
            return value + MOST_UNSHOWN if self.shown else None
        return value + FEE_ROOM * max(cost - value, 0)


def _terms(order: Order) -> Order:
    return replace(order, salt=None, signature=None)


def spend(session: Session, plan: Plan, *, force: bool = False, request: str | None = None) -> Permit:
    """The permit to carry a plan out.

    Args:
        session: Whose.
        plan: What will be signed and what it costs.
        force: Nobody is asked.
        request: Hash of a request that was signed before, which this plan uses.

    Raises:
        BudgetError: It would pass a budget, however much is forced.
        AbortedError: The answer was no, or RLC has value here and nobody could be asked.
    """
    if is_rehearsal():
        raise Rehearsed(foretold(session, plan, request))
    entry = _reserve(session, plan, request)
    permit = Permit(session, plan, shown=not force and plan.real_value, entry=entry)
    try:
        return _agreed(session, plan, permit, force=force)
    except BaseException:
        session.ledger.drop(entry, session.folder)
        raise


def foretold(session: Session, plan: Plan, request: str | None = None) -> Plan:
    """The plan of a rehearsal; its ``notes`` say which budget would refuse it."""
    charge = ledger.charge_of(plan, native=session.network.native)
    try:
        _asking_again(session, plan, partial(session.ledger.check, plan, session.folder, charge, request))
    except BudgetError as refused:
        told = ", ".join(f"{name} {value}" for name, value in refused.details.items())
        said = f"It would be refused: {refused.message} ({told})"
        notes = "; ".join(filter(None, (said, plan.details.get("notes"))))
        return replace(plan, details={**plan.details, "notes": notes})
    return plan


def _reserve(session: Session, plan: Plan, request: str | None) -> ledger.Entry:
    charge = ledger.charge_of(plan, native=session.network.native)
    reserve = partial(session.ledger.reserve, plan, session.address, session.folder, charge, request)
    return _asking_again(session, plan, reserve)


def _asking_again(session: Session, plan: Plan, act: Callable[..., R]) -> R:
    """What ``act`` gives; before a budget refuses, the chain is asked what came back meanwhile."""
    try:
        return act()
    except BudgetError as refused:
        from iexec_lab.client.costs.facts import refresh

        here = ledger.entries_of(session.folder, ledger.place_of(plan.place))
        entries = {entry.id: entry for entry in [*here, *session.ledger.whole.entries]}
        try:
            refresh(session, [*entries.values()])
        except IexecError:
            raise refused from None
    known = {name: entry.facts for name, entry in entries.items() if entry.facts}
    return act(known)


def _agreed(session: Session, plan: Plan, permit: Permit, *, force: bool) -> Permit:
    if force:
        return permit
    if session.confirm is None:
        if not plan.real_value:
            return permit
        raise AbortedError(
            f"{plan.action} on {plan.network} was not confirmed",
            details={"plan": str(plan)},
            hint="RLC has value on this network: pass force=True, or connect(..., confirm=...).",
        )
    if not session.confirm(plan):
        raise AbortedError("Operation aborted by user.")
    if plan.real_value:
        forget()  # somebody may have thought about it for long
        session.foresee_signing()
    return permit


def send(
    session: Session,
    action: str,
    to: str,
    data: bytes,
    value: int = 0,
    *,
    cost_nrlc: int = 0,
    details: Mapping[str, Any] | None = None,
    force: bool = False,
) -> Receipt:
    """Show one transaction, send it if that is allowed, and wait for it."""
    looked_at = is_rehearsal() or (session.network.real_value and not force)
    gas = session.gas_cost(to, data, value) if looked_at else None
    cost = None if gas is None else value + gas
    plan = session.plan(action, cost_nrlc=cost_nrlc, cost_wei=cost, **(details or {}))
    return spend(session, plan, force=force).send(to, data, value)
