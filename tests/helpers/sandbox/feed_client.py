"""A client of the market's feed that shows every packet, and can send what no client would."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from types import TracebackType

MARK = "\x1e"


class Client:
    """A socket.io client in a few lines; ``await client.next(event)`` skips other events."""

    def __init__(self, url: str, transport: str) -> None:
        self.url = f"{url}/ws/"
        self.transport = transport
        self.packets: asyncio.Queue[str] = asyncio.Queue()
        self.greeting: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession()
        query = {"EIO": "4", "transport": self.transport}
        if self.transport == "websocket":
            self.socket = await self.session.ws_connect(self.url, params=query)
            opening = await self.socket.receive_str()
        else:
            async with self.session.get(self.url, params=query) as response:
                assert response.headers["Content-Type"] == "text/plain; charset=UTF-8"
                opening = await response.text()
        self.greeting = json.loads(opening[1:])
        self.query = query | {"sid": self.greeting["sid"]}
        listen = self._listen_socket if self.transport == "websocket" else self._listen_polls
        self.listener = asyncio.create_task(listen())
        await self.send("0")
        assert (await self.packet()).startswith('0{"sid":"')
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.listener.cancel()
        await asyncio.gather(self.listener, return_exceptions=True)
        if self.transport == "websocket":
            await self.socket.close()
        await self.session.close()

    async def upgrade(self) -> None:
        """Move from polling to WebSocket while polls go on."""
        self.socket = await self.session.ws_connect(self.url, params=self.query | {"transport": "websocket"})
        await self.socket.send_str("2probe")
        assert await self.socket.receive_str() == "3probe"
        await self.listener
        await self.socket.send_str("5")
        self.transport = "websocket"
        self.listener = asyncio.create_task(self._listen_socket())

    async def send(self, text: str) -> None:
        """A socket.io packet."""
        await self.raw("4" + text)

    async def raw(self, packet: str) -> None:
        """Engine.IO packets."""
        if self.transport == "websocket":
            await self.socket.send_str(packet)
            return
        async with self.session.post(self.url, params=self.query, data=packet) as response:
            assert (response.status, await response.text()) == (200, "ok")

    async def packet(self) -> str:
        return await asyncio.wait_for(self.packets.get(), 60)

    async def next(self, event: str) -> Any:
        while True:
            packet = await self.packet()
            if packet.startswith("2"):
                name, payload = json.loads(packet[1:])
                if name == event:
                    return payload

    async def join(self, topic: str) -> None:
        await self.send("27" + json.dumps(["join", {"chainId": 65535, "topic": topic}]))
        assert await self.packet() == "37[true]"

    async def _listen_polls(self) -> None:
        while True:
            async with self.session.get(self.url, params=self.query) as response:
                # A session that ended between two polls is not known any more.
                packets = (await response.text()).split(MARK) if response.status == 200 else ["1"]
            if packets == ["6"]:
                return
            for packet in packets:
                await self._take(packet)

    async def _listen_socket(self) -> None:
        async for message in self.socket:
            await self._take(message.data)
        self.packets.put_nowait("closed")

    async def _take(self, packet: str) -> None:
        if packet[0] == "4":
            self.packets.put_nowait(packet[1:])
        elif packet[0] == "2":
            await self.raw("3")
        elif packet[0] == "1":
            self.packets.put_nowait("closed")
            await asyncio.Event().wait()
