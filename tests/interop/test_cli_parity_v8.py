"""What only 8.x has, beside the official CLI 8.22.5; and a chain whose coin is RLC."""

from __future__ import annotations

import pytest
from helpers.official.parity import Pair

from iexec_lab import Sandbox

TIMES = ("contributionDeadline", "revealDeadline", "finalDeadline", "resultsTimestamp")
SOMEBODY = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"


def projects(folder, sandbox):
    users = sandbox.users
    return Pair("8.22.5", folder, sandbox.chain_json(version=8), (users[0], users[4]))


@pytest.fixture
def pair(tmp_path, iexec_sandbox):
    return projects(tmp_path, iexec_sandbox)


@pytest.fixture(scope="module")
def native_sandbox():
    with Sandbox(native=True) as sandbox:
        yield sandbox


def test_older_spellings(pair):
    pair("info")
    pair("wallet", "sendETH", "0.001", "--to", SOMEBODY, "--force", "--gas-price", "2", "gwei")
    pair("wallet", "sendRLC", "5", "--to", SOMEBODY, "--force")
    pair("account", "deposit", "5", "--gas-price", "2000000000")


def test_templates(pair):
    for framework in ("scone", "gramine"):
        pair("app", "init", "--tee-framework", framework)
    pair("app", "init", "--tee")
    pair("dataset", "init", "--tee")
    pair("order", "init")
    theirs, ours = pair.read("iexec.json")
    assert ours == theirs


def test_storage(pair):
    pair("storage", "check")
    pair("storage", "init", "--force-update", free=("isUpdated",))
    pair("storage", "check", "ipfs")
    pair("result", "generate-keys", "--force")
    pair("result", "push-secret", "--force-update", free=("isUpdated",))
    pair("result", "check-secret")


def test_a_run_without_enclave(pair):
    pair("app", "init", free=("multiaddr",))  # an older image
    pair.edit("app", name="app in {folder}")
    pair("app", "deploy", free=("address",))
    theirs, ours = pair.answers
    pair.name("app", theirs["address"], ours["address"])
    pair("app", "show", free=("address", "appMultiaddr"))
    pair("app", "run", "--args", "hi", "--watch", "--force", free=("contributors", "location", *TIMES))
    pair("app", "publish", "--force", "--price", "1", "nRLC")
    theirs, ours = pair.answers
    pair.name("order", theirs["orderHash"], ours["orderHash"])
    pair("order", "show", "--app", "{order}", free=("publicationTimestamp",))


def test_a_chain_whose_coin_is_rlc(tmp_path, native_sandbox):
    pair = projects(tmp_path, native_sandbox)
    pair("info")
    pair("wallet", "show", SOMEBODY)
    pair("wallet", "send-RLC", "1.5", "--to", SOMEBODY, "--force")
    pair.fails("wallet", "send-ether", "1", "--to", SOMEBODY, "--force")
    pair("account", "deposit", "200")
    pair("account", "withdraw", "100")
    pair("account", "show", SOMEBODY)
    pair.fails("wallet", "bridge-to-sidechain", "5", "--force")
    pair.fails("wallet", "bridge-to-mainchain", "5", "--force")
