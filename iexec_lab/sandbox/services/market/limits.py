"""Counting requests: so many from one client in one period, then 429 until the period is over.

Ours, 30 lines, because periods and headers are those of the real service's middleware for Koa.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from iexec_lab.sandbox.services.market.options import RateLimit

_TRUSTED: Final = ["iex", "ec"]


class RateLimiter:
    """In memory; ``clock`` gives seconds since the epoch."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._clock = clock
        self._periods: dict[str, tuple[int, float]] = {}

    def count(self, request: web.Request) -> dict[str, str]:
        """Headers for the answer to a request; with ``Retry-After`` (seconds) when it is one too many."""
        if self._is_exempt(request):
            return {}
        now = self._clock()
        client = (
            request.headers.get("X-Real-IP") or request.headers.get("X-Forwarded-For") or request.remote or ""
        )
        self._periods = {name: period for name, period in self._periods.items() if period[1] > now}
        used, end = self._periods.get(client, (0, now + self._limit.period))
        self._periods[client] = used + 1, end
        headers = {
            "X-RateLimit-Limit": str(self._limit.maximum),
            "X-RateLimit-Remaining": str(max(self._limit.maximum - used - 1, 0)),
            "X-RateLimit-Reset": str(math.floor(end)),
        }
        if used >= self._limit.maximum:
            headers["Retry-After"] = str(math.ceil(end - now))
        return headers

    def _is_exempt(self, request: web.Request) -> bool:
        if request.headers.get("Origin", "").split(".")[-2:] == _TRUSTED:
            return True
        return self._limit.exempt_loopback and request.remote == "127.0.0.1"
