"""The market API: the order book, publishing, deals.

Source: the official SDK's calls; the server's rules (page sizes, restrictions, challenges good for one use)
are those of market API 7.1.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from iexec_lab.errors import ApiError, MarketError, ValidationError
from iexec_lab.packed import Records
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_address, to_bytes32, to_tag, to_uint256
from iexec_lab.protocol.javascript import to_text
from iexec_lab.services.auth import MARKET, ask_challenge, log_in
from iexec_lab.services.http import TIMEOUT, Http
from iexec_lab.services.market_columns import Gathered, OrderColumns
from iexec_lab.services.market_filter import deal_filter, deal_rank, order_filter, order_rank
from iexec_lab.services.market_rows import DealRow, OrderRow, deal_row, order_row
from iexec_lab.services.market_text import LEAST, read_page
from iexec_lab.services.pages import MAX_LIST, SIZES, Allowance, is_page, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iexec_lab.services.http import Answer
    from iexec_lab.wallet.gate import Gate

PAGE_SIZE = 20
SMALLEST_PAGE = 10
LARGEST_PAGE = 1000

RESOURCE_FIELDS = {
    "apporder": "app",
    "datasetorder": "dataset",
    "workerpoolorder": "workerpool",
    "requestorder": "requester",
}
"""The field of an order that names its subject."""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of the order book; ``count`` is the number of all matching orders, as the market says.

    ``left_out`` counts the rows that were not orders of this kind.
    """

    count: int
    orders: Sequence[OrderRow]
    has_more: bool
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class DealPage:
    """One page of deals; ``count`` is the number of all matching deals, as the market says.

    ``left_out`` counts the rows that were not deals.
    """

    count: int
    deals: Sequence[DealRow]
    has_more: bool
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _List:
    """A list of the API: its path, the key of its entries, the field that identifies one, how one is read."""

    path: str
    key: str
    identity: str
    query: Mapping[str, str | int]
    read: Callable[[int, Any], Any]
    kind: str = ""


class Followed(NamedTuple):
    """What keeps a list up to date: which field identifies a row, which rows are in it, and in which order.

    ``read`` checks a row that the feed told, as those of the list are: ValidationError if it is none.
    """

    identity: str
    keep: Callable[[Mapping[str, Any]], bool]
    rank: Callable[[Mapping[str, Any]], Any]
    read: Callable[[Any], Any]


class _Page(NamedTuple):
    """The market's answer for a list.

    ``total`` is how many entries it says there are, ``told`` how many of them it sent; ``rows`` are those
    that could be read.
    """

    total: int
    rows: Sequence[Any]
    told: int
    has_more: bool


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
"""The filters of each list. A missing flag is sent as false, as the market expects.

``app``, ``dataset``, ``workerpool`` and ``requester`` other than the list's own are restrictions. Without
one, only orders open to all match. With an address, orders open to all or to it match; with the strict flag,
only those open to it. With ``any``, all match.
"""

_ONE_OF = {"apporder": ("app", "app_owner"), "datasetorder": ("dataset", "dataset_owner")}


class DealFilters(TypedDict, total=False):
    """Filters of a list of deals besides the requester; each must be met exactly."""

    beneficiary: str
    app: str
    dataset: str
    workerpool: str
    category: int
    app_owner: str
    dataset_owner: str
    workerpool_owner: str
    apporder_hash: str
    datasetorder_hash: str
    workerpoolorder_hash: str
    requestorder_hash: str


DEAL_FILTERS = ("requester", *DealFilters.__annotations__)


class Market:
    """One market; ``chain_id`` goes with every call.

    All methods raise MarketError when the market cannot be reached or fails, and ApiError when it refuses.
    """

    def __init__(self, url: str, chain_id: int, *, timeout: float = TIMEOUT) -> None:
        self.chain_id = chain_id
        self.url = url
        self._http = Http(url, MarketError, timeout=timeout)

    def challenge(self, address: str) -> Any:
        """What a wallet has to sign for one ``log_in``."""
        return ask_challenge(self._http, "/challenge", address, self.chain_id)

    def log_in(self, gate: Gate, challenge: Any = None) -> str:
        """A token for one call of ``publish`` or ``unpublish``; the challenge is asked for unless given.

        Raises:
            SignatureError: The market's challenge is not a login to it.
        """
        return log_in(self._http, "/challenge", MARKET, gate, challenge)

    def orderbook(self, kind: str, *, page: int = 0, page_size: int = PAGE_SIZE, **filters: Any) -> OrderPage:
        """One page of open orders, best price first.

        Args:
            kind: ``apporder``, ``datasetorder``, ``workerpoolorder`` or ``requestorder``.
            page: From 0.
            page_size: 10 to 1000.
            **filters: See ``ORDERBOOK_FILTERS``; None counts as not given.

        Raises:
            ValidationError: an unknown filter, or an invalid value.
        """
        return OrderPage(*self._one(_orderbook(kind, filters), page, page_size))

    def orderbook_all(self, kind: str, *, limit: int | None = None, **filters: Any) -> OrderPage:
        """All open orders, or the best ``limit``; pages are fetched side by side.

        Raises:
            MarketError: It took longer than the time-out, or the answers have more than 1 GB.
        """
        return OrderPage(*self._all(_orderbook(kind, filters), limit))

    def order(self, kind: str, order_hash: str) -> OrderRow:
        """A published order, open or not, by its hash, in the market's words: hash it again before use."""
        wanted = to_bytes32(order_hash)
        found = self._http.get_json(f"/{_known(kind)}s/{wanted}", {"chainId": self.chain_id})
        if not isinstance(found, dict) or not found.get("ok"):
            raise self._http.api_error("An error occurred while getting order")
        try:
            return order_row(kind, self.chain_id, found)
        except ValidationError as error:
            raise self._http.api_error(
                f"The market's answer is not {kind} {wanted}: {error.message}"
            ) from None

    def publish(self, kind: str, order: Mapping[str, Any], token: str) -> str:
        """Publish a signed order (its JSON form); return its hash."""
        answer = self._write("POST", kind, {"order": order}, token)
        published = answer.get("published")
        hashes = self._hashes([published.get("orderHash")]) if isinstance(published, dict) else []
        if not hashes:
            raise self._http.api_error("An error occurred while publishing order")
        return hashes[0]

    def unpublish(
        self,
        kind: str,
        token: str,
        *,
        order_hash: str | None = None,
        resource: str | None = None,
        target: str | None = None,
    ) -> list[str]:
        """Take orders off the market; return their hashes.

        Args:
            kind: As for ``orderbook``.
            token: From ``log_in``.
            order_hash: One order.
            resource: Orders for this app, dataset or workerpool, or by this requester.
            target: With a resource: ``unpublish_last`` (default) or ``unpublish_all``.
        """
        _known(kind)
        if order_hash is not None:
            body = {"target": "unpublish_orderHash", "orderHash": to_bytes32(order_hash)}
        else:
            body = {"target": target or "unpublish_last", RESOURCE_FIELDS[kind]: to_address(resource)}
        hashes = self._hashes(self._write("PUT", kind, body, token).get("unpublished"))
        if not hashes:
            raise self._http.api_error("An error occurred while unpublishing order")
        return hashes

    def deals(self, *, page: int = 0, page_size: int = PAGE_SIZE, **filters: Any) -> DealPage:
        """Deals, newest first.

        Args:
            page: From 0.
            page_size: 10 to 1000.
            **filters: See ``DEAL_FILTERS``; each must match exactly.
        """
        return DealPage(*self._one(_deals(filters), page, page_size))

    def deals_all(self, *, limit: int | None = None, **filters: Any) -> DealPage:
        """All deals that match, or the newest ``limit``; pages are fetched side by side."""
        return DealPage(*self._all(_deals(filters), limit))

    def followed(self, kind: str, **filters: Any) -> Followed:
        """How a list is kept up to date by the feed; ``kind`` is ``deal`` or one of ``orderbook``."""
        wanted = _deals(filters) if kind == "deal" else _orderbook(kind, filters)
        keep = deal_filter(wanted.query) if kind == "deal" else order_filter(kind, wanted.query)
        rank = deal_rank if kind == "deal" else order_rank(kind)
        return Followed(wanted.identity, keep, rank, partial(wanted.read, self.chain_id))

    def _write(self, method: str, kind: str, body: Mapping[str, Any], token: str) -> dict[str, Any]:
        query = {"chainId": self.chain_id}
        try:
            answer = self._http.send_json(method, f"/{_known(kind)}s", query, body, {"authorization": token})
        except ApiError as error:
            so = next((sentence for words, sentence in _SO_ALREADY.items() if words in error.message), "")
            raise error.so_already(so.format(kind=kind)) from None
        if not isinstance(answer, dict) or not answer.get("ok"):
            verb = "publishing" if method == "POST" else "unpublishing"
            raise self._http.api_error(f"An error occurred while {verb} order")
        return answer

    def _hashes(self, told: Any) -> list[str]:
        try:
            return [to_bytes32(each) for each in told] if isinstance(told, list) else []
        except ValidationError as error:
            raise self._http.api_error(f"The market gave no order hash: {plain(error.message, 80)}") from None

    def _ask(self, wanted: _List, page: int, page_size: int, allowance: Allowance | None = None) -> Answer:
        if page_size < SMALLEST_PAGE:
            raise ValidationError(f"pageSize must be greater than or equal to {SMALLEST_PAGE}")
        paging = {"pageIndex": to_uint256(page), "pageSize": page_size, "chainId": self.chain_id}
        return self._http.get(wanted.path, {**wanted.query, **paging}, allowance)

    def _read(self, wanted: _List, answer: Answer, allowance: Allowance | None = None) -> _Page:
        """What a page says: not read in the thread that fetched it, whose memory would stay in pieces."""
        is_long = bool(wanted.kind) and answer.ok and len(answer.body) >= LEAST
        columns = read_page(wanted.kind, self.chain_id, answer.body) if is_long else None
        known, rows = columns or (self._http.read_json(answer), None)
        known = known if isinstance(known, dict) and known.get("ok") else {}
        count, items = known.get("count", -1), known.get(wanted.key, "")
        if not is_page(count, items):
            what = "orderbook" if wanted.key == "orders" else wanted.key
            raise self._http.api_error(f"An error occurred while getting {what}")
        if rows is not None:
            return _Page(int(count), rows, len(rows), bool(known.get("nextPage")))
        found = self._rows(wanted, items)
        if allowance is not None and isinstance(found, list):
            allowance.hold(len(answer.body))
        return _Page(int(count), found, len(items), bool(known.get("nextPage")))

    def _one(self, wanted: _List, page: int, page_size: int) -> tuple[int, Sequence[Any], bool, int]:
        """A single page, as the fields of ``OrderPage`` and ``DealPage``."""
        found = self._read(wanted, self._ask(wanted, page, page_size))
        return found.total, found.rows, found.has_more, found.told - len(found.rows)

    def _rows(self, wanted: _List, items: Sequence[Any]) -> Sequence[Any]:
        """The items that are rows of the list; the caller counts the others."""
        columns = OrderColumns.of(wanted.kind, self.chain_id, items) if wanted.kind and items else None
        if columns is not None:
            return columns
        rows = []
        for item in items:
            try:
                rows.append(wanted.read(self.chain_id, item))
            except ValidationError:
                continue
        return rows if wanted.kind else Records.of(rows) or rows

    def _all(self, wanted: _List, limit: int | None) -> tuple[int, Sequence[Any], bool, int]:
        """Read pages while they bring rows: ``count`` says where to stop, never how much to expect."""
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise ValidationError(f"{to_text(limit)} is not a valid limit", hint="Give a whole number.")
        size = LARGEST_PAGE if limit is None else min(max(limit, SMALLEST_PAGE), LARGEST_PAGE)
        allowance = Allowance(MarketError, self._http.timeout, MAX_LIST)

        def ask(page: int) -> Answer:
            return self._ask(wanted, page, size, allowance)

        name = (self.url, self.chain_id, wanted.path, tuple(wanted.query.items()))
        is_whole = not any(isinstance(value, str) for value in wanted.query.values())
        ahead = SIZES.pages_ahead(name, size, limit, is_whole=is_whole)
        found = Gathered(wanted.kind, wanted.identity)
        left_out, total, is_end = 0, 0, False

        def last() -> int:
            return -(-(total if limit is None else min(limit, total)) // size) - 1

        with closing(side_by_side(ask, ahead, last)) as answers:
            for page in (self._read(wanted, answer, allowance) for answer in answers):
                if not found.pages:
                    total = SIZES.put(name, page.total)
                before = len(found)
                found.add(page.rows)
                left_out += page.told - len(page.rows)
                is_end = page.told < size or len(found) == before
                if is_end or (limit is not None and len(found) >= limit):
                    break
        known = len(found) + left_out
        rows = found.rows(limit)
        count = known if is_end else max(total, known)
        return count, rows, len(rows) + left_out < count, left_out


_SO_ALREADY = {
    "order already published": "This {kind} is published already.",
    " is not published": "This {kind} is not on the market.",
    "no open ": "No {kind} of this wallet is left on the market.",
}
"""Words of a refusal -> what is so already, for somebody who asked for exactly that."""


def _orderbook(kind: str, filters: Mapping[str, Any]) -> _List:
    known = ORDERBOOK_FILTERS[_known(kind)]
    query = _read_filters(f"{kind}s", filters, known)
    needed = [_FILTERS[name][0] for name in _ONE_OF.get(kind, ())]
    if needed and not any(name in query for name in needed):
        raise ValidationError(f"{' or '.join(needed)} is required")
    for name in ("minTrust", "minVolume"):
        if query.get(name) == 0:  # means nothing; the market refuses a 0 there
            del query[name]
    flags: dict[str, str | int] = {_FILTERS[name][0]: False for name in known if _FILTERS[name][1] is _flag}
    return _List(f"/{kind}s", "orders", "orderHash", flags | query, partial(order_row, kind), kind)


def _deals(filters: Mapping[str, Any]) -> _List:
    return _List("/deals", "deals", "dealid", _read_filters("deals", filters, DEAL_FILTERS), deal_row)


def _read_filters(what: str, filters: Mapping[str, Any], known: Sequence[str]) -> dict[str, str | int]:
    query = {}
    for name, value in filters.items():
        if name not in known:
            raise ValidationError(f"{what} have no filter {name}", hint=f"Use one of: {', '.join(known)}.")
        if value is not None:
            key, read = _FILTERS[name]
            query[key] = read(value)
    return query


def _known(kind: str) -> str:
    if kind not in RESOURCE_FIELDS:
        raise ValidationError(
            f"{kind} is not a kind of order", hint=f"Use one of: {', '.join(RESOURCE_FIELDS)}."
        )
    return kind
