from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.ethereum.abi import Function, encode
from iexec_lab.ethereum.reverts import ERROR, PANIC, decode_revert, fault_reason, is_revert, meaning

BALANCE = Function("ERC20InsufficientBalance(address,uint256,uint256)")


@given(st.text(min_size=1))
def test_a_reason_is_the_contracts_own_words(text):
    assert decode_revert(ERROR.encode(text)) == text


def test_a_panic_is_explained():
    assert decode_revert(PANIC.encode(0x11)) == "Panic(0x11): an amount would fall below zero or overflow"
    assert decode_revert(PANIC.encode(0x99)) == "Panic(0x99): unknown"


def test_custom_errors_show_their_arguments():
    data = bytes.fromhex("0afd9382") + encode(["string"], ["Deal not found"])
    assert decode_revert(data) == "IncompatibleDatasetOrder(reason=Deal not found)"
    user = "0x" + "11" * 20
    assert decode_revert(BALANCE.encode(user, 1, 2)) == (
        f"ERC20InsufficientBalance(sender={user}, balance=1, needed=2)"
    )
    assert decode_revert(Function("EnforcedPause()").encode()) == "EnforcedPause()"


def test_an_unknown_custom_error_shows_its_selector():
    assert decode_revert(b"\xde\xad\xbe\xef") == "custom error 0xdeadbeef"


@given(st.binary(max_size=100))
def test_any_data_is_read(data):
    reason = decode_revert(data)
    assert (reason is None) == (len(data) < 4) or reason is None


@given(st.binary(max_size=100))
def test_any_damaged_reason_is_read(data):
    decode_revert(ERROR.selector + data)


MATCHING = [*range(8), *range(0x10, 0x1C), 0x20, 0x21, 0x30, 0x31, 0x40, 0x41, 0x50, 0x60]


@pytest.mark.parametrize("code", MATCHING, ids=hex)
def test_every_code_of_a_match_has_a_meaning(code):
    assert meaning(f"iExecV5-matchOrders-0x{code:02x}").endswith(".")


def test_every_code_in_the_contract_is_known():
    assert len(MATCHING) == 28
    assert meaning("iExecV5-matchOrders-0x99") is None


def test_common_reasons_have_a_meaning():
    assert "deposit RLC" in meaning("IexecEscrow: Transfer amount exceeds balance")
    assert "change the name" in meaning("Create2: Failed on deploy")
    assert meaning("something else") is None
    assert meaning(None) is None


ENCODED = "0x" + ERROR.encode("no way").hex()


@pytest.mark.parametrize(
    ("message", "data", "reason"),
    [
        ("execution reverted", ENCODED, "no way"),
        ("execution reverted: other words", ENCODED, "no way"),
        ("VM execution error.", "Reverted " + ENCODED, "no way"),
        ("VM Exception while processing transaction", {"data": ENCODED, "message": "x"}, "no way"),
        ("Internal error", {"originalError": {"data": ENCODED}}, "no way"),
        ("execution reverted: no way", None, "no way"),
        (
            "execution reverted: ERC20: transfer amount exceeds balance",
            "0x",
            "ERC20: transfer amount exceeds balance",
        ),
        ("VM Exception while processing transaction: reverted with reason string 'no way'", None, "no way"),
        ("execution reverted", "0x", None),
        ("execution reverted", None, None),
        ("execution reverted", 7, None),
        ("execution reverted", {"data": {"deep": 1}}, None),
    ],
)
def test_reasons_are_found_however_the_node_wraps_them(message, data, reason):
    assert fault_reason(message, data) == reason


def test_what_is_a_revert():
    assert is_revert(3, "")
    assert is_revert(-32000, "execution reverted")
    assert is_revert(-32015, "VM execution error.")
    assert is_revert(-32000, "invalid opcode: INVALID")
    assert is_revert(-32003, "EVM error InvalidFEOpcode")
    assert not is_revert(-32000, "header not found")
