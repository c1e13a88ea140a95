from __future__ import annotations

import asyncio
import json
import secrets

import pytest
from aiohttp import ClientSession

from iexec_lab.errors import CallError
from iexec_lab.ethereum.contracts import HUB, RLC
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.chain.client import Chain
from iexec_lab.sandbox.chain.connection import request
from iexec_lab.sandbox.control import Sandbox

ACCOUNTS = well_known_accounts()
SOMEBODY = "0x2222222222222222222222222222222222222222"


@pytest.fixture
def url(iexec_sandbox):
    return iexec_sandbox.urls["rpc"]


def post(url, body, **headers):
    async def send():
        async with ClientSession() as session, session.post(url, data=body, headers=headers) as response:
            return response.status, response.headers, await response.json()

    return asyncio.run(send())


def test_it_is_an_ethereum_node_for_everybody(iexec_sandbox, url):
    status, headers, answer = post(
        url, json.dumps(request("eth_chainId", [], 5)), Origin="http://localhost:8888"
    )
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == "http://localhost:8888"
    assert answer == {"jsonrpc": "2.0", "id": 5, "result": hex(iexec_sandbox.chain_id)}


def test_browsers_may_ask(url):
    asked = {
        "Origin": "http://localhost:8888",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }

    async def preflight():
        async with ClientSession() as session, session.options(url, headers=asked) as response:
            return response.status, response.headers["Access-Control-Allow-Headers"]

    assert asyncio.run(preflight()) == (200, "content-type")


def test_batches_may_mix_reads_changes_and_own_methods(url):
    batch = [
        request("eth_chainId", [], 1),
        request("evm_mine", [], 2),
        request("sandbox_forward", [5], 3),
        request("eth_noSuchThing", [], 4),
    ]
    _, _, answers = post(url, json.dumps(batch))
    assert [answer["id"] for answer in answers] == [1, 2, 3, 4]
    assert answers[2]["result"].keys() == {"number", "timestamp"}
    assert answers[3]["error"]["code"] == -32601


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '["x"]', "null", "[" * 100_000])
def test_what_is_no_request_gets_an_error(url, body):
    status, _, answer = post(url, body)
    assert status == 200
    assert answer["error"]["code"] == -32700


@pytest.mark.parametrize(
    "body",
    [
        '{"method": 5}',
        '{"method": []}',
        "{}",
        '[{"method": "evm_mine", "params": 5}]',
        '{"method": "evm_mine", "params": {}}',
    ],
)
def test_a_request_of_another_shape_gets_an_error(url, body):
    status, _, answer = post(url, body)
    assert status == 200
    assert answer["error"]["code"] == -32600


@pytest.mark.parametrize(
    ("params", "code"),
    [([], -32602), (["0x12"], -32000), ([SOMEBODY, "much"], -32602), ([SOMEBODY, "-0x1"], -32000)],
)
def test_a_faucet_request_may_be_wrong(url, params, code):
    _, _, answer = post(url, json.dumps(request("sandbox_fund", params)))
    assert answer["error"]["code"] == code


def test_the_faucet_gives_both_coins(iexec_sandbox, url):
    async def check():
        async with Chain(url, iexec_sandbox.chain_id) as chain:
            before = await chain.call(iexec_sandbox.rlc, RLC.balanceOf, SOMEBODY)
            await chain.rpc("sandbox_fund", SOMEBODY, hex(7), hex(9))
            after = await chain.call(iexec_sandbox.rlc, RLC.balanceOf, SOMEBODY)
            return after - before, int(await chain.rpc("eth_getBalance", SOMEBODY, "latest"), 16)

    assert asyncio.run(check()) == (7, 9)


def test_a_chain_over_the_public_port_hears_of_blocks(iexec_sandbox, url):
    async def check():
        async with Chain(url, iexec_sandbox.chain_id) as chain:
            approve = HUB.approve.encode(SOMEBODY, 3)
            receipt = await chain.send(ACCOUNTS.users[3], iexec_sandbox.hub, approve)
            head = await chain.next_block(int(receipt["blockNumber"], 16) - 1)
            return head.number - int(receipt["blockNumber"], 16)

    assert asyncio.run(check()) >= 0


def test_websockets_carry_subscriptions_reads_and_changes(url):
    async def check():
        async with ClientSession() as session, session.ws_connect(url.replace("http", "ws", 1)) as socket:
            await socket.send_json(request("eth_subscribe", ["newHeads"], 1))
            subscription = (await socket.receive_json())["result"]
            await socket.send_json(request("evm_mine", [], 2))
            heard = []
            while not {None, 2} <= {answer.get("id") for answer in heard}:
                heard.append(await socket.receive_json())
            await socket.send_json(request("eth_unsubscribe", [subscription], 5))
            while (await socket.receive_json()).get("id") != 5:
                pass  # blocks that somebody else made
            await socket.send_json([request("eth_chainId", [], 3), request("eth_blockNumber", [], 4)])
            batch = await socket.receive_json()
            await socket.send_str("{")
            broken = await socket.receive_json()
            return subscription, heard, batch, broken

    subscription, heard, batch, broken = asyncio.run(check())
    assert {answer.get("id") for answer in heard} == {None, 2}
    assert {answer["params"]["subscription"] for answer in heard if "params" in answer} == {subscription}
    assert sorted(answer["id"] for answer in batch) == [3, 4]
    assert broken["error"]["code"] == -32700


def test_refusals_of_the_node_reach_the_sender(iexec_sandbox, url):
    async def check():
        async with Chain(url, iexec_sandbox.chain_id) as chain:
            await chain.rpc("eth_sendRawTransaction", "0x00")

    with pytest.raises(CallError, match="decode"):
        asyncio.run(check())


def test_rlc_is_given_as_the_official_tests_give_it(iexec_sandbox, url):
    """They write to where the token of Arbitrum keeps the balance of an address they gave ether to."""
    from eth_abi import encode

    from iexec_lab.protocol.hashing import keccak

    owner = "0x" + secrets.token_hex(20)
    location = "0x52c63247e1f47db19d5ce0460030c497f067ca4cebf71ba98eeadabe20bace00"
    place = keccak(encode(["address", "uint256"], [owner, int(location, 16)]))

    def ask(method, *params):
        return post(url, json.dumps(request(method, list(params), 1)))[2]["result"]

    def balance():
        data = "0x" + RLC.balanceOf.encode(owner).hex()
        return int(ask("eth_call", {"to": iexec_sandbox.rlc, "data": data}, "latest"), 16)

    nrlc = 123_456_789_012
    words = [iexec_sandbox.rlc, f"0x{place.hex()}", f"0x{nrlc:064x}"]
    ask("anvil_setStorageAt", *words)
    assert balance() == 0
    ask("anvil_setBalance", owner, hex(10**18))
    ask("anvil_setStorageAt", *words)
    assert balance() == nrlc
    ask("anvil_setStorageAt", *words[:2], "0x" + "00" * 32)
    assert balance() == 0


def test_odd_writes_to_storage_are_the_node_s_business(url):
    for params in ([], [5, 6, 7], ["0x", "0x", "0x"], {"a": 1}, None, ["0x" + "11" * 20, "zz", "0x0"]):
        for method in ("anvil_setStorageAt", "anvil_setBalance"):
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            assert "error" in post(url, json.dumps(body))[2]


def test_estimates_of_gas_leave_room_for_what_others_do_meanwhile(iexec_sandbox, url):
    user = iexec_sandbox.users[0].address
    approve = "0x" + RLC.approve.encode(SOMEBODY, 5).hex()
    batch = [
        request("eth_estimateGas", [{"from": user, "to": iexec_sandbox.rlc, "data": approve}], 1),
        request("eth_estimateGas", [{"from": user, "to": SOMEBODY, "value": "0x1"}], 2),
        request("eth_estimateGas", [{"from": user, "to": iexec_sandbox.hub, "data": "0x12345678"}], 3),
        request("eth_chainId", [], 4),
    ]
    call, transfer, refused, chain = post(url, json.dumps(batch))[2]
    receipt_gas = 46_000  # a little more than what approving takes
    assert int(call["result"], 16) > receipt_gas * 5 // 4
    assert int(transfer["result"], 16) == 21_000
    assert "error" in refused
    assert chain["result"] == hex(iexec_sandbox.chain_id)
    assert post(url, json.dumps(batch[0]))[2] == call


@pytest.mark.sandbox
def test_where_gas_is_free_nobody_needs_to_say_so():
    with Sandbox(native=True) as sandbox:
        url = sandbox.urls["rpc"]
        user = sandbox.users[0].address
        gift = {"from": SOMEBODY, "to": user, "value": "0x1"}
        batch = [
            request("eth_maxPriorityFeePerGas", [], 1),
            request("anvil_setBalance", [SOMEBODY, "0x2"], 2),
            request("anvil_impersonateAccount", [SOMEBODY], 3),
            request("eth_sendTransaction", [gift], 4),
            request(
                "eth_sendTransaction", [{**gift, "maxFeePerGas": "0x0", "maxPriorityFeePerGas": "0x0"}], 5
            ),
            request("eth_getBalance", [SOMEBODY, "latest"], 6),
            request("eth_sendTransaction", [], 7),
        ]
        _, _, answers = post(url, json.dumps(batch))
    assert answers[0]["result"] == "0x0"
    assert len(answers[3]["result"]) == len(answers[4]["result"]) == 66
    assert answers[5]["result"] == "0x0"
    assert "error" in answers[6]
