"""The feed: what happens at the market, told over socket.io to those who joined a room.

python-socketio has the sessions, both transports, pings and rooms. Ours is what the real service, socket.io 4
on Node, does otherwise: its answers to wrong requests, the end of a session that sends nonsense, ``leave``,
which looks at a field ``category`` that nobody sends, and ``leaveAll``, which does nothing.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp import web

from iexec_lab.protocol.javascript import to_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

PING_INTERVAL: Final = 25.0
PING_TIMEOUT: Final = 20.0
"""Seconds a client may take to answer a ping; it is given up within as many more."""
MAX_PAYLOAD: Final = 1_000_000
"""Bytes of a request or WebSocket message of a client."""
MOST_WAITING: Final = 10_000
"""Messages that are kept for a client who does not read."""
TOPICS: Final = ("orders", "deals")

_CONNECT, _DISCONNECT, _EVENT, _ACK = range(4)
_RESERVED: Final = {
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
}
"""Events that no client may send."""
_CLOSE: Final = "1"
_PACKETS: Final = tuple("0123456b")
_SEPARATOR: Final = "\x1e"
_METHODS: Final = "GET,HEAD,PUT,PATCH,POST,DELETE"
_FAULTS: Final = {
    "Transport unknown": 0,
    "Session ID unknown": 1,
    "Bad handshake method": 2,
    "Bad request": 3,
    "Unsupported protocol version": 5,
}

log = logging.getLogger(__name__)
log.setLevel(logging.ERROR)  # python-socketio tells every packet


class Message(NamedTuple):
    """An event of one of the ``TOPICS``; ``payload`` is JSON text."""

    topic: str
    event: str
    payload: str


class Feed:
    """Answers every request below the path of the feed, and sends messages to ``<chain id>:<topic>``."""

    def __init__(self, chain_id: int) -> None:
        self._chain_id = chain_id
        self._rooms = {f"{chain_id}:{topic}" for topic in TOPICS}
        self._polled: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server: Any = None
        self._obey: Callable[[str, str], Awaitable[None]]

    async def send(self, messages: Iterable[Message]) -> None:
        """Tell those in the rooms; this does not wait until they have it."""
        for topic, event, payload in messages if self._server else ():
            await self._server.emit(event, json.loads(payload), room=f"{self._chain_id}:{topic}")
        for sid, session in list(self._sessions.items()):
            if session.queue.qsize() > MOST_WAITING:
                await self._end(sid)

    async def close(self) -> None:
        """End all sessions at once."""
        for sid in list(self._sessions):
            await self._end(sid)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- requests -----------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return _preflight(request)
        if fault := self._fault(request):
            body = json.dumps({"code": _FAULTS[fault], "message": fault}, separators=(",", ":"))
            return web.Response(status=400, text=body, content_type="application/json")
        if self._server is None:
            # Only now: the import takes 0.16 s of CPU time, and no start of a sandbox waits for a feed.
            library = await asyncio.to_thread(importlib.import_module, "socketio")
            self._server = self._server or self._make_server(library)
        sid = request.query.get("sid")
        if sid is None:
            answer: web.StreamResponse = await self._server.handle_request(request)
            return answer
        if _upgrades(request):
            return await self._upgrade(request, sid)
        return await (self._push if request.method == "POST" else self._poll)(request, sid)

    def _fault(self, request: web.Request) -> str | None:
        """What Node's engine.io says against a request, in the order of its checks."""
        transport, sid = request.query.get("transport"), request.query.get("sid")
        mixed = (transport == "websocket") != _upgrades(request) or "j" in request.query
        if transport not in {"polling", "websocket"}:
            return "Transport unknown"
        if sid is None:
            if request.method != "GET":
                return "Bad handshake method"
            if mixed:
                return "Bad request"
            return None if request.query.get("EIO") == "4" else "Unsupported protocol version"
        session = self._sessions.get(sid)
        if session is None or session.closed:
            return "Session ID unknown"
        is_known = request.method in {"GET", "POST"} and session.connected
        return "Bad request" if mixed or session.upgraded or not is_known else None

    async def _poll(self, request: web.Request, sid: str) -> web.StreamResponse:
        """Wait for what there is to tell. Two polls at once end the session."""
        if sid in self._polled:
            await self._end(sid)
            return web.Response(status=400)
        self._polled.add(sid)
        try:
            answer: web.StreamResponse = await self._server.handle_request(request)
        finally:
            self._polled.discard(sid)
        return answer

    async def _push(self, request: web.Request, sid: str) -> web.Response:
        """Take what a client says; the library would read what has come so far, and 16 packets at most."""
        if (request.content_length or 0) > MAX_PAYLOAD:
            await self._end(sid)
            return web.Response(status=413)
        packet = importlib.import_module("engineio.packet").Packet
        for text in (await request.text()).split(_SEPARATOR):
            session = self._sessions.get(sid)
            if session is None or session.closed:
                break
            if text == _CLOSE:  # the library would let a poll wait on
                await self._end(sid)
                break
            try:
                await session.receive(packet(encoded_packet=text))
            except Exception:  # noqa: BLE001 -- the library has no error in common for what is no packet
                await self._end(sid)
        return web.Response(text="ok", content_type="text/html")

    async def _upgrade(self, request: web.Request, sid: str) -> web.StreamResponse:
        session = self._sessions[sid]
        answer: web.StreamResponse = await self._server.handle_request(request)
        # Where the new way failed the library would never again answer on the old one.
        session.upgrading = False
        return answer

    # -- sessions -----------------------------------------------------------------------------------------

    @property
    def _sessions(self) -> dict[str, Any]:
        """The library's, by session id."""
        return self._server.eio.sockets if self._server else {}

    def _make_server(self, library: Any) -> Any:
        server = library.AsyncServer(
            async_mode="aiohttp",
            async_handlers=False,
            cors_allowed_origins=[],  # callers.py decides before us who may ask
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            max_http_buffer_size=MAX_PAYLOAD,
            logger=log,
            engineio_logger=log,
        )
        for event, obey in (("join", self._join), ("leave", self._leave), ("leaveAll", self._leave_all)):
            server.on(event, obey)
        self._obey = server.eio.handlers["message"]
        server.eio.on("message", self._heed)
        server.eio.start_background_task = self._start_task
        server.eio._async = {**server.eio._async, "websocket": _WebSocket}  # noqa: SLF001
        return server

    def _start_task(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> asyncio.Task[None]:
        """The library's way to go on beside; ``close`` ends it."""
        task = asyncio.ensure_future(work(*arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end(self, sid: str) -> None:
        """End a session: who polls is told so, a WebSocket is closed."""
        session = self._sessions.pop(sid, None)
        if session is not None:
            await session.close(wait=False, abort=session.upgraded)
            session.queue.put_nowait(None)  # ends the task that writes

    async def _heed(self, sid: str, text: Any) -> None:
        """Act on a socket.io packet; one that the real service does not let pass ends the session."""
        packet = _read(text)
        is_connected = self._server.manager.sid_from_eio_sid(sid, "/") is not None
        if packet is None:
            await self._end(sid)
        elif packet.packet_type == _CONNECT and packet.namespace not in {None, "/"}:
            await self._server.eio.send(sid, f'4{packet.namespace},{{"message":"Invalid namespace"}}')
        elif packet.namespace not in {None, "/"} or is_connected == (packet.packet_type == _CONNECT):
            await self._end(sid)
        elif packet.packet_type != _ACK:  # nothing of ours asks for one
            await self._obey(sid, text)

    # -- events: acknowledged with true, or not at all -----------------------------------------------------

    async def _join(self, sid: str, data: Any = None, *_: Any) -> Any:
        if not isinstance(data, dict) or not data.get("chainId") or not data.get("topic"):
            return self._server.not_handled
        room = f"{to_text(data['chainId'])}:{to_text(data['topic'])}"
        if room in self._rooms:  # nobody speaks in others, and a client could fill the memory with them
            await self._server.enter_room(sid, room)
        return True

    async def _leave(self, sid: str, data: Any = None, *_: Any) -> Any:
        if not isinstance(data, dict):
            return self._server.not_handled
        category = to_text(data["category"]) if "category" in data else "undefined"
        await self._server.leave_room(sid, f"{to_text(data.get('chainId'))}:{category}")
        return True

    async def _leave_all(self, _: str, data: Any = None, *__: Any) -> Any:
        return True if isinstance(data, dict) else self._server.not_handled


class _WebSocket:
    """A WebSocket as the library wants it; a message that is no packet is its end."""

    def __init__(self, talk: Callable[[_WebSocket], Awaitable[None]], _: Any) -> None:
        self._talk = talk
        self._socket = web.WebSocketResponse(
            compress=False, max_msg_size=MAX_PAYLOAD, receive_timeout=PING_INTERVAL + PING_TIMEOUT
        )

    async def __call__(self, environ: Mapping[str, Any]) -> web.WebSocketResponse:
        await self._socket.prepare(environ["aiohttp.request"])
        await self._talk(self)
        await self._socket.close()
        return self._socket

    async def send(self, text: str) -> None:
        await self._socket.send_str(text)

    async def wait(self) -> str:
        """The next packet; OSError when there is none any more."""
        try:
            text = await self._socket.receive_str()
        except TypeError as error:  # it was closed, or bytes came
            raise ConnectionError("no text") from error
        if not text.startswith(_PACKETS):
            raise ConnectionError("no packet")
        return text

    async def close(self) -> None:
        await self._socket.close()


def _upgrades(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _preflight(request: web.Request) -> web.Response:
    told = {"Access-Control-Allow-Methods": _METHODS, "Vary": "Access-Control-Request-Headers"}
    if asked := request.headers.get("Access-Control-Request-Headers"):
        told["Access-Control-Allow-Headers"] = asked
    return web.Response(status=204, headers=told)


def _read(text: Any) -> Any:
    """A socket.io packet that a client may send, by the checks of Node's parser; None for any other."""
    if not isinstance(text, str):
        return None
    try:
        packet = importlib.import_module("socketio.packet").Packet(encoded_packet=text)
    except (ValueError, RecursionError):
        return None
    data = packet.data
    is_valid = {
        _CONNECT: data is None or isinstance(data, dict),
        _DISCONNECT: data is None,
        _EVENT: isinstance(data, list) and bool(data) and _is_event(data[0]),
        _ACK: isinstance(data, list),
    }
    return packet if is_valid.get(packet.packet_type, False) else None


def _is_event(name: Any) -> bool:
    return isinstance(name, int) or (isinstance(name, str) and name not in _RESERVED)
