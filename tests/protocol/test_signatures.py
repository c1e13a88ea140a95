from __future__ import annotations

import builtins
import sys

import pytest
from eth_keys import keys
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import (
    compact_signature,
    expand_signature,
    is_presigned,
    is_signed_by,
    key_address,
    personal_digest,
    recover_address,
    sign_digest,
)
from iexec_lab.protocol.signatures import curve, slow_curve

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
DIGESTS = st.binary(min_size=32, max_size=32)


@given(KEYS, DIGESTS)
@settings(max_examples=25)
def test_signatures_are_those_of_eth_keys(key, digest):
    signature = sign_digest(key, digest)
    theirs = keys.PrivateKey(key).sign_msg_hash(digest).to_bytes()
    assert bytes.fromhex(signature[2:]) == theirs[:64] + bytes([theirs[64] + 27])
    assert (
        recover_address(digest, signature)
        == key_address(key)
        == keys.PrivateKey(key).public_key.to_checksum_address()
    )
    assert is_signed_by(key_address(key), digest, signature)


@given(KEYS, DIGESTS)
def test_the_short_form_says_the_same(key, digest):
    signature = sign_digest(key, digest)
    compact = compact_signature(signature)
    assert len(compact) == 130
    assert expand_signature(compact) == signature
    assert recover_address(digest, compact) == recover_address(digest, bytes.fromhex(signature[2:]))


@given(KEYS, DIGESTS)
@settings(max_examples=10)
def test_pure_python_gives_the_same(key, digest):
    fast, slow = curve(), slow_curve()
    assert fast.sign(key, digest) == slow.sign(key, digest)
    raw = fast.sign(key, digest)
    assert fast.recover(raw, digest) == slow.recover(raw, digest) == fast.point(key) == slow.point(key)


def test_without_coincurve_pure_python_is_taken(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "coincurve":
            raise ModuleNotFoundError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "coincurve", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    curve.cache_clear()
    try:
        signature = sign_digest(b"\1" * 32, b"\2" * 32)
        assert recover_address(b"\2" * 32, signature) == key_address(b"\1" * 32)
        for raw in (bytes(65), b"\xff" * 64 + b"\1"):
            assert not is_signed_by("0x" + "11" * 20, b"\2" * 32, raw)
    finally:
        curve.cache_clear()


@pytest.mark.parametrize("key", [b"", bytes(32), b"\1" * 31, b"\1" * 33, ORDER.to_bytes(32, "big")])
def test_what_is_no_key(key):
    for use in (lambda: sign_digest(key, bytes(32)), lambda: key_address(key)):
        with pytest.raises(ValidationError, match=r"(?m)^Invalid private key$") as caught:
            use()
        assert key.hex() not in repr(caught.value) or not key
        assert caught.value.__cause__ is None
    with pytest.raises(ValueError, match="not a key of secp256k1"):
        slow_curve().sign(key, bytes(32))


@pytest.mark.parametrize(
    "signature", ["0x", "0x12", b"\1" * 66, "0x" + "11" * 64 + "1d", "0x" + "00" * 65, "x", None]
)
def test_what_is_no_signature(signature):
    with pytest.raises(ValidationError):
        recover_address(bytes(32), signature)
    assert not is_signed_by("0x" + "11" * 20, bytes(32), signature)


def test_a_signature_in_the_upper_half_has_no_short_form():
    with pytest.raises(ValidationError, match="invalid signature"):
        compact_signature("0x" + "11" * 32 + "ff" * 32 + "1b")


def test_presigned_orders_have_no_signature():
    assert is_presigned("0x")
    assert not is_presigned(None)
    assert not is_presigned("0x00")


def test_personal_sign():
    assert (
        personal_digest(b"hello").hex() == "50b2c43fd39106bafbba0da34fc430e1f91e3c96ea2acee2bc34119f92b37750"
    )
