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


def open_db(path: Path, schema: str) -> sqlite3.Connection:
    """Open a SQLite file and run ``schema``, statements that may be repeated (CREATE TABLE IF NOT EXISTS).

    Rows are ``sqlite3.Row``; ``with db:`` commits at its end, or takes everything back on an exception.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, timeout=10)
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.executescript(schema)
    except sqlite3.OperationalError:  # a full disk and the like say nothing about the file
        db.close()
        raise
    except sqlite3.DatabaseError as error:
        db.close()
        raise damaged(path, error) from error
    return db


def damaged(path: Path, reason: object) -> SandboxError:
    return SandboxError(
        f"The sandbox's file {path.name} is damaged: {reason}",
        details={"file": path},
        hint="Put back a copy of it, or start over with an empty market: sandbox reset.",
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
