# ruff: noqa: S608 -- names of tables and columns in SQL are our own
"""How orders live and die.

``open`` → ``filled`` (volume consumed), ``canceled`` (closed on chain) or ``dead`` (its owner sold the
resource, its signer can not pay any more, or a request lost the offer it needs). Unpublished orders are
deleted.

Every method changes the database inside the caller's transaction and returns the messages to send after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.sandbox.services.market.feed import Message
from iexec_lab.sandbox.services.market.kinds import APP, DATASET, REQUEST, WORKERPOOL, Kind
from iexec_lab.sandbox.services.market.store import fed_order, order_row, to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

STAKE_PERCENT: Final = 30
"""Share of a workerpool's price that its owner must have staked for each task."""

_FITTING_OFFER: Final = """
offer.kind = '{kind}order' AND offer.status = 'open' AND offer.{kind} = request.{kind}
AND offer.workerpool IN (:nobody, request.workerpool)
AND offer.{other} IN (:nobody, request.{other})
AND offer.requester IN (:nobody, request.requester)
"""
_APP_OFFER: Final = _FITTING_OFFER.format(kind="app", other="dataset") + " AND offer.tee >= request.tee"
_DATASET_OFFER: Final = _FITTING_OFFER.format(kind="dataset", other="app")


class Book:
    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def find(self, order_hash: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self.db.execute(
            "SELECT * FROM orders WHERE hash = ?", (order_hash,)
        ).fetchone()
        return row

    def count_open(self, kind: Kind, signer: str) -> int:
        query = "SELECT count(*) FROM orders WHERE signer = ? AND kind = ? AND status = 'open'"
        count: int = self.db.execute(query, (signer, kind.name)).fetchone()[0]
        return count

    def add(
        self, kind: Kind, order: Mapping[str, Any], *, order_hash: str, signer: str, remaining: int, now: str
    ) -> list[Message]:
        """Publish an order. One that was dead comes back as it was, with what remains today."""
        if self.find(order_hash):
            self.db.execute(
                "UPDATE orders SET status = 'open', remaining = ? WHERE hash = ?", (remaining, order_hash)
            )
        else:
            row = {
                **order_row(kind, order),
                "hash": order_hash,
                "status": "open",
                "remaining": remaining,
                "signer": signer,
                "published": now,
            }
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            self.db.execute(f"INSERT INTO orders ({names}) VALUES ({marks})", row)
            self.db.execute("INSERT OR IGNORE INTO tags VALUES (?)", (row["tag"],))
        return self._fed(order_hash, "published")

    def remove(self, rows: Iterable[sqlite3.Row]) -> list[Message]:
        """Unpublish open orders."""
        gone = list(rows)
        self.db.executemany("DELETE FROM orders WHERE hash = ?", [(row["hash"],) for row in gone])
        return self._closed(gone)

    def settle(self, order_hash: str, consumed: int) -> list[Message]:
        """A match took some of an order: ``consumed`` is what all its matches took so far."""
        row = self.find(order_hash)
        if row is None:
            return []
        remaining = min(row["volume"] - consumed, row["remaining"])
        if remaining == row["remaining"]:
            return []
        status = row["status"] if row["volume"] > consumed else "filled"
        self.db.execute(
            "UPDATE orders SET remaining = ?, status = ? WHERE hash = ?", (remaining, status, order_hash)
        )
        if status == "filled":
            return self._closed([row])
        return self._fed(order_hash, "updated") if status == "open" else []

    def cancel(self, order_hash: str) -> list[Message]:
        """An order was closed on chain."""
        row = self.find(order_hash)
        if row is None:
            return []
        self.db.execute("UPDATE orders SET status = 'canceled', remaining = 0 WHERE hash = ?", (order_hash,))
        return self._closed([row]) if row["status"] == "open" else []

    def backed_by(self, address: str) -> list[sqlite3.Row]:
        """Open orders that need a stake of their signer."""
        return self.db.execute(
            "SELECT * FROM orders WHERE signer = ? AND kind IN (?, ?) AND status = 'open'",
            (address, REQUEST.name, WORKERPOOL.name),
        ).fetchall()

    def charge(self, address: str, stake: int, consumed: Mapping[str, int]) -> list[Message]:
        """A wallet's stake fell to ``stake`` nRLC: the orders that it can not back any more die.

        ``consumed`` are the volumes as of that stake: what a match has locked need not be backed any more.
        """
        dead = []
        for row in self.backed_by(address):
            rest = min(row["remaining"], row["volume"] - consumed.get(row["hash"], 0))
            if stake < backing(row, rest):
                dead.append(row)
        return self._bury(dead)

    def disown(self, kind: Kind, resource: str, owner: str) -> list[Message]:
        """A resource left its owner: the orders that this one signed for it die."""
        rows = self.db.execute(
            f"SELECT * FROM orders WHERE {kind.resource} = ? AND kind = ? AND signer = ?"
            " AND status = 'open' AND remaining > 0",
            (resource, kind.name, owner),
        ).fetchall()
        return self._bury(rows)

    def settled_hashes(self) -> list[str]:
        """Orders whose state followed from what the chain said."""
        return [row["hash"] for row in self.db.execute("SELECT hash FROM orders WHERE status != 'dead'")]

    def rewind(self, consumed: Mapping[str, int]) -> None:
        """The chain was wound back: volumes are what ``consumed`` says, orders with a rest are open again."""
        self.db.executemany(
            "UPDATE orders SET remaining = max(volume - :consumed, 0), status = CASE"
            " WHEN volume > :consumed THEN 'open' WHEN status = 'open' THEN 'filled' ELSE status END"
            " WHERE hash = :hash",
            [{"hash": order_hash, "consumed": volume} for order_hash, volume in consumed.items()],
        )

    def best_app_price(self, request: Mapping[str, Any]) -> int | None:
        """The price of the cheapest app order that fits a request, None when there is none."""
        return self._best_price(_APP_OFFER, request)

    def best_dataset_price(self, request: Mapping[str, Any]) -> int | None:
        return self._best_price(_DATASET_OFFER, request)

    def _best_price(self, fits: str, request: Mapping[str, Any]) -> int | None:
        columns = ("app", "dataset", "workerpool", "requester", "tee")
        values = {name: request[name] for name in columns} | {"nobody": NULL_ADDRESS}
        wanted = ", ".join(f":{name} AS {name}" for name in columns)
        query = f"SELECT min(offer.price) FROM orders AS offer, (SELECT {wanted}) AS request WHERE {fits}"
        price: int | None = self.db.execute(query, values).fetchone()[0]
        return price

    def _bury(self, rows: Sequence[sqlite3.Row]) -> list[Message]:
        self.db.executemany(
            "UPDATE orders SET status = 'dead' WHERE hash = ?", [(row["hash"],) for row in rows]
        )
        return self._closed(rows)

    def _closed(self, rows: Sequence[sqlite3.Row]) -> list[Message]:
        """Tell that orders are no longer open, and bury the requests that needed them."""
        messages = [Message("orders", f"{row['kind']}_unpublished", to_json(row["hash"])) for row in rows]
        for kind in (APP, DATASET):
            for resource in {row[kind.resource] for row in rows if row["kind"] == kind.name}:
                messages += self._bury(self._orphans(kind, resource))
        return messages

    def _orphans(self, kind: Kind, resource: str) -> list[sqlite3.Row]:
        """Open requests for a resource that no open order for it fits any more."""
        fits = _APP_OFFER if kind is APP else _DATASET_OFFER
        return self.db.execute(
            f"SELECT * FROM orders AS request WHERE {kind.resource} = :resource AND kind = '{REQUEST.name}'"
            " AND status = 'open' AND NOT EXISTS (SELECT 1 FROM orders AS offer"
            f" WHERE {fits} AND offer.price <= request.{kind.resource}maxprice)",
            {"resource": resource, "nobody": NULL_ADDRESS},
        ).fetchall()

    def _fed(self, order_hash: str, event: str) -> list[Message]:
        row = self.find(order_hash)
        return [Message("orders", f"{row['kind']}_{event}", fed_order(row))] if row else []


def backing(row: Mapping[str, Any] | sqlite3.Row, tasks: int) -> int:
    """The stake that a request or a workerpool order needs for so many tasks, nRLC."""
    price: int = row["price"]
    if row["kind"] == WORKERPOOL.name:
        return price * STAKE_PERCENT // 100 * tasks
    limits: int = row["appmaxprice"] + row["datasetmaxprice"]
    return (price + limits) * tasks
