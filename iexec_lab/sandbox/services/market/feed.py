"""The feed: what happens at the market, told over socket.io to those who joined a room.

python-socketio has the sessions, both transports, pings and rooms. Ours is what the real service, socket.io 4
on Node, does otherwise: its answers to wrong requests, which packets end a session and how, ``leave``,
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
from iexec_lab.sandbox.services.market import packets
from iexec_lab.sandbox.services.market.packets import read_packet

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

_CLOSE: Final = "1"
_IGNORED: Final = ("0", "5", "6")
"""Packets that begin so: open, upgrade and noop, when a client sends them at the wrong time."""
_PING: Final = "2"
_FAREWELL: Final = "6\x1e1"
"""A noop, and the end."""
_LINGER: Final = 30.0
_UNDEFINED: Final = "undefined"
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
        self._closing: dict[str, tuple[float, list[str]]] = {}
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
        if sid in self._closing:
            return self._farewell(request, sid)
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
        if sid in self._closing:
            is_open = True
        elif session is None or session.closed:
            return "Session ID unknown"
        else:
            is_open = session.connected and not session.upgraded
        is_known = is_open and request.method in {"GET", "POST"}
        return None if is_known and not mixed else "Bad request"

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
            if text.startswith(_CLOSE):  # the library would let a poll wait on
                session.queue.put_nowait(packet(packet_type=importlib.import_module("engineio.packet").NOOP))
                await self._end(sid, by_client=True)
                break
            if text.startswith(_IGNORED):
                continue
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

    async def _end(self, sid: str, *, by_client: bool = False) -> None:
        """End a session: who polls is told so, a WebSocket is closed."""
        session = self._sessions.pop(sid, None)
        if session is not None:
            await session.close(wait=False, abort=session.upgraded or by_client)
            session.queue.put_nowait(None)  # ends the task that writes

    async def _refuse(self, sid: str) -> None:
        """End a session for what it sent; where no poll waits, the next one is told."""
        session = self._sessions.get(sid)
        if session is None or session.upgraded or sid in self._polled:
            return await self._end(sid)
        waiting = []
        while not session.queue.empty():
            packet = session.queue.get_nowait()
            waiting += [packet.encode()] if packet else []
        await self._end(sid)
        now = asyncio.get_running_loop().time()
        self._closing = {each: state for each, state in self._closing.items() if state[0] > now}
        self._closing[sid] = now + _LINGER, waiting
        return None

    def _farewell(self, request: web.Request, sid: str) -> web.Response:
        """What a session that was refused still hears: what waited for it, then that it is over."""
        _, waiting = self._closing[sid]
        if request.method == "POST":
            return web.Response(text="ok", content_type="text/html")
        text = _SEPARATOR.join(waiting) or _FAREWELL
        if waiting:
            waiting.clear()
        else:
            del self._closing[sid]
        return web.Response(text=text, content_type="text/plain", charset="UTF-8")

    async def _heed(self, sid: str, text: Any) -> None:
        """Act on a socket.io packet; one that the real service does not let pass ends the session."""
        session = self._sessions.get(sid)
        if session is None:
            return
        member = self._server.manager.sid_from_eio_sid(sid, "/")
        if missing := getattr(session, "attachments", 0):
            # An event with bytes: nobody listens to one, but its parts have to come.
            session.attachments = missing - 1
            if not isinstance(text, bytes) or (missing == 1 and member is None):
                await self._refuse(sid)
            return
        packet = read_packet(text)
        if packet is None:
            await self._refuse(sid)
        elif packet.attachments:
            session.attachments = packet.attachments
        else:
            await self._obey_packet(sid, member, packet)

    async def _obey_packet(self, sid: str, member: str | None, packet: packets.Packet) -> None:
        """``member`` is the session within the one namespace, None before it connected."""
        if packet.type == packets.CONNECT and packet.namespace != "/":
            await self._server.eio.send(sid, f'4{packet.namespace},{{"message":"Invalid namespace"}}')
        elif packet.namespace != "/" or (member is None) != (packet.type == packets.CONNECT):
            await self._refuse(sid)
        elif packet.type in {packets.CONNECT, packets.DISCONNECT}:
            await self._obey(sid, str(packet.type))
        elif packet.type == packets.EVENT and member:
            await self._act(member, packet.data or [None], packet.id, sid)
        elif packet.type != packets.ACK:  # nothing of ours asks for one
            await self._refuse(sid)

    async def _act(self, member: str, event: list[Any], number: str | None, sid: str) -> None:
        """Do what an event says; with exactly one argument and a number it is acknowledged with true."""
        name, *arguments = event
        data = arguments[0] if arguments else None
        if data is None or name not in {"join", "leave", "leaveAll"}:
            return
        given = data if isinstance(data, dict) else {}
        chain = given.get("chainId", _UNDEFINED)
        topic = given.get("topic" if name == "join" else "category", _UNDEFINED)
        room = f"{to_text(chain)}:{to_text(topic)}"
        if name == "join":
            if not (_is_true(chain) and _is_true(topic)):
                return
            if room in self._rooms:  # nobody speaks in others, and a client could fill the memory with them
                await self._server.enter_room(member, room)
        elif name == "leave":
            await self._server.leave_room(member, room)
        if number is not None and len(arguments) == 1:
            await self._server.eio.send(sid, f"3{number}[true]")


class _WebSocket:
    """A WebSocket as the library wants it; a message that is no packet is its end."""

    def __init__(self, talk: Callable[[_WebSocket], Awaitable[None]], _: Any) -> None:
        self._talk = talk
        self._is_upgrade = False
        self._socket = web.WebSocketResponse(
            compress=False, max_msg_size=MAX_PAYLOAD, receive_timeout=PING_INTERVAL + PING_TIMEOUT
        )

    async def __call__(self, environ: Mapping[str, Any]) -> web.WebSocketResponse:
        request = environ["aiohttp.request"]
        self._is_upgrade = "sid" in request.query
        await self._socket.prepare(request)
        await self._talk(self)
        await self._socket.close()
        return self._socket

    async def send(self, text: str) -> None:
        await self._socket.send_str(text)

    async def wait(self) -> str | bytes:
        """The next packet, or the bytes that belong to one; OSError when there is none any more."""
        while True:
            text = (await self._socket.receive()).data
            if isinstance(text, bytes) and not self._is_upgrade:
                return text
            if not isinstance(text, str):  # it was closed
                raise ConnectionError("no text")
            if not text.startswith(_PACKETS) or (text.startswith(_PING) and not self._is_upgrade):
                raise ConnectionError("no packet")
            if self._is_upgrade or not text.startswith(_IGNORED):
                self._is_upgrade = self._is_upgrade and text.startswith(_PING)
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


def _is_true(value: Any) -> bool:
    """Whether JavaScript takes a value for true: empty lists and objects are."""
    return isinstance(value, list | dict) or (value != _UNDEFINED and bool(value))
