"""State on disk: SQLite files, values encrypted at rest, blobs.

Everything here survives ``kill -9`` of the process: SQLite in WAL mode, files by a rename from beside.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from iexec_lab.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOST = "Put back a copy of it, or start over with an empty market: iexec-lab sandbox reset."


def open_db(path: Path, schema: str) -> sqlite3.Connection:
    """Open a SQLite file and run ``schema``, statements that may be repeated (CREATE TABLE IF NOT EXISTS).

    Rows are ``sqlite3.Row``; ``with db:`` commits at its end, or takes everything back on an exception.

    Raises:
        SandboxError: The file can not be opened, or is damaged.
    """
    with using(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, timeout=10)
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.executescript(schema)
    except sqlite3.OperationalError as error:  # a full disk and the like say nothing about the file
        db.close()
        raise unusable(path.parent, error, path) from error
    except sqlite3.DatabaseError as error:
        db.close()
        raise damaged(path, error) from error
    return db


def own_folder(folder: Path) -> None:
    """Make the folder, or make it its owner's alone: what is in it is nobody else's business."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def private(path: str, flags: int) -> int:
    """An opener for ``open``: what is made is its owner's alone."""
    return os.open(path, flags, 0o600)


@contextmanager
def using(folder: Path) -> Iterator[None]:
    """What the system says against a state folder, as our own error.

    Raises:
        SandboxError: A file is missing, read-only, a folder, on a full disk, ...
    """
    try:
        yield
    except OSError as error:
        raise unusable(folder, error) from error


def unusable(folder: Path, error: OSError | sqlite3.Error, file: Path | None = None) -> SandboxError:
    named = error.filename or file if isinstance(error, OSError) else file
    reason = error.strerror if isinstance(error, OSError) else error
    return SandboxError(
        f"The state folder can not be used: {reason}",
        details={"folder": folder, **({"file": named} if named else {})},
        hint="Make it a folder that you may write to, or set IEXEC_LAB_STATE to another one.",
    )


def damaged(path: Path, reason: object, hint: str = _LOST) -> SandboxError:
    return SandboxError(
        f"The sandbox's file {path.name} is damaged: {reason}",
        details={"file": path},
        hint=hint,
    )


@contextmanager
def replacing(path: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Write a file beside ``path`` and move it there at the end; on an exception nothing changes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def write_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a whole file atomically, readable by its owner only unless ``mode`` says otherwise."""
    with replacing(path, mode) as file:
        file.write(data)


class SecretBox:
    """Encrypts values at rest with the key in ``path`` (made on first use, 0600)."""

    def __init__(self, path: Path) -> None:
        from cryptography.fernet import Fernet

        if not path.exists():
            write_file(path, Fernet.generate_key())
        try:
            self._fernet = Fernet(path.read_bytes())
        except ValueError as error:
            raise damaged(path, error) from error

    def seal(self, value: bytes) -> bytes:
        return self._fernet.encrypt(value)

    def unseal(self, sealed: bytes) -> bytes:
        """The value; cryptography.fernet.InvalidToken when it was not sealed with this key."""
        return self._fernet.decrypt(sealed)
