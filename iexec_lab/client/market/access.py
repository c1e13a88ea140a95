"""Access: the orders that somebody gave or was given, open or not.

The market lists open orders only. What was used up or closed is found through deals and the closing events
of the chain, and then asked for by its hash. Every order is hashed again: what it says is what was signed.
What is left of it is the hub's word, and so is whether its signature is still its owner's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.client.jobs.detached import typed
from iexec_lab.client.market.given import about_category, plain_values, with_category
from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.market.own_filters import KINDS, STATUSES
from iexec_lab.client.matching import signing
from iexec_lab.client.matching.published import are_signed
from iexec_lab.errors import ApiError, CallError, ValidationError
from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.ethereum.logs import read_logs
from iexec_lab.history.moments import to_span
from iexec_lab.history.source import Block, Span, open_source
from iexec_lab.plain_text import plain
from iexec_lab.protocol import NULL_ADDRESS, to_address, to_moment, to_number, to_tag, to_uint256
from iexec_lab.services.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from iexec_lab.client.matching.signing import AnyOrder
    from iexec_lab.client.session import Session
    from iexec_lab.services.market import OrderPage
    from iexec_lab.services.market_rows import OrderRow

ANY: Final = "any"
_PORTION: Final = 1000
_ASSETS: Final = KINDS[:3]
_PRICES: Final = {
    "app": ("appprice",),
    "dataset": ("datasetprice",),
    "workerpool": ("workerpoolprice",),
    "request": ("appmaxprice", "datasetmaxprice", "workerpoolmaxprice"),
}
_CLOSED: Final = {
    "app": (EVENTS.ClosedAppOrder, "appHash"),
    "dataset": (EVENTS.ClosedDatasetOrder, "datasetHash"),
    "workerpool": (EVENTS.ClosedWorkerpoolOrder, "workerpoolHash"),
    "request": (EVENTS.ClosedRequestOrder, "requestHash"),
}
_SPELLINGS: Final = {"cancelled": "canceled", "closed": "canceled", "all": ANY, "used": "filled"}


class AccessRows(Rows):
    """Orders, newest first; ``total`` is how many there are without a limit."""

    total: int = 0
    remark: str = ""


class Query(NamedTuple):
    """What is wanted of the list: whose orders, which kinds, and what each must be."""

    address: str | None
    received: bool
    open_to_all: bool
    kinds: tuple[str, ...]
    status: str
    parties: Mapping[str, str]
    tag: str | None
    category: int | None
    span: Span


@dataclass(slots=True)
class Found:
    """A published order that was hashed again, and what the market says beside it."""

    kind: str
    order: AnyOrder
    hash: str
    told: OrderRow

    @property
    def moment(self) -> datetime | None:
        """When it was published, as the market says."""
        told = self.told.get("publicationTimestamp")
        return None if told is None else to_moment(told)

    @property
    def published(self) -> int | None:
        """The same in seconds since 1970."""
        return int(self.moment.timestamp()) if self.moment else None


def find_access(session: Session, address: str | None, values: Mapping[str, Any]) -> AccessRows:
    """The orders that an account gave or was given; ``values`` has all of ``AccessFilters``.

    Raises:
        ValidationError: A filter cannot have such a value.
        WalletError: It is not said whose, and there is no wallet.
    """
    made = list_access(session, read_query(session, address, values), to_limit(values["limit"]))
    made.remark = (not made and about_category(session, values)) or made.remark
    return made


def list_access(session: Session, query: Query, limit: int | None) -> AccessRows:
    """The orders of a query, newest first.

    Raises:
        MarketError, ApiError: The market was not reached, or refused.
        CallError: The node was not reached.
    """
    found, left_out = _open(session, query)
    past = _Past()
    if query.status != "open":
        past = _ended(session, query, {each.hash for each in found})
        found, left_out = [*found, *past.found], left_out + past.left_out
    fitting = [each for each in found if _fits(query, each)]
    fitting.sort(key=lambda each: (each.moment.timestamp() if each.moment else 0, each.hash), reverse=True)
    made = AccessRows()
    made.left_out = left_out
    _add_rows(session, query, fitting, past.closed, made, limit)
    made.remark = past.remark
    if query.status == "open":
        made.remark = f"open ones only (filled and canceled ones too: {typed('order list --status any')})"
    return made


def read_query(session: Session, address: str | None, values: Mapping[str, Any]) -> Query:
    """The query that filters mean; ``values`` has all of ``AccessFilters``.

    Raises:
        ValidationError: A filter cannot have such a value.
        WalletError: Whose orders are wanted, is not said, and there is no wallet.
    """
    values = with_category(session, plain_values(values))
    everybody = values["all"] and not values["received"] and address is None
    kind, status = values["kind"], str(values["status"] or ANY).lower()
    status = _SPELLINGS.get(status, status)
    word = None if kind is None else str(kind).lower().removesuffix("order").replace("requester", "request")
    if word not in {None, *KINDS}:
        raise ValidationError(
            f"{plain(kind, 40)} is not a kind of order", hint=f"One of: {', '.join(KINDS)}."
        )
    if status not in {ANY, *STATUSES}:
        raise ValidationError(
            f"No order has the status {plain(status, 40)}", hint=f"One of: {', '.join(STATUSES)}, any."
        )
    parties = {
        name: session.to_address(values[name]) for name in (*_ASSETS, "requester") if values[name] is not None
    }
    kinds: tuple[str, ...] = KINDS if word is None else (word,)
    if values["received"]:
        kinds = tuple(each for each in kinds if each in _ASSETS)
    tag, category = values["tag"], values["category"]
    return Query(
        address=None if everybody else session.to_address(address or session.own_address),
        received=bool(values["received"]),
        open_to_all=bool(values["all"]),
        kinds=kinds,
        status=status,
        parties=parties,
        tag=None if tag is None else to_tag(tag, frameworks=session.network.frameworks),
        category=None if category is None else to_uint256(category),
        span=_span(session, values["since"], values["until"]),
    )


def _span(session: Session, since: Any, until: Any) -> Span:
    if since is None and until is None:
        return Span()
    source = open_source(session.network, session.rpc, timeout=session.timeout)

    def newest() -> Block:
        """An order is published off chain: by the market's clock, which a sandbox's chain may be ahead of."""
        head = source.head()
        return head._replace(time=max(head.time, int(time.time())))

    span = to_span(since, until, newest, source.block)
    return Span(span.start, span.end)


# -- what the market lists ----------------------------------------------------------------------------------


def _open(session: Session, query: Query) -> tuple[list[Found], int]:
    def read(kind: str) -> OrderPage:
        return session.market.orderbook_all(f"{kind}order", **_book(query, kind))

    found: dict[str, Found] = {}
    left_out = 0
    for kind, page in zip(query.kinds, session.each(read, query.kinds), strict=True):
        left_out += page.left_out
        for told in page.orders:
            each = hashed(session, kind, told)
            if each is None:
                left_out += 1
            else:
                found[each.hash] = each
    return list(found.values()), left_out


def _book(query: Query, kind: str) -> dict[str, Any]:
    """The market's filters for the open orders of a kind."""
    if kind == "request":
        whose = {"requester": query.address} if query.address else {}
        subject = query.parties.get("requester")
        return {**whose, **({"requester": subject} if subject and not whose else {}), "workerpool": ANY}
    wanted: dict[str, Any] = {name: ANY for name in (*_ASSETS, "requester") if name != kind}
    if query.received:
        wanted |= {"requester": query.address, "requester_strict": not query.open_to_all}
    elif query.address:
        wanted[f"{kind}_owner"] = query.address
    if query.category is not None and kind == "workerpool":
        wanted["category"] = query.category
    if f"{kind}_owner" not in wanted:
        wanted[kind] = ANY if kind != "workerpool" else None
    return wanted


def hashed(session: Session, kind: str, told: OrderRow) -> Found | None:
    """The order, if it has the hash that the market gives it."""
    try:
        order = signing.to_order(f"{kind}order", told["order"])
        order_hash = order.hash(session.domain)
    except ValidationError:
        return None
    return Found(kind, order, order_hash, told) if order_hash == told["orderHash"].lower() else None


# -- what was used up or closed -----------------------------------------------------------------------------


class _Past(NamedTuple):
    """Orders that the market lists no more, and the hashes of those that were closed on chain."""

    found: tuple[Found, ...] = ()
    left_out: int = 0
    closed: frozenset[str] = frozenset()
    remark: str = ""


def _ended(session: Session, query: Query, known: set[str]) -> _Past:
    """Orders that the market lists no more: those of deals, and those that were closed."""
    of_deals, (closed, remark) = session.together(
        lambda: _of_deals(session, query), lambda: _closed(session, query)
    )
    wanted = {each for each in (*of_deals, *closed) if each[1] not in known}

    def fetch(key: tuple[str, str]) -> Found | bool:
        kind, order_hash = key
        try:
            told = session.market.order(f"{kind}order", order_hash)
        except ApiError:
            return True  # it was never published here: nobody can say what it was
        found = hashed(session, kind, told)
        return found if found and found.hash == order_hash else False

    answers = session.each(fetch, sorted(wanted))
    found = tuple(each for each in answers if isinstance(each, Found))
    hashes = frozenset(order_hash for _, order_hash in closed)
    return _Past(found, sum(each is False for each in answers), hashes, remark)


def _of_deals(session: Session, query: Query) -> list[tuple[str, str]]:
    """(kind, hash) of the orders of deals that this account had a part in."""
    filters: list[tuple[str, dict[str, Any]]] = []
    for kind in query.kinds:
        if query.received:
            filters.append((kind, {"requester": query.address}))
        elif query.address:
            whose = "requester" if kind == "request" else f"{kind}_owner"
            filters.append((kind, {whose: query.address}))
        else:
            filters.append((kind, {}))
    asked = list({tuple(where.items()): where for _, where in filters}.values())
    pages = session.each(lambda where: session.market.deals_all(**where).deals, asked)
    by = {tuple(where.items()): deals for where, deals in zip(asked, pages, strict=True)}
    found = []
    for kind, where in filters:
        for deal in by[tuple(where.items())]:
            order_hash = str(deal.get(f"{kind}Hash") or "").lower()
            if order_hash and int(order_hash, 16):
                found.append((kind, order_hash))
    return list(dict.fromkeys(found))


def _closed(session: Session, query: Query) -> tuple[list[tuple[str, str]], str]:
    """(kind, hash) of the orders that were closed on chain, and a remark where not all could be looked for.

    By whom they were closed, only their terms tell.
    """
    events = {
        event.topic: (kind, event, name) for kind, (event, name) in _CLOSED.items() if kind in query.kinds
    }
    found: list[tuple[str, str]] = []
    try:
        for log in read_logs(
            session.rpc,
            session.network.hub,
            [list(events)],
            from_block=0,
            newest_first=True,
            timeout=session.timeout,
        ):
            kind, event, name = events[log["topics"][0]]
            if event.matches(log):
                found.append((kind, "0x" + event.decode(log)[name].hex()))
    except CallError as error:
        left = plain(error.details.get("left", "older blocks"), 80)
        return found, f"Orders that were closed in {left} were not looked for: {plain(error.message, 200)}."
    return found, ""


# -- which of them are wanted -------------------------------------------------------------------------------


def _fits(query: Query, found: Found) -> bool:
    order, moment = found.told["order"], found.published
    if query.tag is not None and int(order["tag"], 16) != int(query.tag, 16):
        return False
    if query.category is not None and str(order.get("category")) != str(query.category):
        return False
    if query.span != Span() and (moment is None or not query.span.holds(moment)):
        return False
    if query.received and not _is_received(query, order):
        return False
    return all(_names(found.kind, order, name, address) for name, address in query.parties.items())


def _is_received(query: Query, order: Mapping[str, Any]) -> bool:
    allowed = to_address(order["requesterrestrict"])
    return allowed == query.address or (query.open_to_all and allowed == NULL_ADDRESS)


def _names(kind: str, order: Mapping[str, Any], name: str, address: str) -> bool:
    """Whether an order is about this app, dataset, workerpool or requester, or restricted to it."""
    field = name if kind in {name, "request"} else f"{name}restrict"
    return to_address(order.get(field, NULL_ADDRESS)) == address


def _add_rows(
    session: Session,
    query: Query,
    found: Sequence[Found],
    closed: frozenset[str],
    made: AccessRows,
    limit: int | None,
) -> None:
    """Add the rows that have the wanted status, newest first, and count those beyond the limit too."""
    for start in range(0, len(found), _PORTION):
        portion = found[start : start + _PORTION]
        consumed = session.hub.view_consumed([each.hash for each in portion])
        signed = are_signed(session, [each.order for each in portion])
        for each, used, is_good in zip(portion, consumed, signed, strict=True):
            row = _row(session, each, used, is_good=is_good, is_closed=each.hash in closed)
            if query.address and not query.received and row.get("signer") != query.address:
                made.left_out += each.hash not in closed  # everybody's closing events are looked at
            elif query.status in {ANY, row["status"]}:
                made.total += 1
                if limit is None or len(made) < limit:
                    made.append(row)


def _row(session: Session, found: Found, used: int, *, is_good: bool, is_closed: bool) -> dict[str, Any]:
    order, kind, told = found.told["order"], found.kind, found.told
    volume = to_number(order["volume"])
    remaining = max(volume - used, 0)
    asset = to_address(order["app" if kind == "request" else kind])
    row: dict[str, Any] = {
        "kind": kind,
        "orderHash": found.hash,
        "asset": asset,
        "price": str(sum(to_number(order[name]) for name in _PRICES[kind])),
        "volume": str(volume),
        "remaining": str(remaining),
        "status": _status(told, remaining, is_good=is_good, is_closed=is_closed),
        "signer": _signer(session, found),
        "publicationTimestamp": told.get("publicationTimestamp"),
        "tag": order["tag"],
        "category": order.get("category"),
        "trust": order.get("trust"),
        "bulk": told.get("bulk"),
        "dataset": order.get("dataset") if kind == "request" else None,
        **{
            f"{name}restrict": order.get(name if kind == "request" else f"{name}restrict")
            for name in (*_ASSETS, "requester")
            if name != kind and (kind != "request" or name == "workerpool")
        },
    }
    return {name: value for name, value in row.items() if value is not None}


def _status(told: Mapping[str, Any], remaining: int, *, is_good: bool, is_closed: bool) -> str:
    """Open, filled, canceled or dead: by the chain; by the market where the chain does not tell."""
    if not remaining:
        return "canceled" if is_closed or told.get("status") == "canceled" else "filled"
    return "open" if is_good and told.get("status", "open") == "open" else "dead"


def _signer(session: Session, found: Found) -> str | None:
    """Who signed it; the market's word for an order that was signed on chain, or by a smart account."""
    try:
        return found.order.signer(session.domain)
    except ValidationError:
        told = found.told.get("signer")
        return to_address(told) if told else None
