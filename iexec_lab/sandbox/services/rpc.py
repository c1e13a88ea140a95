"""The Ethereum node's public face: JSON-RPC over HTTP and WebSocket on one port, like anvil's own.

Besides what anvil knows, ``sandbox_fund(address, nRLC, wei)`` and ``sandbox_forward(seconds)`` are answered,
and for ``sandbox populate`` ``sandbox_block(transactions, time)``, ``sandbox_publish(orders, time)``,
``sandbox_serve(keys)`` and ``sandbox_shorten()``, after which a start has nothing to play.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, WSMsgType, web

from iexec_lab.errors import ChainError, IexecError, ValidationError
from iexec_lab.sandbox.chain.faucet import fund
from iexec_lab.sandbox.chain.replay import NodeError
from iexec_lab.sandbox.chain.rpc_methods import changes
from iexec_lab.sandbox.chain.token_storage import TokenStorage
from iexec_lab.sandbox.services._cors import answer_preflights

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp import ClientWebSocketResponse

    from iexec_lab.sandbox.chain.durable_node import DurableNode
    from iexec_lab.sandbox.context import Context

STALE = 60.0
"""Seconds after which a read first gets a new block, so that deadlines pass on an idle chain too."""

MEMORY = 0.26
"""Seconds, a little above the 0.25 for which ethers repeats its nodes' answers to itself.

On a chain where a transaction is mined before that, its user sends the next one with the number of the last.
"""

LATEST = 221_845_392_000
"""Seconds since 1970, 9000-01-01: deadlines are later, and in ten thousand our calendar ends."""

_BIG = 256 * 2**20
_PLAIN_TRANSFER, _LARGE = 21_000, 20_000_000
"""Gas whose estimate is exact, and gas that might not fit into a block with more."""


async def create(context: Context, node: DurableNode) -> web.Application:
    """The application of the rpc port; the only service that is also given the node."""
    door = Door(context, node)
    app = web.Application(client_max_size=_BIG)
    app.router.add_post("/", door.http)
    app.router.add_get("/", door.websocket)
    answer_preflights(app, "GET, POST, OPTIONS")
    return app


class Door:
    def __init__(self, context: Context, node: DurableNode) -> None:
        self._context = context
        self._node = node
        self._storage = TokenStorage(context.rlc)
        self._methods = {**_METHODS, **(_FREE if context.native else {})}
        self._counted = 0.0

    async def http(self, request: web.Request) -> web.Response:
        body = await request.read()
        payload = _parsed(body)
        if _may_be_ethers(request):
            self._note_counts(payload)
        if self._plain(payload):
            with suppress(IexecError):
                await self._refresh()
                answer = await self._node.relay(body)
                if "eth_estimateGas" in _asked(payload):
                    answer = json.dumps(_with_room(payload, _parsed(answer))).encode()
                return web.Response(body=answer, content_type="application/json")
        forgotten = self._counted + MEMORY
        answers = await self._answer(payload)
        if _may_be_ethers(request) and "eth_sendRawTransaction" in _asked(payload):
            await asyncio.sleep(forgotten - asyncio.get_running_loop().time())
        return web.json_response(answers)

    def _note_counts(self, payload: Any) -> None:
        """Remember when a user of ethers last asked for the number of a transaction to come."""
        if "eth_getTransactionCount" in _asked(payload):
            self._counted = asyncio.get_running_loop().time()

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Subscriptions and reads go straight to anvil; changes go through our own node."""
        client = web.WebSocketResponse(max_msg_size=_BIG)
        if not client.can_prepare(request):
            raise web.HTTPMethodNotAllowed("GET", ["POST", "OPTIONS"])
        await client.prepare(request)
        url = (await self._node.alive()).replace("http", "ws", 1)
        async with ClientSession() as session, session.ws_connect(url, max_msg_size=_BIG) as anvil:
            back = asyncio.create_task(_copy(anvil, client))
            try:
                async for message in client:
                    if message.type is WSMsgType.TEXT:
                        await self._relay(message.data, client, anvil)
            finally:
                back.cancel()
        return client

    async def _relay(self, text: str, client: web.WebSocketResponse, anvil: ClientWebSocketResponse) -> None:
        payload = _parsed(text)
        if self._plain(payload):
            await anvil.send_str(text)
        else:
            await client.send_json(await self._answer(payload))

    def _plain(self, payload: Any) -> bool:
        """True for well-formed requests that only read: they are anvil's business."""
        entries = payload if isinstance(payload, list) else [payload]
        return bool(entries) and all(
            isinstance(entry, dict)
            and isinstance(method := entry.get("method"), str)
            and method not in self._methods
            and not changes(method)
            for entry in entries
        )

    async def _answer(self, payload: Any) -> Any:
        entries = payload if isinstance(payload, list) else [payload]
        if not entries or not all(isinstance(entry, dict) for entry in entries):
            return _error(None, -32700, "Parse error")
        if not all(map(_is_well_formed, entries)):
            return _error(None, -32600, "Invalid request")
        if any(entry.get("method") in self._methods for entry in entries):
            answers = [await self._answer_own(entry) for entry in entries]
            return answers if isinstance(payload, list) else answers[0]
        await self._refresh()
        translated = [self._storage.translate(entry) for entry in entries]
        if self._context.native:
            translated = [_unpriced(entry) for entry in translated]
        try:
            return await self._node.post(translated if isinstance(payload, list) else translated[0])
        except IexecError as error:
            return _error(entries[0].get("id"), -32603, error.message)

    async def _refresh(self) -> None:
        """Let time pass on an idle chain; who only reads need not hear that the disk is full."""
        with suppress(ChainError):
            await self._node.refresh(STALE)

    async def _answer_own(self, entry: Mapping[str, Any]) -> Any:
        own = self._methods.get(str(entry.get("method")))
        if own is None:
            return await self._answer(entry)
        try:
            result = await own(self._context, self._node, *(entry.get("params") or []))
        except IexecError as error:
            return _error(entry.get("id"), -32000, error.message)
        except (TypeError, ValueError):
            return _error(entry.get("id"), -32602, "Invalid params")
        return {"jsonrpc": "2.0", "id": entry.get("id"), "result": result}


async def _fund(context: Context, _: DurableNode, address: str, nrlc: str = "0x0", wei: str = "0x0") -> None:
    await fund(
        context.chain, context.accounts.faucet, context.rlc, address, nrlc=int(nrlc, 16), wei=int(wei, 16)
    )


async def _forward(_: Context, node: DurableNode, seconds: int) -> dict[str, str]:
    if node.head.timestamp + int(seconds) > LATEST:
        raise ValidationError("The chain's clock does not go beyond the year 9000")
    head = await node.forward(int(seconds))
    return {"number": hex(head.number), "timestamp": hex(head.timestamp)}


async def _block(
    _: Context, node: DurableNode, transactions: Sequence[str], timestamp: int
) -> dict[str, Any]:
    """Mine transactions as one block; its number and time, and which of them failed."""
    if int(timestamp) > LATEST:
        raise ValidationError("The chain's clock does not go beyond the year 9000")
    try:
        receipts = await node.add_block(transactions, int(timestamp))
    except NodeError as error:
        raise ValidationError(f"The node refused a transaction: {error}") from error
    failed = [receipt["transactionHash"] for receipt in receipts if receipt["status"] != "0x1"]
    return {"number": hex(node.head.number), "timestamp": hex(node.head.timestamp), "failed": failed}


async def _publish(context: Context, _: DurableNode, orders: Sequence[Any], timestamp: int) -> list[str]:
    """Publish signed orders, ``[kind, order]`` each, as if at that time; the hashes of the new ones."""
    if context.publish is None:
        raise ValidationError("The market is not there yet")
    return await context.publish([(kind, order) for kind, order in orders], int(timestamp))


async def _serve(context: Context, node: DurableNode, keys: Sequence[str]) -> None:
    """From the next block on, work for the workerpools of the owners with these private keys too."""
    context.owners.add([bytes.fromhex(key.removeprefix("0x")) for key in keys], node.head.number + 1)


async def _shorten(_: Context, node: DurableNode) -> None:
    await node.shorten()


_METHODS: dict[str, Callable[..., Awaitable[Any]]] = {
    "sandbox_fund": _fund,
    "sandbox_forward": _forward,
    "sandbox_block": _block,
    "sandbox_publish": _publish,
    "sandbox_serve": _serve,
    "sandbox_shorten": _shorten,
}


async def _no_tip(_: Context, __: DurableNode) -> str:
    return "0x0"


_FREE = {"eth_maxPriorityFeePerGas": _no_tip}
"""Where gas costs nothing; anvil would suggest to pay a tip all the same."""


def _unpriced(entry: Any) -> Any:
    """A transaction for anvil to sign gets price 0 unless it names one: anvil's own choice does not fit."""
    params = entry.get("params")
    if entry.get("method") != "eth_sendTransaction" or not isinstance(params, list) or not params:
        return entry
    if not isinstance(params[0], dict) or {"gasPrice", "maxFeePerGas"} & params[0].keys():
        return entry
    return {**entry, "params": [{**params[0], "gasPrice": "0x0"}, *params[1:]]}


async def _copy(anvil: ClientWebSocketResponse, client: web.WebSocketResponse) -> None:
    async for message in anvil:
        if message.type is WSMsgType.TEXT:
            await client.send_str(message.data)
    await client.close()


def _parsed(text: str | bytes) -> Any:
    """The JSON, or None when it is none or nested beyond reason."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_well_formed(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("method"), str) and isinstance(entry.get("params"), list | None)


def _asked(payload: Any) -> set[str]:
    """The methods of a request or batch."""
    entries = payload if isinstance(payload, list) else [payload]
    return {str(entry.get("method")) for entry in entries if isinstance(entry, dict)}


def _with_room(payload: Any, answers: Any) -> Any:
    """The answers, their estimates of gas raised by a quarter, but for plain transfers of coins.

    Nodes of layer 2 do the like. Those who send exactly what was estimated would run out of gas whenever a
    deal or a task of somebody else was mined meanwhile.
    """
    asked, found = (value if isinstance(value, list) else [value] for value in (payload, answers))
    estimates = [entry.get("id") for entry in asked if entry.get("method") == "eth_estimateGas"]
    for answer in found:
        if (
            isinstance(answer, dict)
            and answer.get("id") in estimates
            and isinstance(answer.get("result"), str)
        ):
            gas = int(answer["result"], 16)
            if _PLAIN_TRANSFER < gas < _LARGE:
                answer["result"] = hex(gas + gas // 4)
    return answers


def _may_be_ethers(request: web.Request) -> bool:
    """In Node.js it does not say what it is; in a page it is the browser that asks."""
    return request.headers.get("User-Agent", "Mozilla").startswith("Mozilla")


def _error(number: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}
