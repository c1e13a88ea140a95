"""Where it happens: events in order of time, and the transactions and publications that they make."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.protocol import Domain
    from iexec_lab.protocol.order import Order
    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.populate.calendar import Calendar
    from iexec_lab.sandbox.populate.goods import Goods
    from iexec_lab.sandbox.populate.people import People
    from iexec_lab.sandbox.populate.size import Size

GAS = 3_000_000
BLOCK = 200
"""Transactions of a block, whose gas limit has room for three hundred."""
GAS_PRICE = 20 * 10**9


@dataclass(frozen=True, slots=True)
class Place:
    """The sandbox as far as transactions depend on it; ``rlc`` None on a native chain."""

    chain_id: int
    hub: str
    rlc: str | None
    registries: dict[str, str]
    domain: Domain


@dataclass(slots=True)
class Step:
    """What is done at once, ``at`` seconds after the beginning: first the orders, then the block."""

    at: int
    orders: list[Order] = field(default_factory=list)
    transactions: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Stage:
    size: Size
    place: Place
    people: People
    goods: Goods
    calendar: Calendar
    now: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    _events: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0
    _nonces: Counter[str] = field(default_factory=Counter)
    _step: Step = field(default_factory=lambda: Step(0))

    def later(self, time: int, action: Callable[[], None]) -> None:
        """Do it at that time, after what else was to be done then."""
        heapq.heappush(self._events, (time, self._number, action))
        self._number += 1

    def play(self) -> Iterator[Step]:
        """Let everything happen; a step for each moment, or several where a block would be too full."""
        while self._events:
            self.now = self._events[0][0]
            self._step = Step(self.now)
            while self._events and self._events[0][0] == self.now:
                heapq.heappop(self._events)[2]()
            transactions = self._step.transactions
            self._step.transactions = transactions[:BLOCK]
            yield self._step
            for start in range(BLOCK, len(transactions), BLOCK):
                # The node moves a time that is taken already to the next second.
                yield Step(self.now, transactions=transactions[start : start + BLOCK])

    def send(
        self,
        sender: Account,
        to: str,
        function: Function | None = None,
        *arguments: Any,
        value: int = 0,
        gas: int = GAS,
    ) -> None:
        """Put a transaction into the block of now; ``value`` in wei."""
        nonce = self._nonces[sender.address]
        self._nonces[sender.address] += 1
        raw = sender.sign_transaction(
            nonce=nonce,
            gas_price=0 if self.place.rlc is None else GAS_PRICE,
            gas=gas,
            to=to,
            value=value,
            data=b"" if function is None else function.encode(*arguments),
            chain_id=self.place.chain_id,
        )
        self._step.transactions.append(raw)

    def hub(self, sender: Account, function: Function, *arguments: Any, gas: int = GAS) -> None:
        """Call the hub in the block of now."""
        self.send(sender, self.place.hub, function, *arguments, gas=gas)

    def publish(self, order: Order) -> None:
        """Publish an order now, before the block."""
        self._step.orders.append(order)
        self.counts[f"published {order.kind}"] += 1
