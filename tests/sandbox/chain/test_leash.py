"""No process outlives the one that started it, whoever of them is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.sandbox.buyer import Buyer
from helpers.sandbox.processes import carrying
from helpers.waiting import until

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.chain import leash
from iexec_lab.sandbox.chain.anvil import Anvil
from iexec_lab.sandbox.chain.leash import CAN_NOT_RUN
from iexec_lab.sandbox.control import Sandbox

pytestmark = pytest.mark.slow

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a signal at the parent's death")


def leashed(parent, lock, *command):
    return [sys.executable, "-I", "-S", leash.__file__, str(parent), str(lock), *command]


def start(lock, *command):
    process = subprocess.Popen(leashed(os.getpid(), lock, *command), stderr=subprocess.PIPE, text=True)
    assert until(lambda: process.poll() is not None or (lock.exists() and lock.read_text()))
    return process


def test_it_becomes_the_program_and_writes_down_its_number(tmp_path):
    lock = tmp_path / "lock"
    process = start(lock, "/bin/sleep", "600")
    assert lock.read_text() == str(process.pid)
    assert lock.stat().st_mode & 0o777 == 0o600
    process.kill()
    process.communicate()


def test_a_program_that_can_not_be_run(tmp_path):
    process = start(tmp_path / "lock", str(tmp_path / "none"))
    assert process.communicate()[1] == f"No such file or directory: {tmp_path / 'none'}\n"
    assert process.returncode == CAN_NOT_RUN


def test_one_whose_parent_has_gone_before_does_not_start(tmp_path):
    done = subprocess.run(leashed(1, tmp_path / "lock", "/bin/touch", str(tmp_path / "ran")), check=False)
    assert done.returncode == 1
    assert not (tmp_path / "ran").exists()


@LINUX
def test_it_dies_with_its_parent(tmp_path):
    lock = tmp_path / "lock"
    code = "import os, subprocess, sys; words = sys.argv[1:]; words[words.index('ME')] = str(os.getpid())"
    code += "; subprocess.Popen(words).wait()"
    parent = subprocess.Popen([sys.executable, "-c", code, *leashed("ME", lock, "/bin/sleep", "600")])
    assert until(lambda: lock.exists() and lock.read_text())
    parent.kill()
    parent.wait()
    assert until(lambda: not alive(int(lock.read_text())))


def alive(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@pytest.mark.sandbox
def test_a_node_that_was_left_is_ended_by_the_next_one(tmp_path, monkeypatch):
    """As on systems whose kernel does not tell children that their parent has died."""
    log = tmp_path / "anvil.txt"
    orphan = start(log.with_suffix(".lock"), "/bin/sleep", "600")
    node = Anvil(65535, native=False, log=log)
    assert orphan.wait() == -signal.SIGKILL
    node.wait_ready()
    assert log.with_suffix(".lock").read_text() == str(node.process.pid)
    node.stop()
    orphan.communicate()


@pytest.mark.parametrize("written", ["", "0", "-1", "1", "x", "12 13"])
def test_what_is_no_number_of_a_process_ends_nobody(tmp_path, monkeypatch, written):
    log = tmp_path / "anvil.txt"
    orphan = start(log.with_suffix(".lock"), "/bin/sleep", "600")
    log.with_suffix(".lock").write_text(written)
    killed = []
    monkeypatch.setattr("iexec_lab.sandbox.chain.anvil.os.kill", lambda *who: killed.append(who))
    monkeypatch.setattr("iexec_lab.sandbox.chain.anvil._PATIENCE", 0.1)
    with pytest.raises(SandboxError, match="does not end"):
        Anvil(65535, native=False, log=log)
    assert killed == []
    monkeypatch.undo()
    orphan.kill()
    orphan.communicate()


@pytest.mark.sandbox
def test_a_file_nobody_holds_ends_nobody(tmp_path):
    log = tmp_path / "anvil.txt"
    bystander = subprocess.Popen(["/bin/sleep", "600"])
    log.with_suffix(".lock").write_text(str(bystander.pid))
    node = Anvil(65535, native=False, log=log)
    node.wait_ready()
    node.stop()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_lock_that_is_no_file_is_said(tmp_path):
    (tmp_path / "anvil.lock").mkdir()
    with pytest.raises(IsADirectoryError):
        Anvil(65535, native=False, log=tmp_path / "anvil.txt")


FAMILY = """
import subprocess, time
subprocess.Popen(["/bin/sh", "-c", "sleep 601 & exec sleep 602"], start_new_session=True)
time.sleep(603)
"""


@pytest.mark.sandbox
@LINUX
@pytest.mark.parametrize(
    "victims",
    [{"daemon"}, {"daemon", "supervisor"}, {"daemon", "watchdog"}, {"daemon", "supervisor", "watchdog"}],
    ids=lambda victims: "+".join(sorted(victims)),
)
def test_nothing_is_left_of_a_sandbox_that_is_killed_at_work(tmp_path, monkeypatch, victims):
    mark = str(tmp_path / "state")
    monkeypatch.setenv("LC_SANDBOX", mark)
    with Sandbox(tmp_path / "state") as handle:
        monkeypatch.delenv("LC_SANDBOX")
        buyer = Buyer(handle)
        app = buyer.install(tmp_path / "app", FAMILY)
        (task,) = buyer.tasks(buyer.match(app))
        buyer.wait_replicate(task, until=("COMPUTING",))
        assert until(lambda: any("sleep 601" in line for line in carrying(mark).values()))
        for pid in numbers(mark, handle.pid, victims):
            os.kill(pid, signal.SIGKILL)
        assert until(lambda: carrying(mark), lambda left: not left) == {}


def numbers(mark, daemon, victims):
    """Who is killed: the daemon first, so that nobody is there to notice the others."""
    children = {pid: line for pid, line in carrying(mark).items() if parent(pid) == daemon}
    found = {"daemon": [daemon]}
    found["supervisor"] = [pid for pid, line in children.items() if line.endswith("app_supervisor.py")]
    found["watchdog"] = [pid for pid, line in children.items() if "read -r _; kill" in line]
    assert [len(pids) for pids in found.values()] == [1, 1, 1]
    return [pid for name, pids in found.items() if name in victims for pid in pids]


def parent(pid):
    """Nobody's, once it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None
