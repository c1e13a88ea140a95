# ruff: noqa: S608 -- names of tables and columns in SQL are our own
"""Pages of orders, deals and categories: filters to SQL, rows to JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32
from iexec_lab.sandbox.services.market.fields import ANY
from iexec_lab.sandbox.services.market.kinds import KINDS, Kind
from iexec_lab.sandbox.services.market.store import BULK_VOLUME, SHOWN, listed_order

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

DEFAULT_SIZE: Final = 20
OHLC_DEALS: Final = 100
_COMPARED: Final = {
    **{kind.owner: "signer = ?" for kind in KINDS.values() if kind.owner},
    "category": "category = ?",
    "maxTrust": "trust <= ?",
    "minVolume": "remaining >= ?",
}
_DEAL_FILTERS: Final = (
    *("category", "requester", "beneficiary", "app", "dataset", "workerpool"),
    *("appOwner", "datasetOwner", "workerpoolOwner"),
    *(f"{kind}Hash" for kind in KINDS),
)


@dataclass(frozen=True, slots=True)
class Page:
    """``limit`` objects after the first ``skip``."""

    limit: int
    skip: int

    @classmethod
    def from_query(cls, given: Mapping[str, Any]) -> Page:
        """``pageIndex`` and ``pageSize``; without both, the deprecated ``page``, which is an offset."""
        if "pageIndex" in given or "pageSize" in given:
            limit = given.get("pageSize", DEFAULT_SIZE)
            return cls(limit, limit * given.get("pageIndex", 0))
        return cls(DEFAULT_SIZE, given.get("page", 0))


class Where:
    """Conditions joined by AND, with their values."""

    def __init__(self, condition: str = "TRUE", *values: Any) -> None:
        self.conditions = [condition]
        self.values = list(values)

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values += values

    def __str__(self) -> str:
        return " AND ".join(self.conditions)


def list_orders(db: sqlite3.Connection, kind: Kind, given: Mapping[str, Any], chain_id: int) -> str:
    """The answer of ``GET /<kind>s``: open orders only, the best for the reader first."""
    return _answer(db, ORDERS, order_filters(kind, given), given, chain_id)


def order_filters(kind: Kind, given: Mapping[str, Any]) -> Where:
    where = Where("kind = ? AND status = 'open'", kind.name)
    for column in kind.exact:
        if given.get(column, ANY) != ANY:
            where.add(f"{column} = ?", given[column])
    for column in kind.restrictions:
        _restrict(where, column, given.get(column), strict=given.get(f"is{column.capitalize()}Strict", False))
    if given.get("minTrust", 0) > 1:
        where.add("trust >= ?", given["minTrust"])
    for name, condition in _COMPARED.items():
        if name in given:
            where.add(condition, given[name])
    if given.get("bulkOnly"):
        where.add("volume >= ? AND rank = 0", BULK_VOLUME)
    least, most = given.get("minTag", NULL_BYTES32), given.get("maxTag")
    if least != NULL_BYTES32 or most is not None:
        where.add("tag IN (SELECT tag FROM tags WHERE tag_between(tag, ?, ?))", least, most)
    return where


def _restrict(where: Where, column: str, asked: str | None, *, strict: bool) -> None:
    """An order fits when it is restricted to nobody or to the one asked for; strict wants it named."""
    if asked == ANY:
        return
    if asked is None:
        where.add(f"{column} = ?", NULL_ADDRESS)
    elif strict:
        where.add(f"{column} = ?", asked)
    else:
        where.add(f"{column} IN (?, ?)", NULL_ADDRESS, asked)


def list_deals(db: sqlite3.Connection, given: Mapping[str, Any], chain_id: int) -> str:
    """The answer of ``GET /deals``, newest block first."""
    where = Where()
    for column in _DEAL_FILTERS:
        if column in given:
            where.add(f"{column} = ?", given[column])
    return _answer(db, DEALS, where, given, chain_id)


def list_categories(db: sqlite3.Connection, given: Mapping[str, Any], chain_id: int) -> str:
    """The answer of ``GET /categories``, shortest first."""
    where = Where()
    if "minWorkClockTimeRef" in given:
        where.add("clock >= ?", given["minWorkClockTimeRef"])
    if "maxWorkClockTimeRef" in given:
        where.add("clock <= ?", given["maxWorkClockTimeRef"])
    return _answer(db, CATEGORIES, where, given, chain_id)


def ohlc(db: sqlite3.Connection, category: int) -> list[list[Any]]:
    """``[time, workerpool price, volume]`` of the last deals in a category."""
    rows = db.execute(
        "SELECT document FROM deals WHERE category = ? ORDER BY block DESC, price, dealid LIMIT ?",
        (category, OHLC_DEALS),
    )
    deals = (json.loads(row["document"]) for row in rows)
    return [[deal["blockTimestamp"], deal["workerpool"]["price"], deal["volume"]] for deal in deals]


def category_json(row: sqlite3.Row, chain_id: int | str) -> str:
    """A category; its chain id is a number in lists and a string alone."""
    chain = f'"{chain_id}"' if isinstance(chain_id, str) else chain_id
    return f'{{"catid":{row["catid"]},"chainId":{chain},{row["document"][1:]}'


def _document(row: sqlite3.Row, chain_id: int) -> str:  # noqa: ARG001  a deal's document has its chain id
    document: str = row["document"]
    return document


class Listing(NamedTuple):
    """A table as it is listed: what is read, in which order, and how a row is shown."""

    table: str
    columns: str
    order: str
    show: Callable[[sqlite3.Row, int], str]


ORDERS: Final = Listing("orders", SHOWN, "rank, published, hash", listed_order)
DEALS: Final = Listing("deals", "document", "block DESC, dealid", _document)
CATEGORIES: Final = Listing("categories", "catid, document", "clock, catid", category_json)


def _answer(
    db: sqlite3.Connection, listing: Listing, where: Where, given: Mapping[str, Any], chain_id: int
) -> str:
    """``nextPage`` is there whenever the page is full, also when nothing follows."""
    table, columns, order, show = listing
    page = Page.from_query(given)
    count = db.execute(f"SELECT count(*) FROM {table} WHERE {where}", where.values).fetchone()[0]
    rows = db.execute(
        f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
        (*where.values, page.limit, page.skip),
    ).fetchall()
    shown = ",".join(show(row, chain_id) for row in rows)
    following = f',"nextPage":{page.skip + page.limit}' if len(rows) == page.limit else ""
    return f'{{"ok":true,"{table}":[{shown}],"count":{count}{following}}}'
