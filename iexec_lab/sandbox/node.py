"""The Ethereum node: one anvil process that can not outlive ours.

anvil has no notion of a parent. A shell that waits on a pipe we hold kills it when we are gone, however we
went; that needs nothing but POSIX.
"""

from __future__ import annotations

import socket
import subprocess
import time
from typing import TYPE_CHECKING

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.artifacts import another_anvil, anvil_binary

if TYPE_CHECKING:
    from pathlib import Path

GENESIS_TIME = 1_700_000_000
"""Time of block 0, which anvil makes anew at each start and does not load; its clock starts there too."""
HARDFORK = "cancun"
"""The newest without EIP-2935, which keeps block hashes in storage that anvil hashes anew for every block."""
_SAID = 500  # bytes
_RESET = "If that state is lost, sandbox reset starts over with an empty market."
_PATIENCE = 20.0
"""Seconds until a node that does not listen is given up; it needs 0.1 s on an idle machine."""


class Node:
    """anvil on a free loopback port, ``url`` once constructed; ``wait_ready`` before the first request.

    ``state`` is a state to load (plain JSON as ``anvil_dumpState`` holds it). A ``native`` chain has gas for
    free, as Bellecour has. With ``mine`` every transaction gets a block, without it blocks are asked for.
    """

    def __init__(
        self, chain_id: int, *, native: bool, log: Path, state: Path | None = None, mine: bool = False
    ) -> None:
        self._place = _free_place()
        self.port: int = self._place.getsockname()[1]
        if not _can_be_shared(self.port):
            self._place.close()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        command = [str(anvil_binary()), *_flags(chain_id, self.port, native=native)]
        if not mine:
            command += ["--no-mining", "--order", "fifo"]
        self._loads = state is not None
        if state is not None:
            command += ["--load-state", str(state)]
        with log.open("ab") as output:
            self._said_before = output.tell()
            try:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                self._place.close()
                raise SandboxError(
                    f"anvil can not be run: {error.strerror}",
                    details={"binary": command[0]},
                    hint=another_anvil(),
                ) from error
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; kill -9 "$1"', "sh", str(self.process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_ready(self) -> None:
        """Block until the node listens; SandboxError when it ended instead."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.stop()
                raise SandboxError(
                    f"anvil ended at once with exit code {self.process.returncode}",
                    details={**self._last_words(), "log": self._log},
                    hint=another_anvil() if self.process.returncode < 0 else _RESET if self._loads else None,
                )
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.005)
            else:
                self._place.close()
                return
        self.stop()
        raise SandboxError(f"anvil did not listen within {_PATIENCE:.0f} s", details={"log": self._log})

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


def _free_place(port: int = 0) -> socket.socket:
    """A socket that keeps a port from those who want any, until the node that asks for this one listens."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind(("127.0.0.1", port))
    except OSError:
        place.close()
        raise
    return place


def _can_be_shared(port: int) -> bool:
    """Whether this system, as Linux does, lets one listen on a port that another socket only keeps."""
    try:
        with _free_place(port) as other:
            other.listen()
    except OSError:
        return False
    return True


def _flags(chain_id: int, port: int, *, native: bool) -> list[str]:
    flags = ["--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id), "--quiet"]
    flags += ["--timestamp", str(GENESIS_TIME), "--hardfork", HARDFORK]
    flags += ["--accounts", "1", "--gas-limit", "1000000000", "--no-request-size-limit"]
    # Past states are kept in memory, half a megabyte a block; the newest hundred are enough for any client.
    flags += ["--prune-history", "100"]
    if native:
        flags += ["--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee"]
    return flags
