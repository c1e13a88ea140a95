"""What somebody could choose on this market, with a few words about each: a bounded look, for forms.

Names and prices are strangers' words; only whole rows that can be read are proposed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import CallError
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_address
from iexec_lab.spelling import in_rlc, in_time
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iexec_lab.client.session import Session

    Known = dict[str, str]

MOST: Final = 25
"""Rows of a kind that are proposed."""
_ORDERS_READ: Final = 100
_CATEGORIES_READ: Final = 50
_NAME: Final = 40
_VIEWS: Final = {"app": HUB.viewApp, "dataset": HUB.viewDataset, "workerpool": HUB.viewWorkerpool}


def on_sale(session: Session, kind: str, app: str) -> Known:
    """Assets with open orders, the cheapest first, with name and price."""
    prices: dict[str, tuple[int, int]] = {}
    for order, left in _open(session, f"{kind}order", app):
        address, price = to_address(order[kind]), int(order[f"{kind}price"])
        cheapest, tasks = prices.get(address, (price, 0))
        prices[address] = min(cheapest, price), tasks + left
    first = dict(sorted(prices.items(), key=lambda item: item[1])[:MOST])
    named = names(session, kind, first)
    told = {address: f"from {in_rlc(price)}" for address, (price, _) in first.items()}
    return {address: ", ".join(filter(None, [named[address], told[address]])) for address in first}


def orders(session: Session, kind: str, app: str) -> Known:
    asset = kind.removesuffix("order")
    found: Known = {}
    for order, left, order_hash in _rows(session, kind, app):
        tasks = f"{left} task{'' if left == 1 else 's'}"
        price = format_rlc(int(order[f"{asset}price"]))
        found[order_hash] = f"{price} RLC, {tasks}, {to_address(order[asset])}"
        if len(found) == MOST:
            break
    return found


def _open(session: Session, kind: str, app: str) -> Iterable[tuple[dict[str, Any], int]]:
    return ((order, left) for order, left, _hash in _rows(session, kind, app))


def _rows(session: Session, kind: str, app: str) -> Iterable[tuple[dict[str, Any], int, str]]:
    """Open orders with tasks left; those for this app, or for anybody."""
    asset = kind.removesuffix("order")
    others: dict[str, Any] = {asset: "any"} if asset != "workerpool" else {}
    if app and asset != "app":
        others["app"] = app
    page = session.market.orderbook(kind, page_size=_ORDERS_READ, **others)
    for row in page.orders:
        left = int(row["remaining"])
        if left > 0:
            yield row["order"], left, row["orderHash"]


def names(session: Session, kind: str, addresses: Iterable[str]) -> dict[str, str]:
    """What their contracts call them: a stranger's words, made plain and short."""
    where = list(addresses)
    calls = [Call(session.network.hub, _VIEWS[kind], (address,)) for address in where]
    views = attempt(session.rpc, calls)
    return {
        address: "" if isinstance(view, CallError) else plain(view[1], _NAME)
        for address, view in zip(where, views, strict=True)
    }


def categories(session: Session) -> Known:
    """Sizes of tasks: how long one may take, and the cheapest that a workerpool asks for."""
    cheapest: dict[int, int] = {}
    for row in session.market.orderbook("workerpoolorder", page_size=_ORDERS_READ).orders:
        order = row["order"]
        number, price = int(order["category"]), int(order["workerpoolprice"])
        if int(row["remaining"]) > 0:
            cheapest[number] = min(price, cheapest.get(number, price))
    found: Known = {}
    count = min(session.hub.count_category(), _CATEGORIES_READ)
    for number, about in enumerate(session.hub.view_categories(range(count))):
        asked = f"from {in_rlc(cheapest[number])}" if number in cheapest else "no offer now"
        found[str(number)] = ", ".join([plain(about.name, _NAME), in_time(about.work_clock_time_ref), asked])
    return found
