"""Money for an address, by transfers from the faucet account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.errors import ValidationError
from iexec_lab.ethereum.contracts import RLC
from iexec_lab.protocol.values import to_address
from iexec_lab.sandbox.chain.genesis import WEI_PER_NRLC
from iexec_lab.units import format_ether, format_rlc

if TYPE_CHECKING:
    from iexec_lab.sandbox.context import Context


async def fund(context: Context, address: str, *, nrlc: int = 0, wei: int = 0) -> None:
    """Send RLC and ether from the faucet; on a native chain, where the coin is RLC, their sum.

    Raises:
        ValidationError: not an address, a negative amount, or more than the faucet has.
    """
    target = to_address(address)
    if nrlc < 0 or wei < 0:
        raise ValidationError("A faucet gives, it does not take", details={"nRLC": nrlc, "wei": wei})
    faucet = context.accounts.faucet
    if context.rlc is None:
        wei += nrlc * WEI_PER_NRLC
    elif nrlc:
        left = await context.chain.call(context.rlc, RLC.balanceOf, faucet.address)
        if left < nrlc:
            raise ValidationError(f"The faucet has {format_rlc(left)} RLC left")
        await context.chain.send(faucet, context.rlc, RLC.transfer.encode(target, nrlc))
    if wei:
        left = int(await context.chain.rpc("eth_getBalance", faucet.address, "latest"), 16)
        if left <= wei:
            raise ValidationError(f"The faucet has {format_ether(left)} of the chain's coins left")
        await context.chain.send(faucet, target, b"", value=wei)
