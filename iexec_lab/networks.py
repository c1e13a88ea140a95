"""What a network is, and the table of known networks.

Addresses and hosts are those built into the official SDKs 8.24.0 and 9.0.1. As in those SDKs, the keys of a
``chain.json`` entry override those of the built-in entry with the same id.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ConfigurationError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.plain_text import plain
from iexec_lab.retired import retired_hint
from iexec_lab.urls import is_loopback, shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NO_TAG = "0x" + "00" * 32
TDX_TAG = "0x" + "00" * 31 + "09"

ENS = "ENS"
API_REGISTRATION = "Workerpool API Registration"
VOUCHER = "iExec Voucher"
COMPASS = "iExec Compass"
BRIDGE = "iExec xRLC Bridge"
BULK = "Bulk processing"


LONGEST_NAME = 100
"""Characters of the name of a network, which every question shows."""


TESTNETS = frozenset({421614})
"""Known chains on which nothing is worth money."""


def has_value(chain_id: int, host: str) -> bool:
    """Whether signatures for this chain are worth money somewhere.

    Every transaction holds the chain id; every order holds it with the hub. A signature for the id of a known
    network is therefore valid there, even when the node is a fork on this machine. An unknown chain is a toy
    when its node is on this machine; all others count as valuable.
    """
    if chain_id in TESTNETS:
        return False
    return not is_loopback(host) or any(each.id == chain_id for each in NETWORKS.values())


@dataclass(frozen=True, slots=True)
class Bridge:
    """The contract that takes xRLC to another chain.

    ``network`` is that chain when its configuration is known; only waiting for the arrival needs it.
    """

    contract: str
    bridged_chain_id: int | None = None
    bridged_chain_name: str | None = None
    network: Network | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """One iExec deployment and the services around it.

    Attributes:
        name: ``arbitrum-mainnet``, ``sandbox``, or the key of ``chain.json``.
        id: Ethereum chain id.
        host: JSON-RPC URL, or ``mainnet`` for the set of public providers.
        hub: Address of the PoCo proxy.
        rlc: The RLC token, where it is known; the node must name the same one.
        native: The chain's own coin is RLC (1 nRLC = 1e9 wei).
        use_gas: False where transactions are sent at gas price 0.
        sms: TEE framework -> URL; ``default`` is one URL for all.
        frameworks: TEE frameworks whose tags the network accepts.
        default_tag: Tag of orders created without one.
        real_value: Signatures made here are valid where RLC or the chain's coin costs money, so nothing is
            signed or spent without a yes. Follows from the chain id and the node's address (``has_value``),
            not from the name; it can be set, but not unset.
        unsupported: Names of the features the network lacks.
        providers: Keys of public providers (``alchemy``, ``etherscan``, ``infura``) and ``quorum``.
    """

    name: str
    id: int
    host: str
    hub: str
    rlc: str | None = None
    native: bool = False
    use_gas: bool = True
    sms: Mapping[str, str] = field(default_factory=dict)
    result_proxy: str | None = None
    ipfs_gateway: str | None = None
    ipfs_node: str | None = None
    market: str | None = None
    compass: str | None = None
    poco_subgraph: str | None = None
    voucher_hub: str | None = None
    voucher_subgraph: str | None = None
    ens_registry: str | None = None
    ens_resolver: str | None = None
    bridge: Bridge | None = None
    default_tee_framework: str = "scone"
    frameworks: tuple[str, ...] = TEE_FRAMEWORKS
    default_tag: str = NO_TAG
    real_value: bool = False
    unsupported: frozenset[str] = frozenset()
    providers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isprintable() or len(self.name) > LONGEST_NAME:
            raise ConfigurationError(
                f"The name of a network is one line of at most {LONGEST_NAME} characters",
                details={"name": plain(self.name, LONGEST_NAME)},
                hint="Give the chain another name in chain.json.",
            )
        valued = self.real_value or has_value(self.id, self.host)
        object.__setattr__(self, "real_value", valued)

    def __repr__(self) -> str:
        return f"<network {self.name}, chain {self.id}, at {shown_url(self.host)}>"

    def departures(self) -> tuple[str, ...]:
        """How its name and contracts differ from the known network with its chain id, in sentences."""
        known = builtin(self.id)
        if known is None:
            return ()
        ours, theirs = _contracts(self), _contracts(known)
        found = [f"chain {self.id} is {known.name}"] if self.name != known.name else []
        for what, address in ours.items():
            if address and address.lower() != (theirs[what] or "").lower():
                found.append(f"the {what} of {known.name} is {theirs[what] or 'unknown'}")
        return tuple(found)

    @property
    def funding_hint(self) -> str | None:
        """How to get RLC and ether where both are free; None elsewhere."""
        if self.real_value or not is_loopback(self.host):
            return None
        on_sandbox = "" if self.name.partition(":")[0] == "sandbox" else "On a sandbox: "
        return f"{on_sandbox or 'Get more: '}iexec-lab sandbox fund."

    @property
    def tdx_only(self) -> bool:
        """The rules of SDK 9: no other framework, no app with a MREnclave."""
        return self.frameworks == ("tdx",)

    def require(self, feature: str) -> None:
        """Raise ConfigurationError when the network lacks ``feature`` (one of this module's names)."""
        if feature in self.unsupported:
            raise ConfigurationError(f"{feature} is not available on network {self.name}")

    def setting(self, name: str) -> str:
        """A configured address or URL by its ``chain.json`` key, e.g. ``iexecGateway``.

        Raises:
            ConfigurationError: The network has none.
        """
        if not isinstance(name, str) or name not in _SETTINGS:
            raise ConfigurationError(f"{name} is not a setting", hint=f"Use one of: {', '.join(_SETTINGS)}.")
        value = getattr(self, _SETTINGS[name])
        if not value:
            hint = f'Add "{name}" to the chain in chain.json, if the network has one.'
            if name.startswith("voucher"):  # the official sentence, from another part of their code
                option = {"voucherHub": "voucherHubAddress"}.get(name, f"{name}URL")
                sentence = f"{option} option not set and no default value for your chain {self.id}"
                raise ConfigurationError(sentence, hint=hint)
            raise ConfigurationError(f'Missing {name} in "chain.json" for chain {self.id}', hint=hint)
        return str(value)

    def settings(self) -> dict[str, str | None]:
        """All addresses and URLs that ``setting`` knows, by key; None for those the network lacks."""
        return {key: getattr(self, name) for key, name in _SETTINGS.items()}

    def keeper(self, framework: str | None) -> str | None:
        """The framework whose SMS has the secrets of what is built for this one; None for the network's own.

        SDK 8.22 knows no tdx: an app without MREnclave has its secrets in the SMS of the default framework.
        """
        own = framework == "tdx" and not {"default", "tdx"} & self.sms.keys()
        return None if own else framework

    def sms_url(self, framework: str | None = None) -> str:
        """The secret management service of a TEE framework (default: the network's own).

        Raises:
            ConfigurationError: None is configured.
        """
        framework = framework or self.default_tee_framework
        url = self.sms.get("default") or self.sms.get(framework)
        if url:
            return url
        if self.tdx_only:
            raise ConfigurationError(f'Missing sms in "chain.json" for chain {self.id}')
        raise ConfigurationError(
            f'Missing sms for tee framework {framework} in "chain.json" for chain {self.id}'
        )


def _contracts(network: Network) -> dict[str, str | None]:
    """The contracts that are trusted with RLC, or with the meaning of a name."""
    return {
        "hub": network.hub,
        "bridge": network.bridge.contract if network.bridge else None,
        "voucher hub": network.voucher_hub,
        "ENS registry": network.ens_registry,
        "ENS resolver": network.ens_resolver,
    }


_SETTINGS = {
    "resultProxy": "result_proxy",
    "ipfsGateway": "ipfs_gateway",
    "ipfsNode": "ipfs_node",
    "iexecGateway": "market",
    "compass": "compass",
    "pocoSubgraph": "poco_subgraph",
    "voucherHub": "voucher_hub",
    "voucherSubgraph": "voucher_subgraph",
    "ensRegistry": "ens_registry",
    "ensPublicResolver": "ens_resolver",
}

_BELLECOUR_HUB = "0x3eca1B216A7DF1C7689aEb259fFB83ADFB894E7f"
_ARBITRUM_LACKS = frozenset({ENS, API_REGISTRATION, VOUCHER, BRIDGE})

NETWORKS: Mapping[str, Network] = {
    network.name: network
    for network in (
        Network(
            name="arbitrum-mainnet",
            id=42161,
            host="https://arb1.arbitrum.io/rpc",
            hub="0x098bFCb1E50ebcA0BaA92C12eA0c3F045A1aD9f0",
            rlc="0xe649e6a1F2afc63ca268C2363691ceCAF75CF47C",
            sms={"default": "https://sms.arbitrum-mainnet.iex.ec"},
            ipfs_gateway="https://ipfs-gateway.arbitrum-mainnet.iex.ec",
            ipfs_node="https://ipfs-upload.arbitrum-mainnet.iex.ec",
            market="https://api.market.arbitrum-mainnet.iex.ec",
            compass="https://compass.arbitrum-mainnet.iex.ec",
            poco_subgraph="https://thegraph.arbitrum.iex.ec/api/subgraphs/id/B1comLe9SANBLrjdnoNTJSubbeC7cY7EoNu6zD82HeKy",
            default_tee_framework="tdx",
            frameworks=("tdx",),
            default_tag=TDX_TAG,
            unsupported=_ARBITRUM_LACKS,
        ),
        Network(
            name="arbitrum-sepolia-testnet",
            id=421614,
            host="https://sepolia-rollup.arbitrum.io/rpc",
            hub="0xB2157BF2fAb286b2A4170E3491Ac39770111Da3E",
            rlc="0x9923eD3cbd90CD78b910c475f9A731A6e0b8C963",
            sms={"default": "https://sms.arbitrum-sepolia-testnet.iex.ec"},
            ipfs_gateway="https://ipfs-gateway.arbitrum-sepolia-testnet.iex.ec",
            ipfs_node="https://ipfs-upload.arbitrum-sepolia-testnet.iex.ec",
            market="https://api-market.arbitrum-sepolia-testnet.iex.ec",
            compass="https://compass.arbitrum-sepolia-testnet.iex.ec",
            poco_subgraph="https://thegraph.arbitrum-sepolia-testnet.iex.ec/api/subgraphs/id/2GCj8gzLCihsiEDq8cYvC5nUgK6VfwZ6hm3Wj8A3kcxz",
            default_tee_framework="tdx",
            frameworks=("tdx",),
            default_tag=TDX_TAG,
            unsupported=_ARBITRUM_LACKS,
        ),
        Network(
            name="bellecour",
            id=134,
            host="https://bellecour.iex.ec",
            hub=_BELLECOUR_HUB,
            native=True,
            use_gas=False,
            sms={"scone": "https://sms.iex.ec", "gramine": "https://sms.gramine.v8-bellecour.iex.ec"},
            result_proxy="https://result.v8-bellecour.iex.ec",
            ipfs_gateway="https://ipfs-gateway.v8-bellecour.iex.ec",
            ipfs_node="https://ipfs-upload.v8-bellecour.iex.ec",
            market="https://api.market.v8-bellecour.iex.ec",
            poco_subgraph="https://thegraph.iex.ec/subgraphs/name/bellecour/poco-v5",
            voucher_hub="0x3137B6DF4f36D338b82260eDBB2E7bab034AFEda",
            voucher_subgraph="https://thegraph.iex.ec/subgraphs/name/bellecour/iexec-voucher",
            ens_registry="0x5f5B93fca68c9C79318d1F3868A354EE67D8c006",
            ens_resolver="0x1347d8a1840A810B990d0B774A6b7Bb8A1bd62BB",
            bridge=Bridge("0x188A4376a1D818bF2434972Eb34eFd57102a19b7", 1),
            unsupported=frozenset({COMPASS, BULK}),
        ),
        Network(
            name="mainnet",
            id=1,
            host="mainnet",
            hub=_BELLECOUR_HUB,
            rlc="0x607F4C5BB672230e8672085532f7e901544a7375",
            ens_registry="0x00000000000C2E074eC69A0dFb2997BA6C7d2e1e",
            ens_resolver="0x4976fb03C32e5B8cfe2b6cCB31c09Ba78EBaBa41",
            bridge=Bridge("0x4e55c9B8953AB1957ad0A59D413631A66798c6a2", 134),
            unsupported=frozenset({COMPASS, VOUCHER, BULK}),
        ),
    )
}


def sandbox_network(
    *, name: str = "sandbox", chain_id: int, hub: str, native: bool, urls: Mapping[str, str]
) -> Network:
    """The market on loopback as a network; ``urls`` are the sandbox's own service names and addresses."""
    return Network(
        name=name,
        id=chain_id,
        host=urls["rpc"],
        hub=hub,
        native=native,
        use_gas=not native,
        sms={"default": urls["sms"]},
        result_proxy=urls.get("result_proxy"),
        ipfs_gateway=urls["ipfs_gateway"],
        ipfs_node=urls["ipfs_node"],
        market=urls["market"],
        compass=urls["compass"],
        poco_subgraph=urls.get("subgraph"),
        default_tee_framework="tdx",
        unsupported=_ARBITRUM_LACKS,
    )


def builtin(name: str | int) -> Network | None:
    """The built-in network with this name or chain id."""
    text = str(name)
    return NETWORKS.get(text) or next((n for n in NETWORKS.values() if str(n.id) == text), None)


def resolve_network(name: str | int) -> Network:
    """The built-in network of that name or id.

    Raises:
        ConfigurationError: There is none.
    """
    network = builtin(name)
    if network is None:
        hint = f"{retired_hint(name)}Known networks: sandbox, {', '.join(NETWORKS)}; or write a chain.json."
        raise ConfigurationError(f"Unknown network {name}", hint=hint)
    return network


def custom_network(
    name: str,
    values: Mapping[str, Any],
    *,
    chain_id: int | None = None,
    providers: Mapping[str, Any] | None = None,
    siblings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Network:
    """A chain of ``chain.json`` over the built-in facts of its id; objects are replaced, not merged.

    Args:
        name: Its key in ``chains``.
        values: The chain object; its schema has been checked.
        chain_id: The id, when ``values`` has none.
        providers: The top-level ``providers`` object.
        siblings: All chain objects of the file, where a bridge finds its other side.

    Raises:
        ConfigurationError: Neither the file nor the table has the host, or the hub.
    """
    network = _merge(name, values, chain_id, providers or {})
    if network.bridge is None or siblings is None:
        return network
    return replace(network, bridge=_with_bridged_network(network.bridge, siblings, providers or {}))


def _merge(key: str, entry: Mapping[str, Any], chain_id: int | None, providers: Mapping[str, Any]) -> Network:
    named = NETWORKS.get(key)
    number = int(entry.get("id") or chain_id or (named.id if named else 0))
    base = builtin(number) or Network(name=key, id=number, host="", hub="")
    changes = {target: read(entry[source]) for source, (target, read) in _MERGED.items() if source in entry}
    if number == NETWORKS["bellecour"].id:
        changes["use_gas"] = False  # the chain takes no gas, whatever chain.json says
    if "defaultTeeFramework" in entry or not isinstance(entry.get("sms", ""), str):
        # Only 8.x files have these keys; it accepts every framework on every chain, and prefers scone.
        changes |= {"frameworks": TEE_FRAMEWORKS, "default_tag": NO_TAG}
        usual = entry.get("defaultTeeFramework") or base.default_tee_framework
        if not {"default", usual} & changes.get("sms", base.sms).keys():
            changes.setdefault("default_tee_framework", "scone")
    if changes.get("hub", base.hub).lower() != base.hub.lower():
        changes["rlc"] = None  # another hub may use another token
    network = replace(base, name=key, providers=dict(providers), real_value=False, **changes)
    if not network.host:
        sentence = 'Missing RPC host, no "host" key in "chain.json" and no default value for chain'
        hint = retired_hint(key) or retired_hint(number) or f'Add "host" to chain {key} of chain.json.'
        raise ConfigurationError(f"{sentence} {number or key}", hint=hint)
    if not network.hub:
        hint = retired_hint(key) or retired_hint(number) or f'Add "hub" to chain {key} of chain.json.'
        raise ConfigurationError("missing hubAddress key", hint=hint)
    return network


def _host(host: str) -> str:
    known = builtin(host)
    if known is not None:
        return known.host
    if not host.startswith("http"):
        hint = retired_hint(host) or "host is the URL of the chain's node, with http:// or https://."
        raise ConfigurationError("Invalid provider host name or url", hint=hint)
    return host


def _sms_map(sms: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"default": sms} if isinstance(sms, str) else dict(sms)


def _read_bridge(entry: Mapping[str, Any]) -> Bridge:
    bridged_id = entry.get("bridgedChainId")
    return Bridge(
        entry["contract"], int(bridged_id) if bridged_id is not None else None, entry["bridgedChainName"]
    )


_MERGED: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    **{source: (target, str) for source, target in _SETTINGS.items()},
    "hub": ("hub", str),
    "native": ("native", bool),
    "useGas": ("use_gas", bool),
    "defaultTeeFramework": ("default_tee_framework", str),
    "host": ("host", _host),
    "sms": ("sms", _sms_map),
    "bridge": ("bridge", _read_bridge),
}


def _with_bridged_network(
    bridge: Bridge, siblings: Mapping[str, Mapping[str, Any]], providers: Mapping[str, Any]
) -> Bridge:
    """Add the other side if it is configured; it is only needed when the bridge is used."""
    known = builtin(bridge.bridged_chain_id) if bridge.bridged_chain_id is not None else None
    name = bridge.bridged_chain_name or (known.name if known else None)
    if name is None or name not in siblings:
        return bridge
    try:
        return replace(bridge, network=_merge(name, siblings[name], None, providers))
    except ConfigurationError:
        return bridge
