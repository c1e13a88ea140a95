"""The sandbox's process: ``python -m iexec_lab.sandbox.daemon FOLDER OPTIONS``.

It says one line of JSON on standard output when it is ready or has failed, and nothing after that; what goes
on is in ``log.txt`` of the state folder. Started with ``attached`` it ends when its standard input does,
which is when its parent ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import logging.handlers
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError, SandboxError
from iexec_lab.sandbox.registry import Record, StateLock, remove_record, write_record

if TYPE_CHECKING:
    from iexec_lab.sandbox.snapshot import Genesis

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """How to start; ``native`` and ``chain_id`` None mean what the state folder has, else the defaults."""

    native: bool | None = None
    chain_id: int | None = None
    port_base: int | None = None
    attached: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def main(arguments: list[str]) -> int:
    folder, options = Path(arguments[0]), Options(**json.loads(arguments[1]))
    try:
        lock = StateLock(folder)
    except SandboxError as error:
        return _failed(error)
    try:
        _log_to(folder / "log.txt")
        return _run(folder, options)
    finally:
        remove_record(folder)
        lock.release()


def _run(folder: Path, options: Options) -> int:
    try:
        asyncio.run(_main(folder, options))
    except IexecError as error:
        log.info("failed: %s", " ".join(error.lines()))
        return _failed(error)
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if not isinstance(first, IexecError):
            raise
        return _failed(first)
    return 0


async def _main(folder: Path, options: Options) -> None:
    from iexec_lab.sandbox.accounts import well_known_accounts
    from iexec_lab.sandbox.chain import Chain
    from iexec_lab.sandbox.context import Context
    from iexec_lab.sandbox.node import Node
    from iexec_lab.sandbox.server import close_sockets, open_sockets, serve, urls_of
    from iexec_lab.sandbox.snapshot import NATIVE_CHAIN_ID, TOKEN_CHAIN_ID, snapshot

    stop = asyncio.Event()
    _stop_on_signals(stop)
    native = bool(options.native)
    chain_id = options.chain_id or (NATIVE_CHAIN_ID if native else TOKEN_CHAIN_ID)
    async with AsyncExitStack() as stack:
        sockets = open_sockets(options.port_base)
        stack.callback(close_sockets, sockets)
        genesis, state = await asyncio.to_thread(snapshot, chain_id, native=native, log=folder / "anvil.txt")
        node = Node(chain_id, native=native, log=folder / "anvil.txt", state=state)
        stack.callback(node.stop)
        node.wait_ready()
        urls = urls_of(sockets) | {"rpc": node.url}
        chain = await stack.enter_async_context(Chain(node.url, chain_id, free_gas=native))
        context = Context(
            folder=folder,
            chain_id=chain_id,
            native=native,
            hub=genesis.hub,
            rlc=genesis.rlc,
            registries=genesis.registries,
            workerpool=genesis.workerpool,
            domain=_domain(genesis),
            chain=chain,
            accounts=well_known_accounts(),
            urls=urls,
            stop=stop,
        )
        await serve(context, sockets, stack)
        write_record(folder, Record(os.getpid(), time.time(), genesis, urls))
        _say({"ready": True})
        if options.attached:
            _stop_with_parent(stop)
        await stop.wait()
        log.info("stopping")


def _domain(genesis: Genesis) -> Any:
    from iexec_lab.protocol.typed_data import Domain

    return Domain(chain_id=genesis.chain_id, verifying_contract=genesis.hub)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)


def _stop_with_parent(stop: asyncio.Event) -> None:
    """Standard input is a pipe nobody writes to: it is readable when its other end is gone."""

    def ended() -> None:
        if not os.read(0, 1):
            asyncio.get_running_loop().remove_reader(0)
            stop.set()

    asyncio.get_running_loop().add_reader(0, ended)


def _failed(error: IexecError) -> int:
    details = {name: str(value) for name, value in error.details.items()}
    _say({"ready": False, "message": error.message, "details": details, "hint": error.hint})
    return 1


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 -- the parent reads it
    # The parent may be gone long before us; nothing may ever block or fail on its pipe.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=5_000_000, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
