from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from helpers.mutated import mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iexec_lab.errors import IexecError, WalletError
from iexec_lab.protocol import to_address
from iexec_lab.wallet import keystore
from iexec_lab.wallet.keystore import (
    WalletFile,
    create_wallet,
    find_wallet,
    import_wallet,
    keystore_dir,
    keystore_name,
    list_wallets,
    read_address,
)
from iexec_lab.wallet.signer import LocalSigner

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home and a working directory of the test's own, and a scrypt that costs nothing."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(keystore, "encrypt_key", partial(keystore.encrypt_key, n=2))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", ".ethereum/keystore"),
        ("darwin", "Library/Ethereum/keystore"),
        ("win32", "AppData/Roaming/Ethereum/keystore"),
        ("freebsd14", "."),
    ],
)
def test_the_global_directory_is_that_of_the_platform(home, monkeypatch, platform, folder):
    monkeypatch.setattr(sys, "platform", platform)
    assert keystore_dir() == keystore_dir("global") == home / folder


def test_other_directories_are_local_or_a_path():
    assert keystore_dir("local") == Path()
    assert keystore_dir("./ks/../ks") == Path("ks")
    assert keystore_dir("/ks") == Path("/ks")
    assert keystore_dir("ks", cwd=Path("/project")) == Path("/project/ks")


def test_a_keystore_file_is_named_after_its_time_and_address():
    when = datetime(2026, 11, 22, 12, 5, 9, 42_999, tzinfo=UTC)
    assert keystore_name(ADDRESS, when) == f"UTC--2026-11-22T12-05-09.042000000Z--{ADDRESS[2:]}"


def test_a_created_wallet_is_private_and_unlocks(home):
    saved = create_wallet("pw")
    assert saved.path.parent == home / ".ethereum/keystore"
    assert stat.S_IMODE(saved.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(saved.path.parent.stat().st_mode) == 0o700
    assert json.loads(saved.path.read_text()) == saved.content
    found = find_wallet()
    assert found.path == saved.path
    assert found.encrypted
    assert found.unlock("pw").address == found.address == read_address() == saved.address


def test_no_draft_is_left_beside_the_file():
    saved = create_wallet("pw", keystoredir="ks")
    assert [path.name for path in Path("ks").iterdir()] == [saved.path.name]


@pytest.mark.parametrize("keystoredir", ["local", "ks"])
def test_a_wallet_elsewhere_has_a_relative_path(keystoredir):
    saved = create_wallet("pw", keystoredir=keystoredir)
    assert not saved.path.is_absolute()
    assert find_wallet(keystoredir=keystoredir).address == saved.address


def test_an_unencrypted_wallet_lies_in_the_working_directory_whatever_the_keystore():
    saved = import_wallet(KEY, None, keystoredir="ks")
    assert saved.path == Path("wallet.json")
    assert list(saved.content) == ["privateKey", "publicKey", "address"]
    assert saved.content["privateKey"] == KEY
    assert stat.S_IMODE(saved.path.stat().st_mode) == 0o600
    assert KEY[2:] not in repr(saved)
    found = find_wallet(keystoredir="ks")
    assert not found.encrypted
    assert found.unlock().address == ADDRESS


def test_an_unencrypted_wallet_is_not_replaced_unasked():
    import_wallet(KEY, None)
    with pytest.raises(WalletError, match=r'^"wallet\.json" already exists'):
        import_wallet(OTHER_KEY, None)
    assert find_wallet().address == ADDRESS
    import_wallet(OTHER_KEY, None, overwrite=True)
    assert find_wallet().address == OTHER


def put(address, when, folder=Path("ks")):
    folder.mkdir(exist_ok=True)
    path = folder / f"UTC--{when}--{address[2:]}"
    path.write_text(json.dumps({"address": address[2:].lower()}))
    return path


def test_the_look_up_order():
    oldest = put(ADDRESS, "2024-01-01T00-00-00.000000000Z")
    newer = put(ADDRESS, "2025-01-01T00-00-00.000000000Z")
    newest = put(OTHER, "2026-01-01T00-00-00.000000000Z")
    (Path("ks") / "notes.txt").write_text("not a wallet")
    in_ks = partial(find_wallet, keystoredir="ks")

    assert in_ks().path == newest
    assert in_ks(wallet_address=ADDRESS).path == newer
    assert in_ks(wallet_address=ADDRESS.lower().removeprefix("0x")).path == newer
    assert in_ks(wallet_file=oldest.name, wallet_address=OTHER).path == oldest

    import_wallet(OTHER_KEY, None)
    assert in_ks().path == Path("wallet.json")
    assert in_ks(wallet_address=ADDRESS).path == newer
    assert in_ks(wallet_file=oldest.name).path == oldest
    assert [wallet.path for wallet in list_wallets(Path("ks"))] == [newest, newer, oldest]


def test_no_match_for_an_address():
    put(OTHER, "2026-01-01T00-00-00.000000000Z")
    with pytest.raises(WalletError) as caught:
        find_wallet(wallet_address=ADDRESS, keystoredir="./ks")
    assert caught.value.message == f"No wallet file matching address {ADDRESS} found in ks"
    assert OTHER in caught.value.hint


def test_no_directory_for_an_address():
    with pytest.raises(WalletError) as caught:
        find_wallet(wallet_address=ADDRESS, keystoredir="./nope")
    assert (
        caught.value.message
        == 'Missing keystore directory nope, did you forget to run "iexec wallet create" ?'
    )


def test_no_directory_at_all():
    with pytest.raises(WalletError) as caught:
        find_wallet(keystoredir="nope")
    assert caught.value.message == "ENOENT: no such file or directory, scandir 'nope'"
    assert "wallet create" in caught.value.hint


def test_a_bare_key_tells_its_address():
    signer = LocalSigner.generate()
    mark = b"\xef\xbb\xbf"
    Path("wallet.json").write_bytes(mark + json.dumps({"privateKey": signer.export_key()}).encode())
    assert read_address() == signer.address


def test_an_empty_directory():
    Path("ks").mkdir()
    with pytest.raises(WalletError) as caught:
        find_wallet(keystoredir="ks")
    assert caught.value.message == (
        "Missing option --wallet-address <walletAddress> or --wallet-file <walletFileName> "
        "and no wallet.json found in working directory"
    )


def test_a_named_file_that_is_not_there(home):
    with pytest.raises(WalletError) as caught:
        find_wallet(wallet_file="nope").unlock("pw")
    assert caught.value.message == (
        f"ENOENT: no such file or directory, open '{home / '.ethereum/keystore/nope'}'"
    )


def test_a_wrong_password_names_the_file_and_not_the_password():
    saved = create_wallet("right", keystoredir="ks")
    with pytest.raises(WalletError) as caught:
        find_wallet(keystoredir="ks").unlock("wrong")
    assert caught.value.message == "incorrect password"
    assert saved.path.name in str(caught.value.lines())
    assert "wrong" not in str(caught.value.lines())


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00", '"text"', "[" * 5000])
def test_a_file_that_is_no_wallet(content):
    Path("ks").mkdir()
    (Path("ks") / "UTC--now--x").write_text(content)
    with pytest.raises(WalletError, match="is not a wallet file"):
        find_wallet(keystoredir="ks").unlock("pw")


def test_a_wallet_json_without_a_key():
    Path("wallet.json").write_text(json.dumps({"address": ADDRESS}))
    assert read_address() == ADDRESS
    with pytest.raises(WalletError, match="invalid private key"):
        find_wallet().unlock()


def test_reading_an_address_never_fails():
    assert read_address() is None
    assert read_address(wallet_file="nope") is None
    Path("wallet.json").write_text("{}")
    assert read_address() is None


def test_a_key_that_is_none_is_not_saved():
    with pytest.raises(WalletError, match="invalid private key"):
        import_wallet("0x1234", "pw", keystoredir="ks")
    assert not Path("ks").exists()


def test_a_directory_that_can_not_be_made():
    Path("ks").write_text("a file")
    with pytest.raises(WalletError, match=r"^(EEXIST|ENOTDIR): "):
        create_wallet("pw", keystoredir="ks")


def test_the_project_folder_may_be_another(tmp_path):
    import_wallet(KEY, None, cwd=tmp_path)
    assert read_address() is None
    assert read_address(cwd=tmp_path) == ADDRESS


def test_the_content_is_what_the_official_command_writes():
    saved = keystore.save_wallet(LocalSigner(KEY), "pw", keystoredir="ks")
    text = saved.path.read_text()
    assert text == json.dumps(saved.content, indent=2)
    assert list(saved.content) == ["address", "id", "version", "Crypto"]
    assert saved.content["address"] == ADDRESS[2:].lower()


BARE = {"privateKey": KEY, "publicKey": "0x04" + "11" * 64, "address": ADDRESS}


def as_file(document):
    try:
        return json.dumps(document).encode("utf-8", "surrogatepass")
    except ValueError:
        return b'{"privateKey": ' + b"9" * 5000 + b"}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=mutated(BARE).map(as_file) | st.binary(max_size=50), encrypted=st.booleans())
def test_a_spoilt_file_has_a_wallet_or_is_an_error(tmp_path, content, encrypted):
    (tmp_path / "wallet").write_bytes(content)
    file = WalletFile(tmp_path / "wallet", encrypted=encrypted)
    held = {}
    with contextlib.suppress(IexecError):
        held = file.read()
        assert held == json.loads(content)
    with contextlib.suppress(IexecError):
        named = held.get("address")
        assert file.address == (file.unlock().address if named is None else to_address(named))
    with contextlib.suppress(IexecError):
        signer = file.unlock("pw")
        assert not encrypted  # there is no keystore among these
        assert signer.address == LocalSigner(held["privateKey"]).address


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "huge", "deep"])
def test_only_small_regular_files_are_wallets(tmp_path, kind):
    path = tmp_path / "wallet"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "deep":
        path.write_bytes(b"[" * 500_000)
    else:
        with path.open("wb") as file:
            file.truncate(10 << 30)
    with pytest.raises(WalletError):
        find_wallet(wallet_file=str(path), cwd=tmp_path).unlock("pw")
    assert read_address(wallet_file=str(path), cwd=tmp_path) is None


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "\ud800"])
def test_names_that_no_file_can_have(name):
    for work in (
        lambda: find_wallet(wallet_file=name).unlock("pw"),
        lambda: find_wallet(wallet_address=ADDRESS, keystoredir=name),
        lambda: find_wallet(keystoredir=name),
        lambda: find_wallet(cwd=Path(name)),
        lambda: create_wallet("pw", keystoredir=name),
        lambda: create_wallet(None, cwd=Path(name)),
    ):
        with pytest.raises(WalletError):
            work()
