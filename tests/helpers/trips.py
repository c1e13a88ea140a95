"""How many round trips something takes: steps of requests that wait for each other.

    with far_away(sandbox) as (handle, trips):
        lab = open_lab(handle, ...)
        ...
        trips.begin()
        lab.app.run(app)
        assert trips.count <= 5, trips

``handle`` leads to the sandbox through one proxy for each service. A request is held until no other one has
come for a moment, then all that are held go on together: that is one round trip, however many they are. A
machine under load can make it look like two, never like fewer, so ``fewest`` takes the best of a few tries.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from helpers.faulty_server import FaultyServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from helpers.faulty_server import Exchange

QUIET = 0.03
"""Seconds without another request after which those that are held go on."""
TRIES = 6


@dataclass
class _Step:
    asked: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)


@dataclass
class Trips:
    """The round trips since ``begin``; its text lists the requests of each."""

    quiet: float = QUIET
    steps: list[list[str]] = field(default_factory=list)
    _open: _Step | None = None
    _last: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def count(self) -> int:
        return len(self.steps)

    def begin(self) -> None:
        with self._lock:
            self.steps = []

    def hold(self, service: str) -> Callable[[Exchange], None]:
        """The fault of a ``FaultyServer`` that holds what is asked of a service."""

        def held(exchange: Exchange) -> None:
            self._wait(f"{service} {_said(exchange)}")
            exchange.send(exchange.forward())

        return held

    def _wait(self, asked: str) -> None:
        with self._lock:
            self._last = time.monotonic()
            step = self._open
            leads = step is None
            if step is None:
                step = self._open = _Step()
                self.steps.append(step.asked)
            step.asked.append(asked)
        if not leads:
            step.gone.wait()
            return
        while True:
            with self._lock:
                left = self._last + self.quiet - time.monotonic()
                if left <= 0:
                    self._open = None
                    step.gone.set()
                    return
            time.sleep(left)

    def __str__(self) -> str:
        lines = (f"{number}. {' | '.join(asked)}" for number, asked in enumerate(self.steps, 1))
        return "\n".join([f"{self.count} round trips:", *lines])


def _said(exchange: Exchange) -> str:
    """The request in a few words: path, or the methods of JSON-RPC."""
    request = exchange.request
    try:
        body = json.loads(request.body)
        calls = body if isinstance(body, list) else [body]
        names = [each["method"].removeprefix("eth_") for each in calls]
    except (ValueError, KeyError, TypeError):
        return f"{request.method} {request.path.partition('?')[0]}"
    counted = {name: names.count(name) for name in names}
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counted.items())


@contextmanager
def far_away(handle, quiet: float = QUIET) -> Iterator[tuple[object, Trips]]:
    """The sandbox behind proxies that count."""
    trips = Trips(quiet)
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(FaultyServer(upstream=url, always=trips.hold(name))).url
            for name, url in handle.urls.items()
        }
        yield replace(handle, urls=urls), trips


def fewest(trips: Trips, work: Callable[[], object], most: int, tries: int = TRIES) -> str:
    """Do the work until it takes at most ``most`` round trips; else the text of the best try."""
    best = None
    for _ in range(tries):
        trips.begin()
        work()
        if trips.count <= most:
            return ""
        if best is None or trips.count < best[0]:
            best = trips.count, str(trips)
    return best[1] if best else "nothing was done"
