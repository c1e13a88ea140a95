from __future__ import annotations

from contextlib import suppress

import pytest
from helpers.strategies import ADDRESSES, BYTES32, JSON, UINT256
from hypothesis import given

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import is_address, to_address, to_bytes32, to_uint256
from iexec_lab.protocol.values import to_signature

A = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.mark.parametrize("text", [A, A.lower(), A.upper(), A[2:], A[2:].swapcase(), "0X" + A[2:]])
def test_an_address_in_any_spelling(text):
    assert to_address(text) == A
    assert is_address(text)


def test_an_address_as_bytes():
    assert to_address(bytes.fromhex(A[2:])) == A
    assert is_address(bytes(20))
    assert not is_address(bytes(32))


def test_names_are_looked_up_where_the_network_has_ens():
    assert to_address("me.eth", resolve={"me.eth": A.lower()}.get) == A
    with pytest.raises(ValidationError, match=r"(?m)^Unable to resolve ENS you\.eth$"):
        to_address("you.eth", resolve={}.get)
    with pytest.raises(ValidationError, match=r"(?m)^me\.eth is not a valid ethereum address$"):
        to_address("me.eth")


@pytest.mark.parametrize(
    "value", ["", "0x", A[:-1], A + "0", "x" * 40, 12, None, True, [], {}, "\u0660" * 40]
)
def test_what_is_no_address(value):
    assert not is_address(value)
    with pytest.raises(ValidationError, match=r"(?m)(is not a valid ethereum address|this cannot be null)$"):
        to_address(value)


@given(ADDRESSES)
def test_checksums_are_stable(address):
    assert to_address(to_address(address)) == to_address(address)
    assert to_address(address).lower() == address


@given(BYTES32)
def test_32_bytes_as_text_or_bytes(word):
    assert to_bytes32(word) == to_bytes32(word.upper()) == to_bytes32(bytes.fromhex(word[2:])) == word


@pytest.mark.parametrize("value", ["", "0x12", "00" * 32, "0x" + "0g" * 32, 12, None, b"x", []])
def test_what_is_not_32_bytes(value):
    with pytest.raises(ValidationError, match=r"(?m)is not a bytes32 hexstring$"):
        to_bytes32(value)


@given(UINT256)
def test_unsigned_integers(number):
    assert to_uint256(number) == to_uint256(str(number)) == to_uint256(f"000{number}") == number


@pytest.mark.parametrize(
    "value", [-1, 2**256, str(2**256), "-1", "1.5", 1.5, 1e21, "0x1", "1e3", None, True, [], " 1", "\u0663"]
)
def test_what_is_no_unsigned_integer(value):
    with pytest.raises(ValidationError, match=r"(?m)is not a valid uint256$"):
        to_uint256(value)


def test_the_empty_text_and_whole_floats_are_integers():
    assert to_uint256("") == 0
    assert to_uint256(12.0) == 12


def test_a_number_with_a_million_digits_is_refused_at_once():
    with pytest.raises(ValidationError):
        to_uint256("9" * 10**6)
    with pytest.raises(ValidationError):
        to_uint256(1 << 10**6)


def test_signatures_of_any_length():
    assert to_signature("0x") == "0x"
    assert to_signature("0xAB") == "0xab"
    assert to_signature(b"\x01") == "0x01"
    for value in ("", "zz", "0xabc", None, 5):
        with pytest.raises(ValidationError, match=r"(?m)is not a valid signature$"):
            to_signature(value)


@given(JSON)
def test_anything_is_read_or_refused(value):
    for read in (to_address, to_bytes32, to_uint256, to_signature):
        with suppress(ValidationError):
            found = read(value)
            assert read(found) == found
            assert isinstance(found, int) if read is to_uint256 else found.startswith("0x")
