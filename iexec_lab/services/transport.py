"""The pooled HTTP session of all services, and the causes of failures in words.

``requests`` and ``urllib3`` are imported with this module, so import it late.
"""

from __future__ import annotations

import socket
import ssl
from functools import cache
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

from requests.exceptions import (
    ChunkedEncodingError,
    ConnectTimeout,
    InvalidSchema,
    InvalidURL,
    RequestException,
    Timeout,
    TooManyRedirects,
)
from urllib3 import exceptions as urllib3_errors
from urllib3.exceptions import LocationValueError

from iexec_lab import __version__
from iexec_lab.http_deadline import PatientSession, causes, current
from iexec_lab.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

_POOLED = 16  # connections kept for a host, enough for the pages fetched at once
_CONNECT = 10.0  # seconds for one address of a host
_PIECE = 16 << 10  # bytes that a slow transfer brings in a second
_LARGE_PIECE = 64 << 10  # where no time is earned by bytes: each piece has its price

_NETWORK = (RequestException, urllib3_errors.HTTPError, HTTPException, OSError, ValueError)

_CAUSES: tuple[tuple[tuple[type[BaseException], ...], str, bool], ...] = (
    ((socket.gaierror,), "the host name is not known", True),
    ((ConnectionRefusedError,), "connection refused", True),
    ((ssl.SSLError,), "no secure connection (TLS)", False),
    ((ConnectTimeout,), "no connection in time", True),
    ((TimeoutError, Timeout, urllib3_errors.TimeoutError), "no whole answer in time", True),
    ((TooManyRedirects,), "too many redirections", False),
    ((InvalidSchema, InvalidURL, LocationValueError), "a redirection to an invalid HTTP address", False),
    (
        (ConnectionError, urllib3_errors.ProtocolError, ChunkedEncodingError),
        "the connection ended before the whole answer was there",
        True,
    ),
)
"""Kinds of exceptions, words for them, and whether they may pass; the first that fits counts."""


class TransportError(Exception):
    """An exchange without an answer.

    ``words`` say why, without an address; ``passing``: another attempt may succeed; ``status``: what a proxy
    or the server answered, if anything; ``wait``: how many seconds it asked to wait.
    """

    def __init__(
        self, words: str, *, passing: bool, status: int | None = None, wait: float | None = None
    ) -> None:
        super().__init__(words)
        self.words = words
        self.passing = passing
        self.status = status
        self.wait = wait


@cache
def session(*, nearby: bool) -> requests.Session:
    """One of the two sessions of this process; threads may share it.

    Services that are ``nearby`` (those of the sandbox) are reached without a proxy.
    """
    made = PatientSession(_POOLED)
    made.trust_env = not nearby
    made.headers["User-Agent"] = f"iexec-lab/{__version__}"
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.max_redirects = 5
    # Without this, requests replaces our Authorization headers by those of ~/.netrc.
    made.auth = lambda request: request
    return made


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
        return session(nearby=is_loopback(url)).request(
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
        TransportError: it is cut off, late, or longer than ``limit`` bytes.
    """
    size = 0
    allowed = current()
    try:
        for piece in response.iter_content(_PIECE if allowed and allowed.rate else _LARGE_PIECE):
            size += len(piece)
            if allowed:
                allowed.moved += len(piece)
            if size > limit:
                raise TransportError(f"the answer has more than {limit} bytes", passing=False)
            yield piece
    except _NETWORK as error:
        raise _explain(error) from None


def _explain(error: Exception) -> TransportError:
    """Name the cause; the libraries' own texts contain the whole address."""
    found = tuple(causes(error))
    for kinds, words, passing in _CAUSES:
        if any(isinstance(cause, kinds) for cause in found):
            return TransportError(words, passing=passing)
    return TransportError("no answer that can be understood", passing=False)
