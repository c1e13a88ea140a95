"""ENS: rules for names, their hashes, and what the registry of a chain knows about them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import CallError, ValidationError
from iexec_lab.ethereum.calls import Call, attempt, read
from iexec_lab.ethereum.contracts import ENS_REGISTRY, ENS_RESOLVER
from iexec_lab.protocol.constants import NULL_ADDRESS
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.values import is_address, to_address
from iexec_lab.wallet.imports import keeping_recursion_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from iexec_lab.ethereum.rpc import Provider

# Where the SDK registers names of each kind.
DOMAINS = {
    "user": "users.iexec.eth",
    "app": "apps.iexec.eth",
    "dataset": "datasets.iexec.eth",
    "workerpool": "pools.iexec.eth",
}
WORKERPOOL_API_KEY = "iexec:workerpool-api:url"
REVERSE = "addr.reverse"

_PLAIN = re.compile(r"[a-z0-9]+")


def check_label(label: str) -> str:
    """One part of a name, fit to be registered.

    Raises:
        ValidationError: It is empty, has dots or capitals, or characters that ENS does not take.
    """
    if "." in label:
        raise ValidationError(f"{label} is not a valid ENS label (label cannot have `.`)")
    return _check(label, "label")


def check_domain(domain: str) -> str:
    """A whole name such as ``users.iexec.eth``; ValidationError when ENS could not have it."""
    if not all(domain.split(".")):
        raise ValidationError(f"{domain} is not a valid ENS domain (domain cannot have empty labels)")
    return _check(domain, "domain")


def is_ens_name(text: str) -> bool:
    """Does this look like a name rather than an address?"""
    return "." in text and not is_address(text)


def normalize(name: str) -> str:
    """The name as ENSIP-15 writes it; ValidationError when it can not be written so."""
    if all(map(_PLAIN.fullmatch, name.split("."))):
        return name
    with keeping_recursion_limit():
        from ens.exceptions import InvalidName

    try:
        return str(_ensip15()(name).as_text)
    except (InvalidName, ValueError):
        raise ValidationError(f"{name} is not a valid ENS name") from None


def namehash(name: str) -> bytes:
    """The node of a name, 32 bytes: the hash of its last part and so on up."""
    node = bytes(32)
    for label in reversed(normalize(name).split(".")):
        node = keccak(node + labelhash(label))
    return node


def labelhash(label: str) -> bytes:
    return keccak(label.encode())


def reverse_name(address: str) -> str:
    """The name under which an address keeps its own name."""
    return f"{to_address(address)[2:].lower()}.{REVERSE}"


class Ens:
    """The ENS of one chain; every method raises CallError when the node can not be asked."""

    def __init__(self, rpc: Provider, registry: str) -> None:
        self.rpc = rpc
        self.registry = to_address(registry)

    def owner(self, name: str) -> str:
        """The owner of a name; the null address when nobody has it."""
        return to_address(read(self.rpc, [Call(self.registry, ENS_REGISTRY.owner, (namehash(name),))])[0])

    def resolver(self, name: str) -> str:
        """The contract that answers for a name; the null address when there is none."""
        return to_address(read(self.rpc, [Call(self.registry, ENS_REGISTRY.resolver, (namehash(name),))])[0])

    def address(self, name: str) -> str | None:
        """What a name stands for; None when nobody said."""
        resolver = self.resolver(name)
        if resolver == NULL_ADDRESS:
            return None
        found = attempt(self.rpc, [Call(resolver, ENS_RESOLVER.addr, (namehash(name),))])[0]
        if isinstance(found, CallError) or (address := to_address(found)) == NULL_ADDRESS:
            return None
        return address

    def text(self, name: str, key: str) -> str | None:
        """A text record of a name, such as ``WORKERPOOL_API_KEY``; None when there is none."""
        resolver = self.resolver(name)
        if resolver == NULL_ADDRESS:
            return None
        found = attempt(self.rpc, [Call(resolver, ENS_RESOLVER.text, (namehash(name), key))])[0]
        return None if isinstance(found, CallError) else str(found) or None

    def name(self, address: str) -> str | None:
        """The name of an address; None when it has none, or claims one that stands for another address."""
        reverse = reverse_name(address)
        resolver = self.resolver(reverse)
        if resolver == NULL_ADDRESS:
            return None
        found = attempt(self.rpc, [Call(resolver, ENS_RESOLVER.name, (namehash(reverse),))])[0]
        if isinstance(found, CallError) or not found:
            return None
        try:
            claimed = self.address(found)
        except ValidationError:
            return None
        return str(found) if claimed == to_address(address) else None

    def resolve(self, address_or_name: str) -> str:
        """The address behind either.

        Raises:
            ValidationError: The name stands for nothing.
        """
        if not is_ens_name(address_or_name):
            return to_address(address_or_name)
        address = self.address(address_or_name)
        if address is None:
            raise ValidationError(
                f"{address_or_name} is not a registered ENS name on chain {self.rpc.chain_id}"
            )
        return address


@cache
def _ensip15() -> Callable[[str], Any]:
    """The ``ens`` package's normalisation, made to work with every pyunormalize.

    web3 8.0.0 hands lists of characters to pyunormalize, which takes only text since its version 18.
    """
    import pyunormalize
    from ens import _normalization

    def compose(characters: Iterable[str]) -> str:
        return str(pyunormalize.NFC("".join(characters)))

    _normalization.NFC = compose
    return _normalization.normalize_name_ensip15  # type: ignore[no-any-return]


def _check(name: str, kind: str) -> str:
    if name.lower() != name:
        raise ValidationError(
            f"{name} is not a valid ENS {kind} ({kind} cannot contain uppercase characters)"
        )
    problem = f"{name} is not a valid ENS {kind} ({kind} cannot contain unsupported characters)"
    try:
        normal = normalize(name) if name else ""
    except ValidationError:
        raise ValidationError(problem) from None
    if not normal or normal != name:
        raise ValidationError(problem)
    return name
