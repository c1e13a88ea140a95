"""What a wallet holds: the chain's coin and RLC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.ethereum.calls import Call, read
from iexec_lab.ethereum.contracts import RLC

if TYPE_CHECKING:
    from iexec_lab.client.session import Session

WEI_PER_NRLC = 10**9


def wallet_wei(session: Session, address: str) -> int:
    """Wei of the chain's coin that the address holds."""
    return int(session.rpc.request("eth_getBalance", address, "latest"), 16)


def wallet_nrlc(session: Session, address: str) -> int:
    """The nRLC that the address holds: tokens, or the coin itself (whole nRLC) on a native chain."""
    if session.network.native:
        return wallet_wei(session, address) // WEI_PER_NRLC
    return int(read(session.rpc, [Call(session.token, RLC.balanceOf, (address,))])[0])
