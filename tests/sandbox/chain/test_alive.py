"""``Ledger.alive``: whoever is given the node's own address finds a node there."""

from __future__ import annotations

import asyncio

from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.sandbox.chain.durable_node import Ledger


def test_a_dead_node_is_replaced_before_its_address_is_given(ledgers):
    async def check():
        async with ledgers() as (ledger, chain):
            await chain.rpc("evm_mine")
            newest = await chain.block_number()
            first = await ledger.alive()
            assert first == ledger.url
            assert await ledger.alive() == first, "a node that runs is kept"
            dead = ledger._node
            dead.process.kill()
            dead.process.wait()
            url = await ledger.alive()
            assert ledger._node is not dead
            assert ledger._node.process.poll() is None
            assert url == ledger.url == ledger._node.url
            # The new one has the whole chain.
            assert await asyncio.to_thread(Rpc(url).request, "eth_blockNumber") == hex(newest)

    asyncio.run(check())


def test_nobody_is_sent_to_a_node_that_has_not_played_all(ledgers):
    async def check():
        async with ledgers() as (ledger, _):
            ledger._whole.clear()
            waiting = asyncio.create_task(Ledger.alive(ledger))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            ledger._whole.set()
            assert await waiting == ledger.url

    asyncio.run(check())
