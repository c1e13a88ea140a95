"""Who may ask a service: programs of this machine and pages it serves itself, never a page of the web.

A browser carries requests to loopback for any page. It names the page's origin in ``Origin``; where it sends
none (pictures, scripts, links), ``Sec-Fetch-Site`` tells that the page was another one. A page whose own host
name was made to lead to loopback (DNS rebinding) is known by ``Host``. Other programs send no such headers.
Ours because aiohttp looks at none of the three.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_NAME = r"(?:localhost|127\.0\.0\.1|\[::1\])"
_ANY_CASE = re.IGNORECASE | re.ASCII
_HOST = re.compile(rf"{_NAME}(?::(?P<port>[0-9]{{1,5}}))?", _ANY_CASE)
_ORIGIN = re.compile(rf"https?://{_NAME}(?::[0-9]{{1,5}})?", _ANY_CASE)
_REFERER = re.compile(rf"{_ORIGIN.pattern}(?:[/?#].*)?", _ANY_CASE)
_HTTP_PORT = 80
NOBODY = "nobody"
"""As ``Access-Control-Allow-Origin`` of an answer: no page may read it, not even one of this machine."""
_OWN_SITES = {"none", "same-origin", "same-site"}
"""Nobody's, or of the host that was asked, which is loopback."""


def only_from_here(app: web.Application) -> None:
    """Have ``app`` refuse strangers with status 403 before anything else looks at a request.

    Every answer to a page of this machine is marked as readable for it, and for nobody else.
    """
    app.middlewares.insert(0, _refuse_strangers)
    app.on_response_prepare.append(_mark_readable)


@web.middleware
async def _refuse_strangers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    for header, is_ours in _CHECKS.items():
        if not is_ours(request):
            return web.Response(status=403, text=f"Only this machine may ask; {header} says otherwise.\n")
    return await handler(request)


async def _mark_readable(request: web.Request, response: web.StreamResponse) -> None:
    told = response.headers.popall("Access-Control-Allow-Origin", [])
    if NOBODY in told or "Origin" not in request.headers or not _is_from_here(request):
        return
    response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
    if "origin" not in response.headers.get("Vary", "").lower():
        response.headers.add("Vary", "Origin")


def _is_for_us(request: web.Request) -> bool:
    """Whether the one host that is named is loopback, with the port we listen on."""
    hosts = request.headers.getall("Host", [])
    named = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    # A target with a host of its own is for proxies, which we are not.
    if named is None or request.transport is None or not request.raw_path.startswith(("/", "*")):
        return False
    listens: int = request.transport.get_extra_info("sockname")[1]
    return int(named["port"] or _HTTP_PORT) == listens


def _is_from_here(request: web.Request) -> bool:
    """Whether no page asks, or one of this machine; ``null`` is anybody's: a sandboxed frame, a file."""
    origins = request.headers.getall("Origin", [])
    return not origins or (len(origins) == 1 and bool(_ORIGIN.fullmatch(origins[0])))


def _is_no_embedding(request: web.Request) -> bool:
    """Whether a request without Origin is no part of a foreign page; following a link from one is allowed."""
    headers = request.headers
    if "Origin" in headers or _OWN_SITES.issuperset(headers.getall("Sec-Fetch-Site", [])):
        return True
    if headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document":
        return request.method in {"GET", "HEAD"}
    return bool(_REFERER.fullmatch(headers.get("Referer", "")))


_CHECKS: dict[str, Callable[[web.Request], bool]] = {
    "Host": _is_for_us,
    "Origin": _is_from_here,
    "Sec-Fetch-Site": _is_no_embedding,
}
