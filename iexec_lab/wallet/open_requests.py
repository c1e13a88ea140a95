"""Transactions that a wallet was asked for and has not answered in time: it may still approve them.

Nothing takes a request back from a wallet. So the same transaction is not asked for a second time before the
first is answered or its page is gone, and an approval that came late is told before anything is asked again.
"""

from __future__ import annotations

import json
import threading
from typing import Any, NamedTuple

from iexec_lab.wallet.browser import DISCONNECTED, SENDS, WalletRefusal

# What a second try of the same transaction may choose anew.
_NOT_MEANT = {"gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "nonce"}


class _Left(NamedTuple):
    """A request that nobody waits for any longer: what it means, and the page that has it."""

    meant: str
    owner: dict[str, Any]


class OpenRequests:
    """What one wallet was asked for and has not answered; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[Any, _Left] = {}
        self._late: dict[str, str] = {}

    def check(self, method: str, params: list[Any]) -> None:
        """Return when this may be asked.

        Raises:
            WalletRefusal: The same transaction may still be approved; or it was, after its time (told once).
        """
        if method != SENDS:
            return
        meant = _meant(params)
        with self._lock:
            is_open = any(each.meant == meant for each in self._left.values())
            late = None if is_open else self._late.pop(meant, None)
        if is_open:
            raise WalletRefusal(
                DISCONNECTED, "The same transaction still waits in the wallet", may_be_sent=True
            )
        if late is not None:
            raise WalletRefusal(
                DISCONNECTED,
                f"The same transaction was approved after its time: {late}",
                may_be_sent=True,
                tx_hash=late,
            )

    def leave(self, number: str, method: str, params: list[Any], owner: dict[str, Any] | None = None) -> None:
        """Nobody waits any longer for the answer to a request that a page has."""
        if method == SENDS:
            with self._lock:
                self._left[number] = _Left(_meant(params), owner or {})

    def answered(self, number: Any, reply: dict[str, Any]) -> None:
        """A page answered; when that request is not one of these, nothing happens."""
        with self._lock:
            left = self._left.pop(number, None) if isinstance(number, str) else None
            if left is not None and "error" not in reply:
                self._late[left.meant] = str(reply.get("result"))

    def gone(self, number: Any) -> None:
        """The page that had a request was closed."""
        with self._lock:
            if isinstance(number, str):
                self._left.pop(number, None)

    def reloaded(self, tab: Any, page: Any) -> None:
        """A tab shows another page now: what the page before it was asked is lost."""
        with self._lock:
            for number, (_, owner) in list(self._left.items()):
                if tab is not None and owner.get("tab") == tab and owner.get("page") != page:
                    del self._left[number]


def _meant(params: list[Any]) -> str:
    fields = params[0] if params and isinstance(params[0], dict) else {}
    kept = {name: value for name, value in fields.items() if name not in _NOT_MEANT}
    return json.dumps(kept, sort_keys=True, default=str).lower()
