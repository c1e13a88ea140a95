"""What browsers are told before a page of this machine asks a service; callers.py decides which pages may.

Ours, 30 lines: aiohttp has nothing for it, and the real services differ in methods, headers and status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def answer_preflights(
    app: web.Application, methods: str, *, exposed: str | None = None, status: int = 200
) -> None:
    """Answer preflight requests to any path, as iExec's services do.

    Args:
        app: The service.
        methods: What may be asked for, comma separated.
        exposed: Headers of answers that scripts may read.
        status: Of the answer to a preflight request.
    """

    @web.middleware
    async def answer_preflight(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return await handler(request)
        headers = {"Access-Control-Allow-Methods": methods, "Access-Control-Max-Age": "1800"}
        if asked := request.headers.get("Access-Control-Request-Headers"):
            headers["Access-Control-Allow-Headers"] = asked
        return web.Response(status=status, headers=headers)

    async def expose(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Access-Control-Expose-Headers"] = exposed or ""

    app.middlewares.append(answer_preflight)
    if exposed:
        app.on_response_prepare.append(expose)
