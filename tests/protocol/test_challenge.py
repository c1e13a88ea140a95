from __future__ import annotations

from contextlib import suppress

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from helpers.strategies import JSON, objects
from hypothesis import given

from iexec_lab.errors import SignatureError, ValidationError
from iexec_lab.protocol import (
    NULL_ADDRESS,
    authorization_hash,
    enclave_hash,
    keccak,
    key_address,
    login_data,
    login_token,
    personal_digest,
    recover_address,
    result_hash,
    result_seal,
    sign_digest,
    sms_challenge,
    task_hash,
)
from iexec_lab.protocol.challenge import LONGEST_LOGIN
from iexec_lab.protocol.typed_data import hash_typed_data

KEY = b"\x07" * 32
WORKER, TASK, DIGEST = "0x" + "22" * 20, "0x" + "33" * 32, "0x" + "44" * 32
CHALLENGE = {
    "types": {"EIP712Domain": [], "Challenge": [{"name": "challenge", "type": "string"}]},
    "domain": {"name": "iExec Gateway", "version": "1", "chainId": 134},
    "primaryType": "Challenge",
    "message": {"challenge": "abc"},
}


class Signer:
    address = key_address(KEY)

    def sign_typed_data(self, domain, types, message):
        assert "EIP712Domain" not in types
        return sign_digest(KEY, hash_typed_data(domain, types, message))


def test_secrets_are_allowed_by_a_signature_over_the_raw_bytes():
    challenge = sms_challenge("web3", WORKER, None, "s\u00e9cret")
    parts = keccak(b"IEXEC_SMS_DOMAIN") + bytes.fromhex(WORKER[2:]) + keccak("s\u00e9cret".encode())
    assert challenge == keccak(parts)
    signed = Account.from_key(KEY).sign_message(encode_defunct(challenge))
    assert sign_digest(KEY, personal_digest(challenge)) == "0x" + signed.signature.hex().removeprefix("0x")


def test_named_secrets_have_their_name_inside():
    assert sms_challenge("web2", WORKER, "1", "v") == sms_challenge("app", WORKER, None, "v")
    assert sms_challenge("web2", WORKER, "n", "v") == sms_challenge("requester", WORKER, "n", "v")
    assert sms_challenge("web2", WORKER, "n", "v") != sms_challenge("web2", WORKER, "m", "v")
    for kind, name in (("web3", "n"), ("web2", None), ("requester", None)):
        with pytest.raises(ValidationError):
            sms_challenge(kind, WORKER, name, "v")
    with pytest.raises(ValidationError, match="valid Unicode"):
        sms_challenge("web3", WORKER, None, "\ud800")


@pytest.mark.parametrize("answer", [CHALLENGE, {"ok": True, "data": CHALLENGE}])
def test_a_login_token(answer):
    digest, signature, address = login_token(answer, Signer()).split("_")
    assert address == Signer.address == recover_address(bytes.fromhex(digest[2:]), signature)


@pytest.mark.parametrize(
    "answer", [None, [], "x", {}, {"foo": 1}, {"data": "x"}, {**CHALLENGE, "types": None}]
)
def test_what_is_no_challenge(answer):
    with pytest.raises(SignatureError) as caught:
        login_token(answer, Signer())
    assert caught.value.message == "Failed to get authorization: Error: Unexpected challenge format"


def test_a_challenge_that_can_not_be_hashed():
    with pytest.raises(SignatureError, match=r"^Failed to get authorization: Error: challenge must be"):
        login_token({**CHALLENGE, "message": {"challenge": "\ud800"}}, Signer())


@given(JSON | objects(["data", "types", "domain", "message"]))
def test_any_challenge_is_read_or_refused(answer):
    try:
        domain, types, message = login_data(answer)
    except SignatureError:
        with pytest.raises(SignatureError):
            login_token(answer, Signer())
        return
    assert types == {"Challenge": CHALLENGE["types"]["Challenge"]}
    assert set(message) == {"challenge"}
    assert set(domain) <= {"name", "version", "chainId"}
    with suppress(SignatureError):  # text that has no UTF-8
        digest, signature, address = login_token(answer, Signer()).split("_")
        assert digest == "0x" + hash_typed_data(domain, types, message).hex()
        assert recover_address(bytes.fromhex(digest[2:]), signature) == address == Signer.address


def test_messages_of_workers():
    worker, task, digest = (bytes.fromhex(text[2:]) for text in (WORKER, TASK, DIGEST))
    assert authorization_hash(WORKER, TASK, NULL_ADDRESS) == keccak(worker + task + bytes(20))
    assert result_hash(TASK, digest) == keccak(task + digest)
    assert result_seal(WORKER, TASK, DIGEST) == keccak(worker + task + digest)
    assert enclave_hash(TASK, WORKER, DIGEST) == keccak(
        keccak(task + digest) + keccak(worker + task + digest)
    )
    assert task_hash(TASK) == keccak(task)


class TestLogin:
    """What a service gets signed is a login and nothing else."""

    FIELD = {"name": "challenge", "type": "string"}  # noqa: RUF012
    NO_LOGIN = (
        ({"types": {"Challenge": []}}, "its types"),
        ({"types": {"Challenge": [FIELD, FIELD]}}, "its types"),
        ({"types": {"Challenge": [{**FIELD, "type": "bytes32"}]}}, "its types"),
        ({"types": {"Challenge": [{**FIELD, "name": "order"}]}}, "its types"),
        ({"types": {"Challenge": [{**FIELD, "more": 1}]}}, "its types"),
        ({"types": {"Challenge": [FIELD], "AppOrder": []}}, "its types"),
        ({"types": {"AppOrder": [FIELD]}}, "its types"),
        ({"types": {"EIP712Domain": []}}, "its types"),
        ({"primaryType": "AppOrder"}, "its primary type"),
        ({"domain": {**CHALLENGE["domain"], "verifyingContract": WORKER}}, "its domain has"),
        ({"domain": {**CHALLENGE["domain"], "salt": TASK}}, "its domain has"),
        ({"domain": {**CHALLENGE["domain"], "more": 1}}, "its domain has"),
        (
            {"types": {**CHALLENGE["types"], "EIP712Domain": [{"name": "salt", "type": "bytes32"}]}},
            "the type of its domain",
        ),
        ({"types": {**CHALLENGE["types"], "EIP712Domain": "x"}}, "the type of its domain"),
        ({"domain": {**CHALLENGE["domain"], "version": 1}}, "its version is not a short text"),
        ({"domain": {**CHALLENGE["domain"], "version": "1" * 1000}}, "its version is not a short text"),
        ({"message": {"challenge": 5}}, "its message"),
        ({"message": {"challenge": "x", "more": 1}}, "its message"),
        ({"message": {"more": "x"}}, "its message"),
        ({"message": {"challenge": "x" * (LONGEST_LOGIN + 1)}}, "its text has more"),
        ({"message": {}}, "it has no message"),
        ({"domain": {}}, "it has no domain"),
    )

    @pytest.mark.parametrize(("change", "why"), NO_LOGIN)
    def test_nothing_else(self, change, why):
        spoilt = {**CHALLENGE, **change}
        for answer in (spoilt, {"ok": True, "data": spoilt}):
            for read in (login_data, lambda told: login_token(told, Signer())):
                with pytest.raises(SignatureError, match="Unexpected challenge format") as caught:
                    read(answer)
                assert caught.value.details["not a login"].startswith(why)
                assert caught.value.hint == "Nothing was signed."

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"primaryType": None},
            {"types": {"Challenge": [FIELD]}},
            {"types": {**CHALLENGE["types"], "EIP712Domain": [{"name": "name", "type": "string"}]}},
            {"domain": {"name": "iExec Gateway"}},
            {"message": {"challenge": "x" * LONGEST_LOGIN}},
            {"more": 5},
        ],
    )
    def test_what_is_one(self, change):
        told = {name: value for name, value in {**CHALLENGE, **change}.items() if value is not None}
        for answer in (told, {"data": told}):
            domain, types, message = login_data(answer)
            assert (domain, message) == (told["domain"], told["message"])
            assert types == {"Challenge": [self.FIELD]}

    @pytest.mark.parametrize("said", [134, "134"])
    def test_for_this_service_on_this_chain(self, said):
        told = {**CHALLENGE, "domain": {**CHALLENGE["domain"], "chainId": said}}
        for options in ({}, {"name": "iExec Gateway"}, {"chain_id": 134}, {"name": None, "chain_id": None}):
            assert login_data(told, **options)[0]["chainId"] == said
            assert login_token(told, Signer(), **options).count("_") == 2
        for options, why in (
            ({"name": "iExec"}, "its domain is not that of iExec"),
            ({"chain_id": 1}, "it is not for chain 1"),
        ):
            for read in (login_data, lambda answer, **more: login_token(answer, Signer(), **more)):
                with pytest.raises(SignatureError) as caught:
                    read(told, **options)
                assert caught.value.details["not a login"] == why
        for odd in (True, None, "0x86", 134.5):
            other = {**CHALLENGE, "domain": {**CHALLENGE["domain"], "chainId": odd}}
            with pytest.raises(SignatureError):
                login_data(other, chain_id=134)
