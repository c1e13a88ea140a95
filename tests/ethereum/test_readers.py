"""Each reader of a node's answers at the edges of what it takes."""

from __future__ import annotations

import pytest

from iexec_lab.errors import CallError
from iexec_lab.ethereum import answers
from iexec_lab.ethereum.answers import HINT_NOT_A_NODE, read_answer, to_data, to_hash, to_int, to_logs
from iexec_lab.ethereum.calls import MAX_DATA

WORD = "0x" + "AB" * 32
ADDRESS = "0x" + "cd" * 20
LOG = {"address": ADDRESS, "topics": [WORD], "data": "0x01", "logIndex": "0x5"}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0x0", 0),
        ("0XfF", 255),
        ("0x" + "f" * 64, 2**256 - 1),
        ("0x" + "0" * 64, 0),
        (7, 7),
        (2**256 - 1,) * 2,
    ],
)
def test_quantities(value, number):
    assert to_int(value) == number
    assert answers.to_quantity(value) == hex(number)
    for method in ("eth_blockNumber", "eth_chainId", "eth_estimateGas", "eth_gasPrice", "eth_getBalance"):
        assert read_answer(method, value) == hex(number)


@pytest.mark.parametrize("value", ["0x", "0", "", "0x" + "0" * 65, "0xg", -1, 2**256, True, None, 1.0, []])
def test_no_quantities(value):
    with pytest.raises(CallError, match="in place of a number") as caught:
        to_int(value)
    assert caught.value.hint == HINT_NOT_A_NODE


@pytest.mark.parametrize(("value", "data"), [("0x", "0x"), ("0xAb", "0xAb"), ("ab", "0xab"), ("", "0x")])
def test_bytes(value, data):
    assert to_data(value) == read_answer("eth_call", value) == read_answer("eth_getCode", value) == data


@pytest.mark.parametrize("value", ["0xa", "0x0 0", "0x 00", "0xzz", None, 5, [], "0x0x00", b"00"])
def test_no_bytes(value):
    with pytest.raises(CallError, match="in place of bytes"):
        to_data(value)


def test_so_many_bytes():
    for most in (0, 1, 32):
        assert to_data("0x" + "00" * most, most) == "0x" + "00" * most
        with pytest.raises(CallError, match=f"in place of at most {most} bytes"):
            to_data("0x" + "00" * (most + 1), most)
    assert MAX_DATA == 1 << 20


def test_code_of_nothing():
    assert read_answer("eth_getCode", None) == "0x"
    with pytest.raises(CallError, match="in place of bytes"):
        read_answer("eth_call", None)


def test_hashes():
    assert to_hash(WORD) == read_answer("eth_sendRawTransaction", WORD) == WORD.lower()
    for value in (WORD[:-1], WORD + "0", WORD[2:], None, 5, "0X" + WORD[2:]):
        with pytest.raises(CallError, match="in place of a hash"):
            to_hash(value)


def test_logs():
    told = {**LOG, "transactionHash": WORD, "blockHash": None, "blockNumber": "0x05"}
    [found] = to_logs([told])
    assert found == {**told, "topics": [WORD.lower()], "transactionHash": WORD.lower(), "blockNumber": "0x5"}
    for count in range(5):
        assert len(to_logs([{**LOG, "topics": [WORD] * count}])[0]["topics"]) == count
    assert to_logs([]) == []


@pytest.mark.parametrize(
    ("spoilt", "what"),
    [
        ({"topics": [WORD] * 5}, "the topics of a log"),
        ({"topics": None}, "the topics of a log"),
        ({"topics": ["0x"]}, "a hash"),
        ({"address": ADDRESS + "00"}, "the address of a log"),
        ({"address": None}, "the address of a log"),
        ({"data": None}, "bytes"),
        ({"blockNumber": "5"}, "a number"),
        ({"blockHash": "0x"}, "a hash"),
        ({"transactionHash": 5}, "a hash"),
    ],
)
def test_no_logs(spoilt, what):
    with pytest.raises(CallError, match=f"(?m)in place of {what}$"):
        to_logs([LOG, {**LOG, **spoilt}])


def test_what_is_no_object():
    for method, what in (
        ("eth_getLogs", "logs"),
        ("eth_getBlockByNumber", "a block"),
        ("eth_getTransactionByHash", "a transaction"),
        ("eth_getTransactionReceipt", "a receipt"),
    ):
        with pytest.raises(CallError, match=f"(?m)in place of {what}$"):
            read_answer(method, "0x")
        if what != "logs":
            assert read_answer(method, None) is None
    with pytest.raises(CallError, match=r"(?m)in place of a log$"):
        to_logs([5])
    assert read_answer("eth_anything", 5) == 5


def test_a_block_has_a_time_with_a_date():
    last = 253_402_300_799
    block = {"timestamp": hex(last), "number": 5, "gasLimit": "0x01", "baseFeePerGas": None, "hash": "x"}
    found = read_answer("eth_getBlockByNumber", block)
    assert found == {**block, "number": "0x5", "gasLimit": "0x1"}
    with pytest.raises(CallError, match=r"(?m)in place of a time$"):
        read_answer("eth_getBlockByNumber", {"timestamp": hex(last + 1)})
    for name in ("number", "gasLimit", "baseFeePerGas"):
        with pytest.raises(CallError, match=r"(?m)in place of a number$"):
            read_answer("eth_getBlockByNumber", {name: "x"})


def test_a_receipt():
    mined = {"transactionHash": WORD, "blockNumber": "0x01", "gasUsed": 7, "logs": [LOG], "status": "0x01"}
    found = read_answer("eth_getTransactionReceipt", {**mined, "blockHash": WORD})
    assert found == {
        "transactionHash": WORD.lower(),
        "blockNumber": "0x1",
        "gasUsed": "0x7",
        "logs": to_logs([LOG]),
        "status": "0x1",
        "blockHash": WORD.lower(),
    }
    assert read_answer("eth_getTransactionReceipt", {**mined, "blockNumber": None}) is None
    assert read_answer("eth_getTransactionReceipt", {}) is None
    for name, what in (
        ("transactionHash", "a hash"),
        ("gasUsed", "a number"),
        ("logs", "logs"),
        ("status", "a number"),
        ("blockHash", "a hash"),
    ):
        with pytest.raises(CallError, match=f"(?m)in place of {what}$"):
            read_answer("eth_getTransactionReceipt", {**mined, name: "?"})


def test_what_is_shown_of_an_answer_is_short():
    with pytest.raises(CallError) as caught:
        to_int("\x1b[2J" + "a" * 5000)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 150
