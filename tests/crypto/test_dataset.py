from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import stat
import threading
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from helpers.mutated import ANYTHING
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.crypto import (
    decrypt_dataset,
    encrypt_dataset,
    file_checksum,
    generate_dataset_key,
    read_dataset_key,
)
from iexec_lab.crypto.streams import CHUNK, PIECE, RING
from iexec_lab.errors import CryptoError, IexecError, ValidationError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


KEY = base64.b64encode(bytes(range(32))).decode()
SIZES = [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5]
SIZES += [PIECE - 17, PIECE - 16, PIECE - 1, PIECE, PIECE + 1, (RING + 3) * PIECE + 7]


def reference(clear, key, iv):
    padder = PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(iv)).encryptor()
    return iv + cipher.update(padder.update(clear) + padder.finalize()) + cipher.finalize()


class Dribble(io.RawIOBase):
    """A source that gives a few bytes at a time, as a socket does."""

    def __init__(self, data, sizes=(1, 7, 16, 4096)):
        self._data = io.BytesIO(data)
        self._sizes = sizes
        self._turn = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        self._turn += 1
        piece = self._data.read(min(self._sizes[self._turn % len(self._sizes)], len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("size", SIZES)
def test_files_are_encrypted_as_the_sdk_does(tmp_path, size):
    clear = os.urandom(size)
    (tmp_path / "data").write_bytes(clear)
    done = encrypt_dataset(tmp_path / "data", tmp_path / "data.enc", KEY, iv=b"\x10" * 16)
    encrypted = (tmp_path / "data.enc").read_bytes()
    assert encrypted == reference(clear, KEY, b"\x10" * 16)
    assert done.size == len(encrypted) == 16 + 16 * (size // 16 + 1)
    assert (
        done.checksum == "0x" + hashlib.sha256(encrypted).hexdigest() == file_checksum(tmp_path / "data.enc")
    )
    assert decrypt_dataset(tmp_path / "data.enc", tmp_path / "back", KEY, checksum=done.checksum) == size
    assert (tmp_path / "back").read_bytes() == clear


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32))
def test_any_bytes_come_back(clear, key):
    key = base64.b64encode(key).decode()
    encrypted, back = io.BytesIO(), io.BytesIO()
    done = encrypt_dataset(Dribble(clear), encrypted, key)
    assert encrypted.getvalue() == reference(clear, key, encrypted.getvalue()[:16])
    decrypt_dataset(Dribble(encrypted.getvalue()), back, done.key, checksum=done.checksum)
    assert back.getvalue() == clear


def test_every_dataset_gets_its_own_key_and_vector(tmp_path):
    one, two = (encrypt_dataset(b"same", tmp_path / name) for name in "ab")
    assert one.key != two.key
    assert (tmp_path / "a").read_bytes()[:16] != (tmp_path / "b").read_bytes()[:16]
    assert len(base64.b64decode(generate_dataset_key())) == 32
    assert len(one.key) == 44


def test_the_key_is_not_shown():
    done = encrypt_dataset(b"x", io.BytesIO(), KEY)
    assert KEY not in repr(done)
    assert done.checksum in repr(done)
    with pytest.raises(ValidationError) as caught:
        encrypt_dataset(b"x", io.BytesIO(), KEY[:-5])
    assert KEY[:-5] not in repr(caught.value)
    assert caught.value.message.endswith(
        "is not a valid encryption key (must be base64 encoded 256 bits key)"
    )


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.rstrip("="),
        KEY.replace("+", "-").replace("/", "_"),
        f" {KEY}\n",
        KEY[:10] + "\r\n" + KEY[10:],
    ],
)
def test_keys_are_read_as_node_reads_base64(text):
    assert read_dataset_key(text) == bytes(range(32))


@pytest.mark.parametrize("key", ["", "!!!", "AAAA", KEY[:-4], None, 5, b"x", "\u00e9" * 44])
def test_what_is_no_key(key):
    with pytest.raises(ValidationError, match="is not a valid encryption key"):
        read_dataset_key(key)


def test_wrong_keys_and_damaged_files_leave_nothing_behind(tmp_path):
    encrypt_dataset(b"hello" * 100, tmp_path / "x.enc", KEY, iv=bytes(16))
    (tmp_path / "out").write_bytes(b"before")
    data = (tmp_path / "x.enc").read_bytes()
    wrong = base64.b64encode(b"\1" * 32).decode()
    for source, key, problem in (
        (data, wrong, "the padding is wrong"),
        (data[:-1], KEY, "truncated"),
        (data[:-16], KEY, "the padding is wrong"),
        (data[:16], KEY, "truncated"),
        (data[:7], KEY, "truncated"),
        (b"", KEY, "truncated"),
    ):
        with pytest.raises(CryptoError, match=problem):
            decrypt_dataset(source, tmp_path / "out", key)
    with pytest.raises(CryptoError, match="does not have the expected checksum"):
        decrypt_dataset(data, tmp_path / "out", KEY, checksum="0x" + "00" * 32)
    assert (tmp_path / "out").read_bytes() == b"before"
    assert names(tmp_path) == ["out", "x.enc"]


def test_progress_is_told():
    told = []
    encrypt_dataset(
        bytes(2 * CHUNK + 1), io.BytesIO(), KEY, progress=lambda done, total: told.append((done, total))
    )
    assert told[0] == (0, 2 * CHUNK + 1)
    assert told[-1] == (2 * CHUNK + 1, 2 * CHUNK + 1)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    told.clear()
    encrypt_dataset(
        Dribble(b"x" * 50), io.BytesIO(), KEY, progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (50, None)


def test_stopping_half_way_leaves_nothing_behind(tmp_path):
    def stop(done, total):
        if done > CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encrypt_dataset(bytes(4 * CHUNK), tmp_path / "x.enc", KEY, progress=stop)
    assert names(tmp_path) == []


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(CryptoError, match=r"(?s)cannot read .*: No such file.* → Check its name"):
        encrypt_dataset(tmp_path / "none", tmp_path / "x", KEY)
    with pytest.raises(CryptoError, match=r"cannot write .*: No such file"):
        encrypt_dataset(b"x", tmp_path / "none" / "x", KEY)
    with pytest.raises(CryptoError, match=r"cannot read .*: Is a directory"):
        decrypt_dataset(tmp_path, tmp_path / "x", KEY)
    with pytest.raises(ValidationError, match="Invalid file buffer"):
        encrypt_dataset(io.StringIO("text"), io.BytesIO(), KEY)
    assert names(tmp_path) == []


def test_clear_files_are_for_their_owner_only(tmp_path):
    encrypt_dataset(b"x", tmp_path / "x.enc", KEY)
    decrypt_dataset(tmp_path / "x.enc", tmp_path / "x", KEY)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def make_folder(root, order):
    for name in order:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 100)
    (root / "empty").mkdir()
    return root


def test_a_folder_is_zipped_first_and_always_in_the_same_way(tmp_path):
    names = ["b/two.txt", "a.txt", "b/c/three.txt", "\u00e9.txt"]
    one = make_folder(tmp_path / "one", names)
    two = make_folder(tmp_path / "two", list(reversed(names)))
    os.utime(two / "a.txt", (0, 0))
    (two / "a.txt").chmod(0o600)
    told = []
    done = [
        encrypt_dataset(
            folder, tmp_path / f"{folder.name}.enc", KEY, iv=bytes(16), progress=lambda *now: told.append(now)
        )
        for folder in (one, two)
    ]
    assert done[0] == done[1]
    assert told[-1] == (sum(len(n.encode()) * 100 for n in names),) * 2
    decrypt_dataset(tmp_path / "one.enc", tmp_path / "one.zip", KEY)
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.txt", "b/c/three.txt", "b/two.txt", "empty/", "\u00e9.txt"]
        assert archive.read("b/two.txt") == b"b/two.txt" * 100


def test_links_in_a_folder_are_refused(tmp_path):
    folder = make_folder(tmp_path / "folder", ["a.txt"])
    (folder / "b").symlink_to("/etc/passwd")
    with pytest.raises(CryptoError, match="b is a symbolic link"):
        encrypt_dataset(folder, tmp_path / "x.enc", KEY)
    (folder / "b").unlink()
    (folder / "b").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(CryptoError, match="b is a symbolic link"):
        encrypt_dataset(folder, tmp_path / "x.enc", KEY)
    (folder / "b").unlink()
    os.mkfifo(folder / "b")
    with pytest.raises(CryptoError, match="b is not a regular file"):
        encrypt_dataset(folder, tmp_path / "x.enc", KEY)
    assert names(tmp_path) == ["folder"]


def test_what_a_folder_can_not_hold(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    with pytest.raises(CryptoError, match="pipe is not a regular file"):
        encrypt_dataset(folder, io.BytesIO())
    (folder / "pipe").unlink()
    with contextlib.suppress(OSError):  # not every file system has such names
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_text("x")
        with pytest.raises(CryptoError, match="is not a Unicode name"):
            encrypt_dataset(folder, io.BytesIO())


def test_the_target_is_not_in_the_folder(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(CryptoError, match="the target is inside the folder"):
        encrypt_dataset(tmp_path, tmp_path / "a.enc")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_that_grows_or_shrinks_meanwhile_is_refused(tmp_path):
    source = tmp_path / "log"
    for size in (10, 4 << 20):
        source.write_bytes(bytes(3 << 20))

        def change(*_, size=size):
            os.truncate(source, size)

        with pytest.raises(CryptoError, match="the source changed while it was read"):
            encrypt_dataset(source, tmp_path / "log.enc", progress=change)
        assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_devices_and_pipes_are_no_targets(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CryptoError, match="not a regular file"):
        encrypt_dataset(b"x", tmp_path / "pipe")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_pipe_can_be_encrypted(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"x" * 100))
    writer.start()
    with (tmp_path / "pipe").open("rb", buffering=0) as pipe:
        done = encrypt_dataset(pipe, tmp_path / "enc")
    writer.join()
    assert decrypt_dataset(tmp_path / "enc", tmp_path / "clear", done.key) == 100


@given(value=ANYTHING | st.text(max_size=60))
def test_a_key_is_one_or_an_error(value):
    with contextlib.suppress(ValidationError):
        assert len(read_dataset_key(value)) == 32


@given(data=st.binary(max_size=80), key=st.just(KEY) | ANYTHING, checksum=st.none() | ANYTHING)
def test_any_bytes_are_decrypted_or_an_error(data, key, checksum):
    target = io.BytesIO()
    with contextlib.suppress(IexecError):
        size = decrypt_dataset(data, target, key, checksum=checksum)
        # An IV, and at least one block whose end is padding.
        assert len(data) % 16 == 0
        assert len(target.getvalue()) == size in range(len(data) - 32, len(data) - 16)
        assert checksum in {None, file_checksum(data)}


@pytest.mark.parametrize("thing", [5, None, [], {}, 10**12, 1.5, object()], ids=range(7))
def test_what_is_neither_a_path_nor_a_file(thing, tmp_path):
    for work in (
        lambda: encrypt_dataset(thing, tmp_path / "x"),
        lambda: encrypt_dataset(b"x", thing),
        lambda: decrypt_dataset(thing, tmp_path / "x", KEY),
        lambda: file_checksum(thing),
    ):
        with pytest.raises(ValidationError, match="Invalid file buffer"):
            work()
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "\ud800", "device", "/dev/null/x"])
def test_a_source_is_a_regular_file_and_a_target_can_be_one(name, tmp_path):
    if name == "device":  # by a link: a target that is replaced by mistake must not be the machine's own
        (tmp_path / "links").mkdir()
        name = tmp_path / "links" / "zero"
        name.symlink_to("/dev/zero")
    for work in (
        lambda: encrypt_dataset(name, tmp_path / "x"),
        lambda: decrypt_dataset(name, tmp_path / "x", KEY),
    ):
        with pytest.raises(CryptoError):
            work()
    with pytest.raises(CryptoError):
        encrypt_dataset(b"x", name)
    (tmp_path / "folder").mkdir()
    with pytest.raises(CryptoError):
        encrypt_dataset(tmp_path / "folder", name)
    assert set(names(tmp_path)) <= {"folder", "links"}
    assert not isinstance(name, Path) or name.is_symlink()


def test_a_decrypted_dataset_is_for_its_owner_only(tmp_path):
    encrypt_dataset(b"secret", tmp_path / "enc", KEY)
    (tmp_path / "clear").write_bytes(b"readable by all")
    decrypt_dataset(tmp_path / "enc", tmp_path / "clear", KEY)
    assert (tmp_path / "clear").read_bytes() == b"secret"
    assert stat.S_IMODE((tmp_path / "clear").stat().st_mode) == 0o600
