"""Connections to an Ethereum node, and how one hears of new blocks."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import aiohttp

from iexec_lab.errors import CallError, ChainError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType


_JSON = {"Content-Type": "application/json"}


class Head(NamedTuple):
    """The newest block; ``timestamp`` (s) is the chain's time, which ``forward`` moves ahead of the clock."""

    number: int
    timestamp: int


class Connection(Protocol):
    """A way to a node."""

    async def post(self, payload: Any) -> Any:
        """A JSON-RPC request or batch, and its answer."""

    async def watch(self, moved: Callable[[Head], Awaitable[None]]) -> None:
        """Call ``moved`` with the newest block, now and whenever there is another, until cancelled."""


class HttpConnection:
    """A node by its URL, HTTP and WebSocket on one port; for use with ``async with``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=16), timeout=aiohttp.ClientTimeout(total=120)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def post(self, payload: Any) -> Any:
        return json.loads(await self.relay(json.dumps(payload).encode()))

    async def relay(self, body: bytes) -> bytes:
        """A request and its answer, as they are on the wire."""
        try:
            async with self.session.post(self.url, data=body, headers=_JSON) as response:
                return await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ChainError(f"The sandbox's Ethereum node does not answer: {error}") from error

    async def watch(self, moved: Callable[[Head], Awaitable[None]]) -> None:
        while True:
            with suppress(aiohttp.ClientError, ChainError):
                async with self.session.ws_connect(self.url.replace("http", "ws", 1)) as socket:
                    await socket.send_json(request("eth_subscribe", ["newHeads"]))
                    # Only what is mined after this answer is announced.
                    await socket.receive()
                    newest = await self.post(request("eth_getBlockByNumber", ["latest", False]))
                    await moved(to_head(result(newest)))
                    async for message in socket:
                        if header := message.json().get("params", {}).get("result"):
                            await moved(to_head(header))
            await asyncio.sleep(0.1)


def request(method: str, params: Sequence[Any] = (), number: int = 0) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def result(answer: Mapping[str, Any]) -> Any:
    """The result in an answer; CallError with the node's words for an error."""
    if "error" not in answer:
        return answer.get("result")
    message = str(answer["error"].get("message", "unknown error"))
    _, reverted, reason = message.partition("execution reverted")
    raise CallError(message, reason=(reason.lstrip(": ") if reverted else message) or None)


def to_head(block: Mapping[str, Any]) -> Head:
    """The head in a block or header of JSON-RPC."""
    return Head(int(block["number"], 16), int(block["timestamp"], 16))
