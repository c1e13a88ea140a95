"""Who is told what: messages for the rooms of the socket.io server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Emitter(Protocol):
        def emit(self, room: str, event: str, payload: str) -> None: ...


class Message(NamedTuple):
    """An event of topic "orders" or "deals"; ``payload`` is JSON text."""

    topic: str
    event: str
    payload: str


class Feed:
    """Sends messages to the room ``<chain id>:<topic>``."""

    def __init__(self, chain_id: int, emitter: Emitter) -> None:
        self._chain_id = chain_id
        self._emitter = emitter

    def send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._emitter.emit(f"{self._chain_id}:{message.topic}", message.event, message.payload)
