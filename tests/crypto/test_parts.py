from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iexec_lab.crypto import extract_archive, open_target, parts, write_folder
from iexec_lab.crypto.parts import folder_part
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


def test_a_part_stays_its_writer_s_until_it_has_its_name(tmp_path):
    """Also when whoever writes has closed it already: nobody takes it for a leftover."""
    with open_target(tmp_path / "x") as first:
        first.write(b"first")
        first.close()
        with open_target(tmp_path / "x") as second:
            second.write(b"second")
        assert (tmp_path / "x").read_bytes() == b"second"
    assert (tmp_path / "x").read_bytes() == b"first"
    assert names(tmp_path) == ["x"]


def test_half_a_folder_stays_its_writer_s(tmp_path):
    with folder_part(tmp_path / "out", 0o700) as first:
        (first / "a").write_bytes(b"1")
        with folder_part(tmp_path / "out", 0o700) as second:
            assert first != second
        assert names(first) == ["a"]
        assert not second.exists()
    assert names(tmp_path) == []


def test_a_folder_is_made_where_no_folder_is(tmp_path):
    for target in (tmp_path / "a" / "b" / "out", tmp_path / "a" / "b" / "other"):
        with folder_part(target, 0o755) as part:
            part.rename(target)
        assert target.is_dir()
    assert names(tmp_path / "a" / "b") == ["other", "out"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux shows open files so")
def test_nothing_stays_open(tmp_path):
    archive = b"".join(map(bytes, write_folder(tmp_path)))

    def work(name):
        with open_target(tmp_path / name) as file:
            file.write(b"x")
        with open_target(tmp_path / name) as file:
            file.write(b"y")
        extract_archive(archive, tmp_path / f"{name} folder")

    work("first")
    work("second")
    descriptors = list(Path("/proc/self/fd").iterdir())
    assert [str(each) for each in descriptors if str(tmp_path) in os.path.realpath(each)] == []


def test_a_part_taken_for_a_leftover_is_begun_again(tmp_path, monkeypatch):
    """Between making and locking it another process may sweep it away."""
    lock, taken = parts._lock, []

    def late(descriptor):
        if not taken:
            [part] = tmp_path.iterdir()
            part.unlink()
            taken.append(descriptor)
        return lock(descriptor)

    monkeypatch.setattr(parts, "_lock", late)
    closed = []
    monkeypatch.setattr(
        parts.os, "close", lambda number, real=os.close: (closed.append(number), real(number))
    )
    with open_target(tmp_path / "x") as file:
        file.write(b"content")
    assert (tmp_path / "x").read_bytes() == b"content"
    assert taken[0] in closed


@pytest.mark.parametrize(("age", "left"), [(24 * 3600 - 60, True), (24 * 3600 + 60, False)])
@pytest.mark.parametrize("kind", ["part", "old"])
def test_leftovers_of_others_have_a_day(tmp_path, age, left, kind):
    other = tmp_path / f".other.iexec-0123456789ab.{kind}"
    other.write_bytes(b"x")
    os.utime(other, (time.time() - age,) * 2)
    with open_target(tmp_path / "x") as file:
        file.write(b"new")
    assert other.exists() is left
