from __future__ import annotations

import json
import sys
from argparse import Namespace
from types import SimpleNamespace

import pytest

from iexec_lab.client.iexec import connect
from iexec_lab.client.nouns.wallet import create_wallet
from iexec_lab.client.wallet_source import Wallet, choose_wallet, typed
from iexec_lab.commands.context import Context
from iexec_lab.errors import AbortedError, WalletError
from iexec_lab.wallet.browser import WalletRefusal
from iexec_lab.wallet.keystore import save_wallet
from iexec_lab.wallet.signer import LocalSigner

pytestmark = pytest.mark.slow

KEY = "0x" + "11" * 32
SIGNER = LocalSigner(KEY)


def never(_prompt):
    raise AssertionError("nobody was to be asked")


@pytest.fixture(autouse=True)
def _no_wallet_of_ours(monkeypatch, tmp_path):
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def keystore(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keystore")
    saved = save_wallet(LocalSigner(KEY), "pw", keystoredir=folder)
    return folder, saved


def test_a_signer_is_taken_as_it_is(tmp_path):
    signer = LocalSigner(KEY)
    wallet = choose_wallet(signer, cwd=tmp_path)
    assert wallet.address == signer.address
    assert wallet.signer(never) is signer


def test_the_key_in_the_environment_beats_the_network_s_own_wallet(tmp_path, monkeypatch):
    monkeypatch.setenv("IEXEC_PRIVATE_KEY", KEY)
    wallet = choose_wallet(None, cwd=tmp_path, default=lambda: Wallet("sandbox user"))
    assert wallet.origin == "IEXEC_PRIVATE_KEY"
    assert wallet.address == LocalSigner(KEY).address
    assert KEY[2:] not in repr(wallet)


def test_the_network_s_own_wallet_beats_the_keystore(tmp_path):
    assert choose_wallet(None, cwd=tmp_path, default=lambda: Wallet("sandbox user")).origin == "sandbox user"
    assert choose_wallet(None, cwd=tmp_path).origin == "keystore"


def test_wallet_options_beat_both(tmp_path, keystore, monkeypatch):
    monkeypatch.setenv("IEXEC_PRIVATE_KEY", "0x" + "22" * 32)
    folder, saved = keystore
    wallet = choose_wallet(
        None, cwd=tmp_path, keystoredir=str(folder), default=lambda: Wallet("sandbox user")
    )
    assert (wallet.origin, wallet.address) == ("as named", saved.address)


@pytest.mark.parametrize("by", ["address", "file"])
def test_a_wallet_is_named_by_address_or_file(tmp_path, keystore, by):
    folder, saved = keystore
    name = saved.address if by == "address" else saved.path.name
    wallet = choose_wallet(name, cwd=tmp_path, keystoredir=str(folder), password="pw")
    assert wallet.signer(never).export_key() == KEY


def test_an_empty_password_is_one(tmp_path):
    saved = save_wallet(LocalSigner(KEY), "", keystoredir=tmp_path)
    assert saved.path.name != "wallet.json"
    assert KEY[2:] not in saved.path.read_text()
    wallet = choose_wallet(saved.address, cwd=tmp_path, keystoredir=str(tmp_path), password="")
    assert wallet.signer(never).export_key() == KEY
    asked = choose_wallet(saved.address, cwd=tmp_path, keystoredir=str(tmp_path))
    assert asked.signer(lambda _: "").export_key() == KEY
    made = choose_wallet("create", cwd=tmp_path, keystoredir=str(tmp_path), password="", ask=never)
    assert made.signer(never).address == made.address


def test_a_line_uses_an_empty_password(tmp_path):
    saved = save_wallet(LocalSigner(KEY), "", keystoredir=tmp_path)
    args = Namespace(chain="bellecour", password="", wallet_file=saved.path.name, keystoredir=str(tmp_path))
    lab = Context(SimpleNamespace(secret=never), folder=tmp_path).lab(args)
    assert lab.session.signer.export_key() == KEY
    made = create_wallet(password="", keystoredir=str(tmp_path), cwd=tmp_path, force=True)
    assert "Crypto" in made["wallet"]
    bare = create_wallet(password="", unencrypted=True, cwd=tmp_path)  # as the official CLI
    assert "Crypto" not in bare["wallet"]


def test_a_question_that_needs_words_is_asked_again():
    answers = iter(["", "", "words"])
    assert typed(lambda _: next(answers), "Secret") == "words"
    with pytest.raises(AbortedError, match="Nothing was typed: Secret"):
        typed(lambda _: "", "Secret")


def test_a_keystore_without_address_is_found_by_its_name(tmp_path):
    saved = save_wallet(LocalSigner(KEY), "", keystoredir=tmp_path)
    content = {name: value for name, value in saved.content.items() if name != "address"}
    saved.path.write_text(json.dumps(content))
    wallet = choose_wallet(None, cwd=tmp_path, keystoredir=str(tmp_path))
    assert wallet.address == LocalSigner(KEY).address
    other = tmp_path / "any.json"
    other.write_text(json.dumps(content))
    unnamed = choose_wallet(None, cwd=tmp_path, keystoredir=str(tmp_path), wallet_file="any.json")
    asked = []
    assert unnamed.signer(lambda prompt: asked.append(prompt) or "").export_key() == KEY
    assert asked == ["Password of wallet any.json"]


def test_the_password_is_asked_for_once(tmp_path, keystore):
    folder, saved = keystore
    asked = []
    wallet = choose_wallet(saved.address, cwd=tmp_path, keystoredir=str(folder))
    assert wallet.address == saved.address
    assert asked == []
    for _ in range(2):
        wallet.signer(lambda prompt: asked.append(prompt) or "pw")
    assert asked == [f"Password of wallet {saved.address}"]


def test_a_wrong_password_is_an_error(tmp_path, keystore):
    folder, saved = keystore
    wallet = choose_wallet(saved.address, cwd=tmp_path, keystoredir=str(folder), password="bad")
    with pytest.raises(WalletError, match="incorrect password"):
        wallet.signer(never)


def test_a_bare_key_is_not_taken_as_a_name(tmp_path):
    with pytest.raises(WalletError, match="not the name of a wallet") as caught:
        choose_wallet(KEY, cwd=tmp_path)
    assert KEY not in str(caught.value) + caught.value.hint
    assert "IEXEC_PRIVATE_KEY" in caught.value.hint


def test_create_makes_a_keystore_file(tmp_path):
    wallet = choose_wallet("create", cwd=tmp_path, keystoredir="local", password="pw")
    [path] = tmp_path.glob("UTC--*")
    assert wallet.address[2:] in path.name
    assert wallet.signer(never).address == wallet.address


def test_create_without_a_password_writes_no_bare_key(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(AbortedError, match="nobody is there to answer"):
        choose_wallet("create", cwd=tmp_path, keystoredir="local")
    assert list(tmp_path.iterdir()) == []


def test_new_lives_in_memory(tmp_path):
    wallet = choose_wallet("new", cwd=tmp_path)
    assert wallet.signer(never).address == wallet.address
    assert list(tmp_path.iterdir()) == []


def test_no_wallet_has_no_address_and_no_signer(tmp_path):
    wallet = choose_wallet(None, cwd=tmp_path)
    assert wallet.address is None
    with pytest.raises(WalletError):
        wallet.signer(never)


def test_the_wallet_in_the_browser_is_asked_once(monkeypatch):
    asked = []

    class Page:
        def __call__(self, method, params):
            asked.append(method)
            return [SIGNER.address.lower()]

    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr("iexec_lab.wallet.page.PageWallet", Page)
    lab = connect("bellecour", "browser")
    assert repr(lab) == f"<IExec on bellecour (chain 134), wallet {SIGNER.address} (browser)>"
    assert lab.session.address == SIGNER.address
    assert asked == ["eth_requestAccounts"]


def test_a_browser_without_a_wallet_is_told_at_once(monkeypatch):
    closed = []

    class Page:
        def __call__(self, method, params):
            raise WalletRefusal(4900, "This browser has no wallet")

        def close(self):
            closed.append(True)

    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr("iexec_lab.wallet.page.PageWallet", Page)
    with pytest.raises(WalletError, match="This browser has no wallet"):
        connect("bellecour", "browser")
    assert closed
