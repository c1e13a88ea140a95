from __future__ import annotations

import asyncio

import pytest

from iexec_lab.errors import SandboxError, ValidationError
from iexec_lab.ethereum.contracts import DIAMOND, HUB, RLC, WORKERPOOL
from iexec_lab.networks import NETWORKS
from iexec_lab.protocol import Domain, WorkerpoolOrder, to_address
from iexec_lab.sandbox import Sandbox
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.chain.client import Chain
from iexec_lab.sandbox.chain.presets import PRESETS, find_preset

pytestmark = pytest.mark.sandbox

REGISTRIES = {
    "app": "0x9950D94fb074182ee93ff79A50Cd698C4983281F",
    "dataset": "0x07Cc4E1EA30dD02796795876509A3BfC5053128D",
    "workerpool": "0xe3c13bb4A5068601c6A08041Cb50887B07B5F398",
}
TOKENS = {
    "arbitrum-mainnet": "0xe649e6a1F2afc63ca268C2363691ceCAF75CF47C",
    "arbitrum-sepolia-testnet": "0x9923eD3cbd90CD78b910c475f9A731A6e0b8C963",
    "bellecour": None,
}


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_known_network_is_imitated(preset):
    network = NETWORKS[preset]

    async def check(sandbox):
        async with Chain(sandbox.urls["rpc"], sandbox.chain_id, free_gas=sandbox.native) as chain:
            scheduler = well_known_accounts().scheduler
            domain = Domain(chain_id=network.id, verifying_contract=network.hub)
            order = WorkerpoolOrder(workerpool=sandbox.workerpool, workerpoolprice=1, volume=1, category=0)
            order = order.sign(domain, scheduler.signer)
            signed = bytes.fromhex(order.hash(domain)[2:]), bytes.fromhex(order.signature[2:])
            facts = await chain.calls(
                [
                    (sandbox.hub, HUB.eip712domain_separator, ()),
                    (sandbox.hub, HUB.token, ()),
                    (sandbox.hub, HUB.workerpoolregistry, ()),
                    (sandbox.hub, DIAMOND.facets, ()),
                    (sandbox.hub, HUB.viewAccount, (scheduler.address,)),
                    (sandbox.hub, HUB.verifySignature, (scheduler.address, *signed)),
                    (sandbox.workerpool, WORKERPOOL.owner, ()),
                    (sandbox.hub, HUB.viewCategory, (0,)),
                ]
            )
            assert facts[0] == domain.separator()
            assert int(facts[1], 16) == int(TOKENS[preset] or "0x0", 16)
            assert to_address(facts[2]) == sandbox.registries["workerpool"]
            assert len(facts[3]) == 14
            assert facts[4][0] > 0
            assert facts[5] is True
            assert to_address(facts[6]) == scheduler.address
            assert facts[7][:2] == ("XS", "{}" if preset == "bellecour" else '""')
            await chain.rpc("sandbox_fund", "0x" + "55" * 20, hex(5))
            if sandbox.rlc:
                assert await chain.call(sandbox.rlc, RLC.balanceOf, "0x" + "55" * 20) == 5

    with Sandbox(preset=preset) as sandbox:
        assert (sandbox.chain_id, sandbox.hub, sandbox.native) == (network.id, network.hub, network.native)
        assert sandbox.rlc == TOKENS[preset]
        only_old = {"resultProxy", "native", "useGas"}
        keys = {"id", "host", "hub", "sms", "ipfsGateway", "iexecGateway", "pocoSubgraph"}
        keys |= only_old if preset == "bellecour" else {"compass"}
        assert set(sandbox.chain_json()) == keys
        if sandbox.rlc is not None:
            assert sandbox.registries == REGISTRIES
        asyncio.run(check(sandbox))


def test_other_networks_are_not():
    with pytest.raises(ValidationError, match="no preset") as caught:
        find_preset("mainnet")
    assert "bellecour" in caught.value.hint
    with pytest.raises(SandboxError, match="no preset"):
        Sandbox(preset="mainnet").start()
