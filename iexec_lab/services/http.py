"""The rules that all services share: addresses, queries, time-outs, retries, limits, errors.

The words of the errors and the meaning of status codes are those of the official SDK.

Ours because urllib3's ``Retry`` gives each attempt the whole time-out: at a silent server, two retries with a
time-out of 2 s took 6.5 s, here 2.0 s. It bounds neither the size of an answer nor the time of its body.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from iexec_lab.errors import ApiError, ConfigurationError, ServiceError, ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.protocol.javascript import loads
from iexec_lab.urls import HINT_SANDBOX, is_loopback, shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from iexec_lab.services.pages import Allowance
    from iexec_lab.services.transport import TransportError

    Query = Mapping[str, str | int | None]
    Body = str | bytes | Mapping[str, Any] | Iterator[bytes]

T = TypeVar("T")

TIMEOUT = 30.0
"""Seconds for a call with its retries and its whole answer."""
RETRIES = 2
MAX_ANSWER = 64 << 20
"""Bytes of the largest answer read into memory."""
SLOWEST = 16 << 10
"""Bytes a second below which a long transfer is abandoned."""

_PASSING = {429, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's answer, of any status below 500."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def status_line(self) -> str:
        return f"{self.status} {self.reason}".strip()


@dataclass(frozen=True, slots=True)
class _Request:
    """``repeatable``: it changes nothing, or nothing more when repeated."""

    method: str
    url: str
    data: bytes | Iterator[bytes] | None
    headers: Mapping[str, str | None]
    repeatable: bool


class Http:
    """Calls to one service.

    Args:
        base_url: Address of the service. As in the official SDK its path is dropped: endpoints start at the
            root.
        error: Class of the errors for a service that cannot be reached or fails.
        timeout: Seconds for one call, retries included.
        retries: How often a call that changes nothing is repeated after a failure of the network or a proxy,
            and any call after a 429 (too many requests).
        max_bytes: Size of the largest answer.

    Raises:
        ConfigurationError: the address is not an http(s) URL, or holds a password.
    """

    def __init__(
        self,
        base_url: str,
        error: type[ServiceError],
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        max_bytes: int = MAX_ANSWER,
    ) -> None:
        try:
            parts = urlsplit(base_url)
            _ = parts.port
        except ValueError:
            raise ConfigurationError(f"{error.service} url is not a valid URL: {plain(base_url)}") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(f"{error.service} url must start with http:// or https://")
        if parts.username or parts.password:
            raise ConfigurationError(f"{error.service} url must not hold a user name or password")
        self.root = f"{parts.scheme}://{parts.netloc}"
        self.shown = plain(shown_url(base_url))
        self.error = error
        self.timeout = timeout
        self.retries = retries
        self.max_bytes = max_bytes

    def __repr__(self) -> str:
        return f"Http({self.shown!r})"

    def get_json(
        self,
        path: str,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        allowance: Allowance | None = None,
    ) -> Any:
        """GET; the JSON of a 2xx answer. Several calls may share an ``allowance``.

        Raises:
            ServiceError: of the given class: the service could not be reached or failed (5xx).
            ApiError: it refused, or did not answer with JSON.
        """
        headers = {"Accept": "application/json", **(headers or {})}
        return self.read_json(self.call("GET", path, query, headers=headers, allowance=allowance))

    def get(self, path: str, query: Query, allowance: Allowance | None) -> Answer:
        """As ``get_json``, before it is read: for ``read_json``."""
        return self.call("GET", path, query, headers={"Accept": "application/json"}, allowance=allowance)

    def send_json(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        *,
        safe: bool = False,
    ) -> Any:
        """POST or PUT of a JSON body; answers and errors as ``get_json``."""
        headers = {"Accept": "application/json", **(headers or {})}
        return self.read_json(self.call(method, path, query, body=body, headers=headers, safe=safe))

    def call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool = False,
        long: bool = False,
        allowance: Allowance | None = None,
    ) -> Answer:
        """One request; the whole answer, whatever its status below 500.

        Args:
            method: GET and HEAD may be repeated; others if ``safe`` says that they change nothing.
            path: From the root; names in it are percent-encoded if they hold ``/``, ``?`` or ``#``.
            query: Sent sorted by name; None is left out, booleans are ``true`` and ``false``.
            body: A mapping is sent as JSON, text as text/plain, bytes and pieces of bytes unchanged.
            headers: Sent unchanged.
            safe: See method.
            long: A large body: each 16 KiB adds a second.
            allowance: Time and size for this call and others together.

        Raises:
            ServiceError: of the given class: no answer in time, or 5xx, or more than ``max_bytes``.
            ValidationError: path, query or body cannot be written as UTF-8.
        """
        from iexec_lab.services.transport import pieces

        def read(response: requests.Response) -> Answer:
            found = []
            for piece in pieces(response, self.max_bytes):
                if allowance is not None:
                    allowance.take(len(piece))
                found.append(piece)
            return answer_head(response, b"".join(found))

        until = allowance.deadline if allowance else None
        return self.exchange(
            method, path, query, read, body=body, headers=headers, safe=safe, long=long, until=until
        )

    def exchange(
        self,
        method: str,
        path: str,
        query: Query | None,
        read: Callable[[requests.Response], T],
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool = False,
        long: bool = False,
        until: float | None = None,
    ) -> T:
        """As ``call``, but ``read`` turns the open response into the value; it runs again on a retry.

        ``until`` (monotonic seconds) is the latest end, if it comes before that of the time-out.
        """
        from iexec_lab.http_deadline import Patience, allow
        from iexec_lab.services.transport import TransportError

        try:
            url = urljoin(self.root, quote(path, safe="/%:@!$&'()*+,;=~")) + query_string(query or {})
            data, kind = _encode(body)
        except UnicodeEncodeError:
            raise ValidationError(f"{self.error.service} takes valid Unicode text only") from None
        sent = {"Content-Type": kind, "Accept": None, **(headers or {})}
        request = _Request(method, url, data, sent, safe or method in {"GET", "HEAD"})
        end = time.monotonic() + self.timeout
        allowed = Patience(end if until is None else min(end, until), SLOWEST if long else None)
        attempt = 0
        while True:
            try:
                with allow(allowed):
                    return self._attempt(request, read, last=attempt == self.retries)
            except TransportError as failure:
                pause = _backoff(attempt) if failure.wait is None else failure.wait
                again = failure.passing and (request.repeatable or failure.status == 429)
                if not again or attempt == self.retries or pause >= allowed.left():
                    raise self._explain(failure, url) from None
            attempt += 1
            time.sleep(pause)

    def read_json(self, answer: Answer) -> Any:
        """The JSON of an answer; ApiError in the official SDK's words."""
        if "application/json" not in answer.headers.get("Content-Type", ""):
            raise self.api_error("The http response is not of JSON type", answer)
        try:
            value = loads(answer.body)
        except ValueError:
            if answer.ok:
                raise self.api_error("The http response is not valid JSON", answer) from None
            value = None
        if answer.ok:
            return value
        said = value.get("error") if isinstance(value, dict) else None
        words = ",".join(map(str, said)) if isinstance(said, list) else str(said or "")
        raise self.api_error(f"API error: {words or answer.status_line}", answer)

    def api_error(self, message: str, answer: Answer | None = None, *, hint: str | None = None) -> ApiError:
        """The error for an answer that is of no use."""
        details = {"service": self.error.service, "url": self.shown}
        if answer:
            details["status"] = answer.status_line
        status = answer.status if answer else None
        return ApiError(plain(message), url=self.shown, status=status, details=details, hint=hint)

    def _attempt(self, request: _Request, read: Callable[[requests.Response], T], *, last: bool) -> T:
        from iexec_lab.http_deadline import retry_after
        from iexec_lab.services.transport import TransportError, open_response

        # A body must not go to another address: it may be a secret.
        follow = request.method in {"GET", "HEAD"}
        with open_response(
            request.method, request.url, request.data, request.headers, follow=follow
        ) as response:
            status = response.status_code
            spent = last or hasattr(request.data, "__next__")
            if status >= 500 or (status == 429 and not spent):
                words = answer_head(response).status_line
                wait = retry_after(response.headers.get("Retry-After"))
                raise TransportError(words, passing=status in _PASSING, status=status, wait=wait)
            return read(response)

    def _explain(self, failure: TransportError, url: str) -> ServiceError:
        where = url.partition("?")[0]
        hint = None if failure.wait is None else f"Try again in {failure.wait:.0f} s, as the service asks."
        if failure.status == 429:
            details = {"service": self.error.service, "url": where}
            return ApiError(f"API error: {failure.words}", url=where, status=429, details=details, hint=hint)
        if failure.status:
            said = f"Server at {self.shown} encountered an internal error"
            details = {"status": failure.words, "url": where}
        else:
            said = f"Connection to {self.shown} failed with a network error"
            details = {"cause": failure.words, "url": where}
            hint = "Check that the address is right and that the service is up, then try again."
            if is_loopback(url) and "refused" in failure.words.lower():
                hint = HINT_SANDBOX
        message = f"{self.error.service} error: {said}"
        return self.error(message, url=where, status=failure.status, details=details, hint=hint)


def answer_head(response: requests.Response, body: bytes = b"") -> Answer:
    """The answer, without reading more of the response."""
    return Answer(response.status_code, plain(response.reason or ""), response.headers, body)


def query_string(query: Query) -> str:
    """``?a=1&b=true``: sorted by name, percent-encoded as RFC 3986 says, None left out."""
    items = [
        f"{quote(name, safe='')}={quote(_text(value), safe='')}"
        for name, value in sorted(query.items())
        if value is not None
    ]
    return "?" + "&".join(items) if items else ""


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _encode(body: Body | None) -> tuple[bytes | Iterator[bytes] | None, str | None]:
    """The bytes to send and their type; JSON without spaces, as JSON.stringify writes it."""
    if isinstance(body, str):
        return body.encode(), "text/plain"
    if isinstance(body, Mapping):
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(), "application/json"
    return body, None


def _backoff(attempt: int) -> float:
    """Seconds before the next attempt; random, so that callers do not all come back at once."""
    return 0.25 * (1 << attempt) * random.uniform(0.5, 1)  # noqa: S311 -- no secret
