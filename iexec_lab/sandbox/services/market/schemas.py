"""The parameters and bodies of every route."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.sandbox.services.market import fields
from iexec_lab.sandbox.services.market.fields import Field, optional, read_fields, required
from iexec_lab.sandbox.services.market.kinds import APP, DATASET, KINDS, REQUEST, WORKERPOOL, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGETS: Final = ("unpublish_orderHash", "unpublish_last", "unpublish_all")

_ORDER_FIELDS: Final[Mapping[str, fields.Reader]] = {
    "volume": fields.positive,
    "tag": fields.bytes32,
    "salt": fields.bytes32,
    "sign": fields.signature,
    "params": fields.text,
    **dict.fromkeys(("category", "trust"), fields.integer),
}
_PAGE: Final = {
    "page": optional(fields.integer),
    "pageIndex": optional(fields.integer),
    "pageSize": optional(fields.page_size),
}
_BOOK: Final = {
    "minTag": optional(fields.bytes32),
    "maxTag": optional(fields.bytes32),
    "minVolume": optional(fields.positive),
    **_PAGE,
}
_MORE: Final = {
    APP.name: {},
    DATASET.name: {"bulkOnly": optional(fields.boolean)},
    WORKERPOOL.name: {"category": optional(fields.integer), "minTrust": optional(fields.integer)},
    REQUEST.name: {"category": optional(fields.integer), "maxTrust": optional(fields.integer)},
}
_DEALS: Final = {
    "category": optional(fields.integer),
    **{
        name: optional(fields.address)
        for name in (
            *("requester", "beneficiary", "app", "dataset", "workerpool"),
            *("appOwner", "datasetOwner", "workerpoolOwner"),
        )
    },
    **{f"{kind}Hash": optional(fields.bytes32) for kind in KINDS},
    **_PAGE,
}
_CATEGORIES: Final = {
    "minWorkClockTimeRef": optional(fields.integer),
    "maxWorkClockTimeRef": optional(fields.integer),
    **_PAGE,
}


def _chain(chain_id: int) -> dict[str, Field]:
    return {"chainId": required(partial(fields.supported_chain, chain_id=chain_id))}


def _book(kind: Kind) -> dict[str, Field]:
    """The filters of one order book; app and dataset books need the resource or its owner."""
    book = {column: optional(fields.address_or_any) for column in kind.places}
    book |= {f"is{column.capitalize()}Strict": optional(fields.boolean) for column in kind.restrictions}
    if kind.owner:
        book[kind.owner] = optional(fields.address)
    return {**book, **_MORE[kind.name], **_BOOK}


def _order(kind: Kind) -> dict[str, Field]:
    addresses = {*kind.places.values(), "callback"}
    order = {
        name: required(_ORDER_FIELDS.get(name, fields.address if name in addresses else fields.integer))
        for name in kind.fields
    }
    if "params" in order:
        order["params"] = optional(fields.text)
    return order


_BOOKS: Final = {kind.name: _book(kind) for kind in KINDS.values()}
_ORDERS: Final = {kind.name: _order(kind) for kind in KINDS.values()}


def read_chain(query: Mapping[str, Any], chain_id: int) -> None:
    """Refuse a request that does not name the chain of this sandbox."""
    read_fields(_chain(chain_id), query)


def read_challenge(query: Mapping[str, Any], chain_id: int) -> str:
    """The wallet that wants to log in."""
    wallet: str = read_fields({**_chain(chain_id), "address": required(fields.address)}, query)["address"]
    return wallet


def read_book(kind: Kind, query: Mapping[str, Any], chain_id: int) -> dict[str, Any]:
    """The filters of ``GET /<kind>s``."""
    book = {**_chain(chain_id), **_BOOKS[kind.name]}
    if kind in {APP, DATASET} and not query.get(kind.owner or ""):
        missing = f"{kind.resource} or {kind.owner} is required"
        book[kind.resource] = required(fields.address_or_any, missing)
    return read_fields(book, query)


def read_deals(query: Mapping[str, Any], chain_id: int) -> dict[str, Any]:
    return read_fields({**_chain(chain_id), **_DEALS}, query)


def read_categories(query: Mapping[str, Any], chain_id: int) -> dict[str, Any]:
    return read_fields({**_chain(chain_id), **_CATEGORIES}, query)


def read_ohlc(query: Mapping[str, Any], chain_id: int) -> int:
    """The category whose prices are asked for."""
    schema = {**_chain(chain_id), "category": required(fields.integer)}
    category: int = read_fields(schema, query)["category"]
    return category


def read_hash(name: str, value: str) -> str:
    return fields.bytes32(name, value)


def read_category_id(value: str) -> int:
    return fields.integer("catid", value)


def read_order(kind: Kind, body: Any) -> dict[str, Any]:
    """The order of a ``POST``: its fields in protocol order. A request's ``params`` may be absent."""
    orders = {"order": required(partial(_read_order, kind=kind))}
    # yup takes an absent object for an empty one, so it is the order's fields that are missing
    given = {"order": {}, **body} if isinstance(body, dict) else body
    order: dict[str, Any] = read_fields(orders, given)["order"]
    return order


def _read_order(path: str, value: Any, kind: Kind) -> dict[str, Any]:
    clean = read_fields(_ORDERS[kind.name], value, prefix=f"{path}.")
    return {name: clean[name] for name in kind.fields if name in clean}


def read_unpublish(kind: Kind, body: Any) -> tuple[str, str]:
    """The target of a ``PUT`` and what it names: an order hash or an address; both are read if given."""
    named = isinstance(body, dict) and body.get("target", TARGETS[0]) not in TARGETS[1:]
    given = read_fields(
        {
            "orderHash": Field(fields.bytes32, required=named),
            kind.resource: Field(fields.address, required=not named),
            "target": optional(partial(fields.one_of, allowed=TARGETS)),
        },
        body,
    )
    target = given.get("target", TARGETS[0])
    return target, given["orderHash" if target == TARGETS[0] else kind.resource]
