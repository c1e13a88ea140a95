"""A market whose list is empty and whose feed says whatever a test wants: long polling of socket.io 4."""

from __future__ import annotations

import json
import queue
from typing import Any

from helpers.faulty_server import FaultyServer, Reply, Request, json_reply

END = object()
"""Said by a feed that ends its session."""


class StandInFeed:
    """``say`` what the next poll brings: events, or raw text."""

    def __init__(self, listed: list[Any] | None = None) -> None:
        self.said: queue.Queue[Any] = queue.Queue()
        self.listed = listed or []
        self.joined = self.waiting = 0
        self.silence = 5.0
        """Seconds after which a poll that nothing was said to is answered."""
        self.server = FaultyServer(answer=self._answer)

    def say(self, *events: tuple[str, Any]) -> None:
        self.said.put("\x1e".join(f"42{json.dumps(event)}" for event in events))

    def _answer(self, request: Request) -> Reply:
        if not request.path.startswith("/ws"):
            return json_reply(
                {"ok": True, "orders": self.listed, "deals": self.listed, "count": len(self.listed)}
            )
        if request.method == "POST":
            self._obey(request.body.decode())
            return Reply(200, b"ok", (("Content-Type", "text/html"),))
        if "sid=" not in request.path:
            opened = {"sid": "s", "upgrades": [], "pingInterval": 25000, "pingTimeout": 20000}
            return Reply(200, f"0{json.dumps(opened)}".encode())
        self.waiting += 1
        try:
            said = self.said.get(timeout=self.silence)
        except queue.Empty:
            said = "6"
        finally:
            self.waiting -= 1
        return (
            Reply(400, b"") if said is END else Reply(200, said if isinstance(said, bytes) else said.encode())
        )

    def _obey(self, body: str) -> None:
        for packet in body.split("\x1e"):
            if packet.startswith("40"):
                self.said.put('40{"sid":"s"}')
            elif packet.startswith("42"):
                number = packet[2:].partition("[")[0]
                self.joined += 1
                self.said.put(f"43{number}[true]")
