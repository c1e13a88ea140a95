"""RSA keys of beneficiaries: the holder of the private key can read encrypted results."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Final

from iexec_lab.errors import CryptoError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_EXPONENT: Final = 65537


def generate_keypair(bits: int = 4096) -> tuple[bytes, bytes]:
    """A new pair: private key (PKCS#8) and public key (SPKI) in PEM, without final newline, as in the SDK."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = generate_private_key(_EXPONENT, bits)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.rstrip(b"\n"), public.rstrip(b"\n")


def public_key_of(private_key_pem: str | bytes) -> bytes:
    """The public half of a private key, as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = load_private_key(private_key_pem).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).rstrip(b"\n")


def public_key_secret(public_key_pem: str | bytes) -> str:
    """The public key as the SMS takes it: base64 of the whole PEM text."""
    return base64.b64encode(_bytes(public_key_pem)).decode()


def load_private_key(pem: str | bytes) -> RSAPrivateKey:
    """An RSA private key in PEM, PKCS#8 or PKCS#1.

    Raises:
        CryptoError: ``Invalid beneficiary key``.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        # A proof that the factors are prime takes a third of a second; a false key harms only its holder.
        key = load_pem_private_key(_bytes(pem), None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey) or not _is_consistent(key):
        # Without the cause: it may quote the key.
        raise CryptoError(
            "Invalid beneficiary key", hint="Give an RSA private key in PEM, without a password."
        )
    return key


def _is_consistent(key: RSAPrivateKey) -> bool:
    """True when the parts of the key fit each other, so that it decrypts what it encrypts."""
    private = key.private_numbers()
    n, e = private.public_numbers.n, private.public_numbers.e
    parts = ((private.p, private.dmp1), (private.q, private.dmq1))
    return (
        private.p * private.q == n
        and private.iqmp * private.q % private.p == 1
        and all(pow(pow(2, exponent, factor), e, factor) == 2 for factor, exponent in parts)
    )


def load_public_key(pem: str | bytes) -> RSAPublicKey:
    """An RSA public key in PEM.

    Raises:
        CryptoError: ``Invalid beneficiary public key``.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_bytes(pem))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise CryptoError("Invalid beneficiary public key", hint="Give an RSA public key in PEM.")
    return key


def rsa_encrypt(key: RSAPublicKey, data: bytes) -> bytes:
    """RSAES-PKCS1-v1_5, the padding that result envelopes use."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    return key.encrypt(data, PKCS1v15())


def rsa_decrypt(key: RSAPrivateKey, data: bytes) -> bytes:
    """The reverse, which detects a wrong key.

    Ours because OpenSSL (3.2 and later) answers wrong PKCS#1 v1.5 padding with random-looking bytes, not with
    an error, so that a server gives nothing away. Here the owner of the key reads the answer and must learn
    that the key is wrong, so the padding is checked here. The exponentiation is blinded all the same.

    Raises:
        CryptoError: the data was not encrypted for this key.
    """
    private = key.private_numbers()
    n = private.public_numbers.n
    size = (n.bit_length() + 7) // 8
    number = int.from_bytes(data, "big")
    if len(data) != size or number >= n:
        raise CryptoError("the data was not encrypted for this key")
    blind = int.from_bytes(os.urandom(size), "big") % (n - 2) + 2
    blinded = number * pow(blind, private.public_numbers.e, n) % n
    # Chinese remainder theorem: two exponentiations with half the bits each.
    mod_p = pow(blinded % private.p, private.dmp1, private.p)
    mod_q = pow(blinded % private.q, private.dmq1, private.q)
    clear = mod_q + private.q * ((mod_p - mod_q) * private.iqmp % private.p)
    block = (clear * pow(blind, -1, n) % n).to_bytes(size, "big")
    end = block.find(b"\0", 2)
    if block[:2] != b"\0\x02" or end < 10:
        raise CryptoError("the data was not encrypted for this key")
    return block[end + 1 :]


def _bytes(pem: str | bytes) -> bytes:
    if isinstance(pem, str):
        return pem.encode(errors="replace")
    return bytes(pem) if isinstance(pem, bytes | bytearray | memoryview) else b""
