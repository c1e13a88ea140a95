"""A wallet in the browser that shows the notebook: no key in the kernel, wherever the kernel runs.

A request is kept in the state of a widget, so a page that comes late still finds it. A page claims it, is
told that it may go on, asks its wallet and replies: with two pages open a transaction is sent once.
"""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from iexec_lab.notebook.widget_messages import is_unattended, serve
from iexec_lab.wallet.browser import DISCONNECTED, SENDS, WalletRefusal
from iexec_lab.wallet.open_requests import OpenRequests

if TYPE_CHECKING:
    from collections.abc import Mapping


_LOST = "The page was reloaded while its wallet was asked"
_NO_PAGE = "No page with a wallet shows this notebook"


class _Bridge(anywidget.AnyWidget):
    """``asked`` is empty, or has ``id``, ``method``, ``params`` and, once claimed, ``tab`` and ``page``."""

    _esm = Path(__file__).with_suffix(".js")
    asked = traitlets.Dict().tag(sync=True)


class WidgetWallet:
    """``ask`` of a ``BrowserSigner``, through the page that shows the notebook.

    Args:
        timeout: Seconds the user may take for one request.
        patience: Seconds until some page must have taken a request.
    """

    def __init__(self, *, timeout: float = 120, patience: float = 60) -> None:
        self.timeout = timeout
        self.patience = patience
        self._turn = threading.Lock()
        self._change = threading.RLock()
        self._reply: dict[str, Any] | None = None
        self._lost = False
        self._left = OpenRequests()
        self._bridge = _Bridge()
        self._bridge.on_msg(self._hear)

    def __call__(self, method: str, params: list[Any]) -> Any:
        """The wallet's result; WalletRefusal when it has none or nobody answers."""
        if is_unattended():
            raise WalletRefusal(DISCONNECTED, _NO_PAGE)
        with self._turn:
            self._left.check(method, params)
            number = secrets.token_hex(8)
            try:
                self._begin({"id": number, "method": method, "params": params})
                if self._serve(lambda: "page" in self._bridge.asked, self.patience):
                    self._serve(lambda: self._reply is not None or self._lost, self.timeout)
            finally:
                with self._change:
                    reply, owner, is_lost = self._end()
                    if reply is None and owner and not is_lost:
                        self._left.leave(number, method, params, owner)
        if reply is None and not owner:
            raise WalletRefusal(DISCONNECTED, _NO_PAGE)
        if reply is None:
            late = f"The wallet did not answer within {self.timeout:g} s"
            raise WalletRefusal(DISCONNECTED, _LOST if is_lost else late, may_be_sent=method == SENDS)
        if "error" in reply:
            raise WalletRefusal.from_json(reply["error"])
        return reply.get("result")

    def _begin(self, asked: dict[str, Any]) -> None:
        with self._change:
            self._reply, self._lost = None, False
            self._bridge.asked = asked
            # ipykernel 7.4 hands replies to whoever sent last.
            self._bridge.send({"kind": "asked"})

    def _end(self) -> tuple[dict[str, Any] | None, dict[str, Any], bool]:
        """Take the request back: its reply, the page that claimed it, and whether that was reloaded."""
        owner = {name: value for name, value in self._bridge.asked.items() if name in {"tab", "page"}}
        self._bridge.asked = {}
        return self._reply, owner, self._lost

    def close(self) -> None:
        """Let the page forget the widget."""
        self._bridge.close()

    def _serve(self, done: Any, seconds: float) -> bool:
        comm = self._bridge.comm
        return serve({comm.comm_id} if comm is not None else set(), done, seconds)

    def _hear(self, _widget: object, content: Mapping[str, Any], _buffers: object) -> None:
        """A message from a page; nothing in it is taken for granted."""
        with self._change:
            asked, kind = self._bridge.asked, content.get("kind")
            owner = {name: content.get(name) for name in ("tab", "page")}
            if kind == "hello":
                self._left.reloaded(owner["tab"], owner["page"])
            if kind == "reply":
                self._left.answered(content.get("id"), dict(content))
            if kind == "hello" and asked.get("tab") == owner["tab"] is not None and asked != asked | owner:
                self._lost = True
            elif not asked or content.get("id") != asked["id"]:
                return
            elif kind == "claim" and "page" not in asked:
                self._bridge.asked = asked | owner
            elif kind == "reply" and self._reply is None:
                self._reply = dict(content)
