from __future__ import annotations

import sqlite3
import stat

import pytest
from cryptography.fernet import InvalidToken

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.services._jwt import TokenSigner
from iexec_lab.sandbox.state.disk import SecretBox, open_db, replacing, write_file


def test_a_database_is_private_and_keeps_rows(tmp_path):
    path = tmp_path / "deep" / "some.sqlite"
    schema = "CREATE TABLE IF NOT EXISTS thing (name TEXT PRIMARY KEY)"
    db = open_db(path, schema)
    with db:
        db.execute("INSERT INTO thing VALUES ('one')")
    with pytest.raises(sqlite3.IntegrityError), db:  # noqa: PT012 -- the first is taken back with the second
        db.execute("INSERT INTO thing VALUES ('two')")
        db.execute("INSERT INTO thing VALUES ('one')")
    db.close()
    db = open_db(path, schema)
    assert [row["name"] for row in db.execute("SELECT name FROM thing")] == ["one"]
    db.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    write_file(path, b"first")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ZeroDivisionError), replacing(path) as file:  # noqa: PT012 -- half of a block
        file.write(b"half of the sec")
        raise ZeroDivisionError
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
    write_file(path, b"second", mode=0o644)
    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_secrets_are_sealed_with_a_key_that_stays(tmp_path):
    sealed = SecretBox(tmp_path / "key").seal(b"my secret")
    assert b"my secret" not in sealed
    assert SecretBox(tmp_path / "key").unseal(sealed) == b"my secret"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    with pytest.raises(InvalidToken):
        SecretBox(tmp_path / "other").unseal(sealed)


def test_a_damaged_database_is_said(tmp_path):
    path = tmp_path / "some.sqlite"
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(SandboxError, match=r"some\.sqlite is damaged") as caught:
        open_db(path, "CREATE TABLE thing (name TEXT)")
    assert caught.value.details == {"file": path}
    assert "sandbox reset" in caught.value.hint


@pytest.mark.parametrize("keeper", [SecretBox, TokenSigner])
def test_a_damaged_key_is_said(tmp_path, keeper):
    keeper(tmp_path / "key")
    (tmp_path / "key").write_bytes(b"")
    with pytest.raises(SandboxError, match="key is damaged"):
        keeper(tmp_path / "key")
