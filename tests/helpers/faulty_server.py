"""An HTTP server on loopback that misbehaves on demand.

    with FaultyServer(upstream=node_url) as server:
        server.plan(status(502), drop, lose_answer)   # for the next three requests; later ones pass
        ...
        assert len(server.requests) == 4

Each request takes the next fault of the plan; without one it goes to ``answer`` or, byte for byte, to
``upstream``. A fault is any function ``fault(exchange)``; those below cover what networks do.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

HTML = "<html><head><title>{0} Bad Gateway</title></head><body><h1>{0}</h1></body></html>"


@dataclass
class Clock:
    """Stands in for the ``time`` of modules: it runs as the real one does, ahead of it where a test wants."""

    ahead: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def time(self) -> float:
        return time.time() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ahead += seconds


class Reply(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


def json_reply(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """One request and the ways to deal with it."""

    request: Request
    server: FaultyServer
    handler: BaseHTTPRequestHandler

    def forward(self) -> Reply:
        """What the server proper answers."""
        if self.server.answer is not None:
            return self.server.answer(self.request)
        assert self.server.upstream is not None, "neither answer nor upstream"
        target = urlsplit(self.server.upstream)
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
        skipped = {"host", "connection", "accept-encoding", "content-length"}
        headers = {name: value for name, value in self.request.headers.items() if name.lower() not in skipped}
        with contextlib.closing(connection):
            connection.request(self.request.method, self.request.path, self.request.body, headers)
            response = connection.getresponse()
            body = response.read()
            skipped = {"connection", "transfer-encoding", "content-length"}
            kept = tuple(
                (name, value) for name, value in response.getheaders() if name.lower() not in skipped
            )
            return Reply(response.status, body, kept)

    def send(self, reply: Reply, *, length: int | None = None) -> None:
        self.start(reply, length=len(reply.body) if length is None else length)
        if self.request.method != "HEAD":
            self.handler.wfile.write(reply.body)

    def start(self, reply: Reply, *, length: int | None = None) -> None:
        self.handler.send_response(reply.status)
        for name, value in reply.headers:
            self.handler.send_header(name, value)
        if length is not None:
            self.handler.send_header("Content-Length", str(length))
        self.handler.end_headers()

    def hang_up(self) -> None:
        self.handler.close_connection = True
        self.handler.wfile.flush()
        with contextlib.suppress(OSError):
            self.handler.connection.shutdown(socket.SHUT_RDWR)


def healthy(exchange: Exchange) -> None:
    """No fault: a place in the plan."""
    exchange.send(exchange.forward())


def drop(exchange: Exchange) -> None:
    """Close the connection; the request never arrives."""
    exchange.hang_up()


def lose_answer(exchange: Exchange) -> None:
    """The request arrives and has its effect; the answer does not come back."""
    exchange.forward()
    exchange.hang_up()


def delay(seconds: float) -> Callable[[Exchange], None]:
    def fault(exchange: Exchange) -> None:
        if exchange.server.stopped.wait(seconds):
            exchange.hang_up()
            return
        with contextlib.suppress(OSError):
            exchange.send(exchange.forward())

    return fault


def cut(size: int) -> Callable[[Exchange], None]:
    """Announce the whole answer, send its first ``size`` bytes and close."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.send(reply._replace(body=reply.body[:size]), length=len(reply.body))
        exchange.hang_up()

    return fault


def status(code: int, body: str | None = None, **headers: str) -> Callable[[Exchange], None]:
    """An error page as proxies make it: HTML unless ``body`` says otherwise."""

    def fault(exchange: Exchange) -> None:
        extra = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        page = HTML.format(code) if body is None else body
        exchange.send(Reply(code, page.encode(), (("Content-Type", "text/html"), *extra)))

    return fault


def garbage(body: str | bytes, content_type: str = "application/json") -> Callable[[Exchange], None]:
    """Status 200 and a body that is not what was asked for."""

    def fault(exchange: Exchange) -> None:
        data = body.encode() if isinstance(body, str) else body
        exchange.send(Reply(200, data, (("Content-Type", content_type),)))

    return fault


def endless(start: bytes = b'{"jsonrpc": "2.0", "result": "', chunk: bytes = b"a" * 65536):
    """A body without an end, until the other side hangs up."""

    def fault(exchange: Exchange) -> None:
        exchange.handler.close_connection = True
        exchange.start(Reply())
        with contextlib.suppress(OSError):
            exchange.handler.wfile.write(start)
            while not exchange.server.stopped.is_set():
                exchange.handler.wfile.write(chunk)
                exchange.server.endless_bytes += len(chunk)

    return fault


def drip(seconds: float, pause: float = 0.05) -> Callable[[Exchange], None]:
    """A byte now and then: never silent long enough for a socket time-out, never done."""

    def fault(exchange: Exchange) -> None:
        exchange.handler.close_connection = True
        exchange.start(Reply())
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while time.monotonic() < until and not exchange.server.stopped.wait(pause):
                exchange.handler.wfile.write(b" ")
                exchange.handler.wfile.flush()

    return fault


def drip_bytes(start: bytes, more: bytes = b"a", pause: float = 0.05) -> Callable[[Exchange], None]:
    """``start``, then ``more`` now and then: inside a head, or a chunk's size, where nothing counts bytes."""

    def fault(exchange: Exchange) -> None:
        exchange.handler.close_connection = True
        with contextlib.suppress(OSError):
            exchange.handler.wfile.write(start)
            exchange.handler.wfile.flush()
            while not exchange.server.stopped.wait(pause):
                exchange.handler.wfile.write(more)
                exchange.handler.wfile.flush()

    return fault


drip_head = drip_bytes(b"HTTP/1.1 200 OK\r\nX: ")
drip_chunk = drip_bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0")
drip_continue = drip_bytes(b"", b"HTTP/1.1 100 Continue\r\n\r\n")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        server: FaultyServer = self.server.faulty
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        with server.lock:
            server.requests.append(request)
            fault = server.faults.popleft() if server.faults else server.always
            server.open += 1
        try:
            with contextlib.suppress(ConnectionError):
                fault(Exchange(request, server, self))
        finally:
            with server.lock:
                server.open -= 1

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_any  # noqa: N815

    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    faulty: FaultyServer


@dataclass
class FaultyServer:
    """Serves from construction of the ``with`` block to its end; ``always`` is the fault after the plan."""

    answer: Callable[[Request], Reply] | None = None
    upstream: str | None = None
    always: Callable[[Exchange], None] = healthy
    requests: list[Request] = field(default_factory=list)
    faults: deque[Callable[[Exchange], None]] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)
    endless_bytes: int = 0
    open: int = 0
    """Requests that are being dealt with."""

    def plan(self, *faults: Callable[[Exchange], None]) -> Self:
        with self.lock:
            self.faults.extend(faults)
        return self

    def wait_idle(self) -> None:
        """Until all that has arrived is done, also delayed requests whose senders gave up."""
        while self.open:
            time.sleep(0.02)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.faulty = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
