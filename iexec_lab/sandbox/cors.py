"""Cross-origin access for browsers: services that any page may call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def open_to_pages(
    app: web.Application, methods: str, *, exposed: str | None = None, preflight_status: int = 200
) -> None:
    """Answer preflight requests, and mark every answer as readable from any page.

    Args:
        app: The service.
        methods: What may be asked for, comma separated.
        exposed: Headers of answers that scripts may read.
        preflight_status: Of the answer to a preflight request.
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
        return web.Response(status=preflight_status, headers=headers)

    async def mark(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Access-Control-Allow-Origin"] = "*"
        if exposed:
            response.headers["Access-Control-Expose-Headers"] = exposed

    app.middlewares.append(answer_preflight)
    app.on_response_prepare.append(mark)
