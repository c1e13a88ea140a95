"""HTTP with one time-out for a whole exchange.

Connecting, sending and each read, of head and body, get what is left of one allowance.

Ours because ``requests`` and ``urllib3`` start a socket's time-out anew with every byte: against a server
that sends one byte a second, ``requests.get(timeout=2)`` and ``urllib3.Timeout(total=2)`` took 11.2 s for
12 bytes, this module gave up after 2.0 s. Importing it imports both libraries (298 modules): import it late.
"""

from __future__ import annotations

import email.utils
import io
import math
import socket
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response
    from urllib3.poolmanager import PoolManager, ProxyManager

_LONGEST_WAIT = 366 * 24 * 3600.0


@dataclass(slots=True)
class Patience:
    """How long to wait for an exchange.

    Until ``deadline`` (monotonic seconds). With a ``rate``, every ``rate`` bytes in ``moved`` add a second:
    a long transfer may take its time, a trickle may not. Sent bytes are counted here, those of a body by its
    reader. Heads and trailers, which may be endless, do not count.
    """

    deadline: float
    rate: int | None = None
    moved: int = 0
    sock: socket.socket | None = None

    def stop(self) -> None:
        """End the exchange now, from another thread; whoever waits for an answer hears that there is none."""
        self.deadline = (
            -math.inf
        )  # before the socket is looked for: one that comes later meets it in ``need``
        if (sock := self.sock) is not None:
            with suppress(OSError):  # closed meanwhile
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # TLS's own would take its state away as well

    def left(self) -> float:
        earned = self.moved / self.rate if self.rate else 0.0
        return self.deadline + earned - time.monotonic()

    def need(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: there are none.
        """
        left = self.left()
        if left <= 0:
            raise TimeoutError("the time allowed is over")
        return left


_patience: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextmanager
def allow(allowed: Patience) -> Iterator[None]:
    """Bound the exchanges in this block, if their session is a ``PatientSession``.

    Other sessions keep the socket's own time-outs.
    """
    token = _patience.set(allowed)
    try:
        yield
    finally:
        _patience.reset(token)


def current() -> Patience | None:
    """The ``Patience`` of the innermost ``allow`` block; None outside."""
    return _patience.get()


def retry_after(header: str | None) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date; a year at most."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), _LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError, OSError):
        return None
    return min(max(moment - time.time(), 0.0), _LONGEST_WAIT)


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that led to it; the libraries below also put one into the arguments of another."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        around = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        pending += [cause for cause in around if isinstance(cause, BaseException)]


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase, allowed: Patience) -> None:
        self._sock = sock
        self._raw = raw
        self._allowed = allowed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._allowed.need())
        return self._raw.readinto(buffer) or 0

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if allowed := _patience.get():
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Reader(sock, raw, allowed))


class _Patient:
    """Mixed into urllib3's connections."""

    sock: socket.socket | None
    timeout: float | None

    def connect(self) -> None:
        if allowed := _patience.get():
            self.timeout = min(self.timeout or allowed.need(), allowed.need())
        super().connect()  # type: ignore[misc]

    def send(self, data: Any) -> None:
        allowed = _patience.get()
        if allowed and self.sock:
            allowed.sock = self.sock
            self.sock.settimeout(allowed.need())
        super().send(data)  # type: ignore[misc]
        if allowed and isinstance(data, bytes):
            allowed.moved += len(data)


class _Connection(_Patient, HTTPConnection):
    response_class = _Response


class _SecureConnection(_Patient, HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class PatientSession(Session):
    """The session that obeys ``allow``, with up to ``pooled`` connections to a host."""

    def __init__(self, pooled: int) -> None:
        super().__init__()
        adapter = _Adapter(pool_connections=pooled, pool_maxsize=pooled)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_redirect_target(self, resp: Response) -> str | None:
        """Where it leads; the body, which requests would read whole in any case, is left unread."""
        target = super().get_redirect_target(resp)
        if target is not None:
            resp.raw.close()
        return target


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager: PoolManager
        self.poolmanager.pool_classes_by_scheme = dict(_POOLS)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = dict(_POOLS)
        return manager
