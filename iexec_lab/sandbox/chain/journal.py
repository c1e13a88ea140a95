"""What happened on the chain since its last whole state, so that nothing acknowledged is ever lost.

A state folder holds a base (a state anvil can load) and, in SQLite, every block and every change by decree
(``anvil_setBalance`` and its like) after it. Played again on the base in order, with the same timestamps,
they give the same blocks down to their hashes. Ours because anvil itself (``--state-interval``) writes the
whole state, at most once a second: a kill would take back what was acknowledged since.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.sandbox.state.disk import damaged, open_db, write_file
from iexec_lab.sandbox.state.registry import Genesis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pending (hash TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Block:
    """A mined block; ``transactions`` are requests that send them again, in order; base fee in wei."""

    number: int
    hash: str
    timestamp: int
    base_fee: int
    transactions: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Decree:
    """A request that changed the state without a transaction."""

    method: str
    params: Sequence[Any]


class Journal:
    """The journal of one state folder, empty until ``begin``. Every method that writes is one commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "chain"
        self.path = self._folder / "journal.sqlite"
        self._db = open_db(self.path, _SCHEMA)
        self._forget_old_bases()
        (self.size,) = self._db.execute("SELECT count(*) FROM entry").fetchone()

    def close(self) -> None:
        self._db.close()

    @property
    def genesis(self) -> Genesis | None:
        """What chain this is; None while there is none yet."""
        values = self.fact("genesis")
        try:
            return None if values is None else Genesis.from_json(values)
        except TypeError as error:
            raise damaged(self.path, error) from error

    @property
    def base(self) -> Path:
        """The state to load before the entries are played."""
        return self._folder / str(self.fact("base"))

    def _forget_old_bases(self) -> None:
        """Delete what a process that was killed while it changed the base had no time to."""
        if (kept := self.fact("base")) is not None:
            for path in self._folder.glob("base-*.json"):
                if path.name != kept:
                    path.unlink()

    def begin(self, genesis: Genesis, state: Path) -> None:
        """Start from a snapshot."""
        write_file(self._folder / "base-0.json", state.read_bytes())
        with self._db:
            self._keep("base", "base-0.json")
            self._keep("genesis", genesis.to_json())
        self._flush()

    def entries(self) -> Iterable[Block | Decree]:
        for (body,) in self._db.execute("SELECT body FROM entry ORDER BY id"):
            try:
                values = json.loads(body)
                yield Block(**values) if "hash" in values else Decree(**values)
            except (ValueError, TypeError) as error:
                raise damaged(self.path, error) from error

    def pending(self) -> dict[str, Sequence[Any]]:
        """Accepted transactions that are in no block yet, by hash."""
        return {row["hash"]: json.loads(row["body"]) for row in self._db.execute("SELECT * FROM pending")}

    def fact(self, name: str) -> Any:
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        try:
            return None if row is None else json.loads(row[0])
        except ValueError as error:
            raise damaged(self.path, error) from error

    def keep(self, name: str, value: Any) -> None:
        with self._db:
            self._keep(name, value)

    def add_blocks(self, blocks: Sequence[Block], hashes: Iterable[str]) -> None:
        """Append blocks; ``hashes`` of their transactions are pending no more."""
        with self._db:
            for block in blocks:
                self._append(asdict(block))
            self._db.executemany("DELETE FROM pending WHERE hash = ?", [(one,) for one in hashes])

    def add_decree(self, decree: Decree) -> None:
        with self._db:
            self._append(asdict(decree))

    def add_pending(self, transaction: str, body: Sequence[Any]) -> None:
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO pending VALUES (?, ?)", (transaction, json.dumps(body)))

    def drop_pending(self, hashes: Iterable[str]) -> None:
        with self._db:
            self._db.executemany("DELETE FROM pending WHERE hash = ?", [(one,) for one in hashes])

    def rebase(self, state: bytes) -> None:
        """Make ``state``, which contains all entries, the new base."""
        old = self.base
        generation = int(old.stem.partition("-")[2]) + 1
        new = old.with_name(f"base-{generation}.json")
        write_file(new, state)
        with self._db:
            self._keep("base", new.name)
            self._db.execute("DELETE FROM entry")
        self.size = 0
        self._flush()
        old.unlink(missing_ok=True)

    def _flush(self) -> None:
        """Have what was committed on the disk itself: after a power cut, too, it must name the right base."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _append(self, values: Mapping[str, Any]) -> None:
        self._db.execute("INSERT INTO entry (body) VALUES (?)", (json.dumps(values),))
        self.size += 1

    def _keep(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, json.dumps(value)))
