"""Run a command for a limited time and leave nothing of it behind; the work is done by app_supervisor.py."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.environment import SUPERVISOR as VARIABLES
from iexec_lab.sandbox.environment import inherited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

SUPERVISOR = Path(__file__).with_name("app_supervisor.py")
KEPT_CHARACTERS = 100_000
"""Of each stream, from its end, as the workerpool keeps (reference: iExec core's log service)."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: ``limit`` in seconds of wall clock; the private root is built when ``isolated``.

    ``binds`` (folder -> path inside) are writable there; what is written to ``layers`` is thrown away.
    ``on_kill`` is run as well when the command had to be killed, which it is, too, when less than
    ``least_free`` bytes of the disk are left.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: str
    limit: float | None = None
    isolated: bool = False
    binds: Mapping[Path, str] = field(default_factory=dict)
    layers: Mapping[Path, str] = field(default_factory=dict)
    on_kill: Sequence[str] | None = None
    least_free: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: ``exit_code`` is 128 + signal when it was killed, None when nobody knows.

    ``error`` tells why it could not be started.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    timed_out: bool = False
    disk_full: bool = False
    error: str | None = None


class AppSupervisor:
    """The process that starts apps; ``async with AppSupervisor() as supervisor``.

    It is started anew when it was killed. What it runs is killed when this process ends, however it ends.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def run(self, command: Command, folder: Path) -> Ended:
        """Run to the end, to the limit, or until cancelled.

        ``folder`` (empty, ours) holds the private root and the streams meanwhile.

        Raises:
            SandboxError: the supervisor itself failed.
        """
        spec = _spec(command, folder)
        reader, writer = await self._supervisor()
        writer.write(json.dumps(spec).encode() + b"\n")
        answering = asyncio.ensure_future(reader.read())
        try:
            answer = await asyncio.shield(answering)
        except asyncio.CancelledError:
            writer.write_eof()  # makes the supervisor kill everything
            await answering
            raise
        except ConnectionError:
            answer = b""
        finally:
            writer.close()
        if not answer:
            raise SandboxError("the process that supervised the app was killed")
        return _ended(json.loads(answer), spec)

    async def _supervisor(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a process that waits for its command."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._hand_over(theirs)
            except OSError:
                await self._stop()
                await self._start()
                self._hand_over(theirs)
        return await asyncio.open_connection(sock=ours)

    def _hand_over(self, connection: socket.socket) -> None:
        if self._socket is None:
            raise BrokenPipeError
        socket.send_fds(self._socket, [b"\0"], [connection.fileno()])

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(SUPERVISOR),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                env=inherited(VARIABLES),
                start_new_session=True,
            )
        self._socket = ours

    async def _stop(self) -> None:
        if self._socket is None or self._process is None:
            return
        self._socket.close()
        await self._process.wait()


async def can_isolate(supervisor: AppSupervisor) -> bool:
    """True when this machine lets us give an app its own /iexec_in, /iexec_out and /app."""
    if sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory(prefix="iexec-lab-") as name:
        folder = Path(name)
        (inside := folder / "inside").mkdir()
        binds = {inside: "/iexec_in"}
        command = Command(["/bin/true"], {}, "/iexec_in", limit=10, isolated=True, binds=binds)
        try:
            ended = await supervisor.run(command, folder)
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
        "disk": [os.fspath(folder), command.least_free] if command.least_free else None,
    }


def _ended(answer: Mapping[str, Any], spec: Mapping[str, Any]) -> Ended:
    return Ended(
        exit_code=answer["exit_code"],
        stdout=_text(spec["stdout"]),
        stderr=_text(spec["stderr"]),
        timed_out=answer["timed_out"],
        disk_full=answer["disk_full"],
        error=answer["error"],
    )


def _text(path: str) -> str:
    """What a stream ended with; nothing when its file could not even be made."""
    kept = b""
    with suppress(FileNotFoundError):
        kept = Path(path).read_bytes()
    return kept.decode(errors="replace")[-KEPT_CHARACTERS:]
