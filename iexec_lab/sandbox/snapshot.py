"""The first block range of a sandbox, computed once: contracts deployed, accounts funded, workerpool created.

A snapshot is a folder in the cache: ``state.json``, which anvil loads, and ``genesis.json``, which says where
things are. Its name holds everything it depends on, so it is never out of date.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

from iexec_lab.sandbox.accounts import well_known_accounts
from iexec_lab.sandbox.artifacts import ANVIL_VERSION, POCO_VERSION, anvil_binary, poco_folder
from iexec_lab.sandbox.node import Node
from iexec_lab.sandbox.paths import cache_folder
from iexec_lab.sandbox.registry import Genesis

TOKEN_CHAIN_ID = 65535
NATIVE_CHAIN_ID = 65534
_SOURCES = ("accounts.py", "deployment.py", "genesis.py", "node.py", "snapshot.py")
"""Changing one of these modules makes other snapshots."""


def snapshot(chain_id: int, *, native: bool, log: Path) -> tuple[Genesis, Path]:
    """The genesis of such a chain and its state file, from the cache or made now (half a second)."""
    folder = cache_folder() / "snapshots" / _name(chain_id, native=native)
    if not folder.is_dir():
        _make(folder, chain_id, native=native, log=log)
    return Genesis.from_json(json.loads((folder / "genesis.json").read_bytes())), folder / "state.json"


def unpack_state(dump: str) -> bytes:
    """The plain JSON that ``--load-state`` reads, out of an answer of ``anvil_dumpState``."""
    return gzip.decompress(bytes.fromhex(dump[2:]))


def _name(chain_id: int, *, native: bool) -> str:
    digest = hashlib.sha256()
    for source in _SOURCES:
        digest.update(Path(__file__).with_name(source).read_bytes())
    for variable, own in (("IEXEC_LAB_ANVIL", anvil_binary), ("IEXEC_LAB_POCO", poco_folder)):
        if os.environ.get(variable):
            digest.update(f"{own()} {own().stat().st_mtime_ns}".encode())
    mode = "native" if native else "token"
    return f"{mode}-{chain_id}-anvil-{ANVIL_VERSION}-poco-{POCO_VERSION}-{digest.hexdigest()[:12]}"


def _make(folder: Path, chain_id: int, *, native: bool, log: Path) -> None:
    import asyncio

    package = poco_folder()
    node = Node(chain_id, native=native, log=log, mine=True)
    try:
        node.wait_ready()
        genesis, state = asyncio.run(_deploy(node.url, chain_id, package, native=native))
    finally:
        node.stop()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".make-", dir=folder.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        (made / "genesis.json").write_text(json.dumps(genesis.to_json()))
        (made / "state.json").write_bytes(state)
        try:
            made.rename(folder)
        except OSError:
            # Another start was first; the same inputs made the same snapshot.
            if not folder.is_dir():
                raise


async def _deploy(url: str, chain_id: int, package: Path, *, native: bool) -> tuple[Genesis, bytes]:
    from iexec_lab.sandbox.chain import Chain
    from iexec_lab.sandbox.deployment import Deployer
    from iexec_lab.sandbox.genesis import populate

    accounts = well_known_accounts()
    async with Chain(url, chain_id, free_gas=native) as chain:
        await chain.rpc("evm_setTime", int(time.time()))
        contracts = await Deployer(chain, accounts.deployer, package).deploy(native=native)
        workerpool = await populate(chain, contracts, accounts)
        dump = await chain.rpc("anvil_dumpState")
    genesis = Genesis(chain_id, native, contracts.hub, contracts.rlc, contracts.registries, workerpool)
    return genesis, unpack_state(dump)
