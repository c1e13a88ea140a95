"""Signers: what signs for an address.

Every signer signs typed data and messages. A signer that holds its key also signs digests and transactions;
one that lives elsewhere (a browser wallet) sends its transactions itself. Sessions use signers only through
the gate (``gate.py``).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, runtime_checkable

from iexec_lab.errors import SignatureError, WalletError
from iexec_lab.protocol.imports import keeping_recursion_limit
from iexec_lab.protocol.signatures import curve, key_address, personal_digest, sign_digest
from iexec_lab.protocol.typed_data import hash_typed_data
from iexec_lab.wallet.raw_transaction import is_usual, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from eth_account import Account

    TypedMembers = Mapping[str, Sequence[Mapping[str, str]]]


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
class KeySigner(Protocol):
    """A signer of transactions whose key is in this process."""

    @property
    def address(self) -> str: ...

    def sign_transaction(self, transaction: Mapping[str, Any]) -> str:
        """The raw transaction as 0x text; keys as JSON-RPC names them, numbers as int."""


@runtime_checkable
class SendingSigner(Protocol):
    """A signer that sends its transactions itself, as an EIP-1193 wallet does."""

    @property
    def address(self) -> str: ...

    def send_transaction(self, transaction: Mapping[str, Any]) -> str:
        """The transaction's hash; the wallet chooses nonce, gas and fees where they are absent."""


class LocalSigner:
    """Signs with a private key held in memory; only ``export_key`` gives the key away.

    Args:
        private_key: 32 bytes, or 64 hexadecimal digits with or without 0x.

    Raises:
        WalletError: the key is not valid on the curve; the message does not repeat it.
    """

    __slots__ = ("_key", "address")

    _key: Callable[[], bytes]

    def __init__(self, private_key: str | bytes) -> None:
        key = parse_private_key(private_key)
        self.address = key_address(key)
        self._key = lambda: key

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
        return cls(os.urandom(32))  # a draw outside the curve is less likely than a computing error

    def __repr__(self) -> str:
        return f"LocalSigner({self.address!r})"

    def __reduce__(self) -> NoReturn:
        raise WalletError("A signer cannot be pickled: its private key would be in the file")

    def export_key(self) -> str:
        """The private key as 0x text, for a keystore file or ``wallet show --show-private-key``."""
        return "0x" + self._key().hex()

    @property
    def public_key(self) -> str:
        """The uncompressed point, 0x04 and 64 bytes."""
        return "0x04" + curve().point(self._key()).hex()

    def sign_digest(self, digest: bytes) -> str:
        if len(digest) != 32:
            raise SignatureError(f"A digest has 32 bytes, this one has {len(digest)}")
        return sign_digest(self._key(), digest)

    def sign_message(self, data: bytes) -> str:
        return self.sign_digest(personal_digest(data))

    def sign_typed_data(
        self, domain: Mapping[str, Any], types: TypedMembers, message: Mapping[str, Any]
    ) -> str:
        """Sign EIP-712; ValidationError when the three do not fit together."""
        return self.sign_digest(hash_typed_data(domain, types, message))

    def sign_transaction(self, transaction: Mapping[str, Any]) -> str:
        try:
            if is_usual(transaction):
                raw = signed(transaction, self.sign_digest)
            else:
                raw = bytes(_account().sign_transaction(dict(transaction), self._key()).raw_transaction)
        except (TypeError, ValueError, AttributeError) as error:
            raise SignatureError(f"The transaction cannot be signed: {error}") from None
        return "0x" + raw.hex()


def parse_private_key(private_key: str | bytes) -> bytes:
    """The 32 bytes of a private key; WalletError (which does not repeat the value) when it is not a key."""
    try:
        key = (
            bytes.fromhex(private_key.strip().removeprefix("0x"))
            if isinstance(private_key, str)
            else private_key
        )
        key_address(key)
    except (TypeError, ValueError):  # ValidationError is one
        raise WalletError(
            "invalid private key", hint="A private key is 64 hexadecimal digits, with or without 0x."
        ) from None
    return bytes(key)


def _account() -> type[Account]:
    """eth_account's class, imported when first needed: for transactions that we never make ourselves."""
    with keeping_recursion_limit():
        from eth_account import Account

    return Account
