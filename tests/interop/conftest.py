from __future__ import annotations

import json

import pytest
from interop.official import OfficialCli
from interop.peer import open_lab

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


def project(folder, sandbox, account, *, version):
    """A project of the official CLI whose only chain is the sandbox, with an unencrypted wallet."""
    folder.mkdir(parents=True, exist_ok=True)
    chains = {"default": "sandbox", "chains": {"sandbox": sandbox.chain_json(version=int(version[0]))}}
    (folder / "chain.json").write_text(json.dumps(chains))
    wallet = {"privateKey": f"0x{account.key.hex()}", "address": account.address}
    (folder / "wallet.json").write_text(json.dumps(wallet))
    return OfficialCli(version, folder)


@pytest.fixture
def official(tmp_path, iexec_sandbox):
    """The official CLI 9.0.1 in a project folder, with a wallet that holds ether and staked RLC."""
    return project(tmp_path / "official", iexec_sandbox, iexec_sandbox.users[1], version="9.0.1")
