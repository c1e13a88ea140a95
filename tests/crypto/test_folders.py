"""Folders into archives: all of them or an error, and the same bytes whenever it is done."""

from __future__ import annotations

import errno
import os
import stat
import zipfile

import pytest

from iexec_lab.crypto import (
    decrypt_result,
    encrypt_result,
    extract_archive,
    generate_keypair,
    open_archive,
    write_folder,
)
from iexec_lab.crypto.archive import folder_size, list_folder
from iexec_lab.errors import CryptoError


class TestUnreadable:
    """Nothing is left out of an archive because it can not be read; here also where the tests run as root."""

    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "in" / "locked").mkdir(parents=True)
        (tmp_path / "in" / "locked" / "secret.txt").write_text("x")
        (tmp_path / "in" / "open.txt").write_text("y")
        return tmp_path / "in"

    @staticmethod
    def lock(monkeypatch, function, name):
        real = getattr(os, function)

        def refuse(path=".", *args, **options):
            if str(path).endswith(name):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path, *args, **options)

        monkeypatch.setattr(os, function, refuse)

    @pytest.mark.parametrize(
        ("function", "name"), [("scandir", "locked"), ("listdir", "locked"), ("scandir", "in")]
    )
    def test_a_folder(self, folder, monkeypatch, function, name):
        self.lock(monkeypatch, function, name)
        for read in (list_folder, folder_size, lambda path: list(write_folder(path))):
            with pytest.raises(CryptoError, match=f"cannot read {folder}: Permission denied") as caught:
                read(folder)
            assert str(caught.value.details["file"]).endswith(name)

    def test_a_file(self, folder, monkeypatch):
        self.lock(monkeypatch, "open", "secret.txt")
        with pytest.raises(CryptoError, match=r"cannot read .*secret\.txt: Permission denied"):
            list(write_folder(folder))

    def test_no_folder(self, tmp_path):
        for read in (list_folder, lambda path: list(write_folder(path))):
            with pytest.raises(CryptoError, match=r"cannot read .*nowhere: No such file or directory"):
                read(tmp_path / "nowhere")

    def test_what_else_is_no_file(self, folder):
        (folder / "link").symlink_to("open.txt")
        with pytest.raises(CryptoError, match=r"(?m)^link is a symbolic link$") as caught:
            list(write_folder(folder))
        assert caught.value.hint == "Leave it out, or put a copy of its target there."
        (folder / "link").unlink()
        os.mkfifo(folder / "locked" / "pipe")
        with pytest.raises(CryptoError, match=r"(?m)^locked/pipe is not a regular file$"):
            list(write_folder(folder))


def test_what_a_folder_holds(tmp_path):
    for name, size in (("b.txt", 3), ("a/c.txt", 4), ("a/d/e.txt", 5)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    found = list_folder(tmp_path)
    assert [name for name, _ in found] == ["a/c.txt", "a/d/e.txt", "b.txt", "empty/deep/"]
    assert all(path == tmp_path / name for name, path in found)
    assert folder_size(tmp_path) == 12


def test_the_same_folder_gives_the_same_archive(tmp_path):
    """Whenever and by whoever it is made: names sorted, one time, one set of permissions."""
    archives = []
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        (folder / "empty").mkdir(mode=0o700)
        for file in ("b", "sub/a") if name == "one" else ("sub/a", "b"):
            (folder / file).write_bytes(b"content" * 100)
            (folder / file).chmod(0o600 if name == "one" else 0o755)
            os.utime(folder / file, (len(archives), 10**9))
        archives.append(b"".join(map(bytes, write_folder(folder))))
    assert archives[0] == archives[1]
    with open_archive(archives[0]) as archive:
        told = [(each.filename, each.external_attr, each.compress_type) for each in archive.infolist()]
        assert {(each.date_time, each.create_system) for each in archive.infolist()} == {
            ((1980, 1, 1, 0, 0, 0), 3)
        }
    folder, file = (stat.S_IFDIR | 0o755) << 16 | 0x10, (stat.S_IFREG | 0o644) << 16
    assert told == [
        ("b", file, zipfile.ZIP_DEFLATED),
        ("empty/", folder, zipfile.ZIP_STORED),
        ("sub/a", file, zipfile.ZIP_DEFLATED),
    ]


class TestLong:
    """Files and archives beyond 4 GiB, whose entries have longer fields: here from 1000 bytes on."""

    @pytest.fixture(autouse=True)
    def _low(self, monkeypatch):
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)

    @pytest.mark.parametrize("size", [0, 900, 953, 999, 1000, 1001, 5000, 200_000])
    @pytest.mark.parametrize("shrinks", [True, False])
    def test_a_folder_comes_back(self, tmp_path, size, shrinks):
        (tmp_path / "in").mkdir()
        content = bytes(size) if shrinks else os.urandom(size)
        for name in ("a", "b"):
            (tmp_path / "in" / name).write_bytes(content)
        data = b"".join(map(bytes, write_folder(tmp_path / "in")))
        extract_archive(data, tmp_path / "out")
        assert [(tmp_path / "out" / name).read_bytes() for name in ("a", "b")] == [content, content]

    def test_the_longer_fields_are_for_long_files_only(self, tmp_path):
        extra = {}
        for size in (0, 900, 952, 953, 1000):
            (tmp_path / "file").write_bytes(bytes(size))
            data = b"".join(map(bytes, write_folder(tmp_path)))
            extra[size] = int.from_bytes(data[28:30], "little")  # bytes of the first entry's own fields
        assert extra == {0: 0, 900: 0, 952: 0, 953: 20, 1000: 20}

    @pytest.mark.parametrize("legacy", [True, False])
    def test_a_result_comes_back(self, tmp_path, legacy):
        private, public = generate_keypair(2048)
        clear = os.urandom(5000)
        encrypt_result(clear, tmp_path / "enc.zip", public, legacy=legacy)
        decrypt_result(tmp_path / "enc.zip", tmp_path / "clear.zip", private)
        assert (tmp_path / "clear.zip").read_bytes() == clear
