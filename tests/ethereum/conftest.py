"""A node for this room's tests: one bare anvil, plus what every test there needs."""

from __future__ import annotations

import pytest
from helpers.anvils import KEYS, run_anvil
from helpers.poco_world import World

from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.sandbox.chain.snapshot import Kind, snapshot
from iexec_lab.wallet.signer import LocalSigner


@pytest.fixture(scope="session")
def anvil():
    """URL of a node that mines each transaction at once."""
    process, url = run_anvil()
    yield url
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The PoCo contracts on a node of their own."""
    log = tmp_path_factory.mktemp("poco") / "anvil.txt"
    genesis, state = snapshot(Kind(), log)
    process, url = run_anvil("--load-state", str(state), "--chain-id", str(genesis.chain_id))
    yield World(Rpc(url), genesis)
    process.kill()
    process.wait()


@pytest.fixture
def start_anvil():
    """Starts nodes of the test's own with options, and gives their URL."""
    running = []

    def start(*options):
        process, url = run_anvil(*options)
        running.append(process)
        return url

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def slow_anvil(start_anvil):
    """URL of a node of the test's own that mines only when asked."""
    return start_anvil("--no-mining")


@pytest.fixture(scope="session")
def rpc(anvil):
    return Rpc(anvil, pause=0.01)


@pytest.fixture(scope="session")
def signers():
    return [LocalSigner(key) for key in KEYS]
