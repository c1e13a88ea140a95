"""End a task of ours, whatever becomes of one cancellation."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

AGAIN = 5.0
"""Seconds after which a task that goes on is cancelled again: more than it takes to clean up."""


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it has ended; its own failure is raised.

    One cancellation can get lost: ``asyncio.wait_for`` of Python 3.11 and the time-outs of aiohttp swallow it
    when it comes together with the answer that they wait for.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN)
    with suppress(asyncio.CancelledError):
        task.result()
