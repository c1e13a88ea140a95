from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from iexec_lab.sandbox.chain.anvil import Anvil
from iexec_lab.sandbox.chain.client import Chain
from iexec_lab.sandbox.chain.durable_node import DurableNode
from iexec_lab.sandbox.chain.journal import Journal
from iexec_lab.sandbox.chain.snapshot import NATIVE_CHAIN_ID, TOKEN_CHAIN_ID, Kind, snapshot
from iexec_lab.sandbox.state.paths import cache_folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A state folder of this test's own; the cache is the user's."""
    home = tmp_path / "home"
    home.mkdir()
    cache_folder().mkdir(parents=True, exist_ok=True)
    (home / "cache").symlink_to(cache_folder())
    monkeypatch.setenv("IEXEC_LAB_HOME", str(home))
    return home


@pytest.fixture(scope="session", params=["token", "native"])
def deployed(request, tmp_path_factory):
    """A bare node with the contracts, in both modes: (genesis, url). Tests leave traces on the chain."""
    native = request.param == "native"
    kind = Kind(NATIVE_CHAIN_ID, native=True) if native else Kind()
    log = tmp_path_factory.mktemp("node") / "anvil.txt"
    genesis, state = snapshot(kind, log)
    node = Anvil(kind.chain_id, native=native, log=log, state=state, mine=True)
    node.wait_ready()
    yield genesis, node.url
    node.stop()


@pytest.fixture
def connect(deployed):
    """``async with connect() as chain``."""
    genesis, url = deployed
    return lambda: Chain(url, genesis.chain_id, free_gas=genesis.native)


@pytest.fixture
def make_nodes():
    """``async with make_nodes(folder)() as (node, chain)``: a token chain that lives on in its folder."""

    def make(folder):
        log = folder / "anvil.txt"

        @asynccontextmanager
        async def running():
            journal = Journal(folder)
            if journal.genesis is None:
                journal.begin(*await asyncio.to_thread(snapshot, Kind(), log))

            def start_anvil():
                return Anvil(TOKEN_CHAIN_ID, native=False, log=log, state=journal.base)

            try:
                async with (
                    DurableNode(journal, start_anvil(), start_anvil) as node,
                    Chain(node, TOKEN_CHAIN_ID) as chain,
                ):
                    yield node, chain
            finally:
                journal.close()

        return running

    return make


@pytest.fixture
def nodes(make_nodes, tmp_path):
    return make_nodes(tmp_path)
