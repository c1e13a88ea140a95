from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from iexec_lab.sandbox.chain.client import Chain
from iexec_lab.sandbox.chain.clock import Clock, DeadlineError
from iexec_lab.sandbox.chain.connection import Head


@pytest.fixture
def ticking(iexec_sandbox):
    """``ticking(work)`` runs ``await work(clock)`` on the sandbox's clock."""

    def run(work):
        async def main():
            url, chain_id = iexec_sandbox.urls["rpc"], iexec_sandbox.chain_id
            async with Chain(url, chain_id) as chain, Clock(chain) as clock:
                return await work(clock)

        return asyncio.run(main())

    return run


def test_time_is_the_chain_s(ticking, iexec_sandbox):
    iexec_sandbox.forward(1000)

    async def work(clock):
        head = clock._chain.head
        return clock.now() - head.timestamp

    assert 0 <= ticking(work) < 60


def test_time_never_goes_back_by_itself(ticking, iexec_sandbox):
    async def work(clock):
        seen = []
        for _ in range(5):
            seen.append(clock.now())
            await asyncio.to_thread(iexec_sandbox.forward, 0)
        return seen

    seen = ticking(work)
    assert seen == sorted(seen)


def test_going_forward_wakes_those_who_wait(ticking, iexec_sandbox):
    async def work(clock):
        moment = clock.now() + 5000
        waiting = asyncio.create_task(clock.until(moment))
        await asyncio.sleep(0)
        await asyncio.to_thread(iexec_sandbox.forward, 4000)
        assert not waiting.done()
        await asyncio.to_thread(iexec_sandbox.forward, 1001)
        await asyncio.wait_for(waiting, 10)
        assert clock.now() >= moment

    ticking(work)


def test_a_moment_comes_without_any_block(ticking):
    async def work(clock):
        await clock.until(clock.now() + 0.05)
        await clock.until(clock.now() - 10)

    ticking(work)


def test_work_that_is_done_in_time(ticking):
    async def work(clock):
        return await clock.before(clock.now() + 100, asyncio.sleep(0, "done"))

    assert ticking(work) == "done"


def test_work_that_is_not_is_cancelled(ticking, iexec_sandbox):
    ended = []

    async def long():
        try:
            await asyncio.sleep(600)
        finally:
            ended.append(time.monotonic())

    async def work(clock):
        moment = clock.now() + 3000
        working = asyncio.create_task(clock.before(moment, long()))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(iexec_sandbox.forward, 3001)
        with pytest.raises(DeadlineError):
            await working

    ticking(work)
    assert ended


def test_errors_of_the_work_come_through(ticking):
    async def fail():
        raise LookupError("mine")

    async def work(clock):
        await clock.before(clock.now() + 100, fail())

    with pytest.raises(LookupError, match="mine"):
        ticking(work)


class SlowNews:
    """A chain whose clock is ``offset`` ahead of the machine's, both in the test's hands."""

    def __init__(self):
        self.offset, self.machine = 500, 1000.9
        self.head = Head(0, self.seconds())
        self._news = asyncio.Queue()

    def seconds(self):
        return int(self.machine + self.offset)

    async def rpc(self, method, *params):
        assert (method, params) == ("eth_getBlockByNumber", ("pending", False))
        return {"timestamp": hex(self.seconds())}

    async def next_block(self, _):
        head = await self._news.get()
        self._news.task_done()
        return head

    async def tell(self, timestamp):
        """Of one more block; when this is done the clock has heard of it."""
        self.head = Head(self.head.number + 1, timestamp)
        for _ in range(2):  # that the second one is waited for says that the first one was dealt with
            self._news.put_nowait(self.head)
            await self._news.join()


def test_late_news_do_not_take_the_time_back(monkeypatch):
    async def check():
        chain = SlowNews()
        monkeypatch.setattr("iexec_lab.sandbox.chain.clock.time", SimpleNamespace(time=lambda: chain.machine))
        async with Clock(chain) as clock:
            assert clock.now() == chain.machine + 500
            mined = chain.seconds()
            chain.machine += 0.75
            await chain.tell(mined)
            assert clock.now() == chain.machine + 500
            chain.machine += 7
            await chain.tell(mined)
            assert clock.now() == chain.machine + 500
            chain.offset = 498
            await chain.tell(chain.seconds())
            assert clock.now() == chain.machine + 498
            chain.offset = 900
            await chain.tell(chain.seconds())
            assert clock.now() >= chain.seconds()

    asyncio.run(check())
