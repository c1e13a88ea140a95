from __future__ import annotations

import asyncio

import pytest
from eth_abi.abi import encode

from iexec_lab.errors import CallError
from iexec_lab.ethereum.abi import Function
from iexec_lab.ethereum.contracts import DIAMOND, HUB, OWNABLE, REGISTRY, RLC, WORKERPOOL
from iexec_lab.protocol import Domain
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.chain.deployment import CATEGORIES
from iexec_lab.sandbox.chain.genesis import (
    RLC_UNIT,
    SCHEDULER_STAKE,
    USER_STAKE,
    USER_WALLET,
    WORKER_STAKE,
    WORKERPOOL_NAME,
)

ACCOUNTS = well_known_accounts()


def test_the_proxy_has_every_facet(deployed, connect):
    genesis, _ = deployed

    async def check():
        async with connect() as chain:
            return await chain.call(genesis.hub, DIAMOND.facets)

    facets = asyncio.run(check())
    selectors = [selector for _, own in facets for selector in own]
    assert len(facets) == 16
    assert len(selectors) == len(set(selectors)) == (102 if genesis.native else 103)


def test_it_is_configured_like_the_real_ones(deployed, connect):
    genesis, _ = deployed

    async def check():
        async with connect() as chain:
            names = ["domain", "eip712domain_separator", "token", "callbackgas", "countCategory"]
            names += ["workerpool_stake_ratio", "final_deadline_ratio", "kitty_ratio"]
            facts = await chain.calls([(genesis.hub, getattr(HUB, name), ()) for name in names])
            categories = await chain.calls([(genesis.hub, HUB.viewCategory, (i,)) for i in range(5)])
            base_uri = await chain.call(genesis.registries["app"], REGISTRY.baseURI)
            return dict(zip(names, facts, strict=True)), categories, base_uri

    facts, categories, base_uri = asyncio.run(check())
    domain = Domain(chain_id=genesis.chain_id, verifying_contract=genesis.hub)
    assert facts["domain"] == ("iExecODB", "5.0.0", genesis.chain_id, genesis.hub.lower())
    assert facts["eip712domain_separator"] == domain.separator()
    assert int(facts["token"], 16) == int(genesis.rlc or "0x0", 16)
    assert facts["callbackgas"] == 100_000
    assert (facts["workerpool_stake_ratio"], facts["final_deadline_ratio"], facts["kitty_ratio"]) == (
        30,
        10,
        10,
    )
    assert facts["countCategory"] == 5
    assert categories == [(name, '""', seconds) for name, seconds in CATEGORIES]
    assert base_uri == f"https://nfts-metadata.iex.ec/app/{genesis.chain_id}/"


def test_the_registries_are_those_of_the_hub_and_owned(deployed, connect):
    genesis, _ = deployed

    async def check():
        async with connect() as chain:
            getters = [HUB.appregistry, HUB.datasetregistry, HUB.workerpoolregistry]
            found = await chain.calls([(genesis.hub, getter, ()) for getter in getters])
            owned = [genesis.hub, *genesis.registries.values()]
            return found, await chain.calls([(address, OWNABLE.owner, ()) for address in owned])

    found, owners = asyncio.run(check())
    assert found == [address.lower() for address in genesis.registries.values()]
    assert owners == [ACCOUNTS.deployer.address.lower()] * 4


def test_everybody_has_money_and_the_workerpool_is_staked(deployed, connect):
    genesis, _ = deployed
    staked = [(ACCOUNTS.scheduler, SCHEDULER_STAKE)]
    staked += [(worker, WORKER_STAKE) for worker in ACCOUNTS.workers]
    staked += [(user, USER_STAKE) for user in ACCOUNTS.users]

    async def check():
        async with connect() as chain:
            stakes = await chain.calls([(genesis.hub, HUB.viewAccount, (who.address,)) for who, _ in staked])
            user = ACCOUNTS.users[-1].address
            coins = int(await chain.rpc("eth_getBalance", user, "latest"), 16)
            tokens = None if genesis.native else await chain.call(genesis.rlc, RLC.balanceOf, user)
            pool = await chain.calls(
                [
                    (genesis.workerpool, WORKERPOOL.owner, ()),
                    (genesis.workerpool, WORKERPOOL.m_workerpoolDescription, ()),
                    (genesis.registries["workerpool"], REGISTRY.isRegistered, (genesis.workerpool,)),
                ]
            )
            return stakes, coins, tokens, pool

    stakes, coins, tokens, pool = asyncio.run(check())
    assert stakes == [(rlc * RLC_UNIT, 0) for _, rlc in staked]
    if genesis.native:
        assert coins == USER_WALLET * 10**18
    else:
        assert coins == 1_000 * 10**18
        assert tokens == USER_WALLET * RLC_UNIT
    assert pool == [ACCOUNTS.scheduler.address.lower(), WORKERPOOL_NAME, True]


def test_a_native_chain_takes_transactions_of_somebody_with_nothing(deployed, connect):
    genesis, _ = deployed
    if not genesis.native:
        return

    async def check():
        async with connect() as chain:
            poor = ACCOUNTS.users[0]
            await chain.rpc("anvil_setBalance", poor.address, "0x0")
            receipt = await chain.send(poor, genesis.hub, HUB.approve.encode(ACCOUNTS.faucet.address, 1))
            return int(receipt["effectiveGasPrice"], 16)

    assert asyncio.run(check()) == 0


def test_addresses_are_the_same_in_every_sandbox(deployed):
    genesis, _ = deployed
    assert genesis.hub == (
        "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9"
        if genesis.native
        else "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707"
    )


def test_unknown_calls_fail_on_a_token_chain_only(deployed, connect):
    genesis, _ = deployed
    nonsense = Function("nonsense(uint256)").encode(1) + encode(["uint256"], [2])

    async def check():
        async with connect() as chain:
            call = {"to": genesis.hub, "data": "0x" + nonsense.hex(), "from": ACCOUNTS.faucet.address}
            return await chain.batch([("eth_chainId", []), ("eth_estimateGas", [call])])

    if genesis.native:
        asyncio.run(check())
        return
    with pytest.raises(CallError) as caught:
        asyncio.run(check())
    assert caught.value.reason == "fallback-disabled"
