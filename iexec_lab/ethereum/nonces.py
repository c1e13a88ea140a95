"""Numbers for the transactions of one account, so that those of several threads do not collide."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from iexec_lab.ethereum.rpc import to_int

if TYPE_CHECKING:
    from iexec_lab.ethereum.rpc import Provider


# A node that has not counted a transaction after so many seconds has not got it.
FORGET_AFTER = 120


class Nonces:
    """The numbers in flight of one account on one chain.

    ``lock`` is held from choosing a number until the node has the transaction, so that they arrive in order.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._in_flight: dict[int, float] = {}

    def next(self, rpc: Provider, address: str) -> int:
        """The node's count, or the number after the last of ours that it may not have counted yet."""
        counted = to_int(rpc.request("eth_getTransactionCount", address, "pending"))
        recent = time.monotonic() - FORGET_AFTER
        with self.lock:
            return max([counted, *(number + 1 for number, sent in self._in_flight.items() if sent > recent)])

    def begin(self, number: int) -> None:
        with self.lock:
            self._in_flight[number] = time.monotonic()

    def end(self, number: int) -> None:
        """The transaction is mined, or never will be."""
        with self.lock:
            self._in_flight.pop(number, None)


_all: dict[tuple[int, str, str], Nonces] = {}
_all_lock = threading.Lock()


def nonces_of(rpc: Provider, address: str) -> Nonces:
    """The one ``Nonces`` of this process for an account; the node's name tells apart chains of equal id."""
    key = (rpc.chain_id, address.lower(), rpc.name)
    with _all_lock:
        return _all.setdefault(key, Nonces())
