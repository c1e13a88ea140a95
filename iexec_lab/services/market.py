"""The market API: the order book, publishing, deals.

Source: the official SDK's calls; the server's rules (page sizes, restrictions, challenges good for one use)
are those of market API 7.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import MarketError, ValidationError
from iexec_lab.protocol import to_address, to_bytes32, to_tag, to_uint256
from iexec_lab.protocol.javascript import to_text
from iexec_lab.services.auth import MARKET, log_in
from iexec_lab.services.http import TIMEOUT, Http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iexec_lab.wallet.gate import Gate

PAGE_SIZE = 20
SMALLEST_PAGE = 10
LARGEST_PAGE = 1000
_TOGETHER = 8  # pages fetched side by side

RESOURCE_FIELDS = {
    "apporder": "app",
    "datasetorder": "dataset",
    "workerpoolorder": "workerpool",
    "requestorder": "requester",
}
"""The field of an order that names what it is about."""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of the order book; ``count`` is the number of all orders that match.

    An order is ``{order, orderHash, chainId, remaining, status, publicationTimestamp, signer}``.
    """

    count: int
    orders: list[dict[str, Any]]
    has_more: bool


@dataclass(frozen=True, slots=True)
class DealPage:
    """One page of deals as the market tells them; ``count`` is the number of all that match."""

    count: int
    deals: list[dict[str, Any]]
    has_more: bool


@dataclass(frozen=True, slots=True)
class _List:
    """A list of the API: its path, the key of its entries, what makes an entry itself, the filters."""

    path: str
    key: str
    identity: str
    query: Mapping[str, str | int]


def _address_or_any(value: Any) -> str:
    return "any" if value == "any" else to_address(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValidationError("must be True or False")
    return value


_FILTERS: Mapping[str, tuple[str, Callable[[Any], str | int]]] = {
    "app": ("app", _address_or_any),
    "app_owner": ("appOwner", _address_or_any),
    "dataset": ("dataset", _address_or_any),
    "dataset_owner": ("datasetOwner", _address_or_any),
    "workerpool": ("workerpool", _address_or_any),
    "workerpool_owner": ("workerpoolOwner", to_address),
    "requester": ("requester", _address_or_any),
    "beneficiary": ("beneficiary", _address_or_any),
    "category": ("category", to_uint256),
    "min_tag": ("minTag", to_tag),
    "max_tag": ("maxTag", to_tag),
    "min_trust": ("minTrust", to_uint256),
    "max_trust": ("maxTrust", to_uint256),
    "min_volume": ("minVolume", to_uint256),
    "app_strict": ("isAppStrict", _flag),
    "dataset_strict": ("isDatasetStrict", _flag),
    "workerpool_strict": ("isWorkerpoolStrict", _flag),
    "requester_strict": ("isRequesterStrict", _flag),
    "bulk_only": ("bulkOnly", _flag),
    "apporder_hash": ("apporderHash", to_bytes32),
    "datasetorder_hash": ("datasetorderHash", to_bytes32),
    "workerpoolorder_hash": ("workerpoolorderHash", to_bytes32),
    "requestorder_hash": ("requestorderHash", to_bytes32),
}
"""A filter's name in the query and how its value is read."""

_COMMON = ("app", "dataset", "workerpool", "requester", "min_tag", "max_tag", "min_volume")
ORDERBOOK_FILTERS: Mapping[str, tuple[str, ...]] = {
    "apporder": (*_COMMON, "app_owner", "dataset_strict", "workerpool_strict", "requester_strict"),
    "datasetorder": (
        *_COMMON,
        "dataset_owner",
        "app_strict",
        "workerpool_strict",
        "requester_strict",
        "bulk_only",
    ),
    "workerpoolorder": (
        *_COMMON,
        "workerpool_owner",
        "category",
        "min_trust",
        "app_strict",
        "dataset_strict",
        "requester_strict",
    ),
    "requestorder": (*_COMMON, "beneficiary", "category", "max_trust", "workerpool_strict"),
}
"""The filters of each list. A flag that is not given is sent as false, as the market expects.

``app``, ``dataset``, ``workerpool`` and ``requester`` other than the list's own are restrictions. Left out:
only orders open to all match. An address: orders open to all or to it match, with the strict flag only those
to it. ``any``: all match.
"""

_ONE_OF = {"apporder": ("app", "app_owner"), "datasetorder": ("dataset", "dataset_owner")}

DEAL_FILTERS = (
    *("requester", "beneficiary", "app", "dataset", "workerpool", "category"),
    *("app_owner", "dataset_owner", "workerpool_owner"),
    *("apporder_hash", "datasetorder_hash", "workerpoolorder_hash", "requestorder_hash"),
)


class Market:
    """One market; ``chain_id`` goes with every call.

    All methods raise MarketError when the market is not reached or fails, and ApiError when it says no.
    """

    def __init__(self, url: str, chain_id: int, *, timeout: float = TIMEOUT) -> None:
        self.chain_id = chain_id
        self._http = Http(url, MarketError, timeout=timeout)

    def log_in(self, gate: Gate) -> str:
        """A token for one call of ``publish`` or ``unpublish``.

        Raises:
            SignatureError: What the market wants signed is no login to it.
        """
        return log_in(self._http, "/challenge", MARKET, gate)

    def orderbook(self, kind: str, *, page: int = 0, page_size: int = PAGE_SIZE, **filters: Any) -> OrderPage:
        """One page of open orders, best price first.

        Args:
            kind: ``apporder``, ``datasetorder``, ``workerpoolorder`` or ``requestorder``.
            page: From 0.
            page_size: 10 to 1000.
            **filters: See ``ORDERBOOK_FILTERS``; None counts as not given.

        Raises:
            ValidationError: a filter the list does not have, or a value it can not have.
        """
        return OrderPage(*self._page(_orderbook(kind, filters), page, page_size))

    def orderbook_all(self, kind: str, *, limit: int | None = None, **filters: Any) -> OrderPage:
        """All open orders, or the best ``limit``; pages are fetched side by side."""
        return OrderPage(*self._all(_orderbook(kind, filters), limit))

    def order(self, kind: str, order_hash: str) -> dict[str, Any]:
        """A published order, open or not, by its hash."""
        path = f"/{_known(kind)}s/{to_bytes32(order_hash)}"
        found = self._http.get_json(path, {"chainId": self.chain_id})
        if not isinstance(found, dict) or not found.pop("ok", False):
            raise self._http.api_error("An error occurred while getting order")
        return found

    def publish(self, kind: str, order: Mapping[str, Any], token: str) -> str:
        """Publish a signed order (its JSON form); the order's hash."""
        answer = self._write("POST", kind, {"order": order}, token)
        published = answer.get("published")
        if not isinstance(published, dict) or not isinstance(published.get("orderHash"), str):
            raise self._http.api_error("An error occurred while publishing order")
        return str(published["orderHash"])

    def unpublish(
        self,
        kind: str,
        token: str,
        *,
        order_hash: str | None = None,
        resource: str | None = None,
        target: str | None = None,
    ) -> list[str]:
        """Take orders off the market; the hashes of those taken off.

        Args:
            kind: As for ``orderbook``.
            token: From ``log_in``.
            order_hash: One order.
            resource: Orders about this app, dataset, workerpool or by this requester.
            target: With a resource: ``unpublish_last`` (default) or ``unpublish_all``.
        """
        _known(kind)
        if order_hash is not None:
            body = {"target": "unpublish_orderHash", "orderHash": to_bytes32(order_hash)}
        else:
            body = {"target": target or "unpublish_last", RESOURCE_FIELDS[kind]: to_address(resource)}
        hashes = self._write("PUT", kind, body, token).get("unpublished")
        if not isinstance(hashes, list) or not hashes:
            raise self._http.api_error("An error occurred while unpublishing order")
        return [str(order_hash) for order_hash in hashes]

    def deals(self, *, page: int = 0, page_size: int = PAGE_SIZE, **filters: Any) -> DealPage:
        """Deals, newest first.

        Args:
            page: From 0.
            page_size: 10 to 1000.
            **filters: See ``DEAL_FILTERS``; each must be met exactly.
        """
        return DealPage(*self._page(_deals(filters), page, page_size))

    def deals_all(self, *, limit: int | None = None, **filters: Any) -> DealPage:
        """All deals that match, or the newest ``limit``; pages are fetched side by side."""
        return DealPage(*self._all(_deals(filters), limit))

    def _write(self, method: str, kind: str, body: Mapping[str, Any], token: str) -> dict[str, Any]:
        query = {"chainId": self.chain_id}
        answer = self._http.send_json(method, f"/{_known(kind)}s", query, body, {"authorization": token})
        if not isinstance(answer, dict) or not answer.get("ok"):
            verb = "publishing" if method == "POST" else "unpublishing"
            raise self._http.api_error(f"An error occurred while {verb} order")
        return answer

    def _page(self, wanted: _List, page: int, page_size: int) -> tuple[int, list[dict[str, Any]], bool]:
        if page_size < SMALLEST_PAGE:
            raise ValidationError(f"pageSize must be greater than or equal to {SMALLEST_PAGE}")
        paging = {"pageIndex": to_uint256(page), "pageSize": page_size, "chainId": self.chain_id}
        answer = self._http.get_json(wanted.path, {**wanted.query, **paging})
        known = answer if isinstance(answer, dict) and answer.get("ok") else {}
        count, items = known.get("count"), known.get(wanted.key)
        if not isinstance(count, int) or not isinstance(items, list) or not _all_objects(items):
            what = "orderbook" if wanted.key == "orders" else wanted.key
            raise self._http.api_error(f"An error occurred while getting {what}")
        return count, items, bool(known.get("nextPage"))

    def _all(self, wanted: _List, limit: int | None) -> tuple[int, list[dict[str, Any]], bool]:
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise ValidationError(f"{to_text(limit)} is not a valid limit", hint="A whole number.")
        size = LARGEST_PAGE if limit is None else min(max(limit, SMALLEST_PAGE), LARGEST_PAGE)
        count, items, _ = self._page(wanted, 0, size)
        enough = count if limit is None else min(limit, count)
        if enough > size:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(_TOGETHER, "market page") as pool:
                pages = pool.map(lambda page: self._page(wanted, page, size), range(1, -(-enough // size)))
                items = [*items, *(item for _, more, _ in pages for item in more)]
        # The list may move while its pages are read: an entry then stands on two of them.
        unique = list({item.get(wanted.identity): item for item in items}.values())[:limit]
        return max(count, len(unique)), unique, len(unique) < count


def _orderbook(kind: str, filters: Mapping[str, Any]) -> _List:
    known = ORDERBOOK_FILTERS[_known(kind)]
    query = _read_filters(f"{kind}s", filters, known)
    needed = [_FILTERS[name][0] for name in _ONE_OF.get(kind, ())]
    if needed and not any(name in query for name in needed):
        raise ValidationError(f"{' or '.join(needed)} is required")
    for name in ("minTrust", "minVolume"):
        if query.get(name) == 0:  # asks for nothing; the market takes no 0 there
            del query[name]
    flags: dict[str, str | int] = {_FILTERS[name][0]: False for name in known if _FILTERS[name][1] is _flag}
    return _List(f"/{kind}s", "orders", "orderHash", flags | query)


def _deals(filters: Mapping[str, Any]) -> _List:
    return _List("/deals", "deals", "dealid", _read_filters("deals", filters, DEAL_FILTERS))


def _read_filters(what: str, filters: Mapping[str, Any], known: Sequence[str]) -> dict[str, str | int]:
    query = {}
    for name, value in filters.items():
        if name not in known:
            raise ValidationError(f"{what} have no filter {name}", hint=f"They have: {', '.join(known)}.")
        if value is not None:
            key, read = _FILTERS[name]
            query[key] = read(value)
    return query


def _known(kind: str) -> str:
    if kind not in RESOURCE_FIELDS:
        raise ValidationError(f"{kind} is no kind of order", hint=f"Kinds: {', '.join(RESOURCE_FIELDS)}.")
    return kind


def _all_objects(items: Sequence[Any]) -> bool:
    return all(isinstance(item, dict) for item in items)
