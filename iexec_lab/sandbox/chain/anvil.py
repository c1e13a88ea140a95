"""The Ethereum node: one anvil process that can not outlive ours, at a place where no web page finds it.

anvil has no notion of a parent. On Linux the kernel kills it with us (leash.py). Elsewhere a shell that waits
on a pipe we hold does, however we went; and should that be killed too, the next node ends the one it left.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.artifacts import another_anvil, anvil_binary
from iexec_lab.sandbox.chain.hidden_place import can_be_shared, hidden_place
from iexec_lab.sandbox.chain.leash import CAN_NOT_RUN
from iexec_lab.sandbox.environment import PROGRAM, inherited
from iexec_lab.sandbox.state.disk import private

GENESIS_TIME = 1_700_000_000
"""Time of block 0, which anvil makes anew at each start and does not load; its clock starts there too."""
HARDFORK = "cancun"
"""The newest without EIP-2935, which keeps block hashes in storage that anvil hashes anew for every block."""
_LEASH = Path(__file__).with_name("leash.py")
_PROCESS = re.compile(rb"[1-9][0-9]{1,9}")
"""The number of a process; never 0, 1 or one below, which stand for groups and for all."""
_SAID = 500  # bytes
_RESET = "If that state is lost, iexec-lab sandbox reset starts over with an empty market."
_PATIENCE = 20.0
"""Seconds until a node that does not listen is given up; it needs 0.1 s on an idle machine."""


class Anvil:
    """anvil on loopback, ``url`` once constructed; ``wait_ready`` before the first request.

    ``state`` is a state to load (plain JSON as ``anvil_dumpState`` holds it). A ``native`` chain has gas for
    free, as Bellecour has. With ``mine`` every transaction gets a block, without it blocks are asked for.
    Beside ``log`` a file remembers the process; one that is left there is ended first.
    """

    def __init__(
        self, chain_id: int, *, native: bool, log: Path, state: Path | None = None, mine: bool = False
    ) -> None:
        self._log = log
        lock = log.with_suffix(".lock")
        _end_orphan(lock)
        command = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), str(lock), str(anvil_binary())]
        self._place = hidden_place()
        self.place: tuple[str, int] = self._place.getsockname()
        if not can_be_shared(*self.place):
            self._place.close()
        self.url = "http://{}:{}".format(*self.place)
        command += _flags(chain_id, *self.place, native=native)
        if not mine:
            command += ["--no-mining", "--order", "fifo"]
        self._loads = state is not None
        if state is not None:
            command += ["--load-state", str(state)]
        with open(log, "ab", opener=private) as output:
            self._said_before = output.tell()
            try:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=inherited(PROGRAM),
                    start_new_session=True,
                )
            except OSError as error:
                self._place.close()
                raise SandboxError(f"No process can be started: {error}") from error
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; kill -9 "$1"', "sh", str(self.process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=inherited(PROGRAM),
            start_new_session=True,
        )

    def wait_ready(self) -> None:
        """Block until the node listens; SandboxError when it ended instead."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.stop()
                raise self._ended_at_once()
            try:
                socket.create_connection(self.place, timeout=1).close()
            except OSError:
                time.sleep(0.005)
            else:
                self._place.close()
                return
        self.stop()
        raise SandboxError(f"anvil did not listen within {_PATIENCE:.0f} s", details={"log": self._log})

    def _ended_at_once(self) -> SandboxError:
        code = self.process.returncode
        message = f"anvil ended at once with exit code {code}"
        hint = another_anvil() if code < 0 else _RESET if self._loads else None
        if code == CAN_NOT_RUN:
            message, hint = "anvil can not be run", another_anvil()
        return SandboxError(message, details={**self._last_words(), "log": self._log}, hint=hint)

    def _last_words(self) -> dict[str, str]:
        """The beginning of what anvil said: the rest of it is how to use it."""
        with self._log.open("rb") as log:
            log.seek(self._said_before)
            said = log.read(_SAID).decode(errors="replace").strip()
        return {"anvil": said.partition("\n")[0]} if said else {}

    def stop(self) -> None:
        """End the node at once; what is to be kept has been asked from it before."""
        self._place.close()
        self.process.kill()
        self.process.wait()
        self._watchdog.kill()
        self._watchdog.wait()
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.close()


def _end_orphan(lock: Path) -> None:
    """End the node that a killed sandbox left behind, which still holds ``lock``.

    While it does, the number in the file is its own: nobody else can have got it meanwhile.
    """
    deadline = time.monotonic() + _PATIENCE
    while not _is_free(lock):
        if time.monotonic() > deadline:
            raise SandboxError("Another Ethereum node does not end", details={"lock": lock})
        written = lock.read_bytes()
        if _PROCESS.fullmatch(written):  # else it is not written yet
            with suppress(ProcessLookupError):
                os.kill(int(written), signal.SIGKILL)
        time.sleep(0.005)


def _is_free(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def _flags(chain_id: int, address: str, port: int, *, native: bool) -> list[str]:
    flags = ["--host", address, "--port", str(port), "--no-cors", "--chain-id", str(chain_id), "--quiet"]
    flags += ["--timestamp", str(GENESIS_TIME), "--hardfork", HARDFORK]
    flags += ["--accounts", "1", "--gas-limit", "1000000000", "--no-request-size-limit"]
    # Past states are kept in memory, half a megabyte a block; the newest hundred are enough for any client.
    flags += ["--prune-history", "100"]
    if native:
        flags += ["--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee"]
    return flags
