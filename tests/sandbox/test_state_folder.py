"""A state folder that is read-only, in the way, or full of garbage: our error with its path."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys

import pytest

import iexec_lab
from iexec_lab.errors import SandboxError
from iexec_lab.sandbox import control
from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.sandbox.state.paths import state_folder
from iexec_lab.sandbox.state.registry import StateLock, lock_owner

pytestmark = pytest.mark.sandbox


def _file(folder):
    folder.parent.mkdir(parents=True)
    folder.touch()


def _dangling(folder):
    folder.parent.mkdir(parents=True)
    folder.symlink_to("nowhere")


def _loop(folder):
    folder.parent.mkdir(parents=True)
    folder.symlink_to(folder)


def _folder_at(name):
    def make(folder):
        (folder / name / "x").mkdir(parents=True)

    return make


def _file_at(name):
    def make(folder):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"\xff garbage")

    return make


BROKEN = {
    "a file": _file,
    "a dangling link": _dangling,
    "a loop": _loop,
    **{
        f"a folder at {name}": _folder_at(name)
        for name in (
            "lock",
            "registry.json",
            "log.txt",
            "anvil.txt",
            "anvil.lock",
            "ports.json",
            "chain/journal.sqlite",
            "market.sqlite",
        )
    },
    **{f"a file at {name}": _file_at(name) for name in ("chain", "sms", "ipfs", "chain/journal.sqlite")},
}


def assert_says(error, folder):
    assert str(folder) in " ".join(map(str, [error.message, *error.details.values()]))
    assert error.hint
    assert "Traceback" not in str(error)


@pytest.mark.parametrize("broken", BROKEN)
def test_every_verb_has_our_error_or_an_answer(home, broken):
    folder = state_folder()
    BROKEN[broken](folder)
    for verb in (control.start, lambda: iexec_lab.connect("sandbox")):
        with pytest.raises(SandboxError) as caught:
            verb()
        assert_says(caught.value, folder)
    for verb in (control.stop, control.find, control.status, control.stop):
        try:
            verb()
        except SandboxError as error:
            assert_says(error, folder)
    control.reset()
    assert not os.path.lexists(folder)
    assert control.status() == {"name": "default", "running": False}


def test_a_path_that_is_too_long(monkeypatch, tmp_path):
    monkeypatch.setenv("IEXEC_LAB_STATE", str(tmp_path / ("x" * 300)))
    for verb in (control.start, control.find, control.status, control.stop, control.reset):
        with pytest.raises(SandboxError, match="File name too long") as caught:
            verb()
        assert_says(caught.value, state_folder())


READ_ONLY = "mount --bind {0} {0} && mount -o remount,ro,bind {0} && exec {1} {2}"


def read_only(folder, *words):
    """A command line of ours where the folder is on a read-only mount, in a namespace of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    line = READ_ONLY.format(folder, sys.executable, "-m iexec_lab sandbox " + " ".join(words))
    command = ["unshare", "--mount", "/bin/sh", "-c", line]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def can_mount():
    probe = ["unshare", "--mount", "true"]
    return shutil.which("unshare") and subprocess.run(probe, check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs the right to mount (run as root, outside a container)")
@pytest.mark.parametrize("used", [False, True])
def test_a_read_only_folder(home, used):
    folder = state_folder()
    if used:
        control.start()
        control.stop()
    done = read_only(folder, "start")
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr
    assert str(folder) in done.stderr
    assert "Traceback" not in done.stderr
    assert '"running":false' in read_only(folder, "status", "--raw").stdout
    assert '"stopped":false' in read_only(folder, "stop", "--raw").stdout
    done = read_only(folder, "reset", "--force")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert str(folder) in done.stderr


RECORDS = ["", "{", "[]", "null", "{}", '{"pid": 1}', "[" * 100_000, '{"pid": %d, "started": "x", "urls": 5}']


@pytest.mark.parametrize("written", RECORDS, ids=range(len(RECORDS)))
def test_a_damaged_record_of_one_that_runs(home, written):
    folder = state_folder()
    with locked(folder):
        (folder / "registry.json").write_text(written.replace("%d", str(os.getpid())))
        for verb in (control.find, control.status, control.start):
            with pytest.raises(SandboxError, match=r"registry\.json is damaged") as caught:
                verb()
            assert_says(caught.value, folder)


def test_a_record_without_a_service_is_damaged(home):
    folder = state_folder()
    control.start()
    path = folder / "registry.json"
    values = json.loads(path.read_bytes())
    del values["urls"]["sms"]
    path.write_text(json.dumps(values))
    try:
        with pytest.raises(SandboxError, match=r"registry\.json is damaged"):
            control.find()
    finally:
        assert control.stop()


def test_a_lock_that_names_nobody_is_damaged(home):
    folder = state_folder()
    with locked(folder):
        (folder / "lock").write_text("somebody")
        with pytest.raises(SandboxError, match="lock is damaged"):
            control.stop()


class locked:  # noqa: N801 -- reads as a sentence
    """The lock of a folder held by another process."""

    def __init__(self, folder):
        self._folder = folder

    def __enter__(self):
        code = (
            "import os, sys; from pathlib import Path;"
            "from iexec_lab.sandbox.state.registry import StateLock;"
            "StateLock(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(self._folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._process.stdout.readline()

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


@pytest.mark.parametrize(
    "written", ["", "{", "[]", "null", "{}", '{"image": 1, "folder": 2, "entrypoint": 3}']
)
def test_a_damaged_entry_of_an_app_is_named(tmp_path, written):
    apps = Apps(tmp_path / "state" / "apps")
    (tmp_path / "app.py").touch()
    apps.add("me/app", tmp_path)
    (path,) = apps.folder.iterdir()
    path.write_text(written)
    for look in (apps.list, lambda: apps.find("me/app:1")):
        with pytest.raises(SandboxError, match="is damaged") as caught:
            look()
        assert str(path) in str(caught.value.details["file"])


@pytest.mark.parametrize("make", [_file, _dangling, _loop])
def test_apps_that_can_not_be_kept(tmp_path, make):
    (tmp_path / "app.py").touch()
    make(tmp_path / "state" / "apps")
    with pytest.raises(SandboxError, match="state folder can not be used"):
        Apps(tmp_path / "state" / "apps").add("me/app", tmp_path)


def test_nobody_else_reads_what_is_kept(home):
    handle = control.start()
    try:
        assert stat.S_IMODE(handle.folder.stat().st_mode) == 0o700
        loose = [
            path.relative_to(handle.folder).as_posix()
            for path in handle.folder.rglob("*")
            if path.is_file() and path.stat().st_mode & 0o077
        ]
        assert [name for name in loose if not name.startswith(("worker/", "workerpool/"))] == []
    finally:
        control.stop()


def test_a_folder_is_its_owners_alone_from_the_first_file_on(tmp_path):
    (tmp_path / "app.py").touch()
    Apps(tmp_path / "state" / "apps").add("me/app", tmp_path)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    (tmp_path / "other").mkdir(mode=0o755)
    StateLock(tmp_path / "other")
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o700
    assert lock_owner(tmp_path / "other") == os.getpid()
