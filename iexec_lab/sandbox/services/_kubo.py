"""How kubo's RPC reads requests and says errors, apart from what its commands do.

What is wrong with a request is plain text with status 400, 404 or 405; what a command runs into is JSON with
status 500.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

from iexec_lab.errors import IexecError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

PREFIX = "/api/v0/"
_TRUE, _FALSE = {"1", "t", "T", "TRUE", "true", "True"}, {"0", "f", "F", "FALSE", "false", "False"}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_ELSEWHERE = re.compile(
    r"(?:bitswap|bootstrap|cid|config|dag|diag|files|filestore|key|log|multibase|name|object|p2p|pin|provide|"
    r"pubsub|repo|routing|stats|swarm|block)/.+|(?:dns|mount|ping|refs|resolve|shutdown|commands|update|refs/local)"
)
"""Commands of kubo; those that are not here are not allowed, other words are unknown."""


def plain_error(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    told = {"X-Content-Type-Options": "nosniff", **(headers or {})}
    return web.Response(status=status, text=f"{text}\n", headers=told)


def _not_allowed() -> web.Response:
    return plain_error(405, "405 - Method Not Allowed", {"Allow": "OPTIONS, POST"})


class BadRequestError(Exception):
    """What is wrong with a request, in kubo's words."""


@web.middleware
async def answer_as_kubo(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Methods, unknown commands and errors."""
    if request.method == "OPTIONS":
        return web.Response(status=204, headers={"Allow": "OPTIONS, POST"})
    if request.method != "POST":
        return _not_allowed()
    try:
        return await handler(request)
    except web.HTTPNotFound:
        is_elsewhere = request.path.startswith(PREFIX) and _ELSEWHERE.fullmatch(request.path[len(PREFIX) :])
        return _not_allowed() if is_elsewhere else plain_error(404, "404 page not found")
    except (BadRequestError, web.RequestPayloadError) as error:
        return plain_error(400, str(error))
    except (IexecError, ValueError, OSError, RecursionError) as error:
        if isinstance(error, ConnectionError) or request.transport is None:
            raise
        return web.json_response({"Message": str(error), "Code": 0, "Type": "error"}, status=500)


def arguments(request: web.Request, name: str) -> list[str]:
    """Every ``arg``; ``name`` is what kubo calls it.

    Raises:
        BadRequestError: there is none.
    """
    given = request.query.getall("arg", [])
    if not given:
        raise BadRequestError(f'argument "{name}" is required')
    return given


def flag(query: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """A switch, given in one of the ways in which Go reads them; without a value it is on."""
    given = query.get(name)
    if given is None:
        return default
    if given not in {*_TRUE, *_FALSE, ""}:
        raise _not_converted(given, "bool", name)
    return given in {*_TRUE, ""}


def integer(query: Mapping[str, str], name: str) -> int | None:
    given = query.get(name)
    if given is None:
        return None
    if not _INTEGER.fullmatch(given):
        raise _not_converted(given, "int64", name)
    return int(given)


def _not_converted(value: str, kind: str, name: str) -> BadRequestError:
    shown = f"value '{value}'" if value else "empty value"
    return BadRequestError(f"Could not convert {shown} to type '{kind}' (for option '-{name}')")
