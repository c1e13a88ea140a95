from __future__ import annotations

import base64
import os
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from helpers.mutated import ANYTHING
from helpers.wrong_key import surely
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.crypto import generate_keypair, load_private_key, public_key_secret, write_private
from iexec_lab.crypto.keys import load_public_key, rsa_decrypt, rsa_encrypt
from iexec_lab.errors import CryptoError

pytestmark = pytest.mark.slow


def names(folder):
    return sorted(path.name for path in folder.iterdir())


PRIVATE, PUBLIC = generate_keypair(2048)


def test_keys_are_written_as_the_sdk_does():
    for pem, label in ((PRIVATE, b"PRIVATE"), (PUBLIC, b"PUBLIC")):
        first, *body, last = pem.split(b"\n")
        assert (first, last) == (b"-----BEGIN " + label + b" KEY-----", b"-----END " + label + b" KEY-----")
        assert {len(line) for line in body[:-1]} == {64}
    assert load_private_key(PRIVATE).public_key().public_numbers().e == 65537
    assert base64.b64decode(public_key_secret(PUBLIC)) == PUBLIC


def test_keys_are_4096_bits_long_unless_asked():
    private, _ = generate_keypair()
    assert load_private_key(private).key_size == 4096


def test_older_pem_is_read_too():
    pkcs1 = load_private_key(PRIVATE).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    assert load_private_key(pkcs1.decode()).private_numbers() == load_private_key(PRIVATE).private_numbers()


def test_other_keys_are_refused():
    curve = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = load_private_key(PRIVATE).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    for pem in (curve, locked, PUBLIC, b"", "\ud800"):
        with pytest.raises(CryptoError, match="Invalid beneficiary key"):
            load_private_key(pem)
    with pytest.raises(CryptoError, match="Invalid beneficiary public key"):
        load_public_key(PRIVATE)


def test_keys_whose_parts_do_not_belong_together_are_refused():
    one, two = (load_private_key(pem).private_numbers() for pem in (PRIVATE, generate_keypair(2048)[0]))
    for change in ({"dmp1": two.dmp1}, {"iqmp": two.iqmp}):
        parts = {
            name: getattr(one, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp", "public_numbers")
        }
        numbers = RSAPrivateNumbers(**{**parts, **change})
        key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(CryptoError, match="Invalid beneficiary key"):
            load_private_key(pem)


@pytest.mark.parametrize("size", [0, 1, 16, 32, 245])
def test_what_is_encrypted_for_a_key_comes_back(size):
    data = os.urandom(size)
    assert rsa_decrypt(load_private_key(PRIVATE), rsa_encrypt(load_public_key(PUBLIC), data)) == data


def test_what_is_not_encrypted_for_a_key_is_told():
    key = load_private_key(PRIVATE)
    other = load_public_key(generate_keypair(2048)[1])
    foreign = surely(lambda: (rsa_encrypt(other, b"x" * 32),) * 2, PRIVATE)
    for data in (
        b"",
        bytes(256),
        b"\xff" * 256,
        os.urandom(255),
        os.urandom(257),
        foreign,
    ):
        with pytest.raises(CryptoError, match="not encrypted for this key"):
            rsa_decrypt(key, data)


def test_secret_files_are_for_their_owner_only(tmp_path):
    write_private(tmp_path / "key", PRIVATE)
    write_private(tmp_path / "key", b"again")
    assert (tmp_path / "key").read_bytes() == b"again"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert names(tmp_path) == ["key"]


@given(pem=ANYTHING | st.binary(max_size=60) | st.text(max_size=60))
def test_a_key_is_one_or_an_error(pem):
    for load in (load_private_key, load_public_key):
        with pytest.raises(CryptoError):
            load(pem)


def test_a_pair_has_4096_bits_unless_fewer_are_asked_for():
    for options, bits in (((), 4096), ((2048,), 2048)):
        private, public = generate_keypair(*options)
        assert load_private_key(private).key_size == load_public_key(public).key_size == bits


def test_a_key_opens_numbers_of_its_own_size_only():
    """The same secret as a larger number, with a zero before it, or cut off is another ciphertext."""
    public, private = load_public_key(PUBLIC), load_private_key(PRIVATE)
    modulus, size = public.public_numbers().n, public.key_size // 8
    while True:
        data = rsa_encrypt(public, b"secret")
        number = int.from_bytes(data, "big")
        if number + modulus < 1 << 8 * size:
            break
    assert rsa_decrypt(private, data) == b"secret"
    for spoilt in (
        (number + modulus).to_bytes(size, "big"),
        b"\0" + data,
        data[:-1],
        data + b"\0",
        modulus.to_bytes(size, "big"),
        b"",
    ):
        with pytest.raises(CryptoError, match=r"(?m)^the data was not encrypted for this key$"):
            rsa_decrypt(private, spoilt)
