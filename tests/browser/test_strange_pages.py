"""What a page of the web can do to a sandbox that runs on its visitor's machine: nothing."""

from __future__ import annotations

import json
import socket
import sys
import threading
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from iexec_lab.sandbox.chain.hidden_place import BLOCKED_PORTS
from iexec_lab.sandbox.control import request
from iexec_lab.sandbox.state.registry import SERVICES

SOMEBODY = "0x00000000000000000000000000000000000000ab"
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": [SOMEBODY, "0x10"]})
TRY = """async ([url, body]) => {
  const outcomes = [];
  for (const type of ["text/plain", "application/json"])
    try {
      const answer = await fetch(url, { method: "POST", body, headers: { "Content-Type": type } });
      outcomes.push(await answer.text());
    } catch { outcomes.push("failed"); }
  outcomes.push(await new Promise((resolve) => {
    const connection = new WebSocket(url.replace("http", "ws"));
    connection.onopen = () => connection.send(body);
    connection.onmessage = ({ data }) => resolve(data);
    connection.onerror = () => resolve("failed");
  }));
  return outcomes;
}"""


class Page(BaseHTTPRequestHandler):
    """A page, and a frame in it whose origin is null."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>page</title>")
        if self.path == "/":
            self.wfile.write(b"<iframe sandbox='allow-scripts' src='/frame'></iframe>")

    def log_message(self, *_):
        """Nobody reads it."""


@pytest.fixture
def visit(page):
    """Open the page at an address of this machine; its frames, the page itself first."""
    with ExitStack() as stack:

        def opened(host):
            server = stack.enter_context(ThreadingHTTPServer((host, 0), Page))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            page.goto(f"http://{host}:{server.server_address[1]}/")
            return page.frames

        yield opened


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address")
STRANGERS = [
    pytest.param("127.0.0.1", 1, id="null"),
    pytest.param("127.0.0.2", 0, id="another host", marks=LINUX),
]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("host", "frame"), STRANGERS)
def test_a_strange_page_hears_nothing_and_changes_nothing(visit, iexec_sandbox, host, frame, service):
    before = request(iexec_sandbox.urls["rpc"], "eth_getBalance", SOMEBODY, "latest")
    heard = visit(host)[frame].evaluate(TRY, [iexec_sandbox.urls[service] + "/", BODY])
    assert heard == ["failed"] * 3
    assert request(iexec_sandbox.urls["rpc"], "eth_getBalance", SOMEBODY, "latest") == before


def test_a_page_of_this_machine_is_answered(visit, iexec_sandbox):
    body = BODY.replace("anvil_setBalance", "eth_getBalance").replace('"0x10"', '"latest"')
    heard = visit("127.0.0.1")[0].evaluate(TRY, [iexec_sandbox.urls["rpc"] + "/", body])
    assert [sorted(json.loads(answer)) for answer in heard] == [["id", "jsonrpc", "result"]] * 3


def listen(stack, port):
    listener = stack.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    listener.setblocking(False)
    return listener


def callers(listener):
    """How many came; they are sent away."""
    with suppress(BlockingIOError):
        listener.accept()[0].close()
        return 1 + callers(listener)
    return 0


def test_a_browser_connects_to_none_of_the_ports_of_the_node(visit):
    """Not even a page of this machine does; another port shows that it was tried."""
    page = visit("127.0.0.1")[0]
    with ExitStack() as stack:
        for port in BLOCKED_PORTS:
            with suppress(OSError):  # in use
                listener = listen(stack, port)
                assert page.evaluate(TRY, [f"http://127.0.0.1:{port}/", "x"]) == ["failed"] * 3
                assert callers(listener) == 0, port
        other = listen(stack, 0)
        other.settimeout(60)
        page.evaluate("url => { new WebSocket(url) }", f"ws://127.0.0.1:{other.getsockname()[1]}/")
        other.accept()[0].close()
