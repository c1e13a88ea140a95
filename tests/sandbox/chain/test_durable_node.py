"""Whatever is done to the chain, a node that is killed comes back as it was."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iexec_lab.errors import CallError, ChainError, SandboxError
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.chain.connection import request
from iexec_lab.sandbox.chain.durable_node import DurableNode
from iexec_lab.sandbox.chain.journal import Block, Decree, Journal
from iexec_lab.sandbox.chain.replay import NodeError, replay
from iexec_lab.sandbox.chain.rpc_methods import changes
from iexec_lab.sandbox.state.registry import Genesis

ACCOUNTS = well_known_accounts()
ALICE, BOB, CAROL = ACCOUNTS.users[:3]
STRANGER = "0x1111111111111111111111111111111111111111"
ETHER = 10**18


def raw_transfer(account, nonce, value=1):
    return account.sign_transaction(
        nonce=nonce, gas_price=10**10, gas=21000, to=BOB.address, value=value, data=b"", chain_id=65535
    )


async def nonce_of(chain, account):
    return int(await chain.rpc("eth_getTransactionCount", account.address, "latest"), 16)


async def picture(chain):
    """All blocks with their hashes, and the state root and pool of the newest."""
    newest = await chain.block_number()
    blocks = await chain.batch([("eth_getBlockByNumber", [hex(i), False]) for i in range(newest + 1)])
    return [(block["hash"], block["timestamp"]) for block in blocks], blocks[-1]["stateRoot"]


async def balance(chain, address):
    return int(await chain.rpc("eth_getBalance", address, "latest"), 16)


async def kill(node):
    node._anvil.process.kill()
    node._anvil.process.wait()


async def transfer(chain):
    await chain.send(ALICE, BOB.address, b"", value=5)


async def approve(chain):
    await chain.send(CAROL, "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707", HUB.approve.encode(BOB.address, 7))


async def failing(chain):
    receipt = await chain.rpc(
        "eth_sendRawTransactionSync",
        ALICE.sign_transaction(
            nonce=await nonce_of(chain, ALICE),
            gas_price=10**10,
            gas=100_000,
            to="0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
            value=0,
            data=b"none",
            chain_id=65535,
        ),
    )
    assert receipt["status"] == "0x0"


async def mine(chain):
    await chain.rpc("evm_mine")


async def mine_many(chain):
    await chain.rpc("anvil_mine", 3, 60)


async def forward(chain):
    await chain.rpc("evm_increaseTime", 1000)
    await chain.rpc("evm_mine")


async def exact_time(chain):
    await chain.rpc("evm_setNextBlockTimestamp", chain.head.timestamp + 77)
    await transfer(chain)


async def set_balance(chain):
    await chain.rpc("anvil_setBalance", STRANGER, hex(3 * ETHER))


async def set_storage(chain):
    await chain.rpc("hardhat_setStorageAt", STRANGER, "0x0", "0x" + "01" * 32)


async def impersonate(chain):
    await chain.rpc("anvil_setBalance", STRANGER, hex(9 * ETHER))
    await chain.rpc("anvil_impersonateAccount", STRANGER)
    price = await chain.rpc("eth_gasPrice")
    await chain.rpc(
        "eth_sendTransaction", {"from": STRANGER, "to": ALICE.address, "value": "0x1", "gasPrice": price}
    )


async def one_block_of_many(chain):
    await chain.rpc("evm_setAutomine", False)
    nonce = await nonce_of(chain, ALICE)
    for i in range(4):
        await chain.rpc("eth_sendRawTransaction", raw_transfer(ALICE, nonce + i))
    await chain.rpc("evm_setAutomine", True)


async def wind_back(chain):
    saved = await chain.rpc("evm_snapshot")
    await transfer(chain)
    await chain.rpc("evm_revert", saved)


STEPS = [
    transfer,
    approve,
    failing,
    mine,
    mine_many,
    forward,
    exact_time,
    set_balance,
    set_storage,
    impersonate,
    one_block_of_many,
    wind_back,
]


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=8),
    kills=st.sets(st.integers(0, 7), max_size=2),
)
def test_any_history_survives_any_kill(make_nodes, steps, kills):
    async def check(folder):
        running = make_nodes(folder)
        async with running() as (node, chain):
            for i, step in enumerate(steps):
                if i in kills:
                    await kill(node)
                await step(chain)
            before = await picture(chain)
            await kill(node)
            assert await picture(chain) == before
            await kill(node)
            # The end finds no node to ask for its state, so the next start has only the journal.
        async with running() as (_, chain):
            assert await picture(chain) == before
        async with running() as (_, chain):
            assert await picture(chain) == before

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder)))


def test_each_kind_of_change_survives(nodes):
    async def check():
        async with nodes() as (node, chain):
            for step in STEPS:
                await step(chain)
            before = await picture(chain)
            stranger = await balance(chain, STRANGER)
            await kill(node)
            assert await picture(chain) == before
            assert await balance(chain, STRANGER) == stranger
            assert await chain.rpc("eth_getStorageAt", STRANGER, "0x0", "latest") == "0x" + "01" * 32
            await transfer(chain)

    asyncio.run(check())


def test_transactions_sent_while_the_node_dies_are_in_the_chain_once(nodes):
    async def check():
        async with nodes() as (node, chain):
            before = await nonce_of(chain, ALICE), await nonce_of(chain, CAROL)

            async def killer():
                for _ in range(4):
                    await asyncio.sleep(0.05)
                    await kill(node)

            receipts, _ = await asyncio.gather(
                asyncio.gather(*(chain.send(who, BOB.address, b"") for who in (ALICE, CAROL) * 40)), killer()
            )
            after = await nonce_of(chain, ALICE), await nonce_of(chain, CAROL)
            kept = await chain.batch(
                [("eth_getTransactionReceipt", [receipt["transactionHash"]]) for receipt in receipts]
            )
            return before, after, receipts, kept

    before, after, receipts, kept = asyncio.run(check())
    assert [new - old for old, new in zip(before, after, strict=True)] == [40, 40]
    assert [one["blockHash"] for one in receipts] == [one["blockHash"] for one in kept]


def test_nobody_sees_a_node_that_has_not_played_all(nodes):
    async def check():
        async with nodes() as (node, chain):
            for _ in range(30):
                await transfer(chain)
            newest = await chain.block_number()
            late, play = [], node._play

            async def slowly():
                await asyncio.to_thread(node._anvil.wait_ready)
                late.append(asyncio.create_task(chain.block_number()))
                await asyncio.sleep(0.1)
                await play()

            node._play = slowly
            await kill(node)
            assert await chain.block_number() == newest
            assert await late[0] == newest

    asyncio.run(check())


def test_a_reader_that_leaves_does_not_leave_half_a_chain(nodes):
    async def check():
        async with nodes() as (node, chain):
            for _ in range(30):
                await transfer(chain)
            newest = await chain.block_number()
            playing, play = asyncio.Event(), node._play

            async def stopped_halfway():
                node._play = play
                await asyncio.to_thread(node._anvil.wait_ready)
                playing.set()
                await asyncio.Event().wait()

            node._play = stopped_halfway
            await kill(node)
            reader = asyncio.create_task(chain.block_number())
            await playing.wait()
            reader.cancel()
            assert await chain.block_number() == newest
            await transfer(chain)
            assert await chain.block_number() == newest + 1

    asyncio.run(check())


def test_waiting_transactions_survive(nodes):
    async def check():
        async with nodes() as (node, chain):
            nonce = await nonce_of(chain, ALICE)
            late = await chain.rpc("eth_sendRawTransaction", raw_transfer(ALICE, nonce + 1))
            await chain.rpc("evm_setAutomine", False)
            dropped = await chain.rpc(
                "eth_sendRawTransaction", raw_transfer(CAROL, await nonce_of(chain, CAROL))
            )
            assert await chain.rpc("anvil_dropTransaction", dropped) == dropped
            await chain.rpc("evm_setAutomine", True)
            await kill(node)
            assert await chain.rpc("eth_getTransactionReceipt", late) is None
            await kill(node)
        async with nodes() as (_, chain):
            assert await chain.rpc("eth_getTransactionByHash", late) is not None
            assert await chain.rpc("eth_getTransactionByHash", dropped) is None
            await chain.rpc("eth_sendRawTransaction", raw_transfer(ALICE, nonce))
            assert (await chain.rpc("eth_getTransactionReceipt", late))["status"] == "0x1"

    asyncio.run(check())


def test_time_does_not_step_back(nodes):
    async def check():
        async with nodes() as (_, chain):
            await forward(chain)
            ahead = chain.head.timestamp - time.time()
            assert ahead > 900
        async with nodes() as (node, chain):
            await mine(chain)
            assert abs(chain.head.timestamp - time.time() - ahead) < 30
            await kill(node)
            await mine(chain)
            assert abs(chain.head.timestamp - time.time() - ahead) < 30

    asyncio.run(check())


def test_a_slow_start_takes_the_chain_no_further_ahead(nodes, monkeypatch):
    async def slowly(journal, ask, send):
        async def pausing(method, *params):
            answer = await ask(method, *params)
            await asyncio.sleep(1.1 if method.startswith("evm_") else 0)
            return answer

        await replay(journal, pausing, send)

    async def check():
        async with nodes() as (node, chain):
            await forward(chain)
            ahead = node._offset
        monkeypatch.setattr("iexec_lab.sandbox.chain.durable_node.replay", slowly)
        async with nodes() as (node, _):
            assert node._offset == ahead

    asyncio.run(check())


def test_forward_moves_the_newest_block(nodes):
    async def check():
        async with nodes() as (node, chain):
            before = chain.head
            after = await node.forward(3600)
            assert after == chain.head
            assert after.timestamp >= before.timestamp + 3600
            assert after.number == before.number + 1

    asyncio.run(check())


def test_automine_can_be_turned_off_and_on(nodes):
    async def check():
        async with nodes() as (_, chain):
            assert await chain.rpc("anvil_getAutomine") is True
            await chain.rpc("evm_setAutomine", False)
            nonce = await nonce_of(chain, ALICE)
            sent = await chain.rpc("eth_sendRawTransaction", raw_transfer(ALICE, nonce))
            assert await chain.rpc("eth_getTransactionReceipt", sent) is None
            with pytest.raises(CallError, match="waits in the pool"):
                await chain.rpc("eth_sendRawTransactionSync", raw_transfer(ALICE, nonce + 1))
            await chain.rpc("evm_setAutomine", True)
            assert (await chain.rpc("eth_getTransactionReceipt", sent))["status"] == "0x1"

    asyncio.run(check())


def test_interval_mining(nodes):
    async def check():
        async with nodes() as (_, chain):
            await chain.rpc("evm_setIntervalMining", 1)
            before = chain.head.number
            await chain.next_block(before + 1)
            assert await chain.rpc("anvil_getIntervalMining") == 1
            await chain.rpc("evm_setIntervalMining", 0)
            assert await chain.rpc("anvil_getIntervalMining") is None

    asyncio.run(check())


def test_a_batch_is_done_in_its_order(nodes):
    async def check():
        async with nodes() as (_, chain):
            nonce = await nonce_of(chain, ALICE)
            raws = [("eth_sendRawTransaction", [raw_transfer(ALICE, nonce + i)]) for i in range(20)]
            hashes = await chain.batch([*raws, ("eth_blockNumber", [])])
            receipts = await chain.batch([("eth_getTransactionReceipt", [one]) for one in hashes[:-1]])
            return [int(receipt["blockNumber"], 16) for receipt in receipts], int(hashes[-1], 16)

    numbers, newest = asyncio.run(check())
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    assert numbers[-1] == newest


def test_errors_of_the_node_are_handed_on(nodes):
    async def check():
        async with nodes() as (node, chain):
            wrong = await node.post(request("eth_sendRawTransaction", ["0x00"], 7))
            assert wrong["error"]["code"] == -32602
            assert wrong["id"] == 7
            await transfer(chain)
            with pytest.raises(CallError, match="nonce too low"):
                await chain.rpc("eth_sendRawTransaction", raw_transfer(ALICE, 0))
            unknown = await node.post(request("anvil_noSuchThing"))
            assert unknown["error"]["code"] == -32601

    asyncio.run(check())


def test_a_quiet_chain_gets_a_block_when_it_is_asked(nodes):
    async def check():
        async with nodes() as (node, chain):
            await mine(chain)
            newest = chain.head.number
            await node.refresh(60)
            assert chain.head.number == newest
            await node.refresh(-1)
            assert chain.head.number == newest + 1

    asyncio.run(check())


def test_many_blocks_become_a_new_base(nodes, tmp_path, monkeypatch):
    monkeypatch.setattr("iexec_lab.sandbox.chain.durable_node.ENTRIES_PER_BASE", 20)

    async def check():
        async with nodes() as (node, chain):
            for _ in range(25):
                await transfer(chain)
            before = await picture(chain)
            assert node._journal.size < 20
            await kill(node)
            assert await picture(chain) == before

    asyncio.run(check())
    assert [path.name for path in (tmp_path / "chain").glob("base-*")] == ["base-2.json"]


def test_a_chain_that_can_not_be_played_again_is_said(nodes, tmp_path):
    async def begin():
        async with nodes() as (node, chain):
            await mine(chain)
            await kill(node)

    asyncio.run(begin())
    journal = Journal(tmp_path)
    journal.add_blocks([Block(59, "0x" + "00" * 32, int(time.time()) + 10, 7, [])], [])
    journal.close()

    async def again():
        async with nodes():
            pass

    with pytest.raises(SandboxError, match=r"Block 59 .* other than it was") as caught:
        asyncio.run(again())
    assert "reset" in caught.value.hint


@pytest.mark.parametrize(
    ("method", "changing"),
    [
        ("eth_sendRawTransaction", True),
        ("eth_sendRawTransactionSync", True),
        ("eth_sendTransaction", True),
        ("evm_mine", True),
        ("hardhat_setBalance", True),
        ("tenderly_setStorageAt", True),
        ("eth_call", False),
        ("eth_getLogs", False),
        ("net_version", False),
        ("debug_traceTransaction", False),
        ("", False),
    ],
)
def test_what_changes_the_chain_is_known(method, changing):
    assert changes(method) is changing


def test_the_journal_gives_back_what_it_was_given(tmp_path):
    state = tmp_path / "state.json"
    state.write_text("{}")
    genesis = Genesis(1, True, None, "0xhub", None, {"app": "0xapp"}, "0xpool")
    block = Block(1, "0xh", 5, 7, [["eth_sendRawTransaction", "0x01"]])
    journal = Journal(tmp_path)
    assert journal.genesis is None
    journal.begin(genesis, state)
    journal.add_pending("0x01", ["eth_sendRawTransaction", "0x01"])
    journal.add_pending("0x02", ["eth_sendRawTransaction", "0x02"])
    journal.add_decree(Decree("anvil_setBalance", ["0x", "0x1"]))
    journal.add_blocks([block], ["0x01"])
    journal.keep("offset", -3)
    journal.close()
    journal = Journal(tmp_path)
    assert journal.genesis == genesis
    assert journal.size == 2
    assert list(journal.entries()) == [Decree("anvil_setBalance", ["0x", "0x1"]), block]
    assert journal.pending() == {"0x02": ["eth_sendRawTransaction", "0x02"]}
    assert journal.fact("offset") == -3
    journal.rebase(b'{"new": 1}')
    assert list(journal.entries()) == []
    assert journal.base.read_bytes() == b'{"new": 1}'
    journal.close()


def test_what_can_not_be_written_down_has_not_happened(nodes, monkeypatch):
    """As on a full disk: the node must not know more than the journal."""

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    async def check():
        async with nodes() as (node, chain):
            await transfer(chain)
            before = await picture(chain)
            for name in ("add_blocks", "add_decree"):
                with monkeypatch.context() as patch:
                    patch.setattr(node._journal, name, full)
                    with pytest.raises(ChainError, match="disk is full"):
                        await (transfer(chain) if name == "add_blocks" else set_balance(chain))
                    assert await picture(chain) == before
            await transfer(chain)
            after = await picture(chain)
            await kill(node)
            assert await picture(chain) == after

    asyncio.run(check())


def test_a_base_that_can_not_be_written_is_no_matter(nodes, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    async def check():
        async with nodes() as (node, chain):
            monkeypatch.setattr("iexec_lab.sandbox.chain.durable_node.ENTRIES_PER_BASE", 1)
            monkeypatch.setattr(node._journal, "rebase", full)
            for _ in range(3):
                await transfer(chain)
            before = await picture(chain)
            await kill(node)
            assert await picture(chain) == before

    asyncio.run(check())


def test_a_dead_node_is_replaced_before_its_address_is_given(nodes):
    async def check():
        async with nodes() as (node, chain):
            await chain.rpc("evm_mine")
            newest = await chain.block_number()
            first = await node.alive()
            assert first == node.url
            assert await node.alive() == first, "a node that runs is kept"
            dead = node._anvil
            dead.process.kill()
            dead.process.wait()
            url = await node.alive()
            assert node._anvil is not dead
            assert node._anvil.process.poll() is None
            assert url == node.url == node._anvil.url
            # The new one has the whole chain.
            assert await asyncio.to_thread(Rpc(url).request, "eth_blockNumber") == hex(newest)

    asyncio.run(check())


def test_nobody_is_sent_to_a_node_that_has_not_played_all(nodes):
    async def check():
        async with nodes() as (node, _):
            node._whole.clear()
            waiting = asyncio.create_task(DurableNode.alive(node))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            node._whole.set()
            assert await waiting == node.url

    asyncio.run(check())


def test_a_block_of_many_transactions_keeps_their_order_and_is_played_again(nodes):
    raws = [raw_transfer(account, nonce) for nonce in range(30) for account in (ALICE, BOB, CAROL)]

    async def check():
        async with nodes() as (node, chain):
            time_ahead = chain.head.timestamp + 86_400
            receipts = await node.add_block(raws, time_ahead)
            assert {receipt["blockNumber"] for receipt in receipts} == {hex(node.head.number)}
            assert [int(receipt["transactionIndex"], 16) for receipt in receipts] == list(range(90))
            assert node.head.timestamp == time_ahead
            head = node.head
            await kill(node)
            assert (await chain.rpc("eth_getBlockByNumber", "latest", False))["number"] == hex(head.number)
            await node.shorten()
            assert node._journal.size == 0
        async with nodes() as (node, _):
            assert node.head == head

    asyncio.run(check())


def test_a_block_with_a_refused_transaction_is_not_made(nodes):
    good, next_one = raw_transfer(ALICE, 0), raw_transfer(ALICE, 1)

    async def check():
        async with nodes() as (node, chain):
            head = node.head
            with pytest.raises(NodeError):
                await node.add_block([good, good], head.timestamp + 60)
            assert node.head == head
            assert int((await chain.rpc("txpool_status"))["pending"], 16) == 0
            assert len(await node.add_block([good, next_one], head.timestamp - 5)) == 2
            assert node.head.timestamp == head.timestamp + 1

    asyncio.run(check())
