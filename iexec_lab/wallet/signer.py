"""Signers: what signs for an address.

Every signer signs typed data and messages. A signer that holds its key also signs digests and transactions;
one that lives elsewhere (a browser wallet) sends its transactions itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, runtime_checkable

from iexec_lab.errors import SignatureError, WalletError
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.values import to_address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    TypedMembers = Mapping[str, Sequence[Mapping[str, str]]]

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Signer(Protocol):
    """Signs for ``address`` (EIP-55). Signatures are 65 bytes, r ‖ s ‖ v with v 27 or 28, as 0x text."""

    @property
    def address(self) -> str: ...

    def sign_typed_data(
        self, domain: Mapping[str, Any], types: TypedMembers, message: Mapping[str, Any]
    ) -> str:
        """EIP-712; ``types`` may leave EIP712Domain out. The root is the type no other type names."""

    def sign_message(self, data: bytes) -> str:
        """EIP-191 ``personal_sign`` over the raw bytes."""


@runtime_checkable
class KeySigner(Signer, Protocol):
    """A signer whose key is in this process."""

    def sign_digest(self, digest: bytes) -> str: ...

    def sign_transaction(self, transaction: Mapping[str, Any]) -> str:
        """The raw transaction as 0x text; keys as JSON-RPC names them, numbers as int."""


@runtime_checkable
class SendingSigner(Signer, Protocol):
    """A signer that sends its transactions itself, as an EIP-1193 wallet does."""

    def send_transaction(self, transaction: Mapping[str, Any]) -> str:
        """The transaction's hash; its nonce, gas and fees are the wallet's business where they are absent."""


class LocalSigner:
    """Signs with a private key held in memory; the key never leaves it but by ``export_key``.

    Args:
        private_key: 32 bytes, or 64 hexadecimal digits with or without 0x.

    Raises:
        WalletError: the key is not one of the curve; the message does not repeat it.
    """

    __slots__ = ("_export", "_sign", "address", "public_key")

    _export: Callable[[], bytes]
    _sign: Callable[[bytes], bytes]

    def __init__(self, private_key: str | bytes) -> None:
        key = parse_private_key(private_key)
        public_key, self._sign = _curve(key)
        self._export = lambda: key
        self.public_key = "0x04" + public_key.hex()
        self.address = public_key_address(public_key)

    @classmethod
    def from_env(cls, name: str = "IEXEC_PRIVATE_KEY") -> Self | None:
        """The signer of the key in the environment; None when there is none."""
        key = os.environ.get(name)
        if not key:
            return None
        try:
            return cls(key)
        except WalletError as error:
            raise WalletError(f"{name} does not hold a private key", hint=error.hint) from None

    @classmethod
    def generate(cls) -> Self:
        """A new random key."""
        while True:
            key = os.urandom(32)
            if 0 < int.from_bytes(key, "big") < SECP256K1_ORDER:
                return cls(key)

    def __repr__(self) -> str:
        return f"LocalSigner({self.address!r})"

    def __reduce__(self) -> NoReturn:
        raise WalletError("A signer is not pickled: its private key would be in the file")

    def export_key(self) -> str:
        """The private key as 0x text, for a keystore file or ``wallet show --show-private-key``."""
        return "0x" + self._export().hex()

    def sign_digest(self, digest: bytes) -> str:
        if len(digest) != 32:
            raise SignatureError(f"A digest has 32 bytes, this has {len(digest)}")
        return "0x" + self._sign(digest).hex()

    def sign_message(self, data: bytes) -> str:
        return self.sign_digest(message_digest(data))

    def sign_typed_data(
        self, domain: Mapping[str, Any], types: TypedMembers, message: Mapping[str, Any]
    ) -> str:
        from iexec_lab.wallet.typed_data import typed_data_digest

        return self.sign_digest(typed_data_digest(domain, types, message))

    def sign_transaction(self, transaction: Mapping[str, Any]) -> str:
        from eth_account import Account

        try:
            signed = Account.sign_transaction(dict(transaction), self._export())
        except (TypeError, ValueError) as error:
            raise SignatureError(f"The transaction can not be signed: {error}") from None
        return "0x" + bytes(signed.raw_transaction).hex()


def parse_private_key(private_key: str | bytes) -> bytes:
    """32 bytes of a private key; WalletError (which does not repeat the value) when it is none."""
    key = b""
    if isinstance(private_key, str):
        digits = private_key.strip().removeprefix("0x").removeprefix("0X")
        if len(digits) == 64 and digits.isascii() and digits.isalnum():
            try:
                key = bytes.fromhex(digits)
            except ValueError:
                key = b""
    else:
        key = bytes(private_key)
    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < SECP256K1_ORDER:
        raise WalletError(
            "Invalid private key", hint="A private key is 64 hexadecimal digits, with or without 0x."
        )
    return key


def message_digest(data: bytes) -> bytes:
    """The digest that ``personal_sign`` signs (EIP-191, version E)."""
    return keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(data), data))


def public_key_address(public_key: bytes) -> str:
    """EIP-55 address of the 64 bytes x ‖ y."""
    return to_address("0x" + keccak(public_key)[12:].hex())


def recover_address(digest: bytes, signature: bytes | str) -> str:
    """Who signed the digest; SignatureError when the 65 bytes are no signature."""
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    data = bytes.fromhex(signature.removeprefix("0x")) if isinstance(signature, str) else signature
    try:
        vrs = data[:64] + bytes([data[64] - 27])
        public_key = Signature(vrs).recover_public_key_from_msg_hash(digest)
    except (IndexError, ValueError, BadSignature, ValidationError):
        raise SignatureError("Not a signature of 65 bytes") from None
    return public_key_address(public_key.to_bytes())


def _curve(key: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The public key (x ‖ y) and the signing function; coincurve is asked first, it is 3 times as fast."""
    try:
        import coincurve
    except ImportError:
        from eth_keys.datatypes import PrivateKey

        slow = PrivateKey(key)
        return slow.public_key.to_bytes(), lambda digest: _with_v(slow.sign_msg_hash(digest).to_bytes())
    fast = coincurve.PrivateKey(key)
    return (
        fast.public_key.format(compressed=False)[1:],
        lambda digest: _with_v(fast.sign_recoverable(digest, hasher=None)),
    )


def _with_v(signature: bytes) -> bytes:
    return signature[:64] + bytes([signature[64] + 27])
