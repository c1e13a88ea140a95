"""The beginning of a sandbox, made once: contracts deployed, accounts funded, workerpool created.

A snapshot is a folder in the cache: ``state.json``, which anvil loads, and ``genesis.json``, which says where
things are and what the state's sha256 is. Its name holds all that it depends on, so it is never out of date.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.artifacts import ANVIL_VERSION, POCO_VERSION, anvil_binary, poco_folder
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.chain.anvil import Anvil
from iexec_lab.sandbox.state.leftovers import sweep
from iexec_lab.sandbox.state.paths import cache_folder
from iexec_lab.sandbox.state.registry import Genesis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.sandbox.chain.deployment import Contracts

TOKEN_CHAIN_ID = 65535
NATIVE_CHAIN_ID = 65534
_SOURCES = ("accounts.py", "deployment.py", "genesis.py", "anvil.py", "presets.py", "snapshot.py")
"""Changing one of these modules makes other snapshots."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What chain to make; a ``preset`` is the name of a known network whose addresses it has."""

    chain_id: int = TOKEN_CHAIN_ID
    native: bool = False
    preset: str | None = None


def snapshot(kind: Kind, log: Path) -> tuple[Genesis, Path]:
    """The genesis of such a chain and its state file, from the cache or made now (half a second)."""
    folder = cache_folder() / "snapshots" / _name(kind)
    found = _load(folder)
    if found is None:
        _make(kind, folder, log)
        found = _load(folder)
    if found is None:
        raise SandboxError("The beginning of the sandbox's chain can not be kept", details={"folder": folder})
    return found, folder / "state.json"


def _load(folder: Path) -> Genesis | None:
    """The genesis in a snapshot; None when there is none, or it is not what was once written."""
    try:
        values = json.loads((folder / "genesis.json").read_bytes())
        found = hashlib.sha256((folder / "state.json").read_bytes()).hexdigest()
        if (found, _hash_of(values["genesis"])) != (values["sha256"], values["genesis_sha256"]):
            return None
        return Genesis.from_json(values["genesis"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _hash_of(genesis: Any) -> str:
    return hashlib.sha256(json.dumps(genesis, sort_keys=True).encode()).hexdigest()


def unpack_state(dump: str) -> bytes:
    """The plain JSON that ``--load-state`` reads, out of an answer of ``anvil_dumpState``."""
    return gzip.decompress(bytes.fromhex(dump[2:]))


def without_traces(state: bytes) -> bytes:
    """The state without the call traces of old transactions: two thirds of it, read by debuggers only."""
    values = json.loads(state)
    for transaction in values["transactions"]:
        transaction["info"]["traces"] = []
    return json.dumps(values, separators=(",", ":")).encode()


def _name(kind: Kind) -> str:
    digest = hashlib.sha256()
    for source in _SOURCES:
        digest.update(Path(__file__).with_name(source).read_bytes())
    for variable, own in (("IEXEC_LAB_ANVIL", anvil_binary), ("IEXEC_LAB_POCO", poco_folder)):
        if os.environ.get(variable):
            digest.update(f"{own()} {own().stat().st_mtime_ns}".encode())
    mode = kind.preset or ("native" if kind.native else "token")
    return f"{mode}-{kind.chain_id}-anvil-{ANVIL_VERSION}-poco-{POCO_VERSION}-{digest.hexdigest()[:12]}"


def _make(kind: Kind, folder: Path, log: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    sweep(folder.parent)
    with tempfile.TemporaryDirectory(prefix=".make-", dir=folder.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        state = made / "state.json"
        package = poco_folder()
        with _node(kind, log) as url:
            contracts, deployed = asyncio.run(_deploy(kind, url, package))
        if kind.preset is not None:
            from iexec_lab.sandbox.chain.presets import canonical, move_contracts

            moved = canonical(kind.preset, package, contracts)
            deployed, contracts = move_contracts(deployed, contracts, moved), moved
        state.write_bytes(deployed)
        with _node(kind, log, state) as url:
            workerpool, populated = asyncio.run(_populate(kind, url, contracts))
        state.write_bytes(populated)
        genesis = Genesis(
            chain_id=kind.chain_id,
            native=kind.native,
            preset=kind.preset,
            hub=contracts.hub,
            rlc=contracts.rlc,
            registries=contracts.registries,
            workerpool=workerpool,
        )
        values = {
            "genesis": genesis.to_json(),
            "genesis_sha256": _hash_of(genesis.to_json()),
            "sha256": hashlib.sha256(populated).hexdigest(),
        }
        (made / "genesis.json").write_text(json.dumps(values))
        try:
            if folder.is_dir() and _load(folder) is None:
                folder.rename(Path(temporary) / "damaged")
            made.rename(folder)
        except OSError:
            # Another start was first; the same inputs made the same snapshot.
            if _load(folder) is None:
                raise


@contextmanager
def _node(kind: Kind, log: Path, state: Path | None = None) -> Iterator[str]:
    node = Anvil(kind.chain_id, native=kind.native, log=log, state=state, mine=True)
    try:
        node.wait_ready()
        yield node.url
    finally:
        node.stop()


async def _deploy(kind: Kind, url: str, package: Path) -> tuple[Contracts, bytes]:
    from iexec_lab.sandbox.chain.client import Chain
    from iexec_lab.sandbox.chain.deployment import Deployer

    async with Chain(url, kind.chain_id, free_gas=kind.native) as chain:
        await chain.rpc("evm_setTime", int(time.time()))
        deployer = Deployer(chain, well_known_accounts().deployer, package)
        # None of the networks there are presets for has the Boost facets.
        more = {"description": "{}"} if kind.preset == "bellecour" else {}  # as its categories have it
        contracts = await deployer.deploy(native=kind.native, boost=kind.preset is None, **more)
        return contracts, unpack_state(await chain.rpc("anvil_dumpState"))


async def _populate(kind: Kind, url: str, contracts: Contracts) -> tuple[str, bytes]:
    from iexec_lab.ethereum.contracts import HUB
    from iexec_lab.sandbox.chain.client import Chain
    from iexec_lab.sandbox.chain.genesis import populate

    accounts = well_known_accounts()
    async with Chain(url, kind.chain_id, free_gas=kind.native) as chain:
        await chain.rpc("evm_setTime", int(time.time()))
        if kind.preset is not None:
            await chain.send(accounts.deployer, contracts.hub, HUB.updateDomainSeparator.encode())
        workerpool = await populate(chain, contracts, accounts)
        return workerpool, without_traces(unpack_state(await chain.rpc("anvil_dumpState")))
