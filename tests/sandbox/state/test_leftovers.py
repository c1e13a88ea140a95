from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.waiting import until

from iexec_lab.sandbox import control
from iexec_lab.sandbox.artifacts import POCO, fetch
from iexec_lab.sandbox.chain.journal import Journal
from iexec_lab.sandbox.state.leftovers import ABANDONED, sweep, sweep_state
from iexec_lab.sandbox.state.paths import state_folder
from iexec_lab.sandbox.state.registry import Genesis


def draft(path, age=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_drafts_in_a_state_folder_are_deleted_and_nothing_else(tmp_path):
    gone = [draft(tmp_path / name) for name in (".registry.json.abc", "chain/.base-1.json.x", "sms/.key.y")]
    gone.append(draft(tmp_path / "apps" / ".old.json.z", ABANDONED + 1))
    kept = [draft(tmp_path / name) for name in ("registry.json", "chain/base-1.json", "apps/.new.json.z")]
    sweep_state(tmp_path)
    assert not [path for path in gone if path.exists()]
    assert all(path.exists() for path in kept)


def test_folders_are_deleted_whole_and_links_are_not_followed(tmp_path):
    kept = draft(tmp_path / "elsewhere" / "file")
    draft(tmp_path / "cache" / ".fetch-1" / "deep" / "file")
    (tmp_path / "cache" / ".link").symlink_to(kept.parent)
    sweep(tmp_path / "cache", age=0)
    assert list((tmp_path / "cache").iterdir()) == []
    assert kept.exists()


def test_a_folder_that_is_none_has_no_drafts(tmp_path):
    sweep(tmp_path / "none", age=0)
    sweep(draft(tmp_path / "file"), age=0)


def test_the_next_fetch_deletes_what_an_old_one_left(tmp_path, monkeypatch):
    monkeypatch.setenv("IEXEC_LAB_HOME", str(tmp_path))
    root = POCO.folder.parent
    old = draft(root / ".fetch-old" / "package.tgz").parent
    os.utime(old, (1, 1))
    new = draft(root / ".fetch-new" / "package.tgz")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(control.SandboxError, match="npm is needed"):
        fetch(POCO)
    assert not old.exists()
    assert new.exists()


@pytest.mark.sandbox
def test_the_next_start_deletes_what_a_killed_one_left(home):
    handle = control.start()
    os.kill(handle.pid, signal.SIGKILL)
    left = draft(handle.folder / ".registry.json.abc")
    other = draft(handle.folder / "chain" / "base-77.json")
    control.start()
    assert not left.exists()
    assert not other.exists()
    control.reset()
    assert not state_folder().exists()


def test_only_the_base_that_counts_is_kept(tmp_path):
    journal = Journal(tmp_path)
    journal.begin(Genesis(1, False, None, "0x", None, {}, "0x"), draft(tmp_path / "state"))
    old = draft(tmp_path / "chain" / "base-7.json")
    journal.close()
    journal = Journal(tmp_path)
    assert (old.exists(), journal.base.exists()) == (False, True)
    journal.close()


@pytest.mark.sandbox
def test_a_temporary_folder_goes_with_its_sandbox_when_its_owner_is_killed():
    code = "import sys; from iexec_lab import Sandbox; print(Sandbox().start().folder, flush=True)"
    code += "; sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        folder = Path(owner.stdout.readline().strip())
        assert (folder / "chain").is_dir()
        owner.kill()
    assert until(lambda: not folder.exists())
