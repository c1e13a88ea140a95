"""Compass: where the API of a workerpool answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from iexec_lab.errors import ChainError, ValidationError
from iexec_lab.ethereum.contracts import OWNABLE, REGISTRY
from iexec_lab.protocol import to_address
from iexec_lab.sandbox.services._cors import answer_preflights

if TYPE_CHECKING:
    from iexec_lab.sandbox.context import Context


async def create(context: Context) -> web.Application:
    """One route; it knows the workerpools that the sandbox's scheduler serves."""

    async def find(request: web.Request) -> web.Response:
        try:
            workerpool = to_address(request.match_info["workerpool"])
        except ValidationError as error:
            return web.json_response({"error": error.message}, status=400)
        chain = request.match_info["chain"]
        if chain != str(context.chain_id) or not await _is_served(context, workerpool):
            message = f"Workerpool with address '{workerpool}' not found in chain '{chain}'"
            return web.json_response({"error": message}, status=404)
        return web.json_response({"apiUrl": context.urls["workerpool"]})

    app = web.Application()
    answer_preflights(app, "GET,HEAD")
    app.router.add_get("/{chain}/workerpools/{workerpool}", find)
    return app


async def _is_served(context: Context, workerpool: str) -> bool:
    """The default one is, and so is any other whose owner's key the sandbox has."""
    if workerpool == context.workerpool:
        return True
    registry = context.registries["workerpool"]
    try:
        registered = await context.chain.call(registry, REGISTRY.isRegistered, workerpool)
        owner = await context.chain.call(workerpool, OWNABLE.owner) if registered else None
    except (ChainError, ValueError):  # who has no chain to ask knows of no other
        return False
    return owner is not None and to_address(owner) in context.owners
