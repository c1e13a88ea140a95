"""Vouchers that pay for deals: which one, and how much of a deal it takes over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iexec_lab.errors import BalanceError, OrderError
from iexec_lab.ethereum.calls import Call, read
from iexec_lab.ethereum.contracts import HUB, VOUCHER, VOUCHER_HUB
from iexec_lab.networks import VOUCHER as VOUCHER_FEATURE
from iexec_lab.protocol import NULL_ADDRESS, to_address
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from iexec_lab.client.matching.check import Match
    from iexec_lab.client.session import Session


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
                        "not sponsored": in_rlc(rest),
                        "allowed": in_rlc(allowed),
                    },
                    hint=f"Run: iexec-lab account approve {rest} {self.address}.",
                )
        return rest


def find_voucher(session: Session, owner: str) -> str | None:
    """The voucher of an account; None when it has none."""
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
