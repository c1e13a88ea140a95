"""Socket.IO protocol 5 (socket.io v4), as much of it as the market's feed needs.

A client connects to the namespace ``/``, emits ``join`` with ``{chainId, topic}`` and hears the events of
room ``<chainId>:<topic>``. As in the real service, ``leave`` looks at a field ``category`` that nobody sends
and ``leaveAll`` does nothing.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.protocol.javascript import to_text
from iexec_lab.sandbox.services.market.engineio import MESSAGE, EngineServer, Session

if TYPE_CHECKING:
    from aiohttp import web

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = "01234"

_PACKET: Final = re.compile(r"([0-4])(/[^,]*,?)?(\d*)(.*)", re.DOTALL)


class SocketServer:
    def __init__(self) -> None:
        self.engine = EngineServer(self)
        self._connected: set[Session] = set()
        self._rooms: dict[str, set[Session]] = defaultdict(set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        return await self.engine.handle(request)

    async def close(self) -> None:
        await self.engine.close()

    def emit(self, room: str, event: str, payload: str) -> None:
        """Send an event with one argument, given as JSON text, to everybody in a room."""
        packet = f"{MESSAGE}{EVENT}[{json.dumps(event)},{payload}]"
        for session in self._rooms.get(room, ()):
            session.send(packet)

    def received(self, session: Session, text: str) -> None:
        packet = _PACKET.fullmatch(text)
        if packet is None:
            self.engine.drop(session)
            return
        kind, namespace, ack, body = packet.groups()
        if kind == CONNECT:
            self._connect(session, (namespace or "/").rstrip(","))
        elif session not in self._connected:
            self.engine.drop(session)
        elif kind == DISCONNECT:
            self.closed(session)
        elif kind == EVENT:
            self._event(session, ack, body)

    def closed(self, session: Session) -> None:
        self._connected.discard(session)
        for members in self._rooms.values():
            members.discard(session)

    def _connect(self, session: Session, namespace: str) -> None:
        if namespace != "/":
            session.send(f'{MESSAGE}{CONNECT_ERROR}{namespace},{{"message":"Invalid namespace"}}')
            return
        self._connected.add(session)
        session.send(f'{MESSAGE}{CONNECT}{{"sid":"{secrets.token_urlsafe(15)}"}}')

    def _event(self, session: Session, ack: str, body: str) -> None:
        try:
            name, *arguments = json.loads(body)
        except ValueError:
            self.engine.drop(session)
            return
        if self._obey(session, name, arguments[0] if arguments else None) and ack:
            session.send(f"{MESSAGE}{ACK}{ack}[true]")

    def _obey(self, session: Session, name: Any, data: Any) -> bool:
        """Do what an event asks for; True when it is acknowledged."""
        if name not in {"join", "leave", "leaveAll"} or not isinstance(data, dict):
            return False
        if name == "join":
            if not data.get("chainId") or not data.get("topic"):
                return False
            self._rooms[f"{to_text(data['chainId'])}:{to_text(data['topic'])}"].add(session)
        elif name == "leave":
            category = to_text(data["category"]) if "category" in data else "undefined"
            self._rooms[f"{to_text(data.get('chainId'))}:{category}"].discard(session)
        return True
