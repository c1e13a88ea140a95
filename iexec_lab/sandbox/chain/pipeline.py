"""Many requests in their order, without waiting for each answer: HTTP/1.1 pipelining.

A node works on the entries of a JSON-RPC batch at once, and may finish them in any order; requests of
one connection it takes one after the other. Ours because aiohttp's client waits for each answer.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATIENCE = 60.0
_LENGTH = b"content-length:"


async def ask_in_order(place: tuple[str, int], requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of the node at an address and port; ChainError when it goes away."""
    head = f"POST / HTTP/1.1\r\nHost: {place[0]}:{place[1]}\r\nContent-Type: application/json\r\n"
    bodies = [json.dumps(request).encode() for request in requests]
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(*place)
            try:
                for body in bodies:
                    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                return [await _answer(reader) for _ in requests]
            finally:
                writer.close()
    except (OSError, EOFError, ValueError) as error:  # a time-out is an OSError, too
        raise ChainError(f"The sandbox's Ethereum node does not answer: {error}") from error


async def _answer(reader: asyncio.StreamReader) -> dict[str, Any]:
    length = 0
    while (line := (await reader.readline()).strip()) != b"":
        if line.lower().startswith(_LENGTH):
            length = int(line[len(_LENGTH) :])
    answer: dict[str, Any] = json.loads(await reader.readexactly(length))
    return answer
