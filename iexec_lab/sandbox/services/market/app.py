"""The market as an aiohttp application: routing, CORS, rate limit and errors as koa's middleware has them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web

from iexec_lab.sandbox.ending import end
from iexec_lab.sandbox.services.callers import NOBODY
from iexec_lab.sandbox.services.market.book import Book
from iexec_lab.sandbox.services.market.bulk import bulk_publisher
from iexec_lab.sandbox.services.market.docs import docs_page
from iexec_lab.sandbox.services.market.feed import Feed
from iexec_lab.sandbox.services.market.limits import RateLimiter
from iexec_lab.sandbox.services.market.options import MarketOptions
from iexec_lab.sandbox.services.market.publishing import Publisher
from iexec_lab.sandbox.services.market.refusals import Refusal
from iexec_lab.sandbox.services.market.routes import Market, find_route
from iexec_lab.sandbox.services.market.store import open_store, to_json
from iexec_lab.sandbox.services.market.watcher import Watcher
from iexec_lab.sandbox.services.market.wire import LARGEST_JSON, TooDeepError, path_of, read_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from iexec_lab.sandbox.context import Context

log = logging.getLogger(__name__)

FEED_PATH: Final = "/ws/"
_CORS_METHODS: Final = "GET,HEAD,PUT,POST,DELETE,PATCH"
_KNOWN_METHODS: Final = {"HEAD", "OPTIONS", "GET", "PUT", "PATCH", "POST", "DELETE"}


async def create(ctx: Context, options: MarketOptions | None = None) -> web.Application:
    """The market of a sandbox; its state is ``market.sqlite`` in the sandbox's folder."""
    options = options or MarketOptions()
    db = open_store(ctx.folder / "market.sqlite")
    book = Book(db)
    feed = Feed(ctx.chain_id)
    lock = asyncio.Lock()
    publisher = Publisher(ctx, book, options)
    market = Market(ctx.chain_id, db, publisher, feed, lock)
    limiter = RateLimiter(options.rate_limit) if options.rate_limit else None
    watcher = Watcher(ctx, book, feed, lock)
    ctx.publish = bulk_publisher(publisher, watcher, feed, lock)

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path.startswith(FEED_PATH):
            return await feed.handle(request)
        return await _answer(request, market, limiter)

    async def follow_chain(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(watcher.run(), name="market watcher")
        yield
        await end(task)
        db.close()

    async def close_feed(_: web.Application) -> None:
        await feed.close()

    app = web.Application(client_max_size=LARGEST_JSON)
    app.router.add_route("*", "/{path:.*}", handle)
    app.cleanup_ctx.append(follow_chain)
    app.on_shutdown.append(close_feed)
    return app


async def _answer(request: web.Request, market: Market, limiter: RateLimiter | None) -> web.Response:
    headers = {"Vary": "Origin"}
    if _is_preflight(request):
        return _preflight(request, headers)
    if request.method == "OPTIONS":  # no preflight, and the real service marks its answer for nobody
        headers["Access-Control-Allow-Origin"] = NOBODY
    limits = limiter.count(request) if limiter else {}
    if "Retry-After" in limits:
        refusal = {"ok": False, "error": "Rate limit exceeded"}
        response = web.json_response(refusal, status=429, dumps=to_json)
    else:
        response = await _route(request, market)
    response.headers.update(headers | limits)
    return response


def _is_preflight(request: web.Request) -> bool:
    asked = request.headers.get("Origin") and request.headers.get("Access-Control-Request-Method")
    return request.method == "OPTIONS" and bool(asked)


def _preflight(request: web.Request, headers: Mapping[str, str]) -> web.Response:
    response = web.Response(status=204, headers={**headers, "Access-Control-Allow-Methods": _CORS_METHODS})
    asked = request.headers.get("Access-Control-Request-Headers")
    if asked:
        response.headers["Access-Control-Allow-Headers"] = asked
    return response


async def _route(request: web.Request, market: Market) -> web.Response:
    """Find who answers; a known path with another verb says which verbs it has."""
    verbs, parameter = find_route(path_of(request))
    verb = "GET" if request.method == "HEAD" else request.method
    if verb in verbs:
        return await _run(request, market, verbs[verb], parameter)
    allowed = ", ".join(["HEAD", *verbs])
    if request.method not in _KNOWN_METHODS:
        return web.Response(status=501, text="Not Implemented", headers={"Allow": allowed} if verbs else {})
    if not verbs:
        return web.Response(status=404, text="Not Found")
    if request.method == "OPTIONS":
        return web.Response(status=200, text="", headers={"Allow": allowed})
    return web.Response(status=405, text="Method Not Allowed", headers={"Allow": allowed})


async def _run(request: web.Request, market: Market, name: str, parameter: str) -> web.Response:
    if name == "docs":
        return web.Response(text=docs_page(), content_type="text/html", charset="utf-8")
    try:
        if name != "version" and request.method in {"GET", "HEAD"}:
            with suppress(TooDeepError):
                await read_body(request)  # nobody needs it, but a malformed one fails here as there
        return web.json_response(text=await getattr(market, name)(request, parameter))
    except Refusal as refusal:
        status, message = refusal.status, refusal.message
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        status, message = 500, "Internal error"
    return web.json_response({"ok": False, "error": message}, status=status, dumps=to_json)
