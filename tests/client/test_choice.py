"""The rule for network and wallet: each step beats those below it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from iexec_lab import doors
from iexec_lab.client.choice import Connection, choose
from iexec_lab.client.iexec import connect
from iexec_lab.client.wallet_source import Wallet
from iexec_lab.errors import ProjectError
from iexec_lab.project.notes import NOTES, FolderNotes
from iexec_lab.wallet.keystore import save_wallet
from iexec_lab.wallet.signer import LocalSigner

KEYS = ["0x" + digit * 64 for digit in "123456"]
FIRST, SECOND, THIRD, *_ = [LocalSigner(key) for key in KEYS]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    monkeypatch.setattr(doors, "connections", [])
    return folder


@pytest.fixture
def sandbox(monkeypatch, iexec_sandbox):
    monkeypatch.setattr("iexec_lab.sandbox.control.find", lambda _name: iexec_sandbox)
    return iexec_sandbox


def chosen(network=None, wallet=None, *, folder=None, **options):
    return choose(
        network, wallet, project=folder or Path(), connected=options.pop("connected", None), **options
    )


def origin(network="bellecour", wallet=None, **options):
    found = chosen(network, wallet, **options).wallet
    return found.origin, found.address


def write_chains(folder, default="bellecour", **chains):
    document = {"default": default, "chains": {default: {}, **chains}}
    (folder / "chain.json").write_text(json.dumps(document))


def test_the_network_named_first_and_the_folder_s_last(folder):
    write_chains(folder)
    session = Connection("arbitrum-mainnet")
    named = chosen("mainnet", connected=session, preferred="arbitrum-sepolia-testnet")
    assert (named.network.name, named.network_from) == ("mainnet", "as named")
    found = chosen(connected=session, preferred="arbitrum-sepolia-testnet")
    assert (found.network.name, found.network_from) == ("arbitrum-mainnet", "connected in this session")
    found = chosen(preferred="arbitrum-sepolia-testnet")
    assert (found.network.name, found.network_from) == (
        "arbitrum-sepolia-testnet",
        "the setting default_chain",
    )
    found = chosen()
    assert (found.network.name, found.network_from) == ("bellecour", "the default of chain.json")


def test_without_any_network(folder, sandbox):
    found = chosen()
    assert (found.network.name, found.network_from) == ("sandbox", "nothing names another one")
    with pytest.raises(ProjectError, match=r'Missing "chain.json" file'):
        chosen(fallback=None)


def test_a_folder_gives_a_program_its_default_but_redefines_no_known_network(folder):
    host = "http://127.0.0.1:1"
    own = {"id": "7", "host": host, "hub": "0x" + "11" * 20}
    write_chains(folder, "mine", mine=own, bellecour={"host": host})
    assert connect(wallet=FIRST).network.name == "mine"
    assert connect("mine", FIRST).network.chain_id == 7
    assert connect("bellecour", FIRST).session.network.host != host
    assert connect("bellecour", FIRST, project=folder).session.network.host == host


def test_the_wallet_step_by_step(folder, monkeypatch):
    assert origin() == ("the newest of the keystore", None)
    save_wallet(FIRST, "pw")
    assert origin() == ("the newest of the keystore", FIRST.address)
    FolderNotes(folder).save_made_wallet(SECOND.address, None)
    assert origin() == ("the newest of the keystore", FIRST.address)  # only sandboxes look at it
    save_wallet(SECOND, None, cwd=folder)
    assert origin() == ("wallet.json", SECOND.address)
    FolderNotes(folder).save_connected_wallet("bellecour", {"wallet_address": FIRST.address})
    assert origin() == ("connected in this folder", FIRST.address)
    assert origin("mainnet") == ("wallet.json", SECOND.address)
    monkeypatch.setenv("IEXEC_PRIVATE_KEY", KEYS[2])
    assert origin() == ("IEXEC_PRIVATE_KEY", THIRD.address)
    session = Connection("bellecour", Wallet("browser", held=FIRST))
    assert origin(connected=session) == ("browser", FIRST.address)
    assert origin("mainnet", connected=session) == ("IEXEC_PRIVATE_KEY", THIRD.address)
    assert origin(wallet=SECOND, connected=session) == ("as named", SECOND.address)


def test_a_remembered_wallet_that_is_gone_does_not_count(folder):
    save_wallet(FIRST, "pw")
    FolderNotes(folder).save_connected_wallet("bellecour", {"wallet_address": SECOND.address})
    assert origin() == ("the newest of the keystore", FIRST.address)


def test_a_sandbox_takes_the_folder_s_wallet_before_its_own_user(folder, sandbox):
    user = sandbox.users[0].address
    save_wallet(FIRST, "pw")
    assert origin("sandbox") == ("sandbox user", user)  # somebody's keystore is not this folder's wallet
    FolderNotes(folder).save_made_wallet(FIRST.address, None)
    assert origin("sandbox") == ("made in this folder", FIRST.address)
    save_wallet(SECOND, None, cwd=folder)
    assert origin("sandbox") == ("wallet.json", SECOND.address)
    assert connect("sandbox").session.address == SECOND.address
    assert origin(sandbox) == ("sandbox user", user)  # that of a program's own sandbox: no folder


def test_a_made_wallet_is_not_used_where_its_signatures_are_worth_something(folder, monkeypatch, sandbox):
    save_wallet(FIRST, "pw")
    FolderNotes(folder).save_made_wallet(FIRST.address, None)
    fork = replace(sandbox.network, real_value=True)
    like_a_fork = SimpleNamespace(network=fork, users=sandbox.users)
    monkeypatch.setattr("iexec_lab.sandbox.control.find", lambda _name: like_a_fork)
    assert origin("sandbox") == ("sandbox user", sandbox.users[0].address)


def test_a_program_in_a_notebook_joins_its_session(monkeypatch, sandbox):
    session = Connection("sandbox", Wallet("new, in memory only", held=FIRST))
    monkeypatch.setattr(doors, "connections", [lambda: session])
    assert connect().session.address == FIRST.address
    assert connect("sandbox").session.address == FIRST.address
    assert connect("bellecour").session.wallet.address is None
    assert connect(sandbox).session.address == sandbox.users[0].address


def test_a_password_alone_is_for_the_wallet_that_the_rule_takes(folder):
    save_wallet(FIRST, "pw")
    lab = connect("bellecour", password="pw")
    assert lab.session.signer.address == FIRST.address


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"made": 3, "wallets": [], "published": {"1": 2}}'])
def test_broken_notes_are_no_notes(folder, text):
    (folder / NOTES).write_text(text)
    notes = FolderNotes(folder)
    assert (notes.made_wallet(), notes.connected_wallet("x"), notes.published("apporder", 1)) == (
        {},
        {},
        None,
    )


def test_notes_hold_no_password(folder):
    notes = FolderNotes(folder)
    notes.save_connected_wallet("sandbox", {"wallet_file": "a", "password": "hidden-word"})
    notes.save_published("apporder", 7, "0x12")
    assert "hidden-word" not in (folder / NOTES).read_text()
    assert notes.connected_wallet("sandbox") == {"wallet_file": "a"}
    assert notes.published("apporder", 7) == "0x12"
    notes.save_connected_wallet("sandbox", None)
    assert notes.connected_wallet("sandbox") == {}
