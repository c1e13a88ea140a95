"""A page on loopback that hands requests to the browser's wallet: for terminals, scripts and any notebook.

The page's address holds a secret, so nobody else on the machine or the web can ask or answer. It is not on
the browser's command line, which all users of the machine can read, but in a file that only its owner can
read. The page stays open and fetches one request after the other; exactly one page gets each request, once.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import threading
import time
import webbrowser
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import urlsplit

from iexec_lab.protocol.javascript import loads
from iexec_lab.wallet.browser import DISCONNECTED, SENDS, WalletRefusal
from iexec_lab.wallet.open_requests import OpenRequests

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_REPLY = 1 << 20
LONG_POLL = 20.0
REOPEN_AFTER = 3.0
_LOST = "The page was reloaded or closed while its wallet was asked"

_DOOR = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>iexec-lab</title>
<script>location.replace({url});</script></html>
"""
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>iexec-lab: your wallet</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem;
         color-scheme: light dark; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
<h1>iexec-lab</h1><p id="state">Connecting.</p><pre id="asked"></pre>
<script type="module">
const wallets = [];
addEventListener("eip6963:announceProvider", (event) => wallets.push(event.detail.provider));
dispatchEvent(new Event("eip6963:requestProvider"));
const say = (text, asked = "") => {
  document.getElementById("state").textContent = text;
  document.getElementById("asked").textContent = asked;
};
const answer = async ({ method, params }) => {
  const wallet = wallets[0] ?? window.ethereum;
  if (!wallet) return { error: { code: 4900, message: "This browser has no wallet" } };
  try {
    return { result: await wallet.request({ method, params }) };
  } catch (error) {
    return { error: { code: error?.code ?? -32603, message: String(error?.message ?? error) } };
  }
};
const headers = { "content-type": "application/json" };
const post = (name, what) =>
  fetch(name, { method: "POST", headers, body: JSON.stringify(what), keepalive: true });
let current;
addEventListener("pagehide", () => { if (current) post("gone", { id: current }); });
for (;;) {
  say("Waiting for a request. Keep this page open.");
  let next;
  try { next = await fetch("next"); } catch { break; }
  if (next.status === 204) continue;
  if (!next.ok) break;
  const asked = await next.json();
  say("Look at your wallet.", asked.method + "\\n" + JSON.stringify(asked.params, null, 2));
  current = asked.id;
  await post("reply", { id: asked.id, ...(await answer(asked)) });
  current = undefined;
}
say("Done. You can close this page.");
</script></html>
"""


@dataclass
class _Asked:
    """A request on its way: waiting, handed to a page, answered."""

    method: str
    params: list[Any]
    number: str = field(default_factory=lambda: secrets.token_hex(8))
    handed: bool = False
    reply: dict[str, Any] | None = None
    lost: bool = False  # together with its page
    closed: bool = False  # the page said so itself

    @property
    def ended(self) -> bool:
        return self.reply is not None or self.lost


class PageWallet:
    """``ask`` of a ``BrowserSigner``, through a page in the user's browser.

    Args:
        open_page: Called with the page's address when no page is open, e.g. ``print``. By default the browser
            opens a file that leads there.
        timeout: Seconds the user may take for one request.
        base: The page's address when it is not on loopback, with ``{port}``: a proxy's path.
    """

    def __init__(
        self,
        open_page: Callable[[str], object] | None = None,
        *,
        timeout: float = 120,
        base: str = "http://127.0.0.1:{port}/",
    ) -> None:
        self.timeout = timeout
        self._open_page = open_page or self._open_door
        self._folder: Path | None = None
        self._left = OpenRequests()
        self._turn = threading.Lock()
        self._changed = threading.Condition()
        self._asked: _Asked | None = None
        self._pages = 0
        self._closed = False
        self._token = secrets.token_urlsafe(24)
        self._seen = -REOPEN_AFTER
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.wallet = self
        self.port = int(self._server.server_address[1])
        root = base.format(port=self.port)
        self.url = f"{root}{self._token}/"
        self._hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}", urlsplit(root).netloc}
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __call__(self, method: str, params: list[Any]) -> Any:
        """The wallet's result; WalletRefusal when there is none, or no answer."""
        with self._turn:
            self._left.check(method, params)
            asked = _Asked(method, params)
            try:
                self._wait_for(asked)
            finally:
                with self._changed:
                    self._asked = None
                    if asked.reply is None and asked.handed and not asked.closed:
                        self._left.leave(asked.number, method, params)
        if asked.reply is None:
            late = f"The browser did not answer within {self.timeout:g} s"
            is_open = asked.handed and method == SENDS
            raise WalletRefusal(DISCONNECTED, _LOST if asked.lost else late, may_be_sent=is_open)
        if "error" in asked.reply:
            raise WalletRefusal.from_json(asked.reply["error"])
        return asked.reply.get("result")

    def _wait_for(self, asked: _Asked) -> None:
        with self._changed:
            self._asked = asked
            self._changed.notify_all()
            # A page that has just answered comes back for more; otherwise it was closed.
            waiting = self._pages > 0 or time.monotonic() - self._seen < REOPEN_AFTER
            taken = waiting and self._changed.wait_for(lambda: asked.handed, REOPEN_AFTER)
        if not taken:
            self._open_page(self.url)
        with self._changed:
            self._changed.wait_for(lambda: asked.ended, self.timeout)

    def _open_door(self, url: str) -> None:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="iexec-lab-"))  # 0700
        door = self._folder / "wallet.html"
        door.touch(mode=0o600)
        door.write_text(_DOOR.format(url=json.dumps(url)))
        webbrowser.open(door.as_uri())

    def close(self) -> None:
        """Tell the page to end, and stop listening."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def serves(self, path: str, host: str, name: str) -> bool:
        """Is this our page's address? Another Host header means a foreign page bound to our address."""
        return host in self._hosts and secrets.compare_digest(
            path.encode(), f"/{self._token}/{name}".encode()
        )

    def opened(self) -> None:
        """Note a reload: the request that the earlier page had is lost."""
        with self._changed:
            if self._asked is not None and self._asked.handed:
                self._asked.lost = True
                self._changed.notify_all()

    def gone(self, number: Any) -> None:
        """Note that a page was closed during a request to its wallet."""
        with self._changed:
            self._left.gone(number)
            if self._asked is not None and self._asked.number == number:
                self._asked.lost = self._asked.closed = True
                self._changed.notify_all()

    def next(self) -> dict[str, Any] | None:
        """The waiting request, for one page; None when none comes in time, or after ``close``."""
        until = time.monotonic() + LONG_POLL
        with self._changed:
            self._pages += 1
            try:
                while not self._closed:
                    if self._asked is not None and not self._asked.handed:
                        asked = self._asked
                        asked.handed = True
                        self._changed.notify_all()
                        return {"id": asked.number, "method": asked.method, "params": asked.params}
                    if not self._changed.wait(until - time.monotonic()) and time.monotonic() >= until:
                        return None
            finally:
                self._pages -= 1
                self._seen = time.monotonic()
        return None

    def answer(self, reply: dict[str, Any]) -> None:
        """Take a page's answer, if it is to the current request."""
        with self._changed:
            self._left.answered(reply.get("id"), reply)
            if (
                self._asked is not None
                and reply.get("id") == self._asked.number
                and self._asked.reply is None
            ):
                self._asked.reply = reply
                self._seen = time.monotonic()
                self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    wallet: PageWallet


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = LONG_POLL + 10

    @property
    def wallet(self) -> PageWallet:
        return cast("_Server", self.server).wallet

    def serves(self, name: str) -> bool:
        return self.wallet.serves(self.path, self.headers.get("Host", ""), name)

    def do_GET(self) -> None:
        if self.serves(""):
            self.wallet.opened()
            self.send(200, _PAGE.encode(), "text/html; charset=utf-8")
        elif self.serves("next"):
            asked = self.wallet.next()
            if asked is not None:
                self.send(200, json.dumps(asked).encode())
            else:
                self.send(410 if self.wallet.closed else 204)
        else:
            self.send(404)

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        name = next((name for name in ("reply", "gone") if self.serves(name)), None)
        if name is None or not size.isdecimal() or int(size) > MAX_REPLY or not is_json:
            self.close_connection = True
            self.send(404)
            return
        try:
            reply = loads(self.rfile.read(int(size)))
        except ValueError:
            reply = None
        if isinstance(reply, dict) and name == "gone":
            self.wallet.gone(reply.get("id"))
        elif isinstance(reply, dict):
            self.wallet.answer(reply)
        self.send(204)

    def send(self, status: int, body: bytes = b"", kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """The address holds the secret: it is not logged."""
