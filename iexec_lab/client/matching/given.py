"""Orders as people give them: objects, JSON, hashes of published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from iexec_lab.client.matching import signing
from iexec_lab.client.matching.check import Match
from iexec_lab.client.matching.published import fetch_order
from iexec_lab.errors import OrderError, ValidationError
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_DATASET_ORDER,
    ORDERS,
    RequestOrder,
    to_bytes32,
)

if TYPE_CHECKING:
    from iexec_lab.client.matching.signing import AnyOrder
    from iexec_lab.client.session import Session

_WORDS = {kind.removesuffix("order"): kind for kind in ORDERS}


def known_kind(kind: str) -> str:
    """The kind of an order, from its full name or the short one of the options."""
    full = None
    if isinstance(kind, str):
        full = kind if kind in ORDERS else _WORDS.get(kind)
    if full is None:
        raise ValidationError(f"{kind} is not a kind of order", hint=f"Kinds: {', '.join(ORDERS)}.")
    return full


def kind_of(order: dict[str, Any]) -> str:
    """Which order a JSON object is, by the fields that only one kind has."""
    for field, kind in (
        ("appprice", "apporder"),
        ("datasetprice", "datasetorder"),
        ("workerpoolprice", "workerpoolorder"),
        ("appmaxprice", "requestorder"),
    ):
        if field in order:
            return kind
    raise ValidationError("This is not an order", hint=f"Kinds: {', '.join(ORDERS)}.")


def read_order(order: Any, *, signed: bool = True) -> AnyOrder:
    """An order object, or JSON of any kind; the key ``kind`` may say which."""
    if isinstance(order, dict):
        kind = order.get("kind") or kind_of(order)
        return signing.to_order(known_kind(kind), order, signed=signed)
    if isinstance(order, tuple(ORDERS.values())):
        return cast("AnyOrder", order)
    raise ValidationError("This is not an order", details={"type": type(order).__name__})


def read_match(
    session: Session,
    apporder: Any,
    workerpoolorder: Any,
    requestorder: Any,
    datasetorder: Any,
    params: Any = None,
) -> Match:
    """Four orders as a match: each an object, its JSON, or the hash of a published one.

    Without a request, one is drafted that accepts the others as they are.

    Raises:
        OrderError: One is missing, or its hash is not valid.
    """
    wanted = {
        "apporder": apporder,
        "datasetorder": datasetorder,
        "workerpoolorder": workerpoolorder,
        "requestorder": requestorder,
    }
    for kind in ("apporder", "workerpoolorder"):
        if not wanted[kind]:
            raise OrderError(f"Missing {kind}")
    found: dict[str, Any] = dict(
        session.each(
            lambda pair: (pair[0], _fetch(session, *pair)), [pair for pair in wanted.items() if pair[1]]
        )
    )
    app, pool, dataset = found["apporder"], found["workerpoolorder"], found.get("datasetorder")
    request = found.get("requestorder") or _request(session, app, pool, dataset, params)
    if request.dataset == NULL_ADDRESS:
        dataset = None
    elif dataset is None:
        raise OrderError("Missing datasetorder", details={"dataset": request.dataset})
    return Match(app, pool, request, dataset or NULL_DATASET_ORDER)


def _fetch(session: Session, kind: str, order: Any) -> Any:
    """The order itself, or the published one of that hash."""
    if isinstance(order, str):
        try:
            wanted = to_bytes32(order)
        except ValidationError:
            raise OrderError(f"Invalid {kind} hash", details={"hash": order}) from None
        return fetch_order(session, kind, wanted).order
    return signing.to_order(kind, order)


def _request(session: Session, app: Any, pool: Any, dataset: Any, params: Any) -> RequestOrder:
    """The unsigned request that accepts these orders as they are."""
    values = {
        "app": app.app,
        "appmaxprice": app.appprice,
        "dataset": dataset.dataset if dataset else None,
        "datasetmaxprice": dataset.datasetprice if dataset else 0,
        "workerpool": pool.workerpool,
        "workerpoolmaxprice": pool.workerpoolprice,
        "category": pool.category,
        "volume": 1,
        "params": params,
    }
    return signing.draft(session, "requestorder", values)  # type: ignore[return-value]
