from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from helpers.places import VECTORS
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import SignatureError, WalletError
from iexec_lab.protocol import recover_address, to_address
from iexec_lab.wallet.signer import KeySigner, LocalSigner, SendingSigner

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

keys = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))


def vector(name):
    everything = json.loads((VECTORS / "wallet.json").read_text())["vectors"]
    return next(each for each in everything if each["id"] == f"wallet/{name}")


def test_a_key_has_the_address_and_public_key_that_the_official_sdk_finds():
    case = vector("address-A")
    signer = LocalSigner(case["input"]["privateKey"])
    assert signer.address == case["expected"]["address"]
    assert signer.public_key == case["expected"]["publicKeyUncompressed"]


def test_messages_are_signed_as_the_official_sdk_signs_them():
    case = vector("personal-sign-bytes")
    signer = LocalSigner(case["input"]["privateKey"])
    assert signer.sign_message(bytes.fromhex(case["input"]["messageHex"][2:])) == case["expected"]


@given(keys, st.binary(max_size=100))
def test_messages_are_signed_as_eth_account_signs_them(key, message):
    theirs = Account.sign_message(encode_defunct(message), key)
    assert LocalSigner(key).sign_message(message) == "0x" + theirs.signature.hex().removeprefix("0x")


@given(keys, st.binary(min_size=32, max_size=32))
def test_a_signed_digest_names_its_signer(key, digest):
    signer = LocalSigner(key)
    assert recover_address(digest, signer.sign_digest(digest)) == signer.address


@given(keys, st.text(max_size=50), st.integers(0, 2**256 - 1))
def test_typed_data_is_signed_as_eth_account_signs_it(key, text, number):
    domain = {"name": "iExec", "version": "1", "chainId": 134}
    types = {"Challenge": [{"name": "challenge", "type": "string"}, {"name": "count", "type": "uint256"}]}
    message = {"challenge": text, "count": number}
    theirs = Account.sign_message(encode_typed_data(domain, types, message), key)
    ours = LocalSigner(key).sign_typed_data(domain, types, message)
    assert ours == "0x" + theirs.signature.hex().removeprefix("0x")


numbers = st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1))


@given(
    keys,
    st.fixed_dictionaries(
        {
            "chainId": st.integers(1, 2**63),
            "nonce": numbers,
            "gas": numbers,
            "value": st.one_of(numbers, st.integers(0, 2**256 - 1)),
            "to": st.binary(min_size=20, max_size=20).map(lambda data: to_address("0x" + data.hex())),
            "data": st.binary(max_size=300).map(lambda data: "0x" + data.hex()),
        }
    ),
    st.one_of(
        st.fixed_dictionaries({"gasPrice": numbers}),
        st.fixed_dictionaries({"maxFeePerGas": numbers, "maxPriorityFeePerGas": numbers}),
    ),
)
def test_transactions_are_signed_as_eth_account_signs_them(key, fields, fees):
    theirs = Account.sign_transaction(fields | fees, key).raw_transaction
    assert LocalSigner(key).sign_transaction(fields | fees) == "0x" + bytes(theirs).hex()


def test_other_kinds_of_transactions_are_signed_too():
    fields = {"chainId": 1, "nonce": 0, "gas": 21000, "gasPrice": 1, "value": 0, "data": "0x"}
    listed = [{"address": "0x" + "22" * 20, "storageKeys": []}]
    raw = LocalSigner(KEY).sign_transaction({**fields, "to": "0x" + "11" * 20, "accessList": listed})
    assert raw.startswith("0x01")
    assert Account.recover_transaction(raw) == ADDRESS


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "many"},
        {"nonce": -1},
        {"value": 2**256},
        {"gas": 1.5},
        {"gas": True},
        {"to": "0x11"},
        {"to": None},
        {"data": "0xabc"},
        {"data": b""},
        {"chainId": None},
    ],
)
def test_a_field_that_is_not_valid_is_refused(wrong):
    fields = {"chainId": 1, "nonce": 0, "gas": 21000, "gasPrice": 1, "value": 0, "data": "0x"}
    with pytest.raises(SignatureError, match="cannot be signed"):
        LocalSigner(KEY).sign_transaction({**fields, "to": "0x" + "11" * 20, **wrong})


@pytest.mark.parametrize(
    "fees",
    [{"gasPrice": 0}, {"gasPrice": 10**9}, {"maxFeePerGas": 3 * 10**9, "maxPriorityFeePerGas": 10**9}],
    ids=["free", "legacy", "eip-1559"],
)
def test_a_transaction_is_signed_by_its_sender(fees):
    signer = LocalSigner(KEY)
    fields = {
        "chainId": 134,
        "nonce": 7,
        "gas": 21000,
        "to": "0x" + "11" * 20,
        "value": 5,
        "data": "0x",
        **fees,
    }
    raw = signer.sign_transaction(fields)
    assert Account.recover_transaction(raw) == ADDRESS


def test_a_transaction_that_can_not_be_signed_is_refused():
    with pytest.raises(SignatureError, match="cannot be signed"):
        LocalSigner(KEY).sign_transaction({"chainId": 134, "nonce": "many"})


def test_a_digest_of_another_length_is_refused():
    with pytest.raises(SignatureError, match="32 bytes"):
        LocalSigner(KEY).sign_digest(b"short")


def test_a_local_signer_is_a_key_signer_and_does_not_send():
    assert isinstance(LocalSigner(KEY), KeySigner)
    assert not isinstance(LocalSigner(KEY), SendingSigner)


def test_a_key_may_lack_its_prefix():
    assert LocalSigner(KEY[2:]).address == LocalSigner(bytes.fromhex(KEY[2:])).address == ADDRESS


@given(
    st.one_of(
        st.text(max_size=80),
        st.binary(max_size=70).filter(lambda data: len(data) != 32),
        st.integers(ORDER, 2**256 - 1).map(lambda number: number.to_bytes(32, "big")),
        st.just(bytes(32)),
    )
)
def test_anything_else_is_refused_without_repeating_it(value):
    with pytest.raises(WalletError) as caught:
        LocalSigner(value)
    assert caught.value.message == "invalid private key"
    assert caught.value.__cause__ is None


@given(keys)
def test_the_key_is_shown_nowhere(key):
    signer = LocalSigner(key)
    shown = f"{signer!r} {signer!s} {signer:} {dir(signer)} {[getattr(signer, n) for n in signer.__slots__]}"
    assert key.hex() not in shown
    assert repr(key) not in shown
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(WalletError, match="cannot be pickled"):
            attempt(signer)


def test_generated_keys_differ():
    assert LocalSigner.generate().address != LocalSigner.generate().address


def test_the_environment_may_hold_the_key(monkeypatch):
    monkeypatch.setenv("IEXEC_PRIVATE_KEY", KEY)
    assert LocalSigner.from_env().address == ADDRESS
    monkeypatch.delenv("IEXEC_PRIVATE_KEY")
    assert LocalSigner.from_env() is None
    monkeypatch.setenv("IEXEC_PRIVATE_KEY", "0xdeadbeef")
    with pytest.raises(WalletError, match="IEXEC_PRIVATE_KEY") as caught:
        LocalSigner.from_env()
    assert "deadbeef" not in str(caught.value.lines())


def test_signing_imports_neither_web3_nor_eth_account():
    code = f"""
import sys
from iexec_lab.wallet import keystore
from iexec_lab.wallet.signer import LocalSigner
LocalSigner({KEY!r}).sign_message(b"x")
LocalSigner({KEY!r}).sign_transaction(
    dict(chainId=1, nonce=0, gas=21000, gasPrice=1, to="0x" + "11" * 20, value=0, data="0x")
)
print([name for name in ("web3", "eth_account", "pandas") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_signing_a_transaction_leaves_the_recursion_limit_alone():
    code = f"""
import sys
from iexec_lab.wallet.signer import LocalSigner
LocalSigner({KEY!r}).sign_transaction(
    dict(chainId=1, nonce=0, gas=21000, gasPrice=1, to="0x" + "11" * 20, value=0, data="0x", accessList=[])
)
assert "eth_account" in sys.modules
print(sys.getrecursionlimit())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 1000
