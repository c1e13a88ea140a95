"""secp256k1 signatures over 32-byte digests: 65 bytes r, s, v, or the 64 bytes of EIP-2098.

coincurve is used when it is installed, as it is with us wherever it has a wheel, otherwise the pure Python of
eth_keys. Both give the same deterministic signatures (RFC 6979), those of the official SDK.

Ours because the same through ``eth_account`` costs its import (455 modules against 123) and takes three times
as long for a signature: 281 µs against 92 µs, both with coincurve; pure Python takes 4.3 ms.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from iexec_lab.errors import ValidationError
from iexec_lab.libraries import is_missing
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.values import to_address, to_signature

if TYPE_CHECKING:
    from collections.abc import Callable

_PARITY_BIT: Final = 1 << 255
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Curve(NamedTuple):
    """Sign and recover with raw bytes: r, s, parity (0 or 1); points are 64 bytes x, y."""

    sign: Callable[[bytes, bytes], bytes]
    recover: Callable[[bytes, bytes], bytes]
    point: Callable[[bytes], bytes]


def personal_digest(message: bytes) -> bytes:
    """What ``personal_sign`` (EIP-191) signs for these bytes, 32 bytes."""
    return keccak(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def sign_digest(private_key: bytes, digest: bytes) -> str:
    """Sign 32 bytes with a 32-byte key: 65 bytes as 0x text, v is 27 or 28.

    Raises:
        ValidationError: ``Invalid private key``.
    """
    try:
        raw = curve().sign(_key(private_key), digest)
    except ValueError:
        # From None: the library's own words could show the key.
        raise ValidationError("Invalid private key") from None
    return f"0x{raw[:64].hex()}{raw[64] + 27:02x}"


def key_address(private_key: bytes) -> str:
    """The address of a 32-byte private key.

    Raises:
        ValidationError: ``Invalid private key``.
    """
    try:
        return to_address(keccak(curve().point(_key(private_key)))[12:])
    except ValueError:
        raise ValidationError("Invalid private key") from None


def recover_address(digest: bytes, signature: str | bytes) -> str:
    """The address whose key signed the digest.

    Raises:
        ValidationError: ``invalid signature``: not 64 or 65 bytes, or no key fits.
    """
    raw = _raw(signature)
    try:
        return to_address(keccak(curve().recover(raw, digest))[12:])
    except ValueError:
        raise ValidationError("invalid signature") from None


def is_signed_by(address: str, digest: bytes, signature: str | bytes) -> bool:
    """True when the key of that address made the signature; smart accounts are for the hub to judge."""
    try:
        return recover_address(digest, signature) == to_address(address)
    except ValidationError:
        return False


def is_presigned(signature: str | None) -> bool:
    """True for the empty signature of an order that its owner signed on chain."""
    return signature == "0x"


def compact_signature(signature: str | bytes) -> str:
    """The 64-byte form (EIP-2098), which the hub accepts too; the top bit of s is the parity.

    Raises:
        ValidationError: ``invalid signature``.
    """
    raw = _raw(signature)
    s = int.from_bytes(raw[32:64], "big")
    if s & _PARITY_BIT:
        raise ValidationError("invalid signature", hint="s is not in the lower half of the curve's order")
    return "0x" + raw[:32].hex() + (s | raw[64] << 255).to_bytes(32, "big").hex()


def expand_signature(signature: str | bytes) -> str:
    """The 65-byte form with v 27 or 28.

    Raises:
        ValidationError: ``invalid signature``.
    """
    raw = _raw(signature)
    return f"0x{raw[:64].hex()}{raw[64] + 27:02x}"


def _key(private_key: bytes) -> bytes:
    # coincurve would pad a short key.
    if len(private_key) != 32:
        raise ValueError("a private key has 32 bytes")
    return private_key


def _raw(signature: str | bytes) -> bytes:
    """65 bytes that end in the parity."""
    data = bytes.fromhex(to_signature(signature)[2:])
    if len(data) == 64:
        s = int.from_bytes(data[32:], "big")
        return data[:32] + (s & ~_PARITY_BIT).to_bytes(32, "big") + bytes([s >> 255])
    if len(data) == 65 and data[64] in {0, 1, 27, 28}:
        return data[:64] + bytes([data[64] % 27])
    raise ValidationError("invalid signature", hint="a signature has 65 bytes, or 64 as EIP-2098 packs it")


@cache
def curve() -> Curve:
    """coincurve, else eth_keys; both refuse with ValueError."""
    try:
        import coincurve
    except ImportError as error:
        if not is_missing("coincurve", error):
            warnings.warn(f"coincurve cannot be imported, so signing is slow: {error}", stacklevel=2)
        return slow_curve()
    return Curve(
        sign=lambda key, digest: coincurve.PrivateKey(key).sign_recoverable(digest, hasher=None),
        recover=lambda raw, digest: coincurve.PublicKey.from_signature_and_message(
            raw, digest, hasher=None
        ).format(compressed=False)[1:],
        point=lambda key: coincurve.PrivateKey(key).public_key.format(compressed=False)[1:],
    )


def slow_curve() -> Curve:
    """The same in pure Python."""
    from eth_keys import datatypes
    from eth_keys.backends.native.main import NativeECCBackend
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError as Refused

    backend = NativeECCBackend()

    def key(raw: bytes) -> datatypes.PrivateKey:
        if len(raw) != 32 or not 0 < int.from_bytes(raw, "big") < _CURVE_ORDER:
            raise ValueError("not a key of secp256k1")
        return datatypes.PrivateKey(raw, backend)

    def recover(raw: bytes, digest: bytes) -> bytes:
        try:
            return backend.ecdsa_recover(digest, datatypes.Signature(raw, backend=backend)).to_bytes()
        except (BadSignature, Refused) as error:
            raise ValueError("no key fits") from error

    return Curve(
        sign=lambda raw, digest: backend.ecdsa_sign(digest, key(raw)).to_bytes(),
        recover=recover,
        point=lambda raw: backend.private_key_to_public_key(key(raw)).to_bytes(),
    )
