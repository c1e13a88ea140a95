"""The chain's time, which ``sandbox forward`` moves ahead of the machine's clock."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Self, TypeVar

from iexec_lab.errors import ChainError
from iexec_lab.sandbox.ending import end

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from iexec_lab.sandbox.chain.client import Chain

T = TypeVar("T")


class DeadlineError(Exception):
    """The chain's time has come before the work was done."""


class Clock:
    """``async with Clock(chain) as clock``; every time is in seconds since 1970."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._ahead = 0
        self._moved = asyncio.Condition()
        self._watcher: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        await self._ask()
        self._watcher = asyncio.create_task(self._watch(), name="chain clock")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end(self._watcher)

    def now(self) -> float:
        return time.time() + self._ahead

    async def until(self, moment: float) -> None:
        """Wait until the next block can not be earlier than ``moment``."""
        while (left := moment - self.now()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left), self._moved:
                    await self._moved.wait()

    async def before(self, moment: float, work: Coroutine[None, None, T]) -> T:
        """The outcome of ``work``; it is cancelled at ``moment``.

        Raises:
            DeadlineError: ``moment`` came first.
        """
        working = asyncio.ensure_future(work)
        ringing = asyncio.ensure_future(self.until(moment))
        try:
            await asyncio.wait((working, ringing), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise DeadlineError
        finally:
            for task in (working, ringing):
                task.cancel()
            await asyncio.gather(working, ringing, return_exceptions=True)

    async def _watch(self) -> None:
        number = self._chain.head.number
        while True:
            head = await self._chain.next_block(number)
            number = head.number
            ahead = head.timestamp - time.time()
            if ahead > self._ahead:
                await self._move(math.ceil(ahead))
            elif ahead <= self._ahead - 1:
                # More than the cut-off fraction of a second: late news, or a chain that was wound back.
                with contextlib.suppress(ChainError):
                    await self._ask()

    async def _ask(self) -> None:
        """Learn the chain's time from the block it would make now, whose time is cut to whole seconds."""
        asked = time.time()
        pending = await self._chain.rpc("eth_getBlockByNumber", "pending", False)
        timestamp = int(pending["timestamp"], 16)
        least, limit = math.ceil(timestamp - time.time()), timestamp + 1 - asked
        if not least <= self._ahead < limit:
            await self._move(least)

    async def _move(self, ahead: int) -> None:
        async with self._moved:
            self._ahead = ahead
            self._moved.notify_all()
