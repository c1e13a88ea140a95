"""Make the deal: who pays, which contract takes the orders, and the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.client.matching.check import check_solvency
from iexec_lab.errors import OrderError
from iexec_lab.ethereum.contracts import EVENTS, HUB, VOUCHER
from iexec_lab.protocol import to_address, to_bytes32
from iexec_lab.protocol.states import FINAL_RATIO

if TYPE_CHECKING:
    from iexec_lab.client.matching.check import Match
    from iexec_lab.client.matching.sponsor import Sponsor
    from iexec_lab.client.permit import Permit
    from iexec_lab.client.plan import Plan
    from iexec_lab.client.session import Session

GAS_OF_A_MATCH = 750_000  # roughly; unsigned orders cannot be tried on the node


@dataclass(frozen=True, slots=True)
class Settled:
    """A deal just made; ``volume`` is its number of tasks."""

    deal_id: str
    volume: int
    tx_hash: str


def check_payment(
    session: Session, match: Match, volume: int, sponsor: Sponsor | None, *, stake: int | None = None
) -> int:
    """What the requester's account pays, nRLC; ``stake`` is what it holds, if that is known.

    Raises:
        BalanceError: It does not hold that much.
    """
    if sponsor is not None:
        return sponsor.check(session, match, volume)
    check_solvency(session, match, volume, stake=stake)
    return match.task_cost * volume


def fill_plan(
    session: Session,
    match: Match,
    volume: int,
    cost: int,
    sponsor: Sponsor | None = None,
    *,
    stake: int | None = None,
) -> Plan:
    """What a deal costs, who is paid, how long it takes; ``stake`` is what the requester's account holds."""
    is_ours = match.request.requester == session.address
    terms: dict[str, Any] = {"requester": match.request.requester, "app": match.app.app}
    if match.uses_dataset:
        terms["dataset"] = match.dataset.dataset
    terms |= {"workerpool": match.workerpool.workerpool, "app_price_nrlc": match.app.price}
    if match.uses_dataset:
        terms["dataset_price_nrlc"] = match.dataset.price
    category = match.workerpool.category
    seconds = session.hub.categories([category])[category].work_clock_time_ref
    terms |= {
        "workerpool_price_nrlc": match.workerpool.price,
        "tasks": volume,
        "deadline_seconds": FINAL_RATIO * seconds,
    }
    if sponsor:
        terms |= {"voucher": sponsor.address, "sponsored_nrlc": match.task_cost * volume - cost}
    if is_ours:
        if stake is None:
            stake = session.hub.view_account(match.request.requester).stake
        terms["stake_left_nrlc"] = stake - cost
    gas = session.price_of(GAS_OF_A_MATCH)
    return session.plan(
        "order fill", cost_nrlc=cost if is_ours else 0, cost_wei=gas, signs=match.unsigned, **terms
    )


def send_match(permit: Permit, match: Match, sponsor: Sponsor | None = None) -> Settled:
    """Send four signed orders; return the deal that they made, which is that of our request order.

    Raises:
        TransactionError: The hub refused.
        OrderError: It was sent, but there is no such deal in its receipt.
    """
    hub = permit.session.network.hub
    target: str = sponsor.address if sponsor else hub
    function = VOUCHER.matchOrders if sponsor else HUB.matchOrders
    data = function.encode(*(order.to_tuple() for order in match.orders))
    request_hash = match.request.hash(permit.session.domain)
    is_ours = match.request.requester == permit.session.address
    if is_ours:
        permit.note(request=request_hash)  # signed before, or just now
    receipt = permit.send(target, data)
    for log in receipt.logs:
        if EVENTS.OrdersMatched.matches(log) and to_address(log["address"]) == to_address(hub):
            found: dict[str, Any] = EVENTS.OrdersMatched.decode(log)
            if to_bytes32(found["requestHash"]) != request_hash:
                continue
            deal = Settled(to_bytes32(found["dealid"]), int(found["volume"]), receipt.tx_hash)
            if is_ours and not permit.note(deal=deal.deal_id) and permit.session.wallet.is_kept_in_memory:
                permit.session.tell(
                    f"This folder cannot be written, and the wallet will be gone: note deal {deal.deal_id}"
                )
            return deal
    raise OrderError("OrdersMatched not confirmed", details={"transaction": receipt.tx_hash})
