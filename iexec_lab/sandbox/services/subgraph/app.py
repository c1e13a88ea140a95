"""The service: GraphQL over HTTP, answered for the chain's newest block at the moment of asking.

Queries run in threads, two at a time, so that the other services of the sandbox go on. What indexes is
imported after all have started, graphql-core by the first query.
"""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from iexec_lab.errors import ChainError
from iexec_lab.protocol.hashing import keccak
from iexec_lab.sandbox.ending import end
from iexec_lab.sandbox.services._cors import answer_preflights

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iexec_lab.sandbox.context import Context
    from iexec_lab.sandbox.services.subgraph.follower import Follower

log = logging.getLogger(__name__)

_LARGEST: Final = 2**20
"""Bytes of a request."""
_AT_ONCE: Final = 2
_PEACE: Final = 3.0
"""Seconds after the start in which nothing is indexed unless somebody asks: the other services start then."""
_ABOUT: Final = "This is a PoCo subgraph: POST {query, variables, operationName} as JSON.\n"


async def create(context: Context) -> web.Application:
    """The subgraph of a sandbox; its index is ``subgraph.sqlite`` in the state folder."""
    path = context.folder / "subgraph.sqlite"
    engine = Engine(context, path)
    asked = asyncio.Event()
    made: asyncio.Future[Follower] = asyncio.get_running_loop().create_future()

    async def index() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), _PEACE)
        module = await asyncio.to_thread(import_module, f"{__package__}.follower")
        made.set_result(module.Follower(context, path))
        await made.result().run()

    async def ask(request: web.Request) -> web.Response:
        body = await request.read()
        asked.set()
        try:
            await (await asyncio.shield(made)).reach()
        except ChainError as error:
            return _errors({"message": f"Store error: {error.message}"})
        return web.Response(body=await engine.answer(body), content_type="application/json")

    async def tell(_: web.Request) -> web.Response:
        return web.Response(text=_ABOUT)

    async def follow(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(index(), name="subgraph")
        yield
        await end(task)
        if made.done():
            await made.result().close()
        await engine.close()

    app = web.Application(client_max_size=_LARGEST)
    app.router.add_get("/", tell)
    app.router.add_post("/", ask)
    answer_preflights(app, "GET,POST,OPTIONS")
    app.cleanup_ctx.append(follow)
    return app


class Engine:
    """Answers queries in threads of its own."""

    def __init__(self, context: Context | None, path: Path, deployment: str | None = None) -> None:
        self._context = context
        self._path = path
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="subgraph-query")
        self._free: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        hub = context.hub if context else ""
        self._deployment = deployment or f"Qm{keccak(hub.lower().encode()).hex()[:44]}"

    async def answer(self, body: bytes) -> bytes:
        """The answer to a request, as JSON."""
        loop = asyncio.get_running_loop()

        def block_of(block_hash: str) -> int | None:
            assert self._context
            asked = self._context.chain.rpc("eth_getBlockByHash", block_hash, False)
            block = asyncio.run_coroutine_threadsafe(asked, loop).result(30)
            return None if block is None else int(block["number"], 16)

        return await loop.run_in_executor(self._threads, self.run, body, block_of)

    def run(self, body: bytes, block_of: Any = None) -> bytes:
        """The same, here and now."""
        from graphql import GraphQLError

        from iexec_lab.sandbox.services.subgraph.refusal import RefusalError

        try:
            answer: dict[str, Any] = {"data": self._data(body, block_of)}
        except RefusalError as refusal:
            answer = {"errors": [refusal.to_json()]}
        except GraphQLError as error:
            answer = {"errors": [error.formatted]}
        except RecursionError:
            answer = {"errors": [{"message": "query has a depth that exceeds the limit"}]}
        except Exception:
            log.exception("a query failed")
            answer = {"errors": [{"message": "internal error"}]}
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def _data(self, body: bytes, block_of: Any) -> dict[str, Any]:
        from iexec_lab.sandbox.services.subgraph.answer import Answerer, connect
        from iexec_lab.sandbox.services.subgraph.plan import make_plan

        plan = make_plan(*_parts(body))
        db = connect(self._path) if self._free.empty() else self._free.get()
        try:
            return Answerer(db, self._deployment, block_of).answer(plan)
        finally:
            self._free.put(db)

    async def close(self) -> None:
        """End the threads; a query at work has its time limit."""
        await asyncio.to_thread(self._threads.shutdown)
        while not self._free.empty():
            self._free.get().close()


def _parts(body: bytes) -> tuple[str, str | None, dict[str, Any]]:
    from iexec_lab.sandbox.services.subgraph.refusal import RefusalError

    try:
        asked = json.loads(body)
    except ValueError as error:
        raise RefusalError(f"GraphQL server error (client error): the body is no JSON: {error}") from None
    asked = asked if isinstance(asked, dict) else {}
    query, name, variables = asked.get("query"), asked.get("operationName"), asked.get("variables") or {}
    if not isinstance(query, str):
        raise RefusalError('GraphQL server error (client error): the body is missing the text "query"')
    if not isinstance(variables, dict) or not isinstance(name, str | None):
        raise RefusalError("GraphQL server error (client error): variables are an object, a name is text")
    return query, name, variables


def _errors(*errors: dict[str, Any]) -> web.Response:
    return web.json_response({"errors": list(errors)})
