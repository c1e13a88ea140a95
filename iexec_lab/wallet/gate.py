"""The gate: every signature and every transaction of a session is made here.

It knows what is signed (a login, a secret for the SMS, an order, a transaction) and where that will be valid
(chain and hub). It signs nothing else, whatever a service or a node answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from iexec_lab.errors import ConfigurationError, SignatureError, TransactionError
from iexec_lab.plain_text import plain
from iexec_lab.protocol.challenge import login_token, sms_challenge
from iexec_lab.protocol.typed_data import Domain
from iexec_lab.wallet.signer import KeySigner, SendingSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iexec_lab.protocol.challenge import SecretKind
    from iexec_lab.protocol.order import Order
    from iexec_lab.wallet.signer import Signer

    T = TypeVar("T", bound=Order)


@dataclass(frozen=True, slots=True)
class Place:
    """Where signatures are valid: a network as the table or ``chain.json`` describes it.

    Attributes:
        network: Its name.
        chain_id: Of its chain.
        hub: Address of its PoCo contract.
        real_value: Signatures for it are worth money.
        careful: How it differs from the table of networks, in sentences.
    """

    network: str
    chain_id: int
    hub: str
    real_value: bool = True
    careful: tuple[str, ...] = ()

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of its orders; name and version are the same on every hub."""
        return _domain(self.chain_id, self.hub)

    def check_chain(self, chain_id: int) -> None:
        """Compare the chain with the one that a node reports.

        Raises:
            ConfigurationError: The node is on another chain.
        """
        if chain_id != self.chain_id:
            raise ConfigurationError(
                f"Network {self.network} is chain {self.chain_id}, but its node is on another",
                details={"chain id": plain(chain_id)},
                hint="Nothing was signed. Check id and host of the chain in chain.json.",
            )

    def check_domain(self, domain: Domain) -> None:
        """Compare the domain with the one that a node reports for the hub.

        Raises:
            ConfigurationError: They differ.
        """
        if domain != self.domain:
            raise ConfigurationError(
                f"The hub of network {self.network} has another signing domain",
                details={
                    "expected": self.domain.to_json(),
                    "the node says": {name: plain(value) for name, value in domain.to_json().items()},
                },
                hint="Nothing was signed. Check id, hub and host of the chain in chain.json.",
            )


@lru_cache(maxsize=8)
def _domain(chain_id: int, hub: str) -> Domain:
    """The domain; its separator is a hash, computed once."""
    return Domain(chain_id, hub)


class Gate:
    """Signs for one wallet at one place.

    Args:
        signer: The unlocked wallet.
        place: Where its signatures are valid.
        before_order: Makes sure that the node is at this place; raises ConfigurationError when it is not.
        before_transaction: The same for the chain alone, which is all that a transaction names.
    """

    def __init__(
        self,
        signer: Signer,
        place: Place,
        *,
        before_order: Callable[[], None] = lambda: None,
        before_transaction: Callable[[], None] = lambda: None,
    ) -> None:
        self._signer = signer
        self._before_order = before_order
        self._before_transaction = before_transaction
        self.place = place

    def __repr__(self) -> str:
        return f"Gate({self.address!r}, {self.place.network!r})"

    @property
    def address(self) -> str:
        """The wallet's address, EIP-55."""
        return self._signer.address

    def login(self, challenge: Any, *, name: str, service: str) -> str:
        """The answer to a service's challenge, ``<digest>_<signature>_<address>``; valid for that login only.

        Args:
            challenge: What the service answered.
            name: The name that its domain must have.
            service: The service's name and address, for messages.

        Raises:
            SignatureError: The challenge is not a login to this service on this chain.
        """
        try:
            return login_token(challenge, self._signer, name=name, chain_id=self.place.chain_id)
        except SignatureError as error:
            error.details = {"service": service, **error.details}
            raise

    def secret(self, kind: SecretKind, address: str, name: str | None, value: str) -> str:
        """The signature that lets the SMS store a secret; arguments as for ``protocol.sms_challenge``."""
        return self._signer.sign_message(sms_challenge(kind, address, name, value))

    def order(self, order: T) -> T:
        """A signed copy of an order, with a new salt.

        Raises:
            ConfigurationError: The node is not at this place.
            ValidationError: A request order of another wallet.
        """
        self._before_order()
        return order.sign(self.place.domain, self._signer)

    def for_transactions(self) -> KeySigner | SendingSigner:
        """The wallet for a ``Sender``: it signs or sends transactions for this chain only.

        Raises:
            TransactionError: The wallet can sign, but cannot send transactions.
        """
        if isinstance(self._signer, KeySigner):
            return _Keyed(self._signer, self.place, self._before_transaction)
        if isinstance(self._signer, SendingSigner):
            return _Sending(self._signer, self.place, self._before_transaction)
        raise TransactionError(f"The wallet of {self.address} can sign, but cannot send transactions")


@dataclass(frozen=True, slots=True)
class _Keyed:
    """Signs transactions for one chain."""

    signer: KeySigner
    place: Place
    check: Callable[[], None]

    @property
    def address(self) -> str:
        return self.signer.address

    def sign_transaction(self, transaction: Mapping[str, Any]) -> str:
        self.check()
        _require_chain(transaction, self.place)
        return self.signer.sign_transaction(transaction)


@dataclass(frozen=True, slots=True)
class _Sending:
    """Lets a wallet send transactions on one chain."""

    signer: SendingSigner
    place: Place
    check: Callable[[], None]

    @property
    def address(self) -> str:
        return self.signer.address

    def send_transaction(self, transaction: Mapping[str, Any]) -> str:
        self.check()
        _require_chain(transaction, self.place)
        return self.signer.send_transaction(transaction)


def _require_chain(transaction: Mapping[str, Any], place: Place) -> None:
    """Refuse another chain; a transaction without a chain id would be valid on every chain."""
    named = transaction.get("chainId")
    if named not in (place.chain_id, hex(place.chain_id)):
        raise TransactionError(
            f"The transaction is for chain {plain(named)}, network {place.network} is chain {place.chain_id}",
            hint="Nothing was signed.",
        )
