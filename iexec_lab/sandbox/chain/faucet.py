"""Money for an address, by transfers from the faucet account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.errors import ValidationError
from iexec_lab.ethereum.contracts import RLC
from iexec_lab.protocol.values import to_address
from iexec_lab.sandbox.chain.genesis import WEI_PER_NRLC
from iexec_lab.spelling import in_rlc
from iexec_lab.units import format_ether

if TYPE_CHECKING:
    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.chain.client import Chain


async def fund(
    chain: Chain, faucet: Account, rlc: str | None, address: str, *, nrlc: int = 0, wei: int = 0
) -> None:
    """Send RLC and ether from the faucet; on a native chain (``rlc`` None), where the coin is RLC, their sum.

    Raises:
        ValidationError: not an address, a negative amount, or more than the faucet has.
    """
    target = to_address(address)
    if nrlc < 0 or wei < 0:
        raise ValidationError("A faucet gives, it does not take", details={"nRLC": nrlc, "wei": wei})
    if rlc is None:
        wei += nrlc * WEI_PER_NRLC
    elif nrlc:
        left = await chain.call(rlc, RLC.balanceOf, faucet.address)
        if left < nrlc:
            raise ValidationError(f"The faucet has {in_rlc(left)} left")
        await chain.send(faucet, rlc, RLC.transfer.encode(target, nrlc))
    if wei:
        left = int(await chain.rpc("eth_getBalance", faucet.address, "latest"), 16)
        if left <= wei:
            raise ValidationError(f"The faucet has {format_ether(left)} of the chain's coins left")
        await chain.send(faucet, target, b"", value=wei)
