"""What each route answers, as JSON text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.sandbox.services.market import listing, schemas
from iexec_lab.sandbox.services.market.challenges import authorize, challenge
from iexec_lab.sandbox.services.market.kinds import KINDS, Kind
from iexec_lab.sandbox.services.market.refusals import UnknownObjectError
from iexec_lab.sandbox.services.market.store import count_open, counter, listed_order, single_order, to_json
from iexec_lab.sandbox.services.market.watcher import CHECKPOINT, LAST_BLOCK
from iexec_lab.sandbox.services.market.wire import decode_segment, path_of, query_of, read_body

if TYPE_CHECKING:
    import asyncio
    import sqlite3
    from collections.abc import Mapping

    from aiohttp import web

    from iexec_lab.sandbox.services.market.feed import Feed
    from iexec_lab.sandbox.services.market.publishing import Publisher

VERSION: Final = "7.1.2"

_BY_PATH: Final = {kind.path: kind for kind in KINDS.values()}
_COLLECTIONS: Final[dict[str, dict[str, str]]] = {
    "/version": {"GET": "version"},
    "/docs": {"GET": "docs"},
    "/challenge": {"GET": "challenge"},
    "/categories": {"GET": "categories"},
    "/deals": {"GET": "deals"},
    "/ohlc": {"GET": "ohlc"},
    "/metrics": {"GET": "metrics"},
    **{path: {"GET": "orders", "POST": "publish", "PUT": "unpublish"} for path in _BY_PATH},
}
_ITEMS: Final = {
    "/categories": {"GET": "category"},
    "/deals": {"GET": "deal"},
    **{path: {"GET": "order"} for path in _BY_PATH},
}
ROUTES: Final = {**_COLLECTIONS, **{f"{path}/:id": verbs for path, verbs in _ITEMS.items()}}


def find_route(path: str) -> tuple[Mapping[str, str], str]:
    """The verbs of a path, each with the method of Market that answers, and the id that ends the path.

    Case does not matter, nor one slash at the end. The id may be percent-encoded, the words before it not.
    """
    known = path.removesuffix("/")
    if known.lower() in _COLLECTIONS:
        return _COLLECTIONS[known.lower()], ""
    head, _, last = known.rpartition("/")
    return (_ITEMS.get(head.lower(), {}), decode_segment(last)) if last else ({}, "")


class Market:
    """One method a route: ``(request, id in the path) -> JSON text``; errors are Refusals."""

    def __init__(
        self, chain_id: int, db: sqlite3.Connection, publisher: Publisher, feed: Feed, lock: asyncio.Lock
    ) -> None:
        self._chain_id = chain_id
        self._db = db
        self._publisher = publisher
        self._feed = feed
        self._lock = lock

    async def version(self, _: web.Request, __: str) -> str:
        return to_json({"ok": True, "version": VERSION})

    async def challenge(self, request: web.Request, _: str) -> str:
        wallet = schemas.read_challenge(query_of(request), self._chain_id)
        return to_json({"ok": True, "data": challenge(self._db, self._chain_id, wallet)})

    async def categories(self, request: web.Request, _: str) -> str:
        given = schemas.read_categories(query_of(request), self._chain_id)
        return listing.list_categories(self._db, given, self._chain_id)

    async def category(self, request: web.Request, name: str) -> str:
        self._check_chain(request)
        category_id = schemas.read_category_id(name)
        row = self._db.execute("SELECT * FROM categories WHERE catid = ?", (category_id,)).fetchone()
        if row is None:
            raise UnknownObjectError("category not found")
        return '{"ok":true,' + listing.category_json(row, str(self._chain_id))[1:]

    async def deals(self, request: web.Request, _: str) -> str:
        given = schemas.read_deals(query_of(request), self._chain_id)
        return listing.list_deals(self._db, given, self._chain_id)

    async def deal(self, request: web.Request, name: str) -> str:
        self._check_chain(request)
        deal_id = schemas.read_hash("dealid", name)
        row = self._db.execute("SELECT document FROM deals WHERE dealid = ?", (deal_id,)).fetchone()
        if row is None:
            raise UnknownObjectError("deal not found")
        document: str = row["document"]
        return '{"ok":true,' + document[1:]

    async def ohlc(self, request: web.Request, _: str) -> str:
        category = schemas.read_ohlc(query_of(request), self._chain_id)
        return to_json({"ok": True, "ohlc": listing.ohlc(self._db, category)})

    async def metrics(self, request: web.Request, _: str) -> str:
        self._check_chain(request)
        blocks = {name: counter(self._db, name) or 0 for name in (LAST_BLOCK, CHECKPOINT)}
        return to_json({"ok": True, **blocks, **count_open(self._db)})

    async def orders(self, request: web.Request, _: str) -> str:
        kind = _kind(request)
        given = schemas.read_book(kind, query_of(request), self._chain_id)
        return listing.list_orders(self._db, kind, given, self._chain_id)

    async def order(self, request: web.Request, name: str) -> str:
        kind = _kind(request)
        self._check_chain(request)
        row = self._row(schemas.read_hash("orderHash", name))
        if row is None or row["kind"] != kind.name:
            raise UnknownObjectError(f"{kind.name} not found")
        return single_order(row, self._chain_id)

    async def publish(self, request: web.Request, _: str) -> str:
        kind, body, wallet = await self._authorized(request)
        order = schemas.read_order(kind, body)
        async with self._lock:
            order_hash, messages = await self._publisher.publish(kind, order, wallet)
            row = self._row(order_hash)
        await self._feed.send(messages)
        assert row
        return f'{{"ok":true,"published":{listed_order(row, self._chain_id)}}}'

    async def unpublish(self, request: web.Request, _: str) -> str:
        kind, body, wallet = await self._authorized(request)
        target, subject = schemas.read_unpublish(kind, body)
        async with self._lock:
            hashes, messages = self._publisher.unpublish(kind, target, subject, wallet)
        await self._feed.send(messages)
        return to_json({"ok": True, "unpublished": hashes})

    async def _authorized(self, request: web.Request) -> tuple[Kind, Any, str]:
        """The body and the wallet of a request that changes something; its challenge is used up."""
        body = await read_body(request)
        self._check_chain(request)
        wallet = authorize(self._db, self._chain_id, request.headers.get("Authorization"))
        return _kind(request), body, wallet

    def _check_chain(self, request: web.Request) -> None:
        schemas.read_chain(query_of(request), self._chain_id)

    def _row(self, order_hash: str) -> sqlite3.Row | None:
        query = "SELECT * FROM orders WHERE hash = ?"
        row: sqlite3.Row | None = self._db.execute(query, (order_hash,)).fetchone()
        return row


def _kind(request: web.Request) -> Kind:
    return _BY_PATH["/" + path_of(request).lower().split("/")[1]]
