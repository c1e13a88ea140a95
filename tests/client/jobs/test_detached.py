from __future__ import annotations

import asyncio

from iexec_lab.client.jobs.detached import Detached, detached_await


def test_an_interrupt_that_says_how_to_come_back():
    left = Detached("Detached. Come back: x", "x")
    assert isinstance(left, KeyboardInterrupt)
    assert (str(left), left.line, left._render_traceback_()) == ("Detached. Come back: x", "x", [str(left)])
    assert Detached("text").line == ""


def test_a_cancellation_that_does():
    kind = detached_await()
    assert detached_await() is kind
    assert issubclass(kind, asyncio.CancelledError)
    assert kind("text")._render_traceback_() == ["text"]
