"""The PoCo contracts, deployed as their own deploy script of version 6.1.0 does.

The proxy is an EIP-2535 diamond: three facets of its own, then one facet after the other, each added by
``diamondCut``. Addresses follow from the deployer's address and nonce, so they are the same in every sandbox
of one mode.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eth_abi.abi import encode

from iexec_lab.ethereum.contracts import DIAMOND, HUB, REGISTRY
from iexec_lab.protocol.constants import NULL_ADDRESS
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.values import to_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.chain.client import Chain

CATEGORIES = (("XS", 300), ("S", 1200), ("M", 3600), ("L", 10800), ("XL", 36000))
"""Name and reference time in seconds, ids from 0."""
_ADD = 0
_LIBRARY = "IexecLibOrders_v5"
_RECEIVE, _FALLBACK = b"\x00\x00\x00\x00", b"\xff\xff\xff\xff"
"""Selectors under which the diamond keeps who receives plain coins and unknown calls."""


@dataclass(frozen=True, slots=True)
class Contracts:
    """Addresses; ``rlc`` is None on a native chain, ``registries`` by "app", "dataset", "workerpool"."""

    hub: str
    rlc: str | None
    registries: Mapping[str, str]


class Artifacts:
    """Creation code and ABIs out of the unpacked @iexec/poco package.

    What iExec compiled is under ``artifacts``; the diamond's own facets and RLC only among the records of
    deployments, where they need no linking and take no arguments.
    """

    def __init__(self, package: Path) -> None:
        sources = package / "artifacts" / "contracts"
        self._files = {path.stem: path for path in sources.rglob("*.json") if "tools" not in path.parts}
        for name in ("DiamondInit", "DiamondCutFacet", "DiamondLoupeFacet", "OwnershipFacet", "RLC"):
            self._files[name] = package / "deployments" / "arbitrum" / f"{name}.json"

    def code(self, name: str, library: str | None = None) -> bytes:
        """Creation code, with the address of the one library filled in where it is used."""
        record = self._read(name)
        code = bytearray.fromhex(
            self._unlinked(record["bytecode"], record.get("linkReferences", {}), library)
        )
        return bytes(code)

    def selectors(self, name: str) -> list[bytes]:
        """The selectors a diamond adds for a facet."""
        pseudo = {"receive": _RECEIVE, "fallback": _FALLBACK}
        found = []
        for entry in self._read(name)["abi"]:
            if entry["type"] == "function":
                signature = f"{entry['name']}({','.join(map(_abi_type, entry['inputs']))})"
                found.append(keccak(signature.encode())[:4])
            elif entry["type"] in pseudo:
                found.append(pseudo[entry["type"]])
        return found

    def _read(self, name: str) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self._files[name].read_bytes())
        return record

    @staticmethod
    def _unlinked(bytecode: str, references: Mapping[str, Any], library: str | None) -> str:
        digits = bytecode[2:]
        for libraries in references.values():
            for places in libraries.values():
                for place in places:
                    assert library is not None
                    start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
                    digits = digits[:start] + library[2:].lower() + digits[end:]
        return digits


class Deployer:
    """Sends the transactions of one deployment, all from ``owner``, who owns everything afterwards."""

    def __init__(self, chain: Chain, owner: Account, package: Path) -> None:
        self._chain = chain
        self._owner = owner
        self._artifacts = Artifacts(package)
        self._library: str | None = None

    async def deploy(self, *, native: bool, boost: bool = True, description: str = '""') -> Contracts:
        """RLC (token mode), the proxy with its facets, the registries, configuration, categories.

        All categories have the same ``description``: a JSON-encoded empty string on the Arbitrum networks.
        """
        rlc = None if native else await self._create("RLC")
        hub = await self._diamond()
        self._library = await self._create(_LIBRARY)
        for facet in _facets(native=native, boost=boost):
            cut = [await self._cut(facet)]
            await self._call(hub, DIAMOND.diamondCut.encode(cut, NULL_ADDRESS, b""))
        registries = {kind: await self._registry(kind) for kind in ("app", "dataset", "workerpool")}
        await self._call(
            hub,
            HUB.configure.encode(
                rlc or NULL_ADDRESS, "Staked RLC", "SRLC", 9, *registries.values(), NULL_ADDRESS
            ),
        )
        for name, seconds in CATEGORIES:
            await self._call(hub, HUB.createCategory.encode(name, description, seconds))
        return Contracts(hub, rlc, registries)

    async def _diamond(self) -> str:
        init = await self._create("DiamondInit")
        cuts = [
            await self._cut(facet) for facet in ("DiamondCutFacet", "DiamondLoupeFacet", "OwnershipFacet")
        ]
        arguments = (self._owner.address, init, DIAMOND.init.encode())
        return await self._create("Diamond", encode(DIAMOND.constructor_types, (cuts, arguments)))

    async def _registry(self, kind: str) -> str:
        address = await self._create(f"{kind.title()}Registry")
        await self._call(address, REGISTRY.initialize.encode(NULL_ADDRESS))
        uri = f"https://nfts-metadata.iex.ec/{kind}/{self._chain.chain_id}/"
        await self._call(address, REGISTRY.setBaseURI.encode(uri))
        return address

    async def _cut(self, facet: str) -> tuple[str, int, list[bytes]]:
        return await self._create(facet), _ADD, self._artifacts.selectors(facet)

    async def _create(self, name: str, arguments: bytes = b"") -> str:
        receipt = await self._call(None, self._artifacts.code(name, self._library) + arguments)
        return to_address(receipt["contractAddress"])

    async def _call(self, to: str | None, data: bytes) -> dict[str, Any]:
        return await self._chain.send(self._owner, to, data)


def _facets(*, native: bool, boost: bool) -> Sequence[str]:
    names = [
        "AccessorsABILegacy",
        "CategoryManager",
        "ConfigurationExtra",
        "Configuration",
        "ERC20",
        "EscrowNative" if native else "EscrowToken",
        "OrderManagement",
        "Poco1",
        "Poco2",
        "PocoAccessors",
        *(["PocoBoost", "PocoBoostAccessors"] if boost else []),
        "Relay",
    ]
    return [f"Iexec{name}Facet" for name in names]


def _abi_type(entry: Mapping[str, Any]) -> str:
    """The canonical type of a parameter of a JSON ABI; structs become tuples."""
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_abi_type, entry['components']))}){kind.removeprefix('tuple')}"
