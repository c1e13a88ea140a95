"""Transactions that a wallet has not answered in time: it may still approve them.

A request to a wallet cannot be taken back. So the same transaction is not requested again before the first
request is answered or its page is gone, and a late approval is reported before anything is requested again.
"""

from __future__ import annotations

import json
import threading
from typing import Any, NamedTuple

from iexec_lab.wallet.browser import DISCONNECTED, SENDS, WalletRefusal

# Fields that may differ in a second try of the same transaction.
_NOT_MEANT = {"gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "nonce"}


class _Left(NamedTuple):
    """A request that nobody waits for any more: its meaning, and the page that has it."""

    meant: str
    owner: dict[str, Any]


class OpenRequests:
    """Unanswered requests to one wallet; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[Any, _Left] = {}
        self._late: dict[str, str] = {}

    def check(self, method: str, params: list[Any]) -> None:
        """Return when this may be requested.

        Raises:
            WalletRefusal: The same transaction may still be approved, or was approved late (reported once).
        """
        if method != SENDS:
            return
        meant = _meant(params)
        with self._lock:
            is_open = any(each.meant == meant for each in self._left.values())
            late = None if is_open else self._late.pop(meant, None)
        if is_open:
            raise WalletRefusal(
                DISCONNECTED, "The same transaction is still waiting in the wallet", may_be_sent=True
            )
        if late is not None:
            raise WalletRefusal(
                DISCONNECTED,
                f"The same transaction was approved late: {late}",
                may_be_sent=True,
                tx_hash=late,
            )

    def leave(self, number: str, method: str, params: list[Any], owner: dict[str, Any] | None = None) -> None:
        """Note that nobody waits any more for the answer to a request that a page has."""
        if method == SENDS:
            with self._lock:
                self._left[number] = _Left(_meant(params), owner or {})

    def answered(self, number: Any, reply: dict[str, Any]) -> None:
        """Note a page's answer; other requests than these are ignored."""
        with self._lock:
            left = self._left.pop(number, None) if isinstance(number, str) else None
            if left is not None and "error" not in reply:
                self._late[left.meant] = str(reply.get("result"))

    def gone(self, number: Any) -> None:
        """Forget a request whose page was closed."""
        with self._lock:
            if isinstance(number, str):
                self._left.pop(number, None)

    def reloaded(self, tab: Any, page: Any) -> None:
        """Forget the requests of a tab's earlier page: they are lost."""
        with self._lock:
            for number, (_, owner) in list(self._left.items()):
                if tab is not None and owner.get("tab") == tab and owner.get("page") != page:
                    del self._left[number]


def _meant(params: list[Any]) -> str:
    fields = params[0] if params and isinstance(params[0], dict) else {}
    kept = {name: value for name, value in fields.items() if name not in _NOT_MEANT}
    return json.dumps(kept, sort_keys=True, default=str).lower()
