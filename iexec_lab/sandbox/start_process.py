"""Start a sandbox's process, and wait for its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from iexec_lab.errors import SandboxError
from iexec_lab.libraries import SANDBOX, install, missing
from iexec_lab.sandbox.environment import DAEMON, inherited
from iexec_lab.sandbox.state.disk import own_folder, private, using
from iexec_lab.sandbox.state.registry import already_running, lock_owner

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 20.0
"""Seconds a sandbox may take to write its state and end, before it is killed (and replays when it starts)."""
_DYING = 0.5
"""Seconds that a killed sandbox may need to be gone."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to start; what chain it is may be None: what the state folder holds, else the default.

    A ``temporary`` state folder is deleted when the sandbox has ended.
    """

    native: bool | None = None
    chain_id: int | None = None
    preset: str | None = None
    port_base: int | None = None
    attached: bool = False
    temporary: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def launch(folder: Path, options: Options) -> subprocess.Popen[str]:
    """Start the process on a state folder and wait until its services answer.

    An attached one ends when the pipe that is its standard input is closed.
    """
    _check_libraries()
    if not wait_unlocked(folder, _DYING):
        raise already_running(folder)
    process = None
    try:
        process = _spawn(folder, options)
        assert process.stdout is not None
        with process.stdout as output:
            line = output.readline()
    except SandboxError:
        raise
    except BaseException:
        # Interrupted: nobody would know of it.
        if owner := lock_owner(folder):
            with suppress(ProcessLookupError):
                os.kill(owner, signal.SIGTERM)
        if process is not None:
            _close(process)
        raise
    if not options.attached:
        process.wait()
    answer = json.loads(line) if line else {}
    if answer.get("ready"):
        return process
    _close(process)
    raise SandboxError(
        answer.get("message", "The sandbox ended while it started"),
        details=answer.get("details") or {"log": folder / "log.txt"},
        hint=answer.get("hint"),
    )


def _check_libraries() -> None:
    """Tell here what is missing: in the new process it would be a line in a log."""
    if packages := missing(SANDBOX):
        raise SandboxError(
            f"The sandbox needs {', '.join(packages)}",
            details={"python": sys.executable},
            hint=install(*packages),
        )


def _spawn(folder: Path, options: Options) -> subprocess.Popen[str]:
    with using(folder):
        own_folder(folder)
        with open(folder / "log.txt", "ab", opener=private) as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "iexec_lab.sandbox.daemon", str(folder), options.to_json()],
                stdin=subprocess.PIPE if options.attached else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=inherited(DAEMON),
                start_new_session=True,
            )


def end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _close(process: subprocess.Popen[str]) -> None:
    """Let go of a process that has ended, or ends now."""
    if process.stdin is not None:
        process.stdin.close()
    process.wait()


def wait_unlocked(folder: Path, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if lock_owner(folder) is None:
            return True
        time.sleep(0.01)
    return False
