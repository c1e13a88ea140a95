"""``chain.json``: the strict shape of both generations of the official CLI, and the choice of one chain.

A key that only one generation knows (``providers``, ``bridge``, ``native`` of 8.x) is accepted; a key that
none knows is an error, in the official words.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ProjectError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.networks import NETWORKS, builtin
from iexec_lab.project.old_keys import key_hint
from iexec_lab.retired import retired_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_QUORUM = 3


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """One chain as the project describes it.

    Attributes:
        name: Its key in ``chains``.
        id: Chain id: the one given, else that of the built-in network of the same name, else None.
        values: The chain object as written; what it has replaces the built-in defaults of ``id``, key by key.
        providers: The top-level ``providers`` object, empty when absent.
        siblings: All chain objects of the file, for a bridge to find the other side.
    """

    name: str
    id: int | None
    values: dict[str, Any]
    providers: dict[str, Any] = field(default_factory=dict)
    siblings: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)


def choose(document: Mapping[str, Any], name: str | None) -> ChainEntry:
    """The chain called ``name``, or the default one.

    A built-in id finds the chain that is stored under the built-in name (``--chain 134`` is ``bellecour``).

    Raises:
        ProjectError: no such chain, or no default.
    """
    chains: dict[str, dict[str, Any]] = document["chains"]
    wanted = name or document.get("default")
    if not wanted:
        raise ProjectError(
            'Missing chain parameter. Check your "chain.json" file',
            hint='Add "default": "<chain name>" to chain.json or use --chain <name>.',
        )
    key = wanted if wanted in chains else _built_in(wanted)
    if key not in chains:
        known = ", ".join(chains) or "none"
        hint = f"{retired_hint(wanted) or _meant(wanted, chains)}Chains of this project: {known}."
        raise ProjectError(f'Missing "{wanted}" chain in "chain.json"', hint=hint)
    values = chains[key]
    known_as = NETWORKS.get(key)
    known_id = known_as.id if known_as else None
    chain_id = int(values["id"]) if "id" in values else known_id
    return ChainEntry(key, chain_id, dict(values), dict(document.get("providers") or {}), dict(chains))


def _meant(wanted: str, chains: Mapping[str, Mapping[str, Any]]) -> str:
    """A sentence about the chain that was meant: one of that id, or of a name like it."""
    named = next((name for name, chain in chains.items() if str(chain.get("id")) == wanted), None)
    if named is not None:
        return f"Chain {wanted} is called {named} here. "
    near = get_close_matches(wanted, [*chains, *NETWORKS, "sandbox"], 1)
    return f"Did you mean {near[0]}? " if near else ""


def _built_in(text: str) -> str:
    """Name of the built-in network of a chain id; empty when there is none."""
    found = builtin(int(text)) if re.fullmatch(r"[0-9]{1,18}", text) else None
    return found.name if found else ""


def check(document: Mapping[str, Any]) -> None:
    """Raise ``ProjectError`` with the official sentence for the first thing that does not fit."""
    _check_keys(document, _TOP)
    for key in ("default", "chains", "allowExperimentalNetworks", "providers"):
        if key in document:
            _TOP[key](key, document[key])
    if "chains" not in document:
        raise _wrong("chains is a required field")
    for chain in document["chains"].values():
        _object("this", chain)
        _check_keys(chain, _CHAIN)
        for key, value in chain.items():
            _CHAIN[key](key, value)


def _wrong(message: str, *, hint: str | None = None) -> ProjectError:
    return ProjectError(f"ValidationError: {message} in chain.json", hint=hint)


def _mistyped(name: str, kind: str, value: Any) -> ProjectError:
    is_secret = name == "host" or name.startswith("providers")
    shown = "…" if is_secret else json.dumps(value, indent=2, ensure_ascii=False)
    return _wrong(f"{name} must be a `{kind}` type, but the final value was: `{shown}`.")


def _check_keys(value: Mapping[str, Any], known: Mapping[str, Any], where: str = "") -> None:
    for key in value:
        if key not in known:
            raise _wrong(f'Unknown key "{key}"{where}', hint=key_hint(key, known))


def _string(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise _mistyped(name, "string", value)


def _boolean(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise _mistyped(name, "boolean", value)


def _object(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise _mistyped(name, "object", value)


def _chain_id(name: str, value: Any) -> None:
    _string(name, value)
    if not re.fullmatch(r"[0-9]{1,78}", value):  # no id is longer than 256 bits
        raise _wrong(f"{name} {value} is not a valid chain id")


def _url(name: str, value: Any) -> None:
    _string(name, value)
    if not re.match(r"https?://", value):
        from iexec_lab.urls import shown_url

        raise _wrong(f'{name} "{shown_url(value)}" is not a valid URL')


def _sms(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        _url(name, value)
        return
    unknown = [key for key in value if key not in TEE_FRAMEWORKS]
    if unknown:
        raise _wrong(f"{name} field has unspecified keys: {', '.join(unknown)}")
    for framework, url in value.items():
        _url(f"{name}.{framework}", url)


def _framework(name: str, value: Any) -> None:
    if value not in TEE_FRAMEWORKS:
        raise _wrong(f"{name} is not a valid TEE framework")


def _bridge(name: str, value: Any) -> None:
    _object(name, value)
    for key in ("contract", "bridgedChainName"):
        if key not in value:
            raise _wrong(f"{name}.{key} is a required field")
        _string(f"{name}.{key}", value[key])
    if not re.fullmatch(r"(0x)?[0-9a-fA-F]{40}", value["contract"]):
        raise _wrong(f"{value['contract']} is not a valid ethereum address")


def _providers(name: str, value: Any) -> None:
    _object(name, value)
    _check_keys(value, dict.fromkeys(("alchemy", "etherscan", "infura", "quorum")), f" in {name}")
    for key in ("alchemy", "etherscan"):
        if key in value:
            _string(f"{name}.{key}", value[key])
    if "infura" in value:
        _infura(f"{name}.infura", value["infura"])
    if "quorum" in value:
        _quorum(f"{name}.quorum", value["quorum"])


def _infura(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        _string(name, value)
        return
    _check_keys(value, dict.fromkeys(("projectId", "projectSecret")), f" in {name}")
    if "projectId" not in value:
        raise _wrong(f"{name}.projectId is a required field")
    for key, item in value.items():
        _string(f"{name}.{key}", item)


def _quorum(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _mistyped(name, "number", value)
    if value < 1:
        raise _wrong(f"{name} must be greater than or equal to 1")
    if value > _MAX_QUORUM:
        raise _wrong(f"{name} must be less than or equal to {_MAX_QUORUM}")


_TOP: dict[str, Callable[[str, Any], None]] = {
    "default": _string,
    "chains": _object,
    "allowExperimentalNetworks": _boolean,
    "providers": _providers,
}
_CHAIN: dict[str, Callable[[str, Any], None]] = {
    "id": _chain_id,
    "host": _string,
    "hub": _string,
    "sms": _sms,
    "resultProxy": _string,
    "voucherHub": _string,
    "voucherSubgraph": _string,
    "ensRegistry": _string,
    "ensPublicResolver": _string,
    "ipfsGateway": _string,
    "iexecGateway": _string,
    "pocoSubgraph": _string,
    "compass": _string,
    "native": _boolean,
    "useGas": _boolean,
    "defaultTeeFramework": _framework,
    "bridge": _bridge,
}
