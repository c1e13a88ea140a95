"""Money for an address, by transfers from the faucet account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.errors import ValidationError
from iexec_lab.ethereum.contracts import RLC
from iexec_lab.protocol.values import to_address
from iexec_lab.sandbox.genesis import WEI_PER_NRLC

if TYPE_CHECKING:
    from iexec_lab.sandbox.context import Context


async def fund(context: Context, address: str, *, nrlc: int = 0, wei: int = 0) -> None:
    """Send RLC and ether from the faucet; on a native chain, where the coin is RLC, their sum.

    Raises:
        ValidationError: not an address, or a negative amount.
        TransactionError: the faucet does not have that much.
    """
    target = to_address(address)
    if nrlc < 0 or wei < 0:
        raise ValidationError("A faucet gives, it does not take", details={"nRLC": nrlc, "wei": wei})
    faucet = context.accounts.faucet
    if context.rlc is None:
        wei += nrlc * WEI_PER_NRLC
    elif nrlc:
        await context.chain.send(faucet, context.rlc, RLC.transfer.encode(target, nrlc))
    if wei:
        await context.chain.send(faucet, target, b"", value=wei)
