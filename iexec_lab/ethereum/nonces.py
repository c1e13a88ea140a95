"""Nonces of one account, so that the transactions of several threads do not collide.

Ours because web3 asks the node for each nonce: two threads that ask before either has sent get the same one.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from iexec_lab.ethereum.rpc import to_int

if TYPE_CHECKING:
    from iexec_lab.ethereum.rpc import Provider, Request


# Seconds after which a transaction that the node has not counted is taken for lost.
FORGET_AFTER = 120


class Nonces:
    """The nonces in flight of one account on one chain.

    ``lock`` is held from choosing a nonce until the node has the transaction, so that they arrive in order.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._in_flight: dict[int, float] = {}

    def next(self, rpc: Provider, address: str) -> int:
        """The node's count, or the nonce after our last one that it may not have counted yet."""
        method, params = count_request(address)
        counted = to_int(rpc.request(method, *params))
        recent = time.monotonic() - FORGET_AFTER
        with self.lock:
            return max([counted, *(number + 1 for number, sent in self._in_flight.items() if sent > recent)])

    def begin(self, number: int) -> None:
        with self.lock:
            self._in_flight[number] = time.monotonic()

    def end(self, number: int) -> None:
        """Forget a nonce: its transaction is mined, or never will be."""
        with self.lock:
            self._in_flight.pop(number, None)


def count_request(address: str) -> Request:
    """What ``Nonces.next`` asks."""
    return "eth_getTransactionCount", [address, "pending"]


_all: dict[tuple[int, str, str], Nonces] = {}
_all_lock = threading.Lock()


def nonces_of(rpc: Provider, address: str) -> Nonces:
    """The only ``Nonces`` of this process for an account; the node's name tells chains of equal id apart."""
    key = (rpc.chain_id, address.lower(), rpc.name)
    with _all_lock:
        return _all.setdefault(key, Nonces())
