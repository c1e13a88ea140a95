from __future__ import annotations

import pytest
from helpers.labs import CHECKSUM, IMAGE, fund, open_lab

from iexec_lab.errors import in_terminal
from iexec_lab.sandbox.control import Sandbox
from iexec_lab.wallet.signer import LocalSigner


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Downloaded results go to a folder of the session's own."""
    import iexec_lab.client.results.download as files

    folder = tmp_path_factory.mktemp("results")
    files.results_folder, before = (lambda _session: folder), files.results_folder
    yield
    files.results_folder = before


@pytest.fixture(autouse=True)
def typed_in_a_terminal():
    """Advice is read here as a terminal has it; ``tests/test_hints.py`` has the other faces."""
    with in_terminal():
        yield


@pytest.fixture
def lab(iexec_sandbox, tmp_path):
    """A funded user of the sandbox, with an empty project folder."""
    return open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[0].key), tmp_path)


@pytest.fixture
def other(iexec_sandbox, tmp_path):
    """Another funded user."""
    return open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[1].key), tmp_path)


@pytest.fixture
def newcomer(iexec_sandbox, tmp_path):
    """``newcomer(nrlc=..., wei=...)``: the lab of a new wallet that holds this, with an empty account."""

    def make(*, nrlc=0, wei=10**18, **options):
        signer = LocalSigner.generate()
        fund(iexec_sandbox, signer.address, nrlc=nrlc, wei=wei)
        return open_lab(iexec_sandbox, signer, tmp_path, **options)

    return make


@pytest.fixture(scope="session")
def native_sandbox():
    """A gas-free sandbox whose coin is RLC."""
    with Sandbox(native=True) as handle:
        yield handle


@pytest.fixture(scope="session")
def native_lab(native_sandbox, tmp_path_factory):
    signer = LocalSigner(native_sandbox.users[0].key)
    return open_lab(native_sandbox, signer, tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="session")
def hello(iexec_sandbox, tmp_path_factory):
    """Address of a hello app whose owner is the first user, and nobody has published orders of."""
    owner = open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[0].key), tmp_path_factory.mktemp("owner"))
    return owner.app.deploy("hello", IMAGE, CHECKSUM)


@pytest.fixture
def idle_pool(newcomer, unique):
    """A workerpool that takes deals for nothing and does no work: the sandbox has not its owner's key."""
    owner = newcomer()
    pool = owner.workerpool.deploy(unique)
    owner.workerpool.publish(pool, category=4, volume=100)  # the size that no other test asks for
    return pool


@pytest.fixture
def unique(request):
    """Text that no other test has."""
    import secrets

    return f"{request.node.name}-{secrets.token_hex(4)}"
