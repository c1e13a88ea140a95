"""Whatever a node answers: a value of the right type, or an error of ours."""

from __future__ import annotations

import contextlib
import copy
import json

import pytest
from eth_abi.abi import encode as abi_encode
from helpers.faulty_server import FaultyServer, json_reply
from helpers.mutated import ANYTHING, AWKWARD, mutated
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import CallError, IexecError
from iexec_lab.ethereum import contracts
from iexec_lab.ethereum.abi import Event, split_types
from iexec_lab.ethereum.answers import read_answer, to_int, to_receipt
from iexec_lab.ethereum.calls import MAX_DATA, Call, attempt, block_time, checked, latest_block, read
from iexec_lab.ethereum.contracts import ERC721_EVENTS, EVENTS, HUB, REGISTRY, VOUCHER_EVENTS
from iexec_lab.ethereum.hub import Hub
from iexec_lab.ethereum.receipts import Receipt
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.ethereum.transport import RpcFault, fault_of

HUB_ADDRESS = "0x3eca1B216A7DF1C7689aEb259fFB83ADFB894E7f"
HASH, OTHER = "0x" + "ab" * 32, "0x" + "cd" * 32


def log(event, topics=(), values=()):
    kinds = [kind for kind, _, indexed in event.fields if not indexed]
    return {
        "address": HUB_ADDRESS.lower(),
        "topics": [event.topic, *topics],
        "data": "0x" + abi_encode(kinds, values).hex(),
        "blockNumber": "0x1234",
        "blockHash": OTHER,
        "transactionHash": HASH,
        "transactionIndex": "0x0",
        "logIndex": "0x1",
        "removed": False,
    }


WORD = "0x" + "00" * 12 + "11" * 20
LOGS = [
    log(EVENTS.SchedulerNotice, [WORD], [b"\1" * 32]),
    log(EVENTS.OrdersMatched, [], [*[b"\2" * 32] * 5, 10]),
    log(EVENTS.Transfer, [WORD, WORD], [5]),
    log(ERC721_EVENTS.Transfer, [WORD, WORD, HASH]),
    log(EVENTS.CreateCategory, [], [1, "XS", "a name", 300]),
    log(EVENTS.TaskFinalize, [HASH], [b'{"storage":"ipfs"}']),
]
RECEIPT = {
    "type": "0x2",
    "status": "0x1",
    "transactionHash": HASH,
    "transactionIndex": "0x0",
    "blockHash": OTHER,
    "blockNumber": "0x1234",
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0x3b9aca00",
    "from": "0x" + "11" * 20,
    "to": HUB_ADDRESS.lower(),
    "contractAddress": None,
    "logs": LOGS,
    "logsBloom": "0x" + "00" * 256,
}
BLOCK = {
    "number": "0x1234",
    "hash": HASH,
    "timestamp": "0x6742a1b0",
    "gasLimit": "0x1c9c380",
    "baseFeePerGas": "0x7",
    "transactions": [HASH],
}
EVENT_KINDS = [
    event
    for holder in (EVENTS, ERC721_EVENTS, VOUCHER_EVENTS)
    for event in vars(holder).values()
    if isinstance(event, Event)
]
# What the hub's views answer, as the encoder writes it.
DEAL = (
    *[("0x" + "11" * 20, "0x" + "22" * 20, 5)] * 3,
    *(1, 0, b"\0" * 32, "0x" + "33" * 20, "0x" + "33" * 20, "0x" + "00" * 20, '{"iexec_args":"x"}'),
    *(1732400000, 0, 3, 0, 1, "0x" + "33" * 20),
)
TASK = (
    *(
        3,
        b"\1" * 32,
        0,
        300,
        1,
        2,
        3,
        b"\2" * 32,
        1,
        1,
        ["0x" + "44" * 20],
        b"\3" * 32,
        b'{"storage":"ipfs"}',
    ),
    *(4, b""),
)
VIEWS = [
    (HUB.viewDeal, abi_encode(split_types(contracts.DEAL), [DEAL])),
    (HUB.viewTask, abi_encode(split_types(contracts.TASK), [TASK])),
    (HUB.viewCategory, abi_encode([contracts.CATEGORY], [("XS", "short", 300)])),
    (HUB.viewAccount, abi_encode(["(uint256,uint256)"], [(1, 2)])),
    (HUB.domain, abi_encode(["(string,string,uint256,address)"], [("a", "5", 134, "0x" + "11" * 20)])),
    (
        HUB.viewApp,
        abi_encode(
            ["(address,string,string,bytes,bytes32,bytes)"],
            [("0x" + "11" * 20, "n", "DOCKER", b"x", b"\0" * 32, b"{}")],
        ),
    ),
    (REGISTRY.isRegistered, abi_encode(["bool"], [True])),
]


@given(answer=mutated(RECEIPT))
def test_a_receipt_is_one_or_an_error(answer):
    try:
        receipt = Receipt.from_json(answer)
        assert type(receipt.block_number) is type(receipt.gas_used) is int
        assert type(receipt.status) is bool
        for event in EVENT_KINDS:
            receipt.events(event)
            receipt.events(event, HUB_ADDRESS)
    except IexecError:
        return


@pytest.mark.parametrize(
    "event", [*EVENT_KINDS[:6], EVENTS.CreateCategory, EVENTS.TaskFinalize], ids=lambda e: e.name
)
@given(answer=st.one_of(mutated(*LOGS), mutated(LOGS)))
def test_events_are_read_or_an_error(event, answer):
    try:
        logs = read_answer("eth_getLogs", answer if isinstance(answer, list) else [answer])
        for each in logs:
            if event.matches(each):
                assert set(event.decode(each)) == {name for _, name, _ in event.fields}
    except IexecError:
        return


@given(answer=mutated(BLOCK), method=st.sampled_from(["eth_getBlockByNumber", "eth_getTransactionByHash"]))
def test_a_block_has_numbers_or_is_an_error(answer, method):
    class Node:
        name = "node"

        def request(self, *_):
            return read_answer(method, answer)

    try:
        block = latest_block(Node())
        assert int(block["number"], 16) >= 0
        assert 0 <= block_time(Node()) < 2**256
    except IexecError:
        return


@given(answer=ANYTHING | st.text() | st.integers().map(hex))
def test_a_quantity_is_a_number_below_2_to_the_256_or_an_error(answer):
    try:
        assert 0 <= to_int(answer) < 2**256
    except CallError:
        return


@pytest.mark.parametrize(
    "answer",
    [
        "0x",
        "",
        "-0x1",
        "0x-1",
        "0x_1",
        "12",
        " 0x1",
        "0x1 ",
        "0x" + "f" * 65,
        -1,
        2**256,
        True,
        1.0,
        None,
        [],
        {},
        "٣",
    ],
)
def test_what_is_no_quantity(answer):
    with pytest.raises(CallError, match="in place of a number"):
        to_int(answer)


@given(
    view=st.sampled_from(VIEWS),
    cuts=st.lists(st.tuples(st.integers(0, 2000), AWKWARD | st.binary(max_size=40)), max_size=3),
    cut=st.none() | st.integers(0, 700),
)
def test_what_a_view_answers_is_decoded_or_an_error(view, cuts, cut):
    function, data = view
    spoilt = bytearray(data[:cut])
    for place, what in cuts:
        if isinstance(what, bytes):
            at = place % (len(spoilt) + 1)
            spoilt[at : at + len(what)] = what
        elif isinstance(what, int) and 0 <= what < 2**256 and spoilt:
            at = place % len(spoilt) // 32 * 32
            spoilt[at : at + 32] = what.to_bytes(32, "big")  # an offset or a length that points anywhere
    try:
        Call(HUB_ADDRESS, function).decode("0x" + spoilt.hex())
    except CallError:
        return


@given(answer=ANYTHING, view=st.sampled_from(VIEWS))
def test_what_is_no_bytes_at_all(answer, view):
    with contextlib.suppress(CallError):
        found = Call(HUB_ADDRESS, view[0]).decode(answer)
        assert isinstance(answer, str)
        assert found == view[0].decode(bytes.fromhex(answer[2:]))


@pytest.mark.parametrize("number", [2**255, 2**64, 2**32, 10**9])
@pytest.mark.parametrize("place", range(26))
def test_a_length_or_offset_in_data_sizes_nothing(number, place):
    for function, data in VIEWS[:3]:
        spoilt = data[: place * 32] + number.to_bytes(32, "big") + data[place * 32 + 32 :]
        try:
            Call(HUB_ADDRESS, function).decode("0x" + spoilt.hex())
        except CallError:
            continue


def test_an_answer_of_megabytes_is_not_decoded():
    with pytest.raises(CallError, match="could not decode result data of viewCategory"):
        Call(HUB_ADDRESS, HUB.viewCategory, (1,)).decode("0x" + "00" * (MAX_DATA + 1))


@given(
    answer=mutated(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "error": {
                "code": 3,
                "message": "execution reverted: no",
                "data": "0x08c379a0" + abi_encode(["string"], ["no"]).hex(),
            },
        }
    )
)
def test_an_error_object_becomes_a_fault(answer):
    fault = fault_of(answer, "node")
    if fault is None:
        return
    assert fault.text().isprintable()
    assert len(fault.error("eth_call").message) < 5_000
    assert fault.reason is None or len(fault.reason) < 5_000


@given(
    data=st.binary(max_size=200)
    | st.tuples(st.sampled_from(["08c379a0", "4e487b71", "e450d38c"]), st.binary(max_size=200)).map(
        lambda parts: bytes.fromhex(parts[0]) + parts[1]
    )
)
def test_revert_data_is_a_reason_whatever_it_holds(data):
    error = RpcFault(3, "execution reverted", "0x" + data.hex()).error("eth_call")
    assert error.message.startswith("execution reverted")
    assert all(line.isprintable() for line in error.lines())


METHODS = {
    "eth_chainId": "0x7a69",
    "eth_call": "0x" + abi_encode(["(uint256,uint256)"], [(1, 2)]).hex(),
    "eth_getBlockByNumber": BLOCK,
    "eth_getTransactionReceipt": RECEIPT,
    "eth_getLogs": LOGS,
    "eth_sendRawTransaction": HASH,
    "eth_getBalance": "0x1",
}


@given(method=st.sampled_from(sorted(METHODS)), data=st.data())
def test_a_result_of_any_method_is_typed_or_an_error(method, data):
    answer = data.draw(mutated(METHODS[method]) | ANYTHING)
    with contextlib.suppress(CallError):
        result = read_answer(method, answer)
        json.dumps(result)
        assert read_answer(method, copy.deepcopy(result)) == result


def batch_of(count):
    return [{"jsonrpc": "2.0", "id": number, "result": hex(number)} for number in range(count)]


def test_batches_whose_ids_are_wrong_twice_or_missing():
    """The answers of one session, each spoilt once; what comes back is what was asked for, or an error."""
    spoilt = [
        [],
        batch_of(3)[:2],
        [*batch_of(2), {"id": True, "result": "0x2"}],
        [*batch_of(2), {"id": "2", "result": "0x2"}],
        [*batch_of(2), {"id": 2.0, "result": "0x2"}],
        [{"id": 1e400, "result": "0x2"}, *batch_of(2)],
        {"id": 0, "result": []},
        [None, [], 5],
        "text",
    ]
    for answer in spoilt:
        with FaultyServer(answer=lambda _request, answer=answer: json_reply(answer)) as server:
            rpc = Rpc(server.url, attempts=1)
            with pytest.raises(CallError):
                [checked(each, "eth_chainId") for each in rpc.batch([("eth_chainId", [])] * 3)]


def test_a_twice_given_id_and_one_too_many_change_nothing():
    answer = [*batch_of(3), {"id": 9, "result": "0x9"}]
    with FaultyServer(answer=lambda _request: json_reply(answer)) as server:
        assert Rpc(server.url).batch([("eth_chainId", [])] * 3) == ["0x0", "0x1", "0x2"]


@pytest.mark.parametrize("answer", ["0x", None, True, -1, 10**400, "0x" + "f" * 5000, [], {}, 1.5])
def test_a_chain_id_that_is_none(answer):
    server = FaultyServer(answer=lambda _request: json_reply({"id": 1, "result": answer}))
    with server, pytest.raises(CallError):
        _ = Rpc(server.url, attempts=1).chain_id


def test_an_accepted_transaction_whose_hash_is_garbled_is_one_whose_fate_is_unknown():
    with FaultyServer(answer=lambda _request: json_reply({"id": 1, "result": "done"})) as server:
        fault = Rpc(server.url).attempt("eth_sendRawTransaction", "0x00")
    assert isinstance(fault, RpcFault)
    assert fault.lost


def test_one_wrong_answer_in_a_batch_does_not_spoil_the_others():
    def moody(request):
        good = "0x" + abi_encode(["uint256"], [5]).hex()
        return json_reply(
            [{"id": each["id"], "result": 7 if each["id"] else good} for each in request.json()]
        )

    with FaultyServer(answer=moody) as server:
        rpc = Rpc(server.url)
        first, second = rpc.batch([("eth_call", [{}, "latest"])] * 2)
        assert first == "0x" + abi_encode(["uint256"], [5]).hex()
        assert isinstance(second, RpcFault)
        with pytest.raises(CallError, match="in place of bytes"):
            read(rpc, [Call(HUB_ADDRESS, HUB.countCategory)] * 2)
        with pytest.raises(CallError, match="in place of bytes"):
            attempt(rpc, [Call(HUB_ADDRESS, HUB.countCategory)] * 2)


def test_a_hub_with_endless_categories_is_not_read_to_its_end():
    answer = "0x" + (10**12).to_bytes(32, "big").hex()
    with FaultyServer(answer=lambda _request: json_reply({"id": 1, "result": answer})) as server:
        with pytest.raises(CallError, match="1000000000000 categories"):
            Hub(Rpc(server.url), HUB_ADDRESS).view_categories()
        assert len(server.requests) == 1


def test_a_receipt_that_is_not_mined_is_none_yet():
    assert to_receipt({**RECEIPT, "blockNumber": None}) is None
    assert to_receipt(None) is None


def test_a_receipt_without_status_is_one_of_before_byzantium():
    assert Receipt.from_json({name: value for name, value in RECEIPT.items() if name != "status"}).status
