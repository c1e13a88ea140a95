"""All services of a sandbox in one event loop, each on a loopback port of its own.

Ports of their own, because the official SDK throws away the path of a service's URL.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
import time
from typing import TYPE_CHECKING

from aiohttp import web

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.context import SERVICES, Context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AsyncExitStack

    Create = Callable[[Context], Awaitable[web.Application]]

log = logging.getLogger(__name__)

FACTORIES = {
    "market": ("market", "create"),
    "sms": ("sms", "create"),
    "ipfs_node": ("ipfs", "create_node"),
    "ipfs_gateway": ("ipfs", "create_gateway"),
    "workerpool": ("workerpool", "create"),
    "compass": ("compass", "create"),
    "result_proxy": ("result_proxy", "create"),
}
"""Where each service is made: module of this package and function."""

HOST = "127.0.0.1"


def open_sockets(port_base: int | None) -> dict[str, socket.socket]:
    """A listening socket for each service: on free ports, or on consecutive ones from ``port_base``.

    They listen at once, so services may call one another while they start.
    """
    sockets: dict[str, socket.socket] = {}
    try:
        for offset, name in enumerate(SERVICES):
            port = 0 if port_base is None else port_base + offset
            sockets[name] = _listen(name, port)
    except SandboxError:
        close_sockets(sockets)
        raise
    return sockets


def close_sockets(sockets: Mapping[str, socket.socket]) -> None:
    for listener in sockets.values():
        listener.close()


def urls_of(sockets: Mapping[str, socket.socket]) -> dict[str, str]:
    return {name: f"http://{HOST}:{listener.getsockname()[1]}" for name, listener in sockets.items()}


def load_factories() -> dict[str, Create]:
    """Import the services; slow (aiohttp, cryptography), so it is done while the node starts."""
    factories = {}
    for name, (module, function) in FACTORIES.items():
        try:
            factories[name] = getattr(importlib.import_module(f"iexec_lab.sandbox.{module}"), function)
        except (ImportError, AttributeError):
            log.exception("%s can not be imported", name)
    return factories


async def serve(context: Context, sockets: Mapping[str, socket.socket], stack: AsyncExitStack) -> None:
    """Start every service; they stop with ``stack``. The first failure is raised with the service's name."""
    factories = load_factories()
    async with asyncio.TaskGroup() as group:
        for name, create in factories.items():
            group.create_task(_mount(name, create, context, sockets[name], stack))


async def _mount(
    name: str, create: Create, context: Context, listener: socket.socket, stack: AsyncExitStack
) -> None:
    started = time.perf_counter()
    try:
        runner = web.AppRunner(await create(context), access_log=None, shutdown_timeout=1.0)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.SockSite(runner, listener).start()
    except Exception as error:
        log.exception("%s did not start", name)
        raise SandboxError(f"The sandbox's {name} service did not start: {error}") from error
    log.info("%s at %s after %.3f s", name, context.urls[name], time.perf_counter() - started)


def _listen(name: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise SandboxError(
            f"Port {port} for {name} can not be opened: {error}",
            hint=f"Choose another --port-base; {len(SERVICES)} ports from there on are used.",
        ) from error
    listener.listen(128)
    return listener
