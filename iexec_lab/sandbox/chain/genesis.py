"""What a new sandbox holds before anybody used it: a staked workerpool, workers and users with money.

Everything is done by ordinary transactions of the deployer, who owns all RLC; only ether is put there by the
node.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from iexec_lab.ethereum.contracts import HUB, RLC, WORKERPOOL_REGISTRY
from iexec_lab.protocol.values import to_address

if TYPE_CHECKING:
    from iexec_lab.sandbox.chain.accounts import Account, Accounts
    from iexec_lab.sandbox.chain.client import Chain
    from iexec_lab.sandbox.chain.deployment import Contracts

RLC_UNIT = 10**9
"""nRLC in one RLC."""
WEI_PER_NRLC = 10**9
"""On a native chain the coin is RLC with 18 decimals."""
ETHER = 10**18

FAUCET_RLC = 50_000_000
SCHEDULER_STAKE = 10_000_000
"""RLC; a workerpool's owner locks 30 % of the price of every task that is bought."""
WORKER_STAKE = 100_000
USER_WALLET = 10_000
USER_STAKE = 10_000
ETHER_EACH = 1_000
FAUCET_ETHER = 1_000_000_000

WORKERPOOL_NAME = "iexec-lab sandbox workerpool"


async def populate(chain: Chain, contracts: Contracts, accounts: Accounts) -> str:
    """Fund everybody and create the default workerpool, whose address is returned."""
    await _set_coins(chain, contracts, accounts)
    stakes = [
        (accounts.scheduler, SCHEDULER_STAKE),
        *((worker, WORKER_STAKE) for worker in accounts.workers),
        *((user, USER_STAKE) for user in accounts.users),
    ]
    if contracts.rlc is not None:
        await chain.send(
            accounts.deployer,
            contracts.rlc,
            RLC.transfer.encode(accounts.faucet.address, FAUCET_RLC * RLC_UNIT),
        )
        for user in accounts.users:
            await chain.send(
                accounts.deployer, contracts.rlc, RLC.transfer.encode(user.address, USER_WALLET * RLC_UNIT)
            )
    await stake(chain, contracts, accounts.deployer, [(to.address, rlc * RLC_UNIT) for to, rlc in stakes])
    return await _create_workerpool(chain, contracts, accounts.scheduler)


async def stake(chain: Chain, contracts: Contracts, payer: Account, deposits: list[tuple[str, int]]) -> None:
    """Put RLC of ``payer`` on the stakes of others; ``deposits`` are (address, nRLC)."""
    addresses, amounts = [to for to, _ in deposits], [nrlc for _, nrlc in deposits]
    deposit = HUB.depositForArray.encode(amounts, addresses)
    if contracts.rlc is None:
        await chain.send(payer, contracts.hub, deposit, value=sum(amounts) * WEI_PER_NRLC)
        return
    await chain.send(payer, contracts.rlc, RLC.approve.encode(contracts.hub, sum(amounts)))
    await chain.send(payer, contracts.hub, deposit)


async def _set_coins(chain: Chain, contracts: Contracts, accounts: Accounts) -> None:
    native = contracts.rlc is None
    coins = {accounts.deployer: FAUCET_ETHER, accounts.faucet: FAUCET_ETHER, accounts.scheduler: ETHER_EACH}
    coins |= dict.fromkeys(accounts.workers, ETHER_EACH)
    coins |= dict.fromkeys(accounts.users, USER_WALLET if native else ETHER_EACH)
    await asyncio.gather(
        *(
            chain.rpc("anvil_setBalance", account.address, hex(amount * ETHER))
            for account, amount in coins.items()
        )
    )


async def _create_workerpool(chain: Chain, contracts: Contracts, owner: Account) -> str:
    registry = contracts.registries["workerpool"]
    arguments = owner.address, WORKERPOOL_NAME
    address = to_address(await chain.call(registry, WORKERPOOL_REGISTRY.predictWorkerpool, *arguments))
    await chain.send(owner, registry, WORKERPOOL_REGISTRY.createWorkerpool.encode(*arguments))
    return address
