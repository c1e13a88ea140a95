"""An order book by price: its levels, its best orders, what lies between its two sides. All exact.

Pure: from rows as ``Market.orderbook_all`` gives them to rows of the frames ``depth_level``, ``best_order``,
``spread`` and ``fill``.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import to_address, to_number
from iexec_lab.services.market import RESOURCE_FIELDS
from iexec_lab.services.market_filter import PRICE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Row = Mapping[str, Any]

_NUMBERS: Final = ("category", "trust")
BY: Final = ("category", "tag", "asset")
"""What orders can be told apart by."""


class Offer(NamedTuple):
    """An order of a book: what it asks or pays for a task, nRLC, and how many tasks are left of it."""

    kind: str
    order_hash: str
    asset: str
    price: int
    left: int
    category: int | None
    trust: int | None
    tag: str

    @property
    def is_bid(self) -> bool:
        return self.kind == "requestorder"

    @property
    def rank(self) -> tuple[int, int]:
        """The best has the lowest: by price, then what asks for the least, as ``app run`` takes them."""
        return (-self.price if self.is_bid else self.price, int(self.tag, 16).bit_count())


def offers(kind: str, rows: Iterable[Row]) -> list[Offer]:
    """The orders of one kind that have tasks left, best first; equal ones in the market's order."""
    found = []
    for row in rows:
        order, left = row["order"], to_number(row["remaining"])
        if left <= 0:
            continue
        category, trust = (to_number(order[name]) if name in order else None for name in _NUMBERS)
        price, tag = to_number(order[PRICE_FIELDS[kind]]), order["tag"].lower()
        asset = to_address(order[RESOURCE_FIELDS[kind]])
        found.append(Offer(kind, row["orderHash"].lower(), asset, price, left, category, trust, tag))
    found.sort(key=lambda offer: offer.rank)
    return found


def levels(held: Sequence[Offer]) -> Iterator[dict[str, Any]]:
    """For each price its orders and tasks, and the tasks up to it, cumulated for each good on sale.

    A good is a category where computing is sold, the app or dataset where that is.
    """
    for good, listed in _grouped(held, ("good",)):
        cumulated = 0
        for price, same in groupby(listed, key=lambda offer: offer.price):
            orders = list(same)
            volume = sum(offer.left for offer in orders)
            cumulated += volume
            yield {
                "side": "bid" if orders[0].is_bid else "ask",
                "category": orders[0].category,
                "asset": good[0] if orders[0].category is None else None,
                "price": price,
                "volume": volume,
                "cumulated": cumulated,
                "orders": len(orders),
            }


def best(held: Sequence[Offer], by: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The best order of each group, with what the group has in all."""
    for _, listed in _grouped(held, by):
        first = listed[0]
        yield {
            "side": "bid" if first.is_bid else "ask",
            **_about(first),
            "volume": sum(offer.left for offer in listed),
            "orders": len(listed),
        }


def spread(asks: Sequence[Offer], bids: Sequence[Offer]) -> Iterator[dict[str, Any]]:
    """For each category the best ask of workerpools, the best bid of requests and what is between them.

    ``mid`` is in whole nRLC, rounded down; the spread is negative where a request pays more than is asked.
    """
    sides: dict[int, list[Offer | None]] = {}
    for side, held in enumerate((asks, bids)):
        for (category,), listed in _grouped(held, ("category",)):
            sides.setdefault(category, [None, None])[side] = listed[0]
    for category, (ask, bid) in sorted(sides.items()):
        row: dict[str, Any] = {"category": category}
        for name, offer in (("ask", ask), ("bid", bid)):
            if offer is not None:
                row |= {name: offer.price, f"{name}Volume": offer.left, f"{name}Hash": offer.order_hash}
        if ask is not None and bid is not None:
            row |= {"mid": (ask.price + bid.price) // 2, "spread": ask.price - bid.price}
        yield row


def fill(held: Sequence[Offer], volume: int) -> tuple[list[dict[str, Any]], int]:
    """The orders that so many tasks are taken from, best first, and how many tasks are left over."""
    rows, left, cost = list[dict[str, Any]](), volume, 0
    for offer in held:
        if not left:
            break
        taken = min(left, offer.left)
        left -= taken
        cost += taken * offer.price
        done = volume - left
        rows.append(_about(offer) | filled(offer.price, taken, done, cost, left))
    return rows, left


def filled(price: int, taken: int, done: int, cost: int, left: int) -> dict[str, Any]:
    """The part of a row that says what was taken: tasks, nRLC; ``average`` in RLC, to look at."""
    return {
        "price": price,
        "taken": taken,
        "cost": taken * price,
        "cumulated": done,
        "cumulatedCost": cost,
        "average": cost / done / 10**9,
        "unfilled": left,
    }


def _about(offer: Offer) -> dict[str, Any]:
    return {
        "orderHash": offer.order_hash,
        "asset": offer.asset,
        "category": offer.category,
        "trust": offer.trust,
        "tag": offer.tag,
        "price": offer.price,
        "remaining": offer.left,
    }


def grouping(kind: str, by: Any) -> tuple[str, ...]:
    """By what orders of a kind are told apart: ``"category,tag"`` or a list; by default what is on sale.

    Raises:
        ValidationError: These orders do not differ in that.
    """
    known = BY if kind in {"workerpoolorder", "requestorder"} else BY[1:]
    if by is None:
        return known[:2] if "category" in known else ("asset",)
    words = [word.strip() for word in by.split(",")] if isinstance(by, str) else list(by)
    strange = [str(word) for word in words if word not in known]
    if strange or not words:
        raise ValidationError(
            f"{kind}s are not told apart by {', '.join(strange) or 'nothing'}",
            hint=f"Use one or more of: {', '.join(known)}.",
        )
    return tuple(words)


def _grouped(held: Sequence[Offer], by: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], list[Offer]]]:
    """The groups in the order of their keys; each keeps the order of its offers."""
    groups: dict[tuple[Any, ...], list[Offer]] = {}
    for offer in held:
        key = tuple(_key(offer, name) for name in by)
        groups.setdefault(key, []).append(offer)
    yield from sorted(groups.items())


def _key(offer: Offer, name: str) -> Any:
    if name == "good":
        return offer.asset if offer.category is None else offer.category
    return getattr(offer, name)
