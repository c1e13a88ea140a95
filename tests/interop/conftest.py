from __future__ import annotations

import pytest
from helpers.official.peer import open_lab
from helpers.official.tools import project

from iexec_lab.sandbox.control import Sandbox


@pytest.fixture(scope="session")
def iexec_sandbox():
    """A sandbox of their own: what the peers leave on the market must not surprise other tests."""
    with Sandbox() as handle:
        yield handle


@pytest.fixture
def lab(iexec_sandbox, tmp_path):
    """Our client, for a funded user of the sandbox."""
    return open_lab(iexec_sandbox, iexec_sandbox.users[2].key, tmp_path)


@pytest.fixture
def official(tmp_path, iexec_sandbox):
    """The official CLI 9.0.1 in a project folder, with a wallet that holds ether and staked RLC."""
    return project(tmp_path / "official", iexec_sandbox, iexec_sandbox.users[1], version="9.0.1")
