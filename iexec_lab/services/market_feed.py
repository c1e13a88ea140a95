"""The market's feed: what is published, changed, taken off and matched, as it happens.

It is socket.io 4 at the path ``/ws``; python-socketio has the protocol. Ours is what a stranger's feed must
not do: bring more than it may in one answer, fill the memory, fall silent for ever, or tell things out of
order. Only long polling is used: its answers go through our own bounded HTTP, and a WebSocket's messages have
no limit in the library.
"""

from __future__ import annotations

import logging
import queue
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from iexec_lab.errors import LibraryError, MarketError
from iexec_lab.http_deadline import Patience, PatientSession, allow
from iexec_lab.libraries import needing
from iexec_lab.plain_text import plain
from iexec_lab.urls import is_loopback

if TYPE_CHECKING:
    from types import TracebackType

    from requests import Response

PATH: Final = "ws"
MOST_WAITING: Final = 10_000
"""Messages that wait for their reader; with one more the feed counts as cut, and the list is read anew."""
MOST_BYTES: Final = 16 << 20
"""Bytes of one answer; the real service keeps no more than that for a client."""
LONGEST_SILENCE: Final = 70.0
"""Seconds without a word. The service says one every 25 s; a connection can die without an end."""
_AT_ONCE: Final = 16
"""Packets of an answer that python-engineio takes; it gives up on more."""
_SEPARATOR: Final = b"\x1e"

_log = logging.getLogger(__name__)
_log.setLevel(logging.CRITICAL)  # the library tells every packet, and every failure that is an error of ours


class Told(NamedTuple):
    """One message: ``workerpoolorder_published``, ``deal_created`` ... and its JSON."""

    event: str
    payload: Any


class FeedCutError(MarketError):
    """The connection ended; what happened meanwhile is not told."""


class Feed:
    """One connection to the feed, for one reader.

    Args:
        url: Of the market.
        chain_id: Whose rooms.
        topic: ``orders`` or ``deals``.
        timeout: Seconds to get in.

    Raises:
        MarketError: There is no feed, or it did not answer.
        LibraryError: python-socketio is not installed.
    """

    def __init__(self, url: str, chain_id: int, topic: str, *, timeout: float = 30.0) -> None:
        self._told: queue.Queue[Told] = queue.Queue(MOST_WAITING)
        self._is_cut = False
        self._wire = _Wire(nearby=is_loopback(url))
        self._client = _client(self._wire)
        self._client.on("*", self._hear)
        self._client.on("disconnect", self._cut)
        try:
            self._client.connect(
                url, transports=["polling"], socketio_path=PATH, wait_timeout=max(1, round(timeout))
            )
            self._client.call("join", {"chainId": chain_id, "topic": topic}, timeout=max(1, round(timeout)))
        except LibraryError:
            raise
        except Exception as error:  # noqa: BLE001 - the library's errors and requests' have no common root
            self.close()
            why = plain(str(error) or type(error).__name__, 200)
            raise MarketError(
                f"Market error: The feed could not be joined: {why}", url=url, details={"url": url}
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, wait: float) -> Told | None:
        """The next message, in the order in which they were told; None when there is none within ``wait`` s.

        Raises:
            FeedCutError: The connection is over, and all that came before was read.
        """
        try:
            return self._told.get(timeout=wait) if wait > 0 else self._told.get_nowait()
        except queue.Empty:
            if self._is_cut or self._wire.silence > LONGEST_SILENCE:
                raise FeedCutError("Market error: The feed was cut") from None
            return None

    def close(self) -> None:
        """End the connection and its threads now; the service sees that nobody waits for its word."""
        self._is_cut = True
        self._wire.over = True
        try:
            self._client.eio.disconnect(abort=True)
        except Exception:  # noqa: BLE001 - it may be half open in any way, and nothing is wanted of it any more
            _log.debug("closing", exc_info=True)
        self._wire.stop()

    def _hear(self, event: Any, payload: Any = None, *_: Any) -> None:
        try:
            self._told.put_nowait(Told(str(event), payload))
        except queue.Full:
            self._is_cut = True

    def _cut(self, *_: Any) -> None:
        self._is_cut = True


def _client(wire: _Wire) -> Any:
    with needing("The feed", "socketio", "python-socketio"):
        import socketio
    import engineio

    class InOrder(engineio.Client):  # type: ignore[misc]
        """The library gives every message to a thread of its own, and they overtake each other."""

        def _trigger_event(self, event: str, *args: Any, run_async: bool = False, **kwargs: Any) -> Any:  # noqa: ARG002
            return super()._trigger_event(event, *args, run_async=False, **kwargs)

    class Client(socketio.Client):  # type: ignore[misc]
        def _engineio_client_class(self) -> type[engineio.Client]:
            return InOrder

    return Client(
        reconnection=False, logger=_log, engineio_logger=_log, http_session=wire, handle_sigint=False
    )


class _Wire(PatientSession):
    """The HTTP of one connection: bounded answers, at most 16 packets handed on at a time."""

    def __init__(self, *, nearby: bool) -> None:
        super().__init__(2)
        self.trust_env = not nearby
        self.over = False
        self._heard = time.monotonic()
        self._rest: list[bytes] = []
        self._asked: Patience | None = None

    def stop(self) -> None:
        """End the poll that waits for the next word; ``over`` keeps others from beginning."""
        if (asked := self._asked) is not None:
            asked.stop()

    @property
    def silence(self) -> float:
        """Seconds since the feed last said anything."""
        return time.monotonic() - self._heard

    def request(self, method: str, url: str, *, timeout: Any = None, **settings: Any) -> Response:  # type: ignore[override]
        """Send; the library reads ``status_code`` and ``content`` of the answer.

        Raises:
            RequestException: No whole answer of bounded size within bounded time.
        """
        from requests import Response
        from requests.exceptions import ConnectionError as Ended

        asked = Patience(time.monotonic() + min(float(timeout or LONGEST_SILENCE), LONGEST_SILENCE))
        if method == "GET":
            self._asked = asked
            if self.over:  # the goodbye is a POST
                raise Ended("closed")
        if method == "GET" and self._rest:
            return self._given(Response(), 200)
        with allow(asked):
            settings |= {"stream": True, "allow_redirects": False}
            answer = super().request(method, url, timeout=max(asked.left(), 0.001), **settings)
            content, size = [], 0
            with answer:
                for piece in answer.iter_content(1 << 16):
                    content.append(piece)
                    size += len(piece)
                    if size > MOST_BYTES:
                        raise Ended("the answer is too long")
        self._heard = time.monotonic()
        if method == "GET" and answer.status_code == 200:
            self._rest = b"".join(content).split(_SEPARATOR)
            return self._given(answer, 200)
        return _filled(answer, answer.status_code, b"".join(content))

    def _given(self, answer: Response, status: int) -> Response:
        now, self._rest = self._rest[:_AT_ONCE], self._rest[_AT_ONCE:]
        return _filled(answer, status, _SEPARATOR.join(now))


def _filled(answer: Response, status: int, content: bytes) -> Response:
    answer.status_code = status
    answer._content = content  # noqa: SLF001 - requests offers no other way to bound what it reads
    answer._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
    return answer
