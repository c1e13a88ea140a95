"""The market's filters, applied here to what its feed tells: the feed tells everybody everything.

The rules are those of market API 7.1: a restriction that is not asked about must be nobody's; an address
matches orders open to all or to it; with the strict flag only those that name it; ``any`` takes all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.protocol import NULL_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Keep = Callable[[Mapping[str, Any]], bool]

_ANY: Final = "any"
_BULK_VOLUME: Final = 2**53 - 2
_EXACT: Final[Mapping[str, tuple[str, ...]]] = {
    "apporder": ("app",),
    "datasetorder": ("dataset",),
    "workerpoolorder": ("workerpool", "category"),
    "requestorder": ("app", "dataset", "requester", "beneficiary", "category"),
}
"""Filters that name a field of the order; without one, or with ``any``, all match."""
_RESTRICTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "apporder": {name: f"{name}restrict" for name in ("dataset", "workerpool", "requester")},
    "datasetorder": {name: f"{name}restrict" for name in ("app", "workerpool", "requester")},
    "workerpoolorder": {name: f"{name}restrict" for name in ("app", "dataset", "requester")},
    "requestorder": {"workerpool": "workerpool"},
}
PRICE_FIELDS: Final[Mapping[str, str]] = {
    "apporder": "appprice",
    "datasetorder": "datasetprice",
    "workerpoolorder": "workerpoolprice",
    "requestorder": "workerpoolmaxprice",
}
"""The field of an order that says what a task costs; of a request, what a workerpool is paid."""


def order_filter(kind: str, query: Mapping[str, Any]) -> Keep:
    """Whether an order is open and in the list that ``query`` asks the market for.

    Args:
        kind: ``apporder`` ...
        query: Names and checked values, as they go to the market.
    """
    exact = [_is(name, query[name]) for name in _EXACT[kind] if query.get(name, _ANY) != _ANY]
    restrictions = [
        _open_to(field, query.get(name), strict=bool(query.get(f"is{name.capitalize()}Strict")))
        for name, field in _RESTRICTIONS[kind].items()
        if query.get(name) != _ANY
    ]
    conditions = [_is_open, *exact, *restrictions]
    owner = query.get(f"{kind.removesuffix('order')}Owner", _ANY)
    if owner != _ANY:
        conditions.append(lambda row: _low(row.get("signer")) == _low(owner))
    conditions += [_FITS[name](query[name]) for name in _FITS.keys() & query.keys()]
    return lambda row: all(condition(row) for condition in conditions)


def order_rank(kind: str) -> Callable[[Mapping[str, Any]], Any]:
    """The market's order of a list: the best for its reader first, then the oldest, then by hash."""
    price, sign = PRICE_FIELDS[kind], -1 if kind == "requestorder" else 1
    return lambda row: (
        sign * int(row["order"][price]),
        row.get("publicationTimestamp", ""),
        row["orderHash"].lower(),
    )


def deal_filter(query: Mapping[str, Any]) -> Keep:
    """Whether a deal is in the list that ``query`` asks the market for."""
    wanted = {name: _low(value) for name, value in query.items()}

    def keep(deal: Mapping[str, Any]) -> bool:
        try:
            return all(_low(_of_deal(deal, name)) == value for name, value in wanted.items())
        except KeyError:  # the market left it out
            return False

    return keep


def deal_rank(deal: Mapping[str, Any]) -> Any:
    """Newest block first, then by id."""
    return -int(deal.get("blockNumber", 0)), deal["dealid"].lower()


def _is(name: str, value: Any) -> Keep:
    return lambda row: _low(row["order"][name]) == _low(value)


def _is_open(row: Mapping[str, Any]) -> bool:
    return bool(row.get("status", "open") == "open")


def _open_to(field: str, asked: str | None, *, strict: bool) -> Keep:
    named = set() if asked is None else {_low(asked)}
    allowed = named if strict and named else named | {NULL_ADDRESS}
    return lambda row: _low(row["order"][field]) in allowed


def _suits_bulk(row: Mapping[str, Any]) -> bool:
    return int(row["order"]["volume"]) >= _BULK_VOLUME and int(row["order"]["datasetprice"]) == 0


def _everything(_: Any) -> bool:
    return True


def _least_tag(tag: str) -> Keep:
    wanted = int(tag, 16)
    return lambda row: int(row["order"]["tag"], 16) & wanted == wanted


def _most_tag(tag: str) -> Keep:
    unwanted = ~int(tag, 16)
    return lambda row: not int(row["order"]["tag"], 16) & unwanted


_FITS: Final[Mapping[str, Callable[[Any], Keep]]] = {
    "minTrust": lambda least: lambda row: least <= 1 or int(row["order"]["trust"]) >= least,
    "maxTrust": lambda most: lambda row: int(row["order"]["trust"]) <= most,
    "minVolume": lambda least: lambda row: int(row["remaining"]) >= least,
    "minTag": _least_tag,
    "maxTag": _most_tag,
    "bulkOnly": lambda only: _suits_bulk if only else _everything,
}


def _of_deal(deal: Mapping[str, Any], name: str) -> Any:
    """A field of a deal by the name of its filter: ``app``, ``appOwner``, ``apporderHash`` ..."""
    if name.endswith("orderHash"):
        return deal[f"{name.removesuffix('orderHash')}Hash"]
    if name.endswith("Owner"):
        return deal[name.removesuffix("Owner")]["owner"]
    value = deal[name]
    return value["pointer"] if isinstance(value, dict) else value


def _low(value: Any) -> str:
    return str(value).lower()
