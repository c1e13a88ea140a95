from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from iexec_lab.regular_files import (
    exists,
    is_file,
    is_folder,
    open_regular,
    possible,
    read_regular,
    unwritable_hint,
)

IMPOSSIBLE = ["a" * 5000, "a\0b", "\ud800", "a/" * 4000]


def test_a_file_is_read(tmp_path):
    (tmp_path / "x").write_bytes(b"content")
    assert read_regular(tmp_path / "x") == read_regular(str(tmp_path / "x"), 7) == b"content"
    with open_regular(tmp_path / "x") as file:
        assert file.read(3) == b"con"
    (tmp_path / "link").symlink_to("x")
    assert read_regular(tmp_path / "link") == b"content"


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "x").open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(OSError, match="Larger than 1048576 bytes") as caught:
        read_regular(tmp_path / "x")
    assert caught.value.errno == errno.EFBIG


def test_a_file_without_a_size_is_read_and_bounded():
    path = "/proc/self/status"
    if not os.path.exists(path):  # noqa: PTH110
        pytest.skip("no /proc here")
    assert b"Pid:" in read_regular(path)
    with pytest.raises(OSError, match="Larger than 10 bytes"):
        read_regular(path, 10)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_not_opened_for_long(path):
    with pytest.raises(OSError):  # noqa: PT011 -- which one depends on there being a terminal
        read_regular(path)
    assert not is_file(path)


def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Not a regular file"):
        read_regular(tmp_path / "pipe")
    assert exists(tmp_path / "pipe")
    assert not is_file(tmp_path / "pipe")


def test_a_file_that_would_have_us_wait_is_refused(tmp_path, monkeypatch):
    # As /proc/kmsg does, for those who may open it: it says that it is regular, and is like a pipe.
    os.mkfifo(tmp_path / "log")
    writer = os.open(tmp_path / "log", os.O_RDWR)
    monkeypatch.setattr("iexec_lab.regular_files._require_regular", lambda *_: None)
    try:
        with pytest.raises(BlockingIOError):
            read_regular(tmp_path / "log")
        with open_regular(tmp_path / "log") as file:
            for read in (file.read, file.readall, lambda: file.readinto(bytearray(1))):
                with pytest.raises(BlockingIOError):
                    read()
    finally:
        os.close(writer)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path)
    assert is_folder(tmp_path)
    assert not is_file(tmp_path)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_name_that_no_file_can_have(tmp_path, name):
    with pytest.raises(OSError):  # noqa: PT011 -- too long, or impossible
        read_regular(tmp_path / name)
    assert not exists(tmp_path / name)
    assert not is_file(tmp_path / name)
    assert not is_folder(tmp_path / name)


def test_names_that_are_possible():
    assert possible("a b/ü").name == "ü"
    with pytest.raises(OSError, match="No file can be called so"):
        possible("\0")


@pytest.mark.parametrize(
    ("code", "said"), [(errno.EACCES, "cannot be written"), (errno.ENOSPC, "make room"), (errno.EIO, None)]
)
def test_what_to_do_about_a_folder_that_takes_no_file(code, said):
    hint = unwritable_hint(OSError(code, "no"), Path("here"))
    assert hint is said or said in hint
