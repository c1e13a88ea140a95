"""Make the deal: who pays, which contract takes the orders, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.client.matching.check import check_solvency
from iexec_lab.errors import BalanceError, OrderError
from iexec_lab.ethereum.calls import Call, read
from iexec_lab.ethereum.contracts import EVENTS, HUB, VOUCHER, VOUCHER_HUB
from iexec_lab.networks import VOUCHER as VOUCHER_FEATURE
from iexec_lab.protocol import NULL_ADDRESS, to_address, to_bytes32
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from iexec_lab.client.matching.check import Match
    from iexec_lab.client.permit import Permit
    from iexec_lab.client.plan import Plan
    from iexec_lab.client.session import Session

GAS_OF_A_MATCH = 750_000  # about; unsigned orders can not be tried on the node
DEADLINE_FACTOR = 10  # a deal ends after so many times the longest run of its category


@dataclass(frozen=True, slots=True)
class Settled:
    """A deal just made; ``volume`` is its number of tasks."""

    deal_id: str
    volume: int
    tx_hash: str


@dataclass(frozen=True, slots=True)
class Sponsor:
    """A voucher that pays for what it sponsors; balance in nRLC, expiration in seconds since 1970."""

    address: str
    hub: str
    type: int
    balance: int
    expiration: int

    @classmethod
    def find(cls, session: Session, address: str | None = None) -> Sponsor:
        """The wallet's own voucher, or one at ``address`` that it may use.

        Raises:
            ConfigurationError: The network has no vouchers.
            OrderError: No such voucher, or the wallet may not use it.
        """
        session.network.require(VOUCHER_FEATURE)
        hub, wallet = session.network.setting("voucherHub"), session.signer.address
        voucher = session.to_address(address) if address else find_voucher(session, wallet)
        if voucher is None:
            raise OrderError(
                f"No voucher available for the requester {wallet}", hint="Go on without --use-voucher."
            )
        if address:
            _check_allowed(session, hub, voucher, wallet)
        kind, balance, expiration = read(
            session.rpc,
            [
                Call(voucher, VOUCHER.getType, ()),
                Call(voucher, VOUCHER.getBalance, ()),
                Call(voucher, VOUCHER.getExpiration, ()),
            ],
        )
        return cls(voucher, hub, kind, balance, expiration)

    def amount(self, session: Session, match: Match, volume: int) -> int:
        """How much of the deal's cost the voucher pays, nRLC."""
        priced = [order for order in match.used if order.kind != "requestorder"]
        eligible = read(
            session.rpc,
            [
                Call(
                    self.hub,
                    VOUCHER_HUB.isAssetEligibleToMatchOrdersSponsoring,
                    (self.type, order.resource),
                )
                for order in priced
            ],
        )
        if session.hub.now() >= self.expiration:
            return 0
        wanted = sum(order.price for order, good in zip(priced, eligible, strict=True) if good)
        return min(wanted * volume, self.balance)

    def check(self, session: Session, match: Match, volume: int) -> int:
        """What the requester's account has to add, nRLC; the voucher must be allowed to take it.

        Raises:
            BalanceError: The allowance is too small.
        """
        rest = match.task_cost * volume - self.amount(session, match, volume)
        if rest > 0:
            call = Call(session.network.hub, HUB.allowance, (match.request.requester, self.address))
            allowed = int(read(session.rpc, [call])[0])
            if allowed < rest:
                raise BalanceError(
                    f"Orders can't be matched. Please approve an additional {rest - allowed} "
                    "for voucher usage.",
                    details={
                        "not sponsored": f"{format_rlc(rest)} RLC",
                        "allowed": f"{format_rlc(allowed)} RLC",
                    },
                    hint=f"Run: account approve {rest} {self.address}.",
                )
        return rest


def find_voucher(session: Session, owner: str) -> str | None:
    """The voucher of an account, if it has one."""
    session.network.require(VOUCHER_FEATURE)
    call = Call(session.network.setting("voucherHub"), VOUCHER_HUB.getVoucher, (owner,))
    voucher = to_address(read(session.rpc, [call])[0])
    return None if voucher == NULL_ADDRESS else voucher


def _check_allowed(session: Session, hub: str, voucher: str, wallet: str) -> None:
    [known] = read(session.rpc, [Call(hub, VOUCHER_HUB.isVoucher, (voucher,))])
    if not known:
        raise OrderError(f"{voucher} is not a voucher")
    owner, authorized = read(
        session.rpc,
        [Call(voucher, VOUCHER.owner, ()), Call(voucher, VOUCHER.isAccountAuthorized, (wallet,))],
    )
    if to_address(owner) != wallet and not authorized:
        raise OrderError(f"Requester {wallet} is not authorized by the voucher", details={"voucher": voucher})


def check_payment(session: Session, match: Match, volume: int, sponsor: Sponsor | None) -> int:
    """What the requester's account pays, nRLC.

    Raises:
        BalanceError: It does not hold that much.
    """
    if sponsor is not None:
        return sponsor.check(session, match, volume)
    check_solvency(session, match, volume)
    return match.task_cost * volume


def fill_plan(session: Session, match: Match, volume: int, cost: int, sponsor: Sponsor | None = None) -> Plan:
    """What a deal costs, who is paid, how long it takes."""
    is_ours = match.request.requester == session.address
    terms: dict[str, Any] = {"requester": match.request.requester, "app": match.app.app}
    if match.uses_dataset:
        terms["dataset"] = match.dataset.dataset
    terms |= {"workerpool": match.workerpool.workerpool, "app_price_nrlc": match.app.price}
    if match.uses_dataset:
        terms["dataset_price_nrlc"] = match.dataset.price
    seconds = session.hub.view_category(match.workerpool.category).work_clock_time_ref
    terms |= {
        "workerpool_price_nrlc": match.workerpool.price,
        "tasks": volume,
        "deadline_seconds": DEADLINE_FACTOR * seconds,
    }
    if sponsor:
        terms |= {"voucher": sponsor.address, "sponsored_nrlc": match.task_cost * volume - cost}
    if is_ours:
        terms["stake_left_nrlc"] = session.hub.view_account(match.request.requester).stake - cost
    gas = session.price_of(GAS_OF_A_MATCH)
    return session.plan(
        "order fill", cost_nrlc=cost if is_ours else 0, cost_wei=gas, signs=match.unsigned, **terms
    )


def send_match(permit: Permit, match: Match, sponsor: Sponsor | None = None) -> Settled:
    """Send four signed orders; the deal that they made, which is the one of our request order.

    Raises:
        TransactionError: The hub refused.
        OrderError: It was sent, and no such deal is in its receipt.
    """
    hub = permit.session.network.hub
    target: str = sponsor.address if sponsor else hub
    function = VOUCHER.matchOrders if sponsor else HUB.matchOrders
    data = function.encode(*(order.to_tuple() for order in match.orders))
    request_hash = match.request.hash(permit.session.domain)
    receipt = permit.send(target, data)
    for log in receipt.logs:
        if EVENTS.OrdersMatched.matches(log) and to_address(log["address"]) == to_address(hub):
            found: dict[str, Any] = EVENTS.OrdersMatched.decode(log)
            if to_bytes32(found["requestHash"]) != request_hash:
                continue
            return Settled(to_bytes32(found["dealid"]), int(found["volume"]), receipt.tx_hash)
    raise OrderError("OrdersMatched not confirmed", details={"transaction": receipt.tx_hash})
