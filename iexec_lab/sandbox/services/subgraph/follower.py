"""Following the chain into the index, and waiting until the index is where the chain is."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from iexec_lab.errors import ChainError, IexecError
from iexec_lab.sandbox.ending import end
from iexec_lab.sandbox.services.subgraph.bulks import Bulks
from iexec_lab.sandbox.services.subgraph.mapping import map_blocks
from iexec_lab.sandbox.services.subgraph.reading import Emitters, Findings, find_emitters, read_batch
from iexec_lab.sandbox.services.subgraph.store import (
    Head,
    Writer,
    open_index,
    put_head,
    read_head,
    rewind,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iexec_lab.sandbox.chain.client import Batch
    from iexec_lab.sandbox.context import Context

T = TypeVar("T")

log = logging.getLogger(__name__)

_RETRY: Final = 0.5
_TOLERATED: Final = 3
"""Failures in a row after which nobody waits any more."""
PATIENCE: Final = 60.0
"""Seconds for which a query waits for the index."""
_PEACE: Final = 0.7
"""Seconds after the start in which nothing is indexed unless somebody asks: all services start then."""


class BehindError(ChainError):
    """The index did not come to the chain's newest block in time."""


class Follower:
    """The index of a sandbox. ``run`` follows the chain until it is cancelled; a thread writes."""

    def __init__(self, context: Context, path: Path) -> None:
        self.head = Head(-1, "", "", 0)
        self._context = context
        self._path = path
        self._bulks = Bulks(context.folder / "ipfs")
        self._asked = asyncio.Event()
        self._moved = asyncio.Condition()
        self._doubt = asyncio.Event()
        self._applied = 0
        self._failures: list[Exception] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="subgraph-index")
        self._emitters: Emitters

    async def run(self) -> None:
        """Follow the chain; what fails is logged and tried again from the last whole batch."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), _PEACE)
        while True:
            try:
                await self._follow_until_doubt()
            except Exception as error:
                log.exception("the index stopped at block %s", self.head.number)
                self._failures.append(error)
                await asyncio.sleep(_RETRY)

    async def close(self) -> None:
        """Let the batch at work end, and close the file; for after ``run`` has ended."""
        await asyncio.to_thread(self._thread.shutdown)
        if hasattr(self, "_db"):
            self._db.close()

    async def _follow_until_doubt(self) -> None:
        self._doubt.clear()
        following = asyncio.create_task(self._follow(), name="subgraph follows")
        doubting = asyncio.create_task(self._doubt.wait())
        try:
            await asyncio.wait({following, doubting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(doubting)
            await end(following)

    async def _follow(self) -> None:
        if not hasattr(self, "_db"):
            self._db = await self._work(open_index, self._path)
        self._emitters = await find_emitters(self._context)
        self.head = await self._known(await self._work(read_head, self._db))
        await self._context.chain.follow(self._apply, self.head.number + 1)

    async def _known(self, head: Head) -> Head:
        """The head, if the chain still has that block; else the index begins again."""
        block = await self._context.chain.rpc("eth_getBlockByNumber", hex(max(head.number, 0)), False)
        if head.number < 0 or (block and block["hash"] == head.hash):
            return head
        log.warning("block %s is another one now: the index begins anew", head.number)
        await self._work(self._undo, 0)
        return Head(-1, "", "", 0)

    def _undo(self, block: int) -> None:
        with self._db:
            rewind(self._db, block)
            put_head(self._db, Head(-1, "", "", 0))

    async def _apply(self, batch: Batch) -> None:
        found = await read_batch(self._context, self._emitters, batch)
        await self._work(self._write, batch.from_block, found)
        async with self._moved:
            self.head = found.head
            self._applied += 1
            self._failures.clear()
            self._moved.notify_all()

    def _write(self, start: int, found: Findings) -> None:
        with self._db:
            if start <= read_head(self._db).number:
                rewind(self._db, start)
            writer = Writer(self._db)
            map_blocks(self._db, writer, found)
            self._bulks.find(self._db)
            put_head(self._db, found.head)

    def _find_bulks(self) -> None:
        with self._db:
            self._bulks.find(self._db)

    async def reach(self) -> Head:
        """Wait until the index is where the chain is at this moment; the newest indexed block.

        Raises:
            BehindError: It did not get there in time.
        """
        self._asked.set()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._reach()
        except (TimeoutError, IexecError) as error:
            raise BehindError(f"the index is at block {self.head.number}: {error}") from error
        if self._bulks.waiting:
            await self._work(self._find_bulks)
        return self.head

    async def _reach(self) -> None:
        seen, lost = self._applied, -1
        while True:
            if len(self._failures) > _TOLERATED:
                raise BehindError(f"{type(self._failures[-1]).__name__}, see log.txt of the state folder")
            before = self._applied
            newest = await self._context.chain.rpc("eth_getBlockByNumber", "latest", False)
            number = int(newest["number"], 16)
            # On a chain that never rests: what was applied since we asked may be newer than what we saw.
            if self.head.hash == newest["hash"] or (self._applied > seen and self.head.number > number):
                return
            if self.head.number >= number and before == lost:
                self._doubt.set()  # nobody told us that the chain took blocks back
            lost = before
            async with self._moved:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait_for(partial(self._has_moved, before)), 1)

    def _has_moved(self, before: int) -> bool:
        return self._applied != before

    async def _work(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
