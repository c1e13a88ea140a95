"""A pooled HTTP session whose time-outs are for a whole exchange.

The time-out of a socket starts anew with every byte, so a server that sends one byte a second is never late.
Here connecting, sending and each read get what is left of one allowance. ``requests`` and ``urllib3`` are
imported with this module, so import it late.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectTimeout,
    RequestException,
    Timeout,
    TooManyRedirects,
)
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.poolmanager import PoolManager, ProxyManager

_POOLED = 16  # connections kept for a host: as many as pages fetched at once
_CONNECT = 10.0  # seconds for one address of a host
_PIECE = 64 << 10

_NETWORK = (RequestException, urllib3_errors.HTTPError, HTTPException, OSError, ValueError)

_CAUSES: tuple[tuple[tuple[type[BaseException], ...], str, bool], ...] = (
    ((socket.gaierror,), "the host name is not known", True),
    ((ConnectionRefusedError,), "connection refused", True),
    ((ssl.SSLError,), "no secure connection (TLS)", False),
    ((ConnectTimeout,), "no connection in time", True),
    ((TimeoutError, Timeout, urllib3_errors.TimeoutError), "no whole answer in time", True),
    ((TooManyRedirects,), "too many redirections", False),
    (
        (ConnectionError, urllib3_errors.ProtocolError, ChunkedEncodingError),
        "the connection ended before the whole answer was there",
        True,
    ),
)
"""Kinds of exceptions, what to call them, and whether it may pass; the first that fits counts."""


class TransportError(Exception):
    """An exchange without an answer.

    ``words`` tell why and name no address, ``passing`` that another attempt may fare better, ``status`` is
    there when a proxy or the server itself said so, ``wait`` when it said how many seconds to stay away.
    """

    def __init__(
        self, words: str, *, passing: bool, status: int | None = None, wait: float | None = None
    ) -> None:
        super().__init__(words)
        self.words = words
        self.passing = passing
        self.status = status
        self.wait = wait


@dataclass(slots=True)
class Patience:
    """How long to wait for an exchange.

    Until ``deadline`` (monotonic seconds), with ``rate`` a second more for every ``rate`` bytes that moved:
    a long transfer may take its time and a trickle may not.
    """

    deadline: float
    rate: int | None = None
    moved: int = 0

    def left(self) -> float:
        earned = self.moved / self.rate if self.rate else 0.0
        return self.deadline + earned - time.monotonic()

    def need(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: none.
        """
        left = self.left()
        if left <= 0:
            raise TimeoutError("the time allowed is over")
        return left


patience: ContextVar[Patience | None] = ContextVar("patience", default=None)
"""What the exchange begun in this context may take; without it the socket's own time-outs rule."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase, allowed: Patience) -> None:
        self._sock = sock
        self._raw = raw
        self._allowed = allowed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._allowed.need())
        count = self._raw.readinto(buffer) or 0
        self._allowed.moved += count
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if allowed := patience.get():
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Reader(sock, raw, allowed))


class _Patient:
    """Mixed into urllib3's connections."""

    sock: socket.socket | None
    timeout: float | None

    def connect(self) -> None:
        if allowed := patience.get():
            self.timeout = min(self.timeout or allowed.need(), allowed.need())
        super().connect()  # type: ignore[misc]

    def send(self, data: Any) -> None:
        allowed = patience.get()
        if allowed and self.sock:
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


@cache
def session() -> requests.Session:
    """The one session of this process; threads may share it."""
    made = requests.Session()
    adapter = _Adapter(pool_connections=_POOLED, pool_maxsize=_POOLED)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    made.headers["User-Agent"] = f"iexec-lab/{_version()}"
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.max_redirects = 5
    # Without this, requests puts what ~/.netrc says in the place of our Authorization headers.
    made.auth = lambda request: request
    return made


def _version() -> str:
    try:
        return version("iexec-lab")
    except PackageNotFoundError:
        return "dev"


def open_response(
    method: str,
    url: str,
    data: bytes | Iterator[bytes] | None,
    headers: Mapping[str, str | None],
    *,
    follow: bool,
) -> requests.Response:
    """Send a request and read the head of the answer; close the response after its body.

    Raises:
        TransportError: there is no answer.
    """
    try:
        return session().request(
            method,
            url,
            data=data,
            headers=headers,
            timeout=(_CONNECT, None),
            stream=True,
            allow_redirects=follow,
        )
    except _NETWORK as error:
        raise _explain(error) from None


def pieces(response: requests.Response, limit: int) -> Iterator[bytes]:
    """The decoded body.

    Raises:
        TransportError: it is cut off, late, or has more than ``limit`` bytes.
    """
    size = 0
    try:
        for piece in response.iter_content(_PIECE):
            size += len(piece)
            if size > limit:
                raise TransportError(f"the answer has more than {limit} bytes", passing=False)
            yield piece
    except _NETWORK as error:
        raise _explain(error) from None


def _explain(error: Exception) -> TransportError:
    """Name the cause; the libraries' own texts hold the whole address."""
    causes = tuple(_causes(error))
    for kinds, words, passing in _CAUSES:
        if any(isinstance(cause, kinds) for cause in causes):
            return TransportError(words, passing=passing)
    return TransportError(type(error).__name__, passing=False)


def _causes(error: BaseException) -> Iterator[BaseException]:
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
