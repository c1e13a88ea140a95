"""Bulks: many datasets in one request, their orders kept on IPFS.

The orders are cut into slices, one for each task; each slice is uploaded as the JSON array of its orders,
then the array of the slices' CIDs. Facts: official SDK 8.22 and later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.client.matching.check import group_call, restricted
from iexec_lab.client.matching.published import are_signed, fetch_signed
from iexec_lab.errors import IexecError, OrderError, ValidationError
from iexec_lab.ethereum.calls import attempt
from iexec_lab.networks import BULK
from iexec_lab.protocol import to_bytes32
from iexec_lab.protocol.bulk import MAX_DATASETS_PER_TASK, Bulk, bulk_root, bulk_slices, read_slice
from iexec_lab.services.ipfs import Ipfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.client.matching.check import Match
    from iexec_lab.client.session import Session

THE_GRAPH = "https://ipfs.thegraph.com"
"""Bulks of known networks are copied there, as the official SDK does; nobody waits for it."""


def prepare_bulk(session: Session, orders: Any, max_dataset_per_task: int = MAX_DATASETS_PER_TASK) -> Bulk:
    """Upload the orders of a bulk; hashes and rows of the order book stand for published ones.

    Raises:
        ValidationError: No orders, or one that bulks cannot use.
        OrderError: A published one is not its owner's, or used up.
        ConfigurationError: The network has no bulks, or no IPFS node.
        MarketError, ApiError: The market was not reached, or does not know a hash.
    """
    session.network.require(BULK)
    found = _found(session, orders)
    slices = bulk_slices(found, max_dataset_per_task, frameworks=session.network.frameworks)
    cids = session.each(lambda document: _upload(session, document), slices)
    cid = _upload(session, bulk_root(cids))
    return Bulk(cid, tuple(read_slice(document.encode()) for document in slices))


def _found(session: Session, orders: Any) -> Any:
    """The orders themselves: those that are only named are fetched from the market, and verified."""
    if not _is_many(orders) and _hash_of(orders) is None:
        return orders  # refused, in the words of the official SDK
    items = list(_items(orders))
    hashes = [_hash_of(item) for item in items]
    wanted = list(dict.fromkeys(each for each in hashes if each is not None))
    fetched = dict(zip(wanted, fetch_signed(session, "datasetorder", wanted), strict=True))
    return [item if named is None else fetched[named] for item, named in zip(items, hashes, strict=True)]


def _is_many(orders: Any) -> bool:
    return hasattr(orders, "__iter__") and not isinstance(orders, str | bytes | dict)


def _items(orders: Any) -> Iterator[Any]:
    """Frames become the hashes of their rows; everything else stays as it is."""
    if hasattr(orders, "columns"):
        if "order_hash" not in orders.columns or "dataset_price_nrlc" not in orders.columns:
            raise ValidationError(
                "This DataFrame has no orders of datasets",
                details={"columns": ", ".join(map(str, orders.columns))},
                hint="Take one from the order book: iexec-lab orderbook dataset any --bulk-only.",
            )
        yield from map(str, orders["order_hash"])
    elif _is_row(orders) or not _is_many(orders):
        yield orders
    else:
        for each in orders:
            yield from _items(each) if hasattr(each, "columns") else [each]


def _is_row(item: Any) -> bool:
    """Whether it is a row of the order book: a Series, a dict, or what iterating over rows gives."""
    names = getattr(item, "index", None) if hasattr(item, "iloc") else item
    if isinstance(item, dict) or hasattr(item, "iloc"):
        return names is not None and ("order_hash" in names or "orderHash" in names)
    return isinstance(getattr(item, "order_hash", None), str)


def _hash_of(item: Any) -> str | None:
    """The hash of a published order that stands for it; None for an order itself.

    Raises:
        ValidationError: It is not a hash.
    """
    if isinstance(item, str):
        return to_bytes32(item)
    if not _is_row(item):
        return None
    if not (isinstance(item, dict) or hasattr(item, "iloc")):
        return to_bytes32(item.order_hash)
    return to_bytes32(item["order_hash"] if "order_hash" in item else item["orderHash"])


def check_bulk(session: Session, match: Match, bulk: Bulk) -> None:
    """Check that a deal may use the datasets: workers leave out those that it may not.

    Raises:
        OrderError: An order is not its owner's, used up, or restricted to somebody else.
    """
    orders = list(dict.fromkeys(bulk.orders))
    met = {
        "app": match.app.app,
        "workerpool": match.workerpool.workerpool,
        "requester": match.request.requester,
    }
    limited = {
        (order.dataset, name, allowed, met[name])
        for order in orders
        for name in met
        if int(allowed := getattr(order, f"{name}restrict"), 16) not in {0, int(met[name], 16)}
    }
    strangers = sorted(limited)
    groups = attempt(session.rpc, [group_call(allowed, each) for _, _, allowed, each in strangers])
    for (dataset, name, allowed, each), member in zip(strangers, groups, strict=True):
        if member is not True:
            raise restricted("datasetorder", name, allowed, each, dataset=dataset)
    consumed = session.hub.view_consumed([order.hash(session.domain) for order in orders])
    for order, good, used in zip(orders, are_signed(session, orders), consumed, strict=True):
        if not good or used >= order.volume:
            raise OrderError(
                "datasetorder invalid sign" if not good else "datasetorder is fully consumed",
                details={"dataset": order.dataset},
                hint="Prepare the bulk again, without this dataset.",
            )


def _upload(session: Session, text: str) -> str:
    data = text.encode()
    cid = session.ipfs.add(data)
    if session.network.tdx_only:
        try:
            Ipfs(THE_GRAPH, THE_GRAPH, timeout=5).add(data, check=False)
        except IexecError:
            return cid  # a copy for a third party: its absence changes nothing for the bulk
    return cid
