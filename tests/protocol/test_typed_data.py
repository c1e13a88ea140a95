from __future__ import annotations

from contextlib import suppress

import pytest
from eth_account.messages import encode_typed_data
from helpers.strategies import ADDRESSES, BYTES32, JSON, TEXT, UINT256
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import Domain, hash_typed_data, keccak
from iexec_lab.protocol.typed_data import encode_type, find_primary_type

LOGIN = {
    "types": {"Challenge": [{"name": "challenge", "type": "string"}]},
    "domain": {"name": "iExec Gateway", "version": "1", "chainId": "65535"},
    "message": {"challenge": "Sign this \u00fc"},
}
MAIL = {
    "Mail": [
        {"name": "from", "type": "Person"},
        {"name": "to", "type": "Person[]"},
        {"name": "pair", "type": "uint8[2]"},
        {"name": "data", "type": "bytes"},
        {"name": "mark", "type": "bytes4"},
        {"name": "ok", "type": "bool"},
        {"name": "change", "type": "int64"},
    ],
    "Person": [{"name": "wallet", "type": "address"}, {"name": "name", "type": "string"}],
}

PERSONS = st.fixed_dictionaries({"wallet": ADDRESSES, "name": TEXT})
MAILS = st.fixed_dictionaries(
    {
        "from": PERSONS,
        "to": st.lists(PERSONS, max_size=3),
        "pair": st.lists(st.integers(0, 255), min_size=2, max_size=2),
        "data": st.binary(max_size=40),
        "mark": st.binary(min_size=4, max_size=4),
        "ok": st.booleans(),
        "change": st.integers(-(2**63), 2**63 - 1),
    }
)


def official(domain, types, message):
    signable = encode_typed_data(domain, types, message)
    return keccak(b"\x19\x01" + signable.header + signable.body)


@given(MAILS, UINT256, ADDRESSES, BYTES32)
def test_any_types_hash_as_in_eth_account(message, chain_id, contract, salt):
    domain = {
        "name": "m",
        "chainId": chain_id,
        "verifyingContract": contract,
        "salt": bytes.fromhex(salt[2:]),
    }
    assert hash_typed_data(domain, MAIL, message) == official(domain, MAIL, message)


def test_logins_have_numbers_as_text():
    digest = hash_typed_data(LOGIN["domain"], LOGIN["types"], LOGIN["message"])
    assert digest == official({**LOGIN["domain"], "chainId": 65535}, LOGIN["types"], LOGIN["message"])
    same = {**LOGIN["domain"], "chainId": "0xffff"}
    assert hash_typed_data(same, {**LOGIN["types"], "EIP712Domain": []}, LOGIN["message"]) == digest


def test_types_are_listed_after_the_one_that_uses_them():
    assert find_primary_type(MAIL) == "Mail"
    assert encode_type("Mail", MAIL).endswith("int64 change)Person(address wallet,string name)")


def test_domains_are_values():
    one = Domain(chain_id=134, verifying_contract="0x3ECA1B216a7df1c7689aEb259fFB83ADFB894E7f")
    assert one == Domain(chain_id=134, verifying_contract=one.verifying_contract.lower())
    assert one.separator().hex() == "f2cbd98a556869939d25b73c3fa68ba45f19932f8c9a06f744c98290ed9ef860"
    assert one.to_json()["verifyingContract"] == "0x3eca1B216A7DF1C7689aEb259fFB83ADFB894E7f"


@pytest.mark.parametrize(
    ("types", "message", "problem"),
    [
        ({"A": [{"name": "x", "type": "A"}]}, {}, "missing primary type"),
        ({"A": [], "B": []}, {}, "ambiguous primary types or unused types"),
        ({"A": [{"name": "x", "type": "foo"}]}, {"x": 1}, "unknown type foo"),
        ({"A": [{"name": "x", "type": "uint7"}]}, {"x": 1}, "x must be uint7"),
        ({"A": [{"name": "x", "type": "uint8"}]}, {"x": 256}, "x must be uint8"),
        ({"A": [{"name": "x", "type": "uint8"}]}, {"x": "1.5"}, "x must be uint8"),
        ({"A": [{"name": "x", "type": "int8"}]}, {"x": -129}, "x must be int8"),
        ({"A": [{"name": "x", "type": "bytes3"}]}, {"x": "0x0102"}, "x must be bytes3"),
        ({"A": [{"name": "x", "type": "bool"}]}, {"x": 1}, "x must be bool"),
        ({"A": [{"name": "x", "type": "string"}]}, {"x": "\ud800"}, "x must be string"),
        ({"A": [{"name": "x", "type": "address"}]}, {"x": "0x"}, "x must be address"),
        ({"A": [{"name": "x", "type": "bool[2]"}]}, {"x": [True]}, "x must be bool[2]"),
        ({"A": [{"name": "x", "type": "bool"}]}, {}, "A lacks x"),
        ({"A": [{"name": "x"}]}, {}, "types must be lists of {name, type}"),
        ({"A": 5}, {}, "types must be lists of {name, type}"),
    ],
)
def test_what_does_not_fit(types, message, problem):
    with pytest.raises(ValidationError) as caught:
        hash_typed_data({}, types, message)
    assert caught.value.message == problem


def test_endless_types_do_not_end_us():
    types = {"Top": [{"name": "b", "type": "B"}], "B": [{"name": "b", "type": "B"}]}
    value = {}
    for _ in range(1000):
        value = {"b": value}
    with pytest.raises(ValidationError, match="nested too deep"):
        hash_typed_data({}, types, value)
    value = []
    for _ in range(1000):
        value = [value]
    with pytest.raises(ValidationError, match="nested too deep"):
        hash_typed_data({}, {"A": [{"name": "x", "type": "bool" + "[]" * 5000}]}, {"x": value})


SIZES = range(8, 257, 8)


@pytest.mark.parametrize("bits", SIZES)
def test_integers_have_bounds(bits):
    for kind, low, high in (
        (f"uint{bits}", 0, 2**bits - 1),
        (f"int{bits}", -(2 ** (bits - 1)), 2 ** (bits - 1) - 1),
    ):
        types = {"A": [{"name": "a", "type": kind}]}
        for value in (low, high):
            digest = hash_typed_data({}, types, {"a": value})
            assert digest == hash_typed_data({}, types, {"a": str(value)})
            assert digest == keccak(
                b"\x19\x01"
                + keccak(keccak(b"EIP712Domain()"))
                + keccak(keccak(f"A({kind} a)".encode()) + value.to_bytes(32, "big", signed=value < 0))
            )
        for value in (low - 1, high + 1):
            with pytest.raises(ValidationError, match=f"(?m)^a must be {kind}$"):
                hash_typed_data({}, types, {"a": value})


@pytest.mark.parametrize("kind", ["uint0", "int0", "int4", "uint7", "uint260", "int264", "uint257"])
def test_integers_of_other_sizes_are_none(kind):
    with pytest.raises(ValidationError, match=f"(?m)^a must be {kind}$"):
        hash_typed_data({}, {"A": [{"name": "a", "type": kind}]}, {"a": 0})


@pytest.mark.parametrize("size", [1, 2, 31, 32])
def test_bytes_of_a_fixed_size(size):
    types = {"A": [{"name": "a", "type": f"bytes{size}"}]}
    value = bytes(range(1, size + 1))
    assert hash_typed_data({}, types, {"a": value}) == official({}, types, {"a": value})
    assert hash_typed_data({}, types, {"a": "0x" + value.hex()}) == official({}, types, {"a": value})
    for wrong in (value[:-1], value + b"!"):
        with pytest.raises(ValidationError, match=f"(?m)^a must be bytes{size}$"):
            hash_typed_data({}, types, {"a": wrong})


@pytest.mark.parametrize(
    "kind", ["bytes0", "bytes33", "bytes99", "bytes01x", "uint8x", "xuint8", "ufixed", ""]
)
def test_types_that_nobody_knows(kind):
    for value in ("0x", b"", "0x00", 0):
        with pytest.raises(ValidationError, match=f"(?m)^unknown type {kind}$"):
            hash_typed_data({}, {"A": [{"name": "a", "type": kind}]}, {"a": value})


def test_nesting_is_taken_up_to_a_depth():
    types = {"A": [{"name": "a", "type": "bool" + "[]" * 64}]}
    value = True
    for _ in range(64):
        value = [value]
    assert hash_typed_data({}, types, {"a": value}) == official({}, types, {"a": value})
    deeper = {"A": [{"name": "a", "type": "bool" + "[]" * 65}]}
    with pytest.raises(ValidationError, match=r"(?m)^typed data is nested too deep$"):
        hash_typed_data({}, deeper, {"a": [value]})


def test_the_type_to_hash_can_be_named():
    types = {"A": [{"name": "a", "type": "bool"}], "B": [{"name": "b", "type": "bool"}]}
    one = hash_typed_data({}, types, {"a": True, "b": True}, "A")
    assert one == hash_typed_data({}, {"A": types["A"]}, {"a": True})
    assert one != hash_typed_data({}, types, {"a": True, "b": True}, "B")
    with pytest.raises(ValidationError, match=r"(?m)^unknown type C$"):
        hash_typed_data({}, types, {}, "C")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_typed_data_are_three_objects(place):
    given = [{}, {"A": []}, {}]
    assert len(hash_typed_data(*given)) == 32
    given[place] = []
    with pytest.raises(ValidationError, match=r"(?m)^typed data needs domain, types and message$"):
        hash_typed_data(*given)


@given(JSON, st.dictionaries(TEXT, JSON, max_size=2), JSON)
def test_anything_is_hashed_or_refused(domain, types, message):
    with suppress(ValidationError):
        assert len(hash_typed_data(domain, types, message)) == 32


def test_int_and_uint_have_256_bits():
    for short, long in (("uint", "uint256"), ("int[]", "int256[]")):
        value = [1] if "[" in short else 1
        assert hash_typed_data({}, {"A": [{"name": "a", "type": short}]}, {"a": value}) == hash_typed_data(
            {}, {"A": [{"name": "a", "type": long}]}, {"a": value}
        )


def test_a_whole_number_of_json_is_an_integer():
    types = {"A": [{"name": "a", "type": "uint8"}]}
    assert hash_typed_data({}, types, {"a": 1.0}) == hash_typed_data({}, types, {"a": "0x1"})


@pytest.mark.parametrize("value", ["1_0", " 1", "\u0663", "1e3", 1.5, "0x", "-0x1", float("nan")])
def test_what_is_no_integer(value):
    with pytest.raises(ValidationError, match="a must be uint8"):
        hash_typed_data({}, {"A": [{"name": "a", "type": "uint8"}]}, {"a": value})


def test_what_types_can_not_be():
    with pytest.raises(ValidationError, match="a must be bytes"):
        hash_typed_data({}, {"A": [{"name": "a", "type": "bytes"}]}, {"a": "0x12 34"})
    with pytest.raises(ValidationError, match="two members of one name"):
        hash_typed_data({}, {"A": [{"name": "a", "type": "bool"}] * 2}, {"a": True})
