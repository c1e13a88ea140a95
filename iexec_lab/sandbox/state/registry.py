"""Which sandbox runs on a state folder, for other processes: a lock and a registry file.

The lock is the truth (the kernel lets go of it however the process ended); the registry file only says where
the services are while the lock is held.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.state.disk import damaged, own_folder, using, write_file

try:
    import fcntl
except ModuleNotFoundError as missing:
    raise SandboxError(
        "A sandbox needs Linux or macOS: locks, groups and signals of POSIX",
        hint="On Windows it runs in WSL; everything else of iexec-lab runs without it.",
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVICES = (
    "rpc",
    "market",
    "sms",
    "ipfs_node",
    "ipfs_gateway",
    "workerpool",
    "compass",
    "result_proxy",
    "subgraph",
)
"""Service names in the order of their ports."""

_LATER = {"subgraph"}
"""Those that a sandbox of an earlier version, which may still run, does not have."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """What a chain is and where its contracts are; ``registries`` by "app", "dataset", "workerpool".

    ``preset`` is the network whose addresses it has, if it is made to look like one.
    """

    chain_id: int
    native: bool
    preset: str | None
    hub: str
    rlc: str | None
    registries: Mapping[str, str]
    workerpool: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Record:
    """What the registry file says; ``started`` is Unix time in seconds, ``urls`` has each of SERVICES."""

    pid: int
    started: float
    genesis: Genesis
    urls: Mapping[str, str]


class StateLock:
    """The right to run on a state folder, held until the process is gone, however it goes."""

    def __init__(self, folder: Path) -> None:
        """Take it; SandboxError when that can not be, with pid and urls of who has it when it is taken."""
        with using(folder):
            own_folder(folder)
            self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        if not self._take():
            os.close(self._file)
            raise already_running(folder)
        with using(folder):
            os.ftruncate(self._file, 0)
            os.write(self._file, str(os.getpid()).encode())

    def _take(self) -> bool:
        # Whoever asks if the folder is taken holds the lock for an instant.
        for _ in range(200):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
            else:
                return True
        return False


def already_running(folder: Path) -> SandboxError:
    details: dict[str, Any] = {"folder": folder, "pid": lock_owner(folder)}
    if record := running(folder):
        details |= record.urls
    return SandboxError(
        "A sandbox is running on this state folder",
        details=details,
        hint="Use it as it is, stop it, or start another one under another name.",
    )


def lock_owner(folder: Path) -> int | None:
    """The process that runs, starts or stops a sandbox on the folder; None when there is none.

    Raises:
        SandboxError: The folder can not be read.
    """
    path = folder / "lock"
    with using(folder):
        try:
            file = os.open(path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _holder(path, file)


def _holder(path: Path, file: int) -> int | None:
    try:
        # Shared, for several may ask at the same time, and none of them is an owner.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        # Between taking the lock and writing its number a process is nobody yet.
        written = os.read(file, 20) or b"0"
        if not written.isdigit():
            raise damaged(path, f"{written!r} is no process") from None
        return int(written)
    finally:
        os.close(file)
    return None


def running(folder: Path) -> Record | None:
    """Where the sandbox that is ready on the folder is; None when there is none, or not yet."""
    owner = lock_owner(folder)
    record = None if owner is None else _read_record(folder)
    return record if record is not None and record.pid == owner else None


def write_record(folder: Path, record: Record) -> None:
    values = {
        "pid": record.pid,
        "started": record.started,
        "urls": dict(record.urls),
        **record.genesis.to_json(),
    }
    write_file(folder / "registry.json", json.dumps(values, indent=2).encode())


def _read_record(folder: Path) -> Record | None:
    path = folder / "registry.json"
    with using(folder):
        try:
            written = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        return _to_record(json.loads(written))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise damaged(path, error, hint="Stop the sandbox, and start it again.") from error


def _to_record(values: dict[str, Any]) -> Record:
    pid, started, urls = values.pop("pid"), float(values.pop("started")), values.pop("urls")
    expected = [name for name in SERVICES if name not in _LATER or name in urls]
    if missing := [name for name in expected if not isinstance(urls[name], str)]:
        raise ValueError(f"no URL of {missing[0]}")
    return Record(pid, started, Genesis.from_json(values), urls)


def remove_record(folder: Path) -> None:
    """Forget where a sandbox was; SandboxError when the file can not be deleted."""
    with using(folder):
        (folder / "registry.json").unlink(missing_ok=True)
