"""Which sandbox runs on a state folder, for other processes: a lock and a registry file.

The lock is the truth (the kernel lets go of it however the process ended); the registry file only says where
the services are while the lock is held.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.snapshot import Genesis
from iexec_lab.sandbox.store import write_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """What the registry file says; ``started`` is Unix time in seconds."""

    pid: int
    started: float
    genesis: Genesis
    urls: Mapping[str, str]


class StateLock:
    """The right to run on a state folder, held until ``release`` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Take it; SandboxError, with pid and urls of who has it, when it is taken."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise already_running(folder) from None

    def release(self) -> None:
        os.close(self._file)


def already_running(folder: Path) -> SandboxError:
    record = read_record(folder)
    details: dict[str, Any] = {"folder": folder}
    if record is not None:
        details |= {"pid": record.pid, **record.urls}
    return SandboxError(
        "A sandbox is running on this state folder",
        details=details,
        hint="Use it as it is, stop it, or start another one under another name.",
    )


def is_locked(folder: Path) -> bool:
    """True while a sandbox runs, starts or stops on the folder."""
    try:
        file = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def write_record(folder: Path, record: Record) -> None:
    values = {
        "pid": record.pid,
        "started": record.started,
        "urls": dict(record.urls),
        **record.genesis.to_json(),
    }
    write_file(folder / "registry.json", json.dumps(values, indent=2).encode())


def read_record(folder: Path) -> Record | None:
    """The registry file; None when there is none."""
    try:
        values = json.loads((folder / "registry.json").read_bytes())
    except FileNotFoundError:
        return None
    pid, started, urls = values.pop("pid"), values.pop("started"), values.pop("urls")
    return Record(pid, started, Genesis.from_json(values), urls)


def remove_record(folder: Path) -> None:
    (folder / "registry.json").unlink(missing_ok=True)
