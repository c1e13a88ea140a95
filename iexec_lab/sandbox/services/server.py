"""All services of a sandbox in one event loop, each on a loopback port of its own."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from iexec_lab.errors import SandboxError
from iexec_lab.protocol.typed_data import Domain
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.chain.client import Chain
from iexec_lab.sandbox.context import Context
from iexec_lab.sandbox.ports import HOST, close_sockets
from iexec_lab.sandbox.services import rpc
from iexec_lab.sandbox.services.callers import only_from_here
from iexec_lab.sandbox.state.disk import unusable

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from iexec_lab.sandbox.chain.durable_node import DurableNode
    from iexec_lab.sandbox.state.registry import Genesis

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
    "subgraph": ("subgraph", "create"),
}
"""Where each service but the node's is made: module of this package and function."""


@asynccontextmanager
async def running(
    folder: Path,
    genesis: Genesis,
    node: DurableNode,
    sockets: Mapping[str, socket.socket],
    stop: asyncio.Event,
) -> AsyncIterator[Context]:
    """A whole sandbox: node, chain, and on ``sockets`` the services.

    The first failure is raised with the service's name.
    """
    # Imported while the node starts: it takes as long.
    factories = load_factories() | {"rpc": partial(rpc.create, node=node)}
    async with AsyncExitStack() as stack:
        stack.callback(close_sockets, sockets)
        await stack.enter_async_context(node)
        chain = Chain(node, genesis.chain_id, free_gas=genesis.native)
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
        name: getattr(importlib.import_module(f"iexec_lab.sandbox.services.{module}"), function)
        for name, (module, function) in FACTORIES.items()
    }


async def _mount(
    name: str, create: Create, context: Context, listener: socket.socket, stack: AsyncExitStack
) -> None:
    started = time.perf_counter()
    try:
        app = await create(context)
        only_from_here(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.SockSite(runner, listener).start()
    except SandboxError:
        raise
    except OSError as error:
        log.exception("%s did not start", name)
        raise unusable(context.folder, error) from error
    except Exception as error:
        log.exception("%s did not start", name)
        raise SandboxError(f"The sandbox's {name} service did not start: {error}") from error
    log.info("%s at %s after %.3f s", name, context.urls[name], time.perf_counter() - started)
