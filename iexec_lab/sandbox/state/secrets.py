"""What was pushed to the SMS, and the keys of simulated enclaves; encrypted, but the key lies beside it."""

from __future__ import annotations

from secrets import token_bytes
from typing import TYPE_CHECKING

from cryptography.fernet import InvalidToken

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.state.disk import SecretBox, open_db

if TYPE_CHECKING:
    from pathlib import Path

    from iexec_lab.protocol.challenge import SecretKind

_SCHEMA = """
CREATE TABLE IF NOT EXISTS secrets (
    kind TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (kind, owner, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS enclaves (task TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
"""


class SecretStore:
    """Secrets by kind, owner and name, encrypted at rest; the folder holds the database and its key.

    To be used from the thread that made it. Several stores may share a folder.
    """

    def __init__(self, folder: Path) -> None:
        self._db = open_db(folder / "secrets.db", _SCHEMA)
        self._box = SecretBox(folder / "key")

    def close(self) -> None:
        self._db.close()

    def dataset_key(self, address: str) -> str | None:
        """The key of an encrypted dataset: base64 of 32 bytes."""
        return self.get("web3", address)

    def web2_secret(self, owner: str, name: str) -> str | None:
        return self.get("web2", owner, name)

    def app_secret(self, app: str) -> str | None:
        """What the app's developer gave it."""
        return self.get("app", app)

    def requester_secret(self, requester: str, name: str) -> str | None:
        return self.get("requester", requester, name)

    def enclave_key(self, task_id: str) -> bytes:
        """The private key (32 bytes) of a task's simulated enclave, made when first asked for."""
        task = task_id.lower()
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            row = self._db.execute("SELECT sealed FROM enclaves WHERE task = ?", (task,)).fetchone()
            if row is None:
                key = token_bytes(32)
                self._db.execute("INSERT INTO enclaves VALUES (?, ?)", (task, self._box.seal(key)))
            else:
                key = self._unseal(row["sealed"])
        return key

    def has(self, kind: SecretKind, owner: str, name: str | None = None) -> bool:
        return self._sealed(kind, owner, name) is not None

    def get(self, kind: SecretKind, owner: str, name: str | None = None) -> str | None:
        sealed = self._sealed(kind, owner, name)
        return None if sealed is None else self._unseal(sealed).decode()

    def add(self, kind: SecretKind, owner: str, name: str | None, value: str) -> bool:
        """Store a new secret; False when there is one, which stays."""
        row = (*_identity(kind, owner, name), self._box.seal(value.encode()))
        with self._db:
            done = self._db.execute("INSERT INTO secrets VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
        return done.rowcount == 1

    def replace(self, kind: SecretKind, owner: str, name: str | None, value: str) -> bool:
        """Change a secret; False when there is none."""
        row = (self._box.seal(value.encode()), *_identity(kind, owner, name))
        with self._db:
            done = self._db.execute(
                "UPDATE secrets SET sealed = ? WHERE kind = ? AND owner = ? AND name = ?", row
            )
        return done.rowcount == 1

    def _sealed(self, kind: SecretKind, owner: str, name: str | None) -> bytes | None:
        row = self._db.execute(
            "SELECT sealed FROM secrets WHERE kind = ? AND owner = ? AND name = ?",
            _identity(kind, owner, name),
        ).fetchone()
        return None if row is None else bytes(row["sealed"])

    def _unseal(self, sealed: bytes) -> bytes:
        try:
            return self._box.unseal(sealed)
        except InvalidToken:
            raise SandboxError("The secrets of this sandbox were stored with another key") from None


def _identity(kind: SecretKind, owner: str, name: str | None) -> tuple[str, str, str]:
    """As iExec's SMS stores it: addresses in lower case, names of web2 secrets too."""
    name = name or ""
    return kind, owner.lower(), name.lower() if kind == "web2" else name
