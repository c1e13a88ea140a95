"""One JSON-RPC exchange over HTTP: bounded in time and size, without a library's exceptions."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from iexec_lab.errors import CallError, ConfigurationError
from iexec_lab.ethereum.answers import HINT_NOT_A_NODE
from iexec_lab.ethereum.reverts import fault_reason, is_revert, meaning
from iexec_lab.plain_text import LONGEST_LINES, plain
from iexec_lab.protocol.javascript import loads
from iexec_lab.urls import HINT_SANDBOX, is_loopback, shown_url

if TYPE_CHECKING:
    import requests
    from urllib3 import HTTPResponse

MAX_ANSWER = 64 << 20
NO_CODE = -32000
_CHUNK = 1 << 16
_LONGEST_WAIT = 10.0
_RETRY_STATUS = {408, 425, 429, 500, 502, 503, 504}
# Infura, Alchemy and others: limit exceeded.
_RETRY_CODES = {-32005, -32016, 429}

HINT_UNREACHABLE = (
    "Check that the node is up and its address right; then try again, or set another host in chain.json."
)
HINT_SLOW = "The node is slow or far away: try again, or set another host in chain.json."
HINT_LIMIT = "The node limits requests: wait a little, or set your own host in chain.json."
HINT_KEY = "The node refuses this access: check the key in the host or in providers of chain.json."


@dataclass(frozen=True, slots=True)
class RpcFault:
    """Why a JSON-RPC request has no result.

    Attributes:
        code: The node's error code; 0 without an intelligible answer.
        lost: The request or its answer got lost, so its effect is unknown.
        retry: Asking again may help.
        wait: Seconds that the server asked to wait first.
    """

    code: int
    message: str
    data: Any = None
    lost: bool = False
    retry: bool = False
    wait: float = 0.0
    hint: str | None = None
    url: str = ""

    @property
    def reverted(self) -> bool:
        return not self.lost and is_revert(self.code, self.message)

    @property
    def reason(self) -> str | None:
        """The contract's reason when it reverted."""
        return fault_reason(self.message, self.data) if self.reverted else None

    def text(self) -> str:
        """``execution reverted: <reason>``, or what the node said."""
        if not self.reverted:
            return self.message
        return f"execution reverted: {self.reason}" if self.reason else "execution reverted"

    def error(self, method: str) -> CallError:
        details = {"method": method, "node": self.url}
        return CallError(
            self.text(), reason=self.reason, details=details, hint=self.hint or meaning(self.reason)
        )


def check_url(url: str) -> str:
    """The address of a node; ConfigurationError for an impossible one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an unfinished IPv6 address, a port above 65535
        usable = False
    if not usable:
        raise ConfigurationError("Invalid provider host name or url", details={"host": shown_url(url)})
    return url


def post(
    session: requests.Session,
    url: str,
    payload: bytes,
    timeout: float,
    content_type: str = "application/json",
    *,
    deadline: float | None = None,
) -> Any | RpcFault:
    """The JSON value of the node's answer; a fault when there is none.

    A JSON-RPC error object is an answer, whatever the HTTP status. ``deadline`` (monotonic seconds) is for
    callers that have used up some of the time-out.
    """
    from http.client import HTTPException

    import requests
    import urllib3

    from iexec_lab.http_deadline import Patience, allow, causes

    deadline = time.monotonic() + timeout if deadline is None else deadline
    shown = shown_url(url)
    try:
        with (
            allow(Patience(deadline)),
            session.post(
                url,
                data=payload,
                headers={"Content-Type": content_type},
                timeout=(min(timeout, 10), timeout),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            body = b"" if response.is_redirect else _read(response.raw, deadline)
    except _TooLargeError:
        message = f"Ethereum node at {shown} sent more than {MAX_ANSWER >> 20} MiB"
        return RpcFault(0, message, lost=True, hint=HINT_NOT_A_NODE, url=shown)
    except requests.exceptions.SSLError:
        message = f"Ethereum node at {shown} has no TLS, or its certificate is not trusted"
        return RpcFault(0, message, hint=HINT_NOT_A_NODE, url=shown)
    except (
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        HTTPException,
        OSError,
        ValueError,  # a redirection to an invalid address: it is read even when it is not followed
    ) as error:
        late = (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)
        # A time-out while connecting or sending looks like a broken connection; the cause tells them apart.
        if any(isinstance(cause, late) for cause in causes(error)):
            message = f"Ethereum node at {shown} did not answer within {timeout:g} s"
            return RpcFault(0, message, lost=True, retry=True, hint=HINT_SLOW, url=shown)
        return _unreachable(error, shown)
    return _parse(body, response, shown)


def is_throttled(code: Any, message: str) -> bool:
    """Is this JSON-RPC error the node's way of saying "too fast"?"""
    return code in _RETRY_CODES or says_too_fast(message)


def says_too_fast(message: str) -> bool:
    """The same by the words alone: some codes also mean that too much was asked for at once."""
    lowered = message.lower()
    return any(words in lowered for words in ("rate limit", "too many requests", "answered 429"))


def fault_of(answer: Any, shown: str) -> RpcFault | None:
    """The fault in a JSON-RPC answer object; None when it holds a result."""
    if not isinstance(answer, dict) or not ({"result", "error"} & answer.keys()):
        message = f"Ethereum node at {shown} answered something else than JSON-RPC"
        return RpcFault(0, message, lost=True, retry=True, hint=HINT_NOT_A_NODE, url=shown)
    error = answer.get("error")
    if error is None:
        return None
    if not isinstance(error, dict):
        error = {"message": error}
    message = plain(error.get("message") or "the node gave no reason", LONGEST_LINES)
    code = error.get("code")
    code = code if isinstance(code, int) and code else NO_CODE
    limited = is_throttled(code, message)
    return RpcFault(
        code, message, error.get("data"), retry=limited, hint=HINT_LIMIT if limited else None, url=shown
    )


def _parse(body: bytes, response: requests.Response, shown: str) -> Any | RpcFault:
    status = response.status_code
    try:
        answer = loads(body.decode("utf-8-sig"))
    except ValueError:
        answer = None
    if isinstance(answer, list) and status < 400:
        return answer
    if isinstance(answer, dict) and ("result" in answer or isinstance(answer.get("error"), dict)):
        fault = fault_of(answer, shown)
        if fault and status in _RETRY_STATUS and not fault.reverted:
            return replace(fault, retry=True, wait=_retry_after(response), hint=fault.hint or HINT_SLOW)
        return answer
    if status == 200:
        message = f"Ethereum node at {shown} answered something else than JSON-RPC"
        return RpcFault(0, message, lost=True, retry=True, hint=HINT_NOT_A_NODE, url=shown)
    return _status_fault(response, shown, response.reason)


def _status_fault(response: requests.Response, shown: str, words: str) -> RpcFault:
    status = response.status_code
    hint = HINT_LIMIT if status == 429 else HINT_KEY if status in {401, 403} else HINT_UNREACHABLE
    wait = _retry_after(response)
    message = f"Ethereum node at {shown} answered {status} {plain(words)}".rstrip()
    # A server error may follow the request's effect; a 4xx means that there was none.
    return RpcFault(
        0, message, lost=status >= 500, retry=status in _RETRY_STATUS, wait=wait, hint=hint, url=shown
    )


def _retry_after(response: requests.Response) -> float:
    from iexec_lab.http_deadline import retry_after

    return min(retry_after(response.headers.get("Retry-After")) or 0.0, _LONGEST_WAIT)


def _unreachable(error: Exception, shown: str) -> RpcFault:
    refused = "refused" in str(error).lower()
    loopback = is_loopback(shown)
    words = "cannot be reached" if refused or "resol" in str(error).lower() else "broke the connection"
    hint = HINT_SANDBOX if refused and loopback else HINT_UNREACHABLE
    # Nothing was sent when nothing listens; asking a closed loopback port again is a waste of time.
    return RpcFault(
        0,
        f"Ethereum node at {shown} {words}",
        lost=not refused,
        retry=not (refused and loopback),
        hint=hint,
        url=shown,
    )


class _TooLargeError(Exception):
    pass


def _read(raw: HTTPResponse, deadline: float) -> bytes:
    """The whole body; TimeoutError when it drips on past the deadline."""
    body = bytearray()
    while chunk := raw.read1(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise _TooLargeError
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(body)
