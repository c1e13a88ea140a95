from __future__ import annotations

import asyncio

import pytest

from iexec_lab.errors import CallError, ChainError, TransactionError
from iexec_lab.ethereum.contracts import EVENTS, HUB
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.chain.client import Chain

ACCOUNTS = well_known_accounts()
ALICE, BOB = ACCOUNTS.users[1:3]


def approve(amount):
    return HUB.approve.encode(BOB.address, amount)


def test_reads_are_decoded_and_batches_keep_their_order(deployed, connect):
    genesis, _ = deployed

    async def check():
        async with connect() as chain:
            names = await chain.calls([(genesis.hub, function, ()) for function in (HUB.name, HUB.symbol)])
            return names, await chain.calls([]), await chain.call(genesis.hub, HUB.decimals)

    assert asyncio.run(check()) == (["Staked RLC", "SRLC"], [], 9)


def test_a_failing_read_carries_its_reason(deployed, connect):
    genesis, _ = deployed

    async def check():
        async with connect() as chain:
            await chain.call(genesis.hub, HUB.viewCategory, 99)

    with pytest.raises(CallError):
        asyncio.run(check())


def test_transactions_of_one_account_queue_up(deployed, connect):
    genesis, _ = deployed

    async def check():
        async with connect() as chain:
            receipts = await asyncio.gather(
                *(
                    chain.send(account, genesis.hub, approve(amount))
                    for amount in range(10)
                    for account in (ALICE, BOB)
                )
            )
            return receipts, await chain.call(genesis.hub, HUB.allowance, ALICE.address, BOB.address)

    receipts, allowance = asyncio.run(check())
    assert len({receipt["transactionHash"] for receipt in receipts}) == 20
    assert allowance == 9


def test_a_revert_tells_why(deployed, connect):
    genesis, _ = deployed

    async def check():
        async with connect() as chain:
            await chain.send(ALICE, genesis.hub, HUB.createCategory.encode("mine", "", 1))

    with pytest.raises(TransactionError, match="caller is not the owner") as caught:
        asyncio.run(check())
    assert "caller is not the owner" in caught.value.reason
    assert caught.value.tx_hash.startswith("0x")


def test_what_can_not_be_sent_is_refused(deployed, connect):
    async def check():
        async with connect() as chain:
            await chain.send(ALICE, BOB.address, b"", value=10**40)

    with pytest.raises(TransactionError):
        asyncio.run(check())


def test_a_node_that_is_not_there_is_an_error_of_ours():
    async def check():
        async with Chain("http://127.0.0.1:9", 1):
            pass

    with pytest.raises(ChainError, match="does not answer"):
        asyncio.run(check())


def test_following_gives_every_block_once_and_in_order(deployed, connect):
    genesis, _ = deployed
    batches = []
    got = asyncio.Event()

    async def handler(batch):
        batches.append(batch)
        got.set()

    async def check():
        async with connect() as chain:
            start = chain.head.number + 1
            await chain.send(ALICE, genesis.hub, approve(1))
            task = asyncio.create_task(chain.follow(handler, start))
            await asyncio.gather(*(chain.send(BOB, genesis.hub, approve(2)) for _ in range(5)))
            end = await chain.block_number()
            while not batches or batches[-1].to_block < end:
                got.clear()
                await got.wait()
            task.cancel()
            return start, end

    start, end = asyncio.run(check())
    covered = [number for batch in batches for number in range(batch.from_block, batch.to_block + 1)]
    assert covered == list(range(start, end + 1))
    logs = [log for batch in batches for log in batch.logs]
    assert [EVENTS.Approval.decode(log)["value"] for log in logs] == [1, 2, 2, 2, 2, 2]


def test_following_a_chain_that_is_wound_back_gives_the_new_blocks(deployed, connect):
    genesis, _ = deployed
    amounts = []
    got = asyncio.Event()

    async def handler(batch):
        amounts.extend(EVENTS.Approval.decode(log)["value"] for log in batch.logs)
        got.set()

    async def seen(amount):
        while amount not in amounts:
            got.clear()
            await got.wait()

    async def check():
        async with connect() as chain:
            task = asyncio.create_task(chain.follow(handler, chain.head.number + 1))
            saved = await chain.rpc("evm_snapshot")
            await chain.send(ALICE, genesis.hub, approve(100))
            await seen(100)
            await chain.rpc("evm_revert", saved)
            await chain.send(ALICE, genesis.hub, approve(200))
            await chain.send(ALICE, genesis.hub, approve(300))
            await seen(300)
            task.cancel()

    asyncio.run(check())
    assert amounts[0] == 100
    assert amounts[-1] == 300


def test_waiting_for_the_next_block(deployed, connect):
    async def check():
        async with connect() as chain:
            before = chain.head
            waiting = asyncio.create_task(chain.next_block(before.number))
            await chain.rpc("evm_mine")
            return before, await waiting

    before, after = asyncio.run(check())
    assert after.number > before.number
