"""All services of a sandbox in one event loop, each on a loopback port of its own.

Ports of their own, because the official SDK throws away the path of a service's URL.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import socket
import time
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from iexec_lab.errors import SandboxError
from iexec_lab.protocol.typed_data import Domain
from iexec_lab.sandbox import rpc
from iexec_lab.sandbox.accounts import well_known_accounts
from iexec_lab.sandbox.chain import Chain
from iexec_lab.sandbox.context import SERVICES, Context
from iexec_lab.sandbox.store import write_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from iexec_lab.sandbox.ledger import Ledger
    from iexec_lab.sandbox.registry import Genesis

    Create = Callable[[Context], Awaitable[web.Application]]

log = logging.getLogger(__name__)

FACTORIES = {
    "market": ("market", "create"),
    "sms": ("sms", "create"),
    "ipfs_node": ("ipfs_node", "create"),
    "ipfs_gateway": ("ipfs_gateway", "create"),
    "workerpool": ("workerpool", "create"),
    "compass": ("compass", "create"),
    "result_proxy": ("result_proxy", "create"),
}
"""Where each service but the node's is made: module of this package and function."""

HOST = "127.0.0.1"
PORTS = "ports.json"


@asynccontextmanager
async def running(
    folder: Path, genesis: Genesis, ledger: Ledger, port_base: int | None, stop: asyncio.Event
) -> AsyncIterator[Context]:
    """A whole sandbox: node, chain, services. The first failure is raised with the service's name."""
    # Imported while the node starts: it takes as long.
    factories = load_factories() | {"rpc": partial(rpc.create, ledger=ledger)}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(ledger)
        sockets = open_sockets(folder, port_base)
        stack.callback(_close, sockets)
        chain = Chain(ledger, genesis.chain_id, free_gas=genesis.native)
        context = Context(
            folder=folder,
            chain_id=genesis.chain_id,
            native=genesis.native,
            hub=genesis.hub,
            rlc=genesis.rlc,
            registries=genesis.registries,
            workerpool=genesis.workerpool,
            domain=Domain(chain_id=genesis.chain_id, verifying_contract=genesis.hub),
            chain=await stack.enter_async_context(chain),
            accounts=well_known_accounts(),
            urls={name: f"http://{HOST}:{one.getsockname()[1]}" for name, one in sockets.items()},
            stop=stop,
        )
        async with asyncio.TaskGroup() as group:
            for name, create in factories.items():
                group.create_task(_mount(name, create, context, sockets[name], stack))
        yield context


def load_factories() -> dict[str, Create]:
    return {
        name: getattr(importlib.import_module(f"iexec_lab.sandbox.{module}"), function)
        for name, (module, function) in FACTORIES.items()
    }


def open_sockets(folder: Path, port_base: int | None) -> dict[str, socket.socket]:
    """A listening socket for each service, on consecutive ports from ``port_base`` if that is given.

    Else on the ports of the last start, which a ``chain.json`` may name, or free ones where those are taken.
    They listen at once, so services may call one another while they start.
    """
    last = _last_ports(folder)
    sockets: dict[str, socket.socket] = {}
    try:
        for offset, name in enumerate(SERVICES):
            try:
                sockets[name] = _listen(name, port_base + offset if port_base else last.get(name, 0))
            except SandboxError:
                if port_base:
                    raise
                sockets[name] = _listen(name, 0)
    except SandboxError:
        _close(sockets)
        raise
    ports = {name: one.getsockname()[1] for name, one in sockets.items()}
    if ports != last:
        write_file(folder / PORTS, json.dumps(ports).encode())
    return sockets


def _last_ports(folder: Path) -> dict[str, int]:
    """Of the last start; none where that is not known, which is no reason not to start."""
    try:
        return {name: int(port) for name, port in json.loads((folder / PORTS).read_bytes()).items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}


async def _mount(
    name: str, create: Create, context: Context, listener: socket.socket, stack: AsyncExitStack
) -> None:
    started = time.perf_counter()
    try:
        runner = web.AppRunner(await create(context), access_log=None, shutdown_timeout=1.0)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.SockSite(runner, listener).start()
    except SandboxError:
        raise
    except Exception as error:
        log.exception("%s did not start", name)
        raise SandboxError(f"The sandbox's {name} service did not start: {error}") from error
    log.info("%s at %s after %.3f s", name, context.urls[name], time.perf_counter() - started)


def _listen(name: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SandboxError(
            f"Port {port} for {name} can not be opened: {error}",
            hint=f"Choose another --port-base; {len(SERVICES)} ports from there on are used.",
        ) from error
    return listener


def _close(sockets: Mapping[str, socket.socket]) -> None:
    for listener in sockets.values():
        listener.close()
