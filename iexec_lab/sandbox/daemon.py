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
import sqlite3
import sys
import time
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError, LibraryError, SandboxError, ValidationError
from iexec_lab.libraries import SANDBOX, needing
from iexec_lab.sandbox.chain.anvil import Anvil
from iexec_lab.sandbox.chain.journal import Journal
from iexec_lab.sandbox.chain.snapshot import NATIVE_CHAIN_ID, TOKEN_CHAIN_ID, Kind, snapshot
from iexec_lab.sandbox.ports import open_sockets
from iexec_lab.sandbox.start_process import Options
from iexec_lab.sandbox.state.disk import damaged, private, unusable, using
from iexec_lab.sandbox.state.leftovers import sweep_state
from iexec_lab.sandbox.state.registry import Record, StateLock, remove_record, write_record
from iexec_lab.sandbox.state.untidy_folders import remove_tree

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from io import TextIOWrapper

    from iexec_lab.sandbox.chain.durable_node import DurableNode
    from iexec_lab.sandbox.state.registry import Genesis

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    folder, options = Path(arguments[0]), Options(**json.loads(arguments[1]))
    if not options.attached and os.fork():
        # Nobody's child, so that nobody has to wait for it.
        os._exit(0)
    try:
        StateLock(folder)
        with using(folder):
            _log_to(folder / "log.txt")
    except SandboxError as error:
        return _failed(error)
    try:
        try:
            _run(folder, options)
        finally:
            remove_record(folder)
    except Exception as error:
        log.exception("failed")
        return _failed(_own_error(error, folder))
    if options.temporary:  # whoever made it may have been killed
        remove_tree(folder)
    return 0


def _run(folder: Path, options: Options) -> None:
    sweep_state(folder)
    output = folder / "anvil.txt"
    with closing(Journal(folder)) as journal:
        genesis = _genesis(folder, journal, options, output)

        def start_anvil() -> Anvil:
            return Anvil(genesis.chain_id, native=genesis.native, log=output, state=journal.base)

        sockets = open_sockets(folder, options.port_base)
        # The node starts while the services are imported, which takes longer.
        anvil = start_anvil()
        from iexec_lab.sandbox.chain.durable_node import DurableNode

        asyncio.run(_serve(folder, options, genesis, DurableNode(journal, anvil, start_anvil), sockets))


def _genesis(folder: Path, journal: Journal, options: Options, output: Path) -> Genesis:
    """What chain the state folder holds, made when it holds none."""
    genesis = journal.genesis
    if genesis is None:
        if (folder / "market.sqlite").exists():
            raise damaged(journal.path, "it holds no chain, while the market holds orders")
        genesis, state = snapshot(_kind(options), output)
        journal.begin(genesis, state)
    found = {"native": genesis.native, "chain_id": genesis.chain_id, "preset": genesis.preset}
    if any(getattr(options, name) not in {None, value} for name, value in found.items()):
        raise SandboxError(
            "This state folder holds another kind of chain",
            details=found,
            hint="Reset it, or start a sandbox under another name.",
        )
    return genesis


def _kind(options: Options) -> Kind:
    if options.chain_id is not None and not 0 < options.chain_id < 2**53:
        # JavaScript's clients read it as a number.
        raise ValidationError(f"{options.chain_id} is no chain id", hint="From 1 to 2^53 - 1.")
    if options.preset is not None:
        from iexec_lab.sandbox.chain.presets import find_preset

        network = find_preset(options.preset)
        if options.native not in {None, network.native}:
            raise SandboxError(
                f"{options.preset} is {'a native' if network.native else 'no native'} chain",
                hint="Leave native out: the preset decides.",
            )
        return Kind(options.chain_id or network.id, network.native, options.preset)
    native = bool(options.native)
    return Kind(options.chain_id or (NATIVE_CHAIN_ID if native else TOKEN_CHAIN_ID), native)


async def _serve(
    folder: Path,
    options: Options,
    genesis: Genesis,
    node: DurableNode,
    sockets: Mapping[str, socket.socket],
) -> None:
    from iexec_lab.sandbox.services.server import running

    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    whole = asyncio.current_task()
    assert whole

    def leave() -> None:
        if not stop.is_set() and not ready.is_set():
            whole.cancel()  # a node that never gets ready would keep us for long
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, leave)
    if options.attached:
        _when_parent_ends(leave)
    try:
        async with running(folder, genesis, node, sockets, stop) as context:
            ready.set()
            write_record(folder, Record(os.getpid(), time.time(), genesis, context.urls))
            _say({"ready": True})
            await stop.wait()
            log.info("stopping")
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        log.info("stopped while it started")


def _when_parent_ends(leave: Callable[[], None]) -> None:
    """Standard input is a pipe nobody writes to: it is readable when its other end is gone."""

    def ended() -> None:
        if not os.read(0, 1):
            asyncio.get_running_loop().remove_reader(0)
            leave()

    asyncio.get_running_loop().add_reader(0, ended)


def _own_error(error: BaseException, folder: Path) -> IexecError:
    """The first error of a group; one that is not of our tree is wrapped."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, IexecError):
        return error
    if isinstance(error, sqlite3.Error):
        return unusable(folder, error)
    if isinstance(error, ImportError) and (told := _broken_library()):
        return told
    if not isinstance(error, OSError):
        return SandboxError(f"The sandbox failed: {error!r}")
    if str(error.filename or "").startswith(str(folder)):
        return unusable(folder, error)
    return SandboxError(f"The sandbox failed: {error}")


def _broken_library() -> LibraryError | None:
    for module, package in SANDBOX.items():
        try:
            with needing("The sandbox", module, package):
                import_module(module)
        except LibraryError as error:
            return error
    return None


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


class _PrivateLog(logging.handlers.RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=private)


def _log_to(path: Path) -> None:
    handler = _PrivateLog(path, maxBytes=5_000_000, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
