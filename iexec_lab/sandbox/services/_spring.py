"""What services on Spring Boot say when no handler of theirs does: errors as JSON, ``Allow``, bodies as text.

Ours because aiohttp answers such requests in plain text, and reads text by the charset that a client names,
which may not exist.
"""

from __future__ import annotations

import codecs
import json
import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from iexec_lab.protocol.javascript import loads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


def answer_as_spring(app: web.Application) -> None:
    """Have ``app`` answer unknown paths, other methods and its own failures as Spring Boot does."""
    app.middlewares.append(_answer)


@web.middleware
async def _answer(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as refused:
        allowed = sorted(refused.allowed_methods)
        if request.method == "OPTIONS":
            return web.Response(headers={"Allow": ",".join([*allowed, "OPTIONS"])})
        declared = [each for each in allowed if each != "HEAD" or "GET" not in allowed]
        return _error(request, 405, {"Allow": ",".join(declared)})
    except web.HTTPException as refused:
        # The library's own words, not a handler's.
        if refused.status < HTTPStatus.BAD_REQUEST or refused.text != f"{refused.status}: {refused.reason}":
            raise
        return _error(request, refused.status)
    except web.RequestPayloadError:  # compressed, or so it said
        return _error(request, 400)
    except ConnectionError:
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return _error(request, 500)


def bad_request(request: web.Request) -> web.HTTPBadRequest:
    """For a request without a header, parameter or body it needs, or with one that can not be read."""
    return web.HTTPBadRequest(text=_said(request, 400), content_type="application/json")


def required_header(request: web.Request, name: str) -> str:
    """A header.

    Raises:
        HTTPBadRequest: it is missing; an empty one is there.
    """
    value = request.headers.get(name)
    if value is None:
        raise bad_request(request)
    return value


async def read_text(request: web.Request) -> str:
    """The body as text: in the charset that is named, else UTF-8; bytes that are wrong are replaced.

    Raises:
        HTTPBadRequest: it is empty.
        HTTPUnsupportedMediaType: nobody knows the charset.
    """
    body = await request.read()
    if not body:
        raise bad_request(request)
    try:
        codec = codecs.lookup(request.charset or "utf-8").name
        return body.decode(codec, errors="replace")
    except (LookupError, ValueError):
        raise _unsupported(request) from None


async def read_json_object(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. One without a content type is taken for JSON.

    Raises:
        HTTPBadRequest: it is empty, or no JSON object.
        HTTPUnsupportedMediaType: it says that it is something else.
    """
    body = await request.read()
    kind = request.content_type
    if body and "Content-Type" in request.headers and kind != "application/json" and "+json" not in kind:
        raise _unsupported(request)
    try:
        given = loads(body)
    except (ValueError, RecursionError):
        raise bad_request(request) from None
    if not isinstance(given, dict):
        raise bad_request(request)
    return given


def _unsupported(request: web.Request) -> web.HTTPUnsupportedMediaType:
    return web.HTTPUnsupportedMediaType(text=_said(request, 415), content_type="application/json")


def _error(request: web.Request, status: int, headers: dict[str, str] | None = None) -> web.Response:
    text = _said(request, status)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def _said(request: web.Request, status: int) -> str:
    said = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "status": status,
        "error": HTTPStatus(status).phrase,
        "path": request.path,
    }
    return json.dumps(said)
