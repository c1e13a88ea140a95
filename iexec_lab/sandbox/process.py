"""Run a command for a limited time and leave nothing of it behind; the work is done by launcher.py."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAUNCHER = Path(__file__).with_name("launcher.py")
KEPT_CHARACTERS = 100_000
"""Of each stream, from its end, as the workerpool keeps (reference: iExec core's log service)."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: ``limit`` in seconds of wall clock; the private root is built when ``isolated``.

    ``binds`` (folder -> path inside) are writable there; what is written to ``layers`` is thrown away.
    ``on_kill`` is run as well when the command had to be killed.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: str
    limit: float | None = None
    isolated: bool = False
    binds: Mapping[Path, str] = field(default_factory=dict)
    layers: Mapping[Path, str] = field(default_factory=dict)
    on_kill: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: ``exit_code`` is 128 + signal when it was killed, None when nobody knows.

    ``error`` tells why it could not be started.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    timed_out: bool = False
    error: str | None = None


async def run(command: Command, folder: Path) -> Ended:
    """Run to the end, to the limit, or until cancelled.

    ``folder`` (empty, ours) holds the private root and the streams meanwhile.

    Raises:
        SandboxError: the launcher itself failed.
    """
    spec = _spec(command, folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        str(LAUNCHER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        process.stdin.write(json.dumps(spec).encode() + b"\n")
        answer, complaint = await asyncio.gather(process.stdout.read(), process.stderr.read())
    finally:  # cancelled: the end of its stdin makes the launcher kill everything
        process.stdin.close()
        await asyncio.shield(process.wait())
    if process.returncode or not answer:
        said = complaint.decode(errors="replace")[-2000:]
        raise SandboxError("the launcher of apps failed", details={"said": said})
    return _ended(json.loads(answer), spec)


async def can_isolate() -> bool:
    """True when this machine lets us give an app its own /iexec_in, /iexec_out and /app."""
    if sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory(prefix="iexec-lab-") as name:
        folder = Path(name)
        (inside := folder / "inside").mkdir()
        binds = {inside: "/iexec_in"}
        command = Command(["/bin/true"], {}, "/iexec_in", limit=10, isolated=True, binds=binds)
        try:
            ended = await run(command, folder)
        except SandboxError:
            return False
        return ended.exit_code == 0


def _spec(command: Command, folder: Path) -> dict[str, Any]:
    root = folder / "root"
    if command.isolated:
        root.mkdir(exist_ok=True)
    return {
        "argv": list(command.argv),
        "env": dict(command.env),
        "cwd": command.cwd,
        "limit": command.limit,
        "stdout": os.fspath(folder / "stdout"),
        "stderr": os.fspath(folder / "stderr"),
        "root": os.fspath(root) if command.isolated else None,
        "binds": [[os.fspath(source), path] for source, path in command.binds.items()],
        "layers": [[os.fspath(source), path] for source, path in command.layers.items()],
        "on_kill": command.on_kill,
    }


def _ended(answer: Mapping[str, Any], spec: Mapping[str, Any]) -> Ended:
    return Ended(
        exit_code=answer["exit_code"],
        stdout=_text(spec["stdout"]),
        stderr=_text(spec["stderr"]),
        timed_out=answer["timed_out"],
        error=answer["error"],
    )


def _text(path: str) -> str:
    return Path(path).read_bytes().decode(errors="replace")[-KEPT_CHARACTERS:]
