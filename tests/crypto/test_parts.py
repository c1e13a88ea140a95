from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from iexec_lab.crypto import extract_archive, open_target, write_folder
from iexec_lab.errors import CryptoError

WRITER = """
import sys, time
from iexec_lab.crypto import open_target
with open_target(sys.argv[1], private=True) as file:
    file.write(b"secret")
    file.flush()
    print("writing", flush=True)
    time.sleep(3600)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def writer(tmp_path):
    """Another process in the middle of writing ``result.zip``."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "result.zip"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_killed_work_left_goes_with_the_next_run(tmp_path, writer):
    [left] = names(tmp_path)
    assert (tmp_path / left).stat().st_mode & 0o777 == 0o600
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert names(tmp_path) == [left]
    with open_target(tmp_path / "result.zip") as file:
        file.write(b"new")
    assert names(tmp_path) == ["result.zip"]


def test_what_another_process_writes_is_left_alone(tmp_path, writer):
    [part] = names(tmp_path)
    with open_target(tmp_path / "result.zip") as file:
        file.write(b"new")
    assert names(tmp_path) == sorted([part, "result.zip"])
    assert writer.poll() is None


@pytest.mark.parametrize(
    "name",
    [
        "result.zip.part",
        ".result.zip.part",
        ".result.zip.0123456789ab.part",
        ".other.iexec-0123456789ab.part",
    ],
)
def test_files_of_others_are_left_alone(tmp_path, name):
    (tmp_path / name).write_bytes(b"not ours, or not of this target")
    with open_target(tmp_path / "result.zip") as file:
        file.write(b"new")
    assert names(tmp_path) == sorted([name, "result.zip"])


def test_a_leftover_of_another_target_goes_after_a_day(tmp_path):
    left = tmp_path / ".other.iexec-0123456789ab.part"
    left.write_bytes(b"x")
    before = time.time() - 25 * 3600
    os.utime(left, (before, before))
    with open_target(tmp_path / "result.zip") as file:
        file.write(b"new")
    assert names(tmp_path) == ["result.zip"]


def test_half_a_folder_goes_too(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"1")
    archive = b"".join(map(bytes, write_folder(tmp_path / "in")))
    for kind in ("part", "old"):
        (tmp_path / f".out.iexec-0123456789ab.{kind}" / "deep").mkdir(parents=True)
        (tmp_path / f".out.iexec-0123456789ab.{kind}" / "deep" / "file").write_bytes(b"x")
    extract_archive(archive, tmp_path / "out")
    assert names(tmp_path) == ["in", "out"]


def test_failing_leaves_nothing_and_the_old_file(tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(TypeError), open_target(tmp_path / "x") as file:
        file.writelines([b"half", None])
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CryptoError, match="cannot write"), open_target(tmp_path / "no" / "x"):
        pass
