"""The contracts at the addresses, and on the chain id, of a known network.

Test-suites of the official SDKs take those for granted. The contracts are deployed as ever; then the state is
moved: accounts are renamed, and the words in the proxy's storage that name them replaced.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iexec_lab.errors import ValidationError
from iexec_lab.networks import NETWORKS
from iexec_lab.protocol import to_address
from iexec_lab.sandbox.chain.deployment import Contracts

if TYPE_CHECKING:
    from pathlib import Path

    from iexec_lab.networks import Network

PRESETS = {"arbitrum-mainnet": "arbitrum", "arbitrum-sepolia-testnet": "arbitrumSepolia", "bellecour": None}
"""Network -> folder of its deployment records in the @iexec/poco package; Bellecour's is not whole."""
_RECORDS = {"app": "AppRegistry", "dataset": "DatasetRegistry", "workerpool": "WorkerpoolRegistry"}


def find_preset(name: str) -> Network:
    """The network to imitate; ValidationError when it is none of PRESETS."""
    if name not in PRESETS:
        raise ValidationError(f"{name!r} is no preset", hint=f"There are: {', '.join(PRESETS)}.")
    return NETWORKS[name]


def canonical(preset: str, package: Path, local: Contracts) -> Contracts:
    """Where the contracts are on that network; as they are locally where it is not recorded."""
    records = PRESETS[preset]
    hub = NETWORKS[preset].hub
    if records is None:
        return Contracts(hub, local.rlc, local.registries)

    def recorded(contract: str) -> str:
        path = package / "deployments" / records / f"{contract}.json"
        return to_address(json.loads(path.read_bytes())["address"])

    return Contracts(hub, recorded("RLC"), {kind: recorded(name) for kind, name in _RECORDS.items()})


def move_contracts(state: bytes, old: Contracts, new: Contracts) -> bytes:
    """The state with the contracts at other addresses; the domain separator in it is still the old one."""
    renamed = {
        before.lower(): after.lower()
        for before, after in zip(_addresses(old), _addresses(new), strict=True)
        if before is not None and after is not None
    }
    values = json.loads(state)
    accounts = values["accounts"]
    storage = accounts[old.hub.lower()]["storage"]
    for slot, word in storage.items():
        moved = renamed.get("0x" + word[-40:].lower())
        if moved is not None and int(word[:-40], 16) == 0:
            storage[slot] = "0x" + moved[2:].rjust(64, "0")
    values["accounts"] = {renamed.get(address.lower(), address): one for address, one in accounts.items()}
    return json.dumps(values).encode()


def _addresses(contracts: Contracts) -> list[str | None]:
    return [contracts.hub, contracts.rlc, *contracts.registries.values()]
