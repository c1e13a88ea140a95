"""Compass: where the API of a worker pool answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import to_address
from iexec_lab.sandbox.cors import open_to_pages

if TYPE_CHECKING:
    from iexec_lab.sandbox.context import Context


async def create(context: Context) -> web.Application:
    """One route; it knows the sandbox's own worker pool."""

    async def find(request: web.Request) -> web.Response:
        try:
            workerpool = to_address(request.match_info["workerpool"])
        except ValidationError as error:
            return web.json_response({"error": error.message}, status=400)
        chain = request.match_info["chain"]
        if chain != str(context.chain_id) or workerpool != context.workerpool:
            message = f"Workerpool with address '{workerpool}' not found in chain '{chain}'"
            return web.json_response({"error": message}, status=404)
        return web.json_response({"apiUrl": context.urls["workerpool"]})

    app = web.Application()
    open_to_pages(app, "GET,HEAD")
    app.router.add_get("/{chain}/workerpools/{workerpool}", find)
    return app
