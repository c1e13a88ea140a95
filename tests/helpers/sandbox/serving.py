"""One service of a sandbox on a loopback port, without the rest of the sandbox."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

from aiohttp import web

from iexec_lab.errors import CallError
from iexec_lab.protocol import NULL_ADDRESS, Domain
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.chain.client import Chain
from iexec_lab.sandbox.context import Context
from iexec_lab.sandbox.services.callers import only_from_here
from iexec_lab.sandbox.state.registry import SERVICES

CHAIN_ID = 65535
HUB = "0x00000000000000000000000000000000000000AA"


class ChainDouble:
    """Answers reads from a table: (address, function name) or (address, function name, first argument)."""

    def __init__(self, answers=()):
        self.answers = dict(answers)

    async def call(self, to, function, *args):
        name = function.name
        for key in ((to.lower(), name, *args[:1]), (to.lower(), name)):
            if key in self.answers:
                return self.answers[key]
        raise CallError("execution reverted")


def make_context(folder, chain=None, **changes):
    values = {
        "folder": folder,
        "chain_id": CHAIN_ID,
        "native": False,
        "hub": HUB,
        "rlc": NULL_ADDRESS,
        "registries": {},
        "workerpool": NULL_ADDRESS,
        "domain": Domain(CHAIN_ID, HUB),
        "chain": chain or ChainDouble(),
        "accounts": well_known_accounts(),
        "urls": {name: f"http://127.0.0.1:{port}" for port, name in enumerate(SERVICES, 9000)},
        "stop": asyncio.Event(),
    }
    return Context(**(values | changes))


@contextmanager
def serving(create, context):
    """The address of ``create(context)``, served by a loop in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(120)

    async def start():
        app = await create(context)
        only_from_here(app)
        runner = web.AppRunner(app, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    try:
        runner = run(start())
        try:
            host, port = runner.addresses[0]
            yield f"http://{host}:{port}"
        finally:
            run(runner.cleanup())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def with_chain(create, node, *, native=False):
    """``create`` for a context whose chain is the one at the address ``node``."""

    async def created(context):
        context.chain = Chain(node, context.chain_id, free_gas=native)
        await context.chain.__aenter__()

        async def close(_):
            await context.chain.__aexit__(None, None, None)

        app = await create(context)
        app.on_cleanup.append(close)
        return app

    return created
