"""Engine.IO protocol 4, server side: sessions of text messages over long polling or WebSocket.

A session starts with a handshake on either transport and may move from polling to WebSocket. The server
sends a ping every 25 s and gives the client 20 s to answer. Binary messages end a session: nothing here
sends any.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from contextlib import suppress
from typing import Final, Protocol

from aiohttp import WSMsgType, web

PING_INTERVAL: Final = 25.0
PING_TIMEOUT: Final = 20.0
UPGRADE_TIMEOUT: Final = 10.0
MAX_PAYLOAD: Final = 1_000_000
SEPARATOR: Final = "\x1e"

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"

_ERRORS: Final = {
    "transport": (0, "Transport unknown"),
    "session": (1, "Session ID unknown"),
    "method": (2, "Bad handshake method"),
    "request": (3, "Bad request"),
    "version": (5, "Unsupported protocol version"),
}
_METHODS: Final = "GET,HEAD,PUT,PATCH,POST,DELETE"


class Listener(Protocol):
    """What is done with messages; ``closed`` is called once for every session."""

    def received(self, session: Session, text: str) -> None: ...

    def closed(self, session: Session) -> None: ...


class Session:
    """One client. ``send`` never waits; what it sends goes out with the next poll or over the WebSocket."""

    def __init__(self) -> None:
        self.sid = secrets.token_urlsafe(15)
        self.transport = "polling"
        self.closed = False
        self.polled = False
        self._packets: deque[str] = deque()
        self._ready = asyncio.Event()
        self._heard = asyncio.Event()

    def send(self, packet: str) -> None:
        if not self.closed:
            self._packets.append(packet)
            self._ready.set()

    def close(self) -> None:
        """Stop; those who wait for packets get what is left."""
        self.closed = True
        self._ready.set()
        self._heard.set()

    async def packets(self) -> list[str]:
        """Wait until there is something to send; an empty list when the session is over."""
        await self._ready.wait()
        waiting = list(self._packets)
        self._packets.clear()
        if not self.closed:
            self._ready.clear()
        return waiting

    def pong(self) -> None:
        self._heard.set()

    async def ping(self) -> None:
        """Ask the client for a sign of life; TimeoutError when there is none."""
        self._heard.clear()
        self.send(PING)
        async with asyncio.timeout(PING_TIMEOUT):
            await self._heard.wait()


class EngineServer:
    """Answers every request below the path of the engine."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._sessions: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method != "OPTIONS":
            return await self._answer(request)
        told = {"Access-Control-Allow-Methods": _METHODS, "Vary": "Access-Control-Request-Headers"}
        if asked := request.headers.get("Access-Control-Request-Headers"):
            told["Access-Control-Allow-Headers"] = asked
        return web.Response(status=204, headers=told)

    async def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions.values()):
            self.drop(session)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        transport, sid = request.query.get("transport"), request.query.get("sid")
        upgrading = request.headers.get("Upgrade", "").lower() == "websocket"
        if transport not in {"polling", "websocket"}:
            return _error("transport")
        if sid is None:
            return await self._handshake(request, transport, upgrading=upgrading)
        session = self._sessions.get(sid)
        if session is None:
            return _error("session")
        if session.transport != "polling" or (transport == "websocket") != upgrading:
            return _error("request")
        if upgrading:
            return await self._upgrade(request, session)
        return await self._push(request, session) if request.method == "POST" else await self._poll(session)

    async def _handshake(
        self, request: web.Request, transport: str, *, upgrading: bool
    ) -> web.StreamResponse:
        if request.method != "GET":
            return _error("method")
        if (transport == "websocket") != upgrading:
            return _error("request")
        if request.query.get("EIO") != "4":
            return _error("version")
        session = Session()
        self._sessions[session.sid] = session
        task = asyncio.create_task(self._keep_alive(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        session.send(OPEN + _greeting(session.sid, ["websocket"] if transport == "polling" else []))
        if transport == "polling":
            return await self._poll(session)
        session.transport = "websocket"
        socket = await _accept(request)
        await self._converse(session, socket)
        return socket

    async def _keep_alive(self, session: Session) -> None:
        try:
            while not session.closed:
                await asyncio.sleep(PING_INTERVAL)
                await session.ping()
        except TimeoutError:
            self.drop(session)

    def drop(self, session: Session) -> None:
        """End a session."""
        if self._sessions.pop(session.sid, None):
            session.close()
            self._listener.closed(session)

    def _take(self, session: Session, packet: str) -> None:
        """One packet from the client."""
        kind, text = packet[:1], packet[1:]
        if kind == MESSAGE:
            self._listener.received(session, text)
        elif kind == PONG:
            session.pong()
        elif kind not in {OPEN, PING, UPGRADE, NOOP}:
            self.drop(session)

    async def _poll(self, session: Session) -> web.Response:
        """Hand out what is waiting, or wait for it. Two polls at once end the session."""
        if session.polled:
            self.drop(session)
            return web.Response(status=400)
        session.polled = True
        try:
            packets = await session.packets()
        finally:
            session.polled = False
        text = SEPARATOR.join(packets or [CLOSE if session.closed else NOOP])
        return web.Response(text=text, content_type="text/plain", charset="UTF-8")

    async def _push(self, request: web.Request, session: Session) -> web.Response:
        if (request.content_length or 0) > MAX_PAYLOAD:
            self.drop(session)
            return web.Response(status=413)
        for packet in (await request.text()).split(SEPARATOR):
            self._take(session, packet)
        return web.Response(text="ok", content_type="text/html")

    async def _upgrade(self, request: web.Request, session: Session) -> web.StreamResponse:
        """Move a polling session: the client probes the new way, then confirms."""
        socket = await _accept(request)
        with suppress(TimeoutError, TypeError):  # TypeError: the client closed it or sent bytes
            async with asyncio.timeout(UPGRADE_TIMEOUT):
                if await socket.receive_str() == PING + "probe":
                    await socket.send_str(PONG + "probe")
                    session.send(NOOP)  # releases the poll that waits
                    if await socket.receive_str() == UPGRADE:
                        session.transport = "websocket"
        if session.transport == "websocket":
            await self._converse(session, socket)
        await socket.close()
        return socket

    async def _converse(self, session: Session, socket: web.WebSocketResponse) -> None:
        writer = asyncio.create_task(_write(session, socket))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                self._take(session, message.data)
        finally:
            self.drop(session)
            await writer


async def _write(session: Session, socket: web.WebSocketResponse) -> None:
    with suppress(ConnectionError):
        while not session.closed:
            for packet in await session.packets():
                if packet != NOOP:
                    await socket.send_str(packet)
        await socket.close()


async def _accept(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_PAYLOAD)
    await socket.prepare(request)
    return socket


def _greeting(sid: str, upgrades: list[str]) -> str:
    return json.dumps(
        {
            "sid": sid,
            "upgrades": upgrades,
            "pingInterval": int(PING_INTERVAL * 1000),
            "pingTimeout": int(PING_TIMEOUT * 1000),
            "maxPayload": MAX_PAYLOAD,
        },
        separators=(",", ":"),
    )


def _error(name: str) -> web.Response:
    code, message = _ERRORS[name]
    body = json.dumps({"code": code, "message": message}, separators=(",", ":"))
    return web.Response(status=400, text=body, content_type="application/json")
