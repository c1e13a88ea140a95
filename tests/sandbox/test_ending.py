from __future__ import annotations

import asyncio

import pytest

from iexec_lab.sandbox import ending
from iexec_lab.sandbox.ending import end


def test_a_task_that_swallows_a_cancellation_ends_all_the_same(monkeypatch):
    monkeypatch.setattr(ending, "AGAIN", 0.01)
    swallowed = []

    async def stubborn():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.append(1)
                if len(swallowed) > 2:
                    raise

    async def work():
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await end(task)
        return task.cancelled()

    assert asyncio.run(work()) is True
    assert len(swallowed) == 3


def test_the_failure_of_a_task_is_raised():
    async def failing():
        raise ValueError("why")

    async def work():
        task = asyncio.create_task(failing())
        await asyncio.sleep(0)
        await end(task)

    with pytest.raises(ValueError, match="why"):
        asyncio.run(work())
