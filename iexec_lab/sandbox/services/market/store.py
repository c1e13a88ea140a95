"""What the market keeps on disk, and the JSON that it shows of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.protocol import NULL_BYTES32
from iexec_lab.sandbox.services.market.fields import MAX_SAFE
from iexec_lab.sandbox.services.market.kinds import DATASET, KINDS, Kind
from iexec_lab.sandbox.state.disk import open_db

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

SHOWN: Final = "kind, document, hash, published, signer, status, remaining, volume, price"
"""The columns of an order that its JSON is made of."""

BULK_VOLUME: Final = MAX_SAFE - 1
"""A free dataset order of at least this volume may be used in bulks."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,           -- open, filled, canceled or dead
    remaining INTEGER NOT NULL,
    signer TEXT NOT NULL,
    published TEXT NOT NULL,        -- ISO 8601, UTC, milliseconds
    app TEXT NOT NULL,              -- addresses: the party itself, or the restriction to it
    dataset TEXT NOT NULL,
    workerpool TEXT NOT NULL,
    requester TEXT NOT NULL,
    beneficiary TEXT,
    price INTEGER NOT NULL,         -- what a task costs; what a request pays the workerpool; nRLC
    rank INTEGER NOT NULL,          -- the price, negative when the dearest comes first
    appmaxprice INTEGER,
    datasetmaxprice INTEGER,
    volume INTEGER NOT NULL,
    category INTEGER,
    trust INTEGER,
    tag TEXT NOT NULL,
    tee INTEGER NOT NULL,           -- bit 0 of the tag
    document TEXT NOT NULL          -- the signed order as JSON
);
-- A book in its order, with all that filters it: lists look only at the orders they show.
CREATE INDEX IF NOT EXISTS orders_book ON orders (
    kind, status, rank, published, hash, app, dataset, workerpool, requester, beneficiary,
    category, trust, tag, remaining, volume, signer
);
CREATE INDEX IF NOT EXISTS orders_app ON orders (app, kind, status, price);
CREATE INDEX IF NOT EXISTS orders_dataset ON orders (dataset, kind, status, price);
CREATE INDEX IF NOT EXISTS orders_signer ON orders (signer, kind, status);

-- The few tags in use: a book is filtered by bits here, not order by order.
CREATE TABLE IF NOT EXISTS tags (tag TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS deals (
    dealid TEXT PRIMARY KEY,
    block INTEGER NOT NULL,
    category INTEGER NOT NULL,
    price INTEGER NOT NULL,         -- of the workerpool, nRLC
    requester TEXT NOT NULL,
    beneficiary TEXT NOT NULL,
    app TEXT NOT NULL,
    dataset TEXT NOT NULL,
    workerpool TEXT NOT NULL,
    appOwner TEXT NOT NULL,
    datasetOwner TEXT NOT NULL,
    workerpoolOwner TEXT NOT NULL,
    apporderHash TEXT NOT NULL,
    datasetorderHash TEXT NOT NULL,
    workerpoolorderHash TEXT NOT NULL,
    requestorderHash TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS deals_newest ON deals (block DESC, dealid);
CREATE INDEX IF NOT EXISTS deals_category ON deals (category, block DESC, price, dealid);
CREATE INDEX IF NOT EXISTS deals_requester ON deals (requester, block DESC, dealid);

CREATE TABLE IF NOT EXISTS categories (
    catid INTEGER PRIMARY KEY,
    clock INTEGER NOT NULL,         -- seconds
    block INTEGER NOT NULL,
    document TEXT NOT NULL          -- without chainId
);

CREATE TABLE IF NOT EXISTS challenges (address TEXT PRIMARY KEY, hash TEXT NOT NULL, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


def open_store(path: Path) -> sqlite3.Connection:
    """Open the market's database; ``tag_between(tag, least, most)`` is there to compare tags bit by bit."""
    db = open_db(path, SCHEMA)
    db.create_function("tag_between", 3, tag_between, deterministic=True)
    return db


def tag_between(tag: str, least: str | None, most: str | None) -> bool:
    """True when the tag has every bit of ``least`` and no bit outside ``most``; None asks for nothing."""
    bits = int(tag, 16)
    wanted = int(least or NULL_BYTES32, 16)
    return bits & wanted == wanted and (most is None or not bits & ~int(most, 16))


def has_tee(tag: str) -> bool:
    return bool(int(tag, 16) & 1)


def to_json(value: Any) -> str:
    """JSON as JavaScript writes it: no blanks, raw non-ASCII."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def order_row(kind: Kind, order: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that follow from a signed order alone."""
    return {
        "kind": kind.name,
        **dict.fromkeys(("beneficiary", "appmaxprice", "datasetmaxprice", "category", "trust")),
        **{
            name: order[name]
            for name in ("appmaxprice", "datasetmaxprice", "category", "trust")
            if name in order
        },
        **{column: order[field] for column, field in kind.places.items()},
        "price": order[kind.price],
        "rank": -order[kind.price] if kind.dearest_first else order[kind.price],
        "volume": order["volume"],
        "tag": order["tag"],
        "tee": has_tee(order["tag"]),
        "document": to_json({name: order[name] for name in kind.fields}),
    }


def is_bulk(row: sqlite3.Row) -> bool:
    return bool(row["volume"] >= BULK_VOLUME and row["price"] == 0)


def listed_order(row: sqlite3.Row, chain_id: int) -> str:
    """An element of a list, also what a publication answers."""
    return _order_json(row, f'"chainId":{chain_id},')


def fed_order(row: sqlite3.Row) -> str:
    """What the feed tells of an order."""
    return _order_json(row, "")


def _order_json(row: sqlite3.Row, chain: str) -> str:
    bulk = f',"bulk":{str(is_bulk(row)).lower()}' if row["kind"] == DATASET.name else ""
    return (
        f'{{"order":{row["document"]},"orderHash":"{row["hash"]}",{chain}'
        f'"publicationTimestamp":"{row["published"]}","signer":"{row["signer"]}",'
        f'"status":"{row["status"]}","remaining":{row["remaining"]}{bulk}}}'
    )


def single_order(row: sqlite3.Row, chain_id: int) -> str:
    """The answer for one order; here the chain id is a string."""
    return (
        f'{{"ok":true,"orderHash":"{row["hash"]}","chainId":"{chain_id}","order":{row["document"]},'
        f'"remaining":{row["remaining"]},"status":"{row["status"]}",'
        f'"publicationTimestamp":"{row["published"]}","signer":"{row["signer"]}"}}'
    )


def counter(db: sqlite3.Connection, name: str) -> int | None:
    row = db.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return row["value"] if row else None


def set_counter(db: sqlite3.Connection, name: str, value: int) -> None:
    db.execute("INSERT OR REPLACE INTO counters (name, value) VALUES (?, ?)", (name, value))


def count_open(db: sqlite3.Connection) -> dict[str, int]:
    """Open orders of each kind, by the plural that names the route."""
    counts = dict.fromkeys((f"{kind}s" for kind in KINDS), 0)
    rows = db.execute("SELECT kind, count(*) AS open FROM orders WHERE status = 'open' GROUP BY kind")
    return counts | {f"{row['kind']}s": row["open"] for row in rows}
