"""One file is encrypted once, and no key is ever replaced."""

from __future__ import annotations

import stat

import pytest

from iexec_lab.crypto import decrypt_dataset, file_checksum
from iexec_lab.errors import CryptoError
from iexec_lab.project import encrypt_file
from iexec_lab.project.encrypt_file import encrypt_once, find_encrypted
from iexec_lab.project.encrypt_folder import encrypt_folder


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("a,b\n1,2\n")
    return file


def content(made, folder):
    decrypt_dataset(made.encrypted, folder / "back", made.key())
    return (folder / "back").read_bytes()


def test_a_file_gets_a_key_of_its_own_that_only_the_owner_can_read(tmp_path, table):
    assert find_encrypted(tmp_path, table) is None
    assert not (tmp_path / ".secrets").exists()
    made = encrypt_once(tmp_path, table)
    assert made.key_file == tmp_path / ".secrets/datasets/table.csv.key"
    assert made.encrypted == tmp_path / "datasets/encrypted/table.csv.enc"
    assert stat.S_IMODE(made.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.key_file.parent.stat().st_mode) == 0o700
    assert made.checksum == file_checksum(made.encrypted)
    assert content(made, tmp_path) == table.read_bytes()
    assert made.key() not in repr(made)
    assert [path.name for path in made.encrypted.parent.iterdir()] == ["table.csv.enc"]


def test_the_same_file_again_is_found(tmp_path, table):
    made = encrypt_once(tmp_path, table)
    again = encrypt_once(tmp_path, table)
    assert (made.new, again.new) == (True, False)
    assert (again.key(), again.checksum) == (made.key(), made.checksum)
    assert find_encrypted(tmp_path, table) == again


def test_another_file_of_the_same_name_takes_nothing(tmp_path, table):
    first, kept = encrypt_once(tmp_path, table), table.read_bytes()
    table.write_text("other")
    second = encrypt_once(tmp_path, table)
    assert second.key_file != first.key_file
    assert second.key() != first.key()
    assert content(second, tmp_path) == b"other"
    assert encrypt_once(tmp_path, table) == find_encrypted(tmp_path, table)
    assert content(first, tmp_path) == kept
    table.write_bytes(kept)
    assert encrypt_once(tmp_path, table).key_file == first.key_file


def test_what_dataset_encrypt_made_is_used(tmp_path, table):
    for folder in (".secrets/datasets", "datasets/original", "datasets/encrypted"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "datasets/original/table.csv").write_bytes(table.read_bytes())
    [theirs] = encrypt_folder(tmp_path)["encryptedFiles"]
    made = encrypt_once(tmp_path, table)
    assert (made.new, made.checksum, str(made.key_file)) == (False, theirs["checksum"], theirs["key"])


def test_a_folder_is_zipped_and_found_again(tmp_path):
    (tmp_path / "photos/deep").mkdir(parents=True)
    (tmp_path / "photos/deep/one").write_text("1")
    made = encrypt_once(tmp_path, tmp_path / "photos")
    assert made.key_file.name == "photos.zip.key"
    assert encrypt_once(tmp_path, tmp_path / "photos").new is False


@pytest.mark.parametrize("name", ["table.csv.key", "table.csv.enc"])
def test_half_of_a_pair_is_somebody_elses(tmp_path, table, name):
    place = tmp_path / (".secrets/datasets" if name.endswith("key") else "datasets/encrypted")
    place.mkdir(parents=True)
    (place / name).write_text("kept")
    made = encrypt_once(tmp_path, table)
    assert (place / name).read_text() == "kept"
    assert made.key_file.name.startswith("table.csv.")
    assert made.key_file.name != "table.csv.key"


def test_the_key_of_the_last_one_is_left_to_dataset_encrypt(tmp_path):
    (tmp_path / "dataset").write_text("1")
    assert encrypt_once(tmp_path, tmp_path / "dataset").key_file.name != "dataset.key"


def test_killed_between_key_and_encrypted_file_the_work_goes_on(tmp_path, table, monkeypatch):
    encrypt_once(tmp_path, table)
    table.write_text("other")

    written = encrypt_file._write_new

    def stop(*args):
        written(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(encrypt_file, "_write_new", stop)
        with pytest.raises(KeyboardInterrupt):
            encrypt_once(tmp_path, table)
    [key] = [path for path in (tmp_path / ".secrets/datasets").iterdir() if path.name != "table.csv.key"]
    before = key.read_text()
    made = encrypt_once(tmp_path, table)
    assert (made.key_file, made.key()) == (key, before)
    assert content(made, tmp_path) == b"other"


def test_killed_before_the_key_nothing_is_left(tmp_path, table, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(encrypt_file, "_write_new", stop)
        with pytest.raises(KeyboardInterrupt):
            encrypt_once(tmp_path, table)
    assert not list((tmp_path / "datasets/encrypted").iterdir())
    assert encrypt_once(tmp_path, table).key_file.name == "table.csv.key"


def test_a_changed_encrypted_file_is_not_taken_for_the_file(tmp_path, table):
    first = encrypt_once(tmp_path, table)
    first.encrypted.write_bytes(b"0" * 48)
    second = encrypt_once(tmp_path, table)
    assert second.key_file != first.key_file
    second.encrypted.write_bytes(b"0" * 48)
    with pytest.raises(CryptoError, match=r"is there, but it is not the encrypted form of table\.csv"):
        encrypt_once(tmp_path, table)


def test_no_such_file(tmp_path):
    with pytest.raises(CryptoError):
        encrypt_once(tmp_path, tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_came_in_between_stays(tmp_path, table, monkeypatch):
    keys = tmp_path / ".secrets/datasets"
    written = encrypt_file._write_new

    def rival(path, key):
        if path.name == "table.csv.key":
            path.write_text("rival")
        written(path, key)

    monkeypatch.setattr(encrypt_file, "_write_new", rival)
    made = encrypt_once(tmp_path, table)
    assert (keys / "table.csv.key").read_text() == "rival"
    assert content(made, tmp_path) == table.read_bytes()
