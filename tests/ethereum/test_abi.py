from __future__ import annotations

import contextlib
import subprocess
import sys

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.ethereum.abi import Event, Function, decode, encode, split_types

TRANSFER = Event("Transfer(address indexed from, address indexed to, uint256 value)")
ADDRESS = "0x" + "11" * 20


def test_types_are_split_at_their_outer_commas():
    assert split_types("address,(uint256,(bool,bytes)[])[2], string") == [
        "address",
        "(uint256,(bool,bytes)[])[2]",
        "string",
    ]
    assert split_types("") == []


@given(st.integers(0, 2**256 - 1), st.text(), st.binary())
def test_values_are_encoded_as_eth_abi_does_and_come_back(number, text, data):
    types = ["uint256", "(string,bytes)[]"]
    values = (number, ((text, data), (text, b"")))
    encoded = encode(types, values)
    assert encoded == eth_abi.encode(types, values)
    assert decode(types, encoded) == values


def test_a_function_encodes_its_selector_and_arguments():
    function = Function("transfer(address,uint256)", "bool")
    data = function.encode(ADDRESS, 5)
    assert data[:4].hex() == "a9059cbb"
    assert function.decode_input(data) == (ADDRESS, 5)
    assert function.decode((1).to_bytes(32, "big")) is True


def test_several_results_are_a_tuple():
    function = Function("pair()", "uint256,uint256")
    assert function.decode(encode(["uint256", "uint256"], [1, 2])) == (1, 2)


def test_a_value_that_does_not_fit_is_refused():
    with pytest.raises(ValidationError, match="does not fit address"):
        Function("owner(address)").encode("nobody")
    with pytest.raises(ValidationError, match="does not fit"):
        Function("f(uint256)").encode(-1)


@given(st.binary(max_size=64))
def test_data_of_another_type_is_a_value_error(data):
    with contextlib.suppress(ValueError):
        [(text, numbers)] = decode(["(string,uint256[])"], data)
        assert isinstance(text, str)
        assert all(isinstance(number, int) for number in numbers)
        assert len(text) + len(numbers) <= len(data)


def test_a_name_that_is_no_text_does_not_hide_the_rest():
    damaged = encode(["bytes", "uint256"], [b"caf\xe9", 7])
    assert decode(["string", "uint256"], damaged) == ("caf\N{REPLACEMENT CHARACTER}", 7)


def test_an_event_is_recognised_by_its_topic_and_indexed_arguments():
    topic = "0x" + "00" * 12 + "11" * 20
    log = {"topics": [TRANSFER.topic, topic, topic], "data": "0x" + (9).to_bytes(32, "big").hex()}
    assert TRANSFER.matches(log)
    assert TRANSFER.decode(log) == {"from": ADDRESS, "to": ADDRESS, "value": 9}
    assert not TRANSFER.matches({**log, "topics": [*log["topics"], topic]})
    assert not TRANSFER.matches({**log, "topics": []})


def test_naming_contracts_imports_no_abi_library():
    names = "[name for name in ('eth_abi', 'web3') if name in sys.modules]"
    code = f"import iexec_lab.ethereum.contracts, sys; print({names})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
