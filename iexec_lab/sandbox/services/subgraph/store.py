"""The index on disk: a table per type for what is so now, and one for what was.

Every row knows the block that made it. Where a later block changes a row, the old one moves to
``<type>_past`` with the block that ended it: that is how earlier blocks are answered, and how blocks that the
chain took back are undone. All that one batch of blocks changes, and how far the chain was read, is one
transaction.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.services.subgraph.model import Entity, Field, model
from iexec_lab.sandbox.state.disk import open_db

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

VERSION: Final = 1
"""Of tables and mapping; an index of another version is made anew."""

_TYPES: Final = {"BigInt": "", "BigDecimal": "", "Int": "INTEGER"}
"""Without a type SQLite keeps what it is given, see values.py."""


class Head(NamedTuple):
    """The newest indexed block; -1 before the first."""

    number: int
    hash: str
    parent: str
    timestamp: int


NOTHING: Final = Head(-1, "", "", 0)


_OWN: Final = """
CREATE TABLE IF NOT EXISTS head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    parent TEXT NOT NULL,
    timestamp INTEGER NOT NULL
);
-- What deals ask for on IPFS, found or not yet.
CREATE TABLE IF NOT EXISTS bulks (
    deal TEXT PRIMARY KEY, cid TEXT NOT NULL, block INTEGER NOT NULL, first TEXT NOT NULL, size TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS slices (
    deal TEXT, number INTEGER, cid TEXT NOT NULL, PRIMARY KEY (deal, number)
);
"""


def schema() -> str:
    """All statements that make the tables."""
    parts = [_OWN]
    for entity in model().entities.values():
        if not entity.is_interface:
            parts += _tables(entity)
    return "\n".join(parts)


def _tables(entity: Entity) -> Iterator[str]:
    columns = ", ".join(_column(each) for each in entity.columns)
    yield f'CREATE TABLE IF NOT EXISTS "{entity.name}" ({columns}, _from INTEGER NOT NULL);'
    yield f'CREATE INDEX IF NOT EXISTS "{entity.name}_from" ON "{entity.name}" (_from);'
    # Links that are followed backwards; a filter on another one looks at all rows.
    back = {
        each.derived
        for other in model().entities.values()
        for each in other.fields.values()
        if each.kind in {entity.name, entity.interface}
    }
    timed = ', "timestamp"' if "timestamp" in entity.fields else ""
    for each in entity.columns:
        if each.name in back:
            name = f'"{entity.name}.{each.name}"'
            yield f'CREATE INDEX IF NOT EXISTS {name} ON "{entity.name}" ("{each.name}"{timed}, id);'
    if timed:
        yield f'CREATE INDEX IF NOT EXISTS "{entity.name}.timestamp" ON "{entity.name}" (timestamp, id);'
    if not entity.immutable:
        past = columns.replace(" PRIMARY KEY", "")
        yield (
            f'CREATE TABLE IF NOT EXISTS "{entity.name}_past" ({past}, _from INTEGER NOT NULL, '
            "_to INTEGER NOT NULL, PRIMARY KEY (id, _from));"
            f'CREATE INDEX IF NOT EXISTS "{entity.name}_to" ON "{entity.name}_past" (_to);'
        )
    for each in entity.lists:
        yield (
            f'CREATE TABLE IF NOT EXISTS "{list_table(entity, each)}" (parent TEXT, position INTEGER, '
            "child TEXT, _from INTEGER, PRIMARY KEY (parent, position)) WITHOUT ROWID;"
            f'CREATE INDEX IF NOT EXISTS "{list_table(entity, each)}.child" '
            f'ON "{list_table(entity, each)}" (child, parent);'
        )


def _column(each: Field) -> str:
    key = " PRIMARY KEY" if each.name == "id" else ""
    return f'"{each.name}" {_TYPES.get(each.kind, "TEXT")}{key}'


def list_table(entity: Entity, each: Field) -> str:
    return f"{entity.name}_{each.name}"


def open_index(path: Path) -> sqlite3.Connection:
    """The index for writing; one that is damaged or of another version is made anew, from the first block.

    It may be used by any thread, one at a time.

    Raises:
        SandboxError: The folder can not be used.
    """
    try:
        db = _open(path)
    except SandboxError:
        _remove(path)
        return _open(path)
    found = db.execute("SELECT version FROM head").fetchone()
    if found and found[0] != VERSION:
        db.close()
        _remove(path)
        return _open(path)
    return db


def _open(path: Path) -> sqlite3.Connection:
    open_db(path, schema()).close()
    return sqlite3.connect(path, timeout=10, check_same_thread=False)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()


def read_head(db: sqlite3.Connection) -> Head:
    found = db.execute("SELECT number, hash, parent, timestamp FROM head").fetchone()
    return Head(*found) if found else NOTHING


class Writer:
    """Rows as they are being changed by one batch of blocks; block after block, then ``flush`` each."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._rows: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._changed: dict[tuple[str, str], None] = {}
        self._lists: dict[tuple[str, str, str], list[str]] = {}

    def load(self, name: str, key: str, /) -> dict[str, Any] | None:
        """The row to read, and to change if ``save`` follows."""
        place = name, key
        if place not in self._rows:
            columns = ", ".join(f'"{each.name}"' for each in model().entities[name].columns)
            cursor = self._db.execute(f'SELECT {columns}, _from FROM "{name}" WHERE id = ?', (key,))
            found = cursor.fetchone()
            self._rows[place] = (
                dict(zip((part[0] for part in cursor.description), found, strict=True)) if found else None
            )
        return self._rows[place]

    def save(self, name: str, key: str, /, **values: Any) -> dict[str, Any]:
        """Change a row, or make it; what is not named stays as it is."""
        row = self.load(name, key)
        if row is None:
            row = self._rows[name, key] = {"id": key}
        row.update(values)
        self._changed[name, key] = None
        return row

    def append(self, name: str, key: str, field: str, child: str) -> None:
        """Add a link at the end of a list."""
        self._lists.setdefault((name, field, key), []).append(child)

    def flush(self, block: int) -> None:
        """Write what was changed, as the doing of ``block``."""
        by_type: dict[str, list[dict[str, Any]]] = {}
        for name, key in self._changed:
            row = self._rows[name, key]
            assert row is not None
            if row.get("_from", block) < block and not model().entities[name].immutable:
                self._retire(name, key, block)
            row["_from"] = block
            by_type.setdefault(name, []).append(row)
        for name, rows in by_type.items():
            put_rows(self._db, name, rows)
        for (name, field, key), children in self._lists.items():
            table = f"{name}_{field}"
            start = self._db.execute(f'SELECT count(*) FROM "{table}" WHERE parent = ?', (key,)).fetchone()[0]
            put_links(
                self._db,
                table,
                ((key, start + i, child, block) for i, child in enumerate(children)),
            )
        self._changed.clear()
        self._lists.clear()

    def _retire(self, name: str, key: str, block: int) -> None:
        columns = ", ".join(f'"{each.name}"' for each in model().entities[name].columns)
        self._db.execute(
            f'INSERT INTO "{name}_past" ({columns}, _from, _to) '
            f'SELECT {columns}, _from, ? FROM "{name}" WHERE id = ?',
            (block, key),
        )


def put_rows(db: sqlite3.Connection, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of one type, with ``_from``, the block that made them; numbers as values.py keeps them."""
    names = [*(each.name for each in model().entities[name].columns), "_from"]
    columns = ", ".join(f'"{each}"' for each in names)
    marks = ", ".join("?" * len(names))
    db.executemany(
        f'INSERT OR REPLACE INTO "{name}" ({columns}) VALUES ({marks})',
        ([row.get(each) for each in names] for row in rows),
    )


def put_links(db: sqlite3.Connection, table: str, links: Iterable[Sequence[Any]]) -> None:
    """Write links of a list: parent, position, child, block."""
    db.executemany(f'INSERT OR REPLACE INTO "{table}" VALUES (?, ?, ?, ?)', links)


def put_head(db: sqlite3.Connection, head: Head) -> None:
    db.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?, ?, ?)", (VERSION, *head))


def rewind(db: sqlite3.Connection, block: int) -> None:
    """Undo all blocks from ``block`` on, for the chain has taken them back."""
    for entity in model().entities.values():
        if entity.is_interface:
            continue
        db.execute(f'DELETE FROM "{entity.name}" WHERE _from >= ?', (block,))
        for each in entity.lists:
            db.execute(f'DELETE FROM "{list_table(entity, each)}" WHERE _from >= ?', (block,))
        if not entity.immutable:
            columns = ", ".join(f'"{each.name}"' for each in entity.columns)
            db.execute(f'DELETE FROM "{entity.name}_past" WHERE _from >= ?', (block,))
            db.execute(
                f'INSERT INTO "{entity.name}" ({columns}, _from) '
                f'SELECT {columns}, _from FROM "{entity.name}_past" WHERE _to >= ?',
                (block,),
            )
            db.execute(f'DELETE FROM "{entity.name}_past" WHERE _to >= ?', (block,))
    db.execute("DELETE FROM bulks WHERE block >= ?", (block,))
    db.execute("DELETE FROM slices WHERE deal NOT IN (SELECT id FROM Deal)")
