"""Read the Ethereum Name Service: the address of a name, the name of an address (EIP-137, EIP-181).

Ours because web3's ``ENS`` needs web3, 18 times the import time of ``protocol`` (837 modules against 123).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import CallError
from iexec_lab.ethereum.calls import Call, attempt, has_code
from iexec_lab.ethereum.contracts import ENS_REGISTRY, ENS_RESOLVER
from iexec_lab.protocol import NULL_ADDRESS, check_domain, namehash, to_address
from iexec_lab.protocol.ens import WORKERPOOL_URL_KEY

if TYPE_CHECKING:
    from iexec_lab.ethereum.abi import Function
    from iexec_lab.ethereum.rpc import Provider


def name_hash(name: str) -> bytes:
    """The node of a name, as contracts take it."""
    return bytes.fromhex(namehash(name)[2:])


def reverse_name(address: str) -> str:
    """The name under which an address keeps its own name."""
    return f"{address[2:].lower()}.addr.reverse"


class NameService:
    """The names of one network.

    Args:
        rpc: The way to its chain.
        registry: Address of its ENS registry.
    """

    def __init__(self, rpc: Provider, registry: str) -> None:
        self._rpc = rpc
        self.registry = registry

    def resolve(self, name: str) -> str | None:
        """The address of a name; None when it has none.

        Raises:
            ValidationError: It is not a valid name.
        """
        node = name_hash(check_domain(name))
        address = self._ask(node, ENS_RESOLVER.addr, node)
        return None if address is None or int(address, 16) == 0 else to_address(address)

    def lookup(self, address: str) -> str | None:
        """The name of an address, if that name has this address; None otherwise."""
        node = name_hash(reverse_name(address))
        name = self._ask(node, ENS_RESOLVER.name, node)
        return name if name and self.resolve(name) == address else None

    def text(self, name: str, key: str) -> str:
        """A text record of a name; empty when there is none."""
        node = name_hash(check_domain(name))
        return self._ask(node, ENS_RESOLVER.text, node, key) or ""

    def owner(self, name: str) -> str:
        """Who owns a name; the null address when nobody does."""
        return self._registered(ENS_REGISTRY.owner, name_hash(name))

    def resolver(self, name: str) -> str:
        """The contract that answers for a name; the null address when there is none."""
        return self._resolver(name_hash(name))

    def workerpool_url(self, workerpool: str) -> str | None:
        """The API of a workerpool, from the records of its name; None when there is no such record."""
        name = self.lookup(workerpool)
        url = self.text(name, WORKERPOOL_URL_KEY) if name else ""
        return url if url.startswith(("http://", "https://")) else None

    def _resolver(self, node: bytes) -> str:
        return self._registered(ENS_REGISTRY.resolver, node)

    def _registered(self, question: Function, node: bytes) -> str:
        """What the registry answers; the null address where it was never deployed, as on a fork."""
        [answer] = attempt(self._rpc, [Call(self.registry, question, (node,))])
        if isinstance(answer, CallError):
            if has_code(self._rpc, [self.registry])[0]:
                raise answer
            return NULL_ADDRESS
        return to_address(answer)

    def _ask(self, node: bytes, question: Function, *args: Any) -> Any:
        """The answer of a name's resolver; None without a resolver, or when it does not know the function."""
        resolver = self._resolver(node)
        if resolver == NULL_ADDRESS:
            return None
        [answer] = attempt(self._rpc, [Call(resolver, question, args)])
        return None if isinstance(answer, CallError) else answer
