"""Why orders do not go together, in words; empty where they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import (
    NULL_ADDRESS,
    decode_tag,
    missing_bits,
    strip_framework,
    sum_tags,
)
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iexec_lab.protocol import AppOrder, DatasetOrder, Order, WorkerpoolOrder


def price(order: Order, limit: int | None) -> str:
    """It costs more than the request pays."""
    if limit is None or order.price <= limit:
        return ""
    kind = order.kind.removesuffix("order")
    return f"{order.kind} costs more than --{kind}-price ({in_rlc(limit)})"


def pool(order: WorkerpoolOrder, category: int | None, trust: int) -> str:
    """It is of another category, or its trust is too low."""
    if category not in {None, order.category}:
        return f"workerpoolorder is for category {order.category}"
    if order.trust < trust:
        return f"workerpoolorder trust is too low (expected {trust}, got {order.trust})"
    return ""


def pair(app: AppOrder, dataset: DatasetOrder) -> str:
    """One of the two is for another partner."""
    return _restricted([(app, "dataset", dataset.dataset), (dataset, "app", app.app)])


def together(app: AppOrder, dataset: DatasetOrder, workerpool: WorkerpoolOrder, tag: str) -> str:
    """The workerpool lacks a tag, or one of the three is for others; ``tag``: that of the request."""
    missing = missing_bits(workerpool.tag, sum_tags(app.tag, strip_framework(dataset.tag), tag))
    lacks = f"workerpoolorder lacks the tag {words(missing)}" if missing else ""
    return "; ".join(filter(None, [lacks, _restricted(_terms(app, dataset, workerpool))]))


def allowed(app: AppOrder, dataset: DatasetOrder, workerpool: WorkerpoolOrder) -> bool:
    """Whether the workerpool and the others are open to each other."""
    place = workerpool.workerpool
    return (
        app.workerpoolrestrict in {NULL_ADDRESS, place}
        and dataset.workerpoolrestrict in {NULL_ADDRESS, place}
        and workerpool.apprestrict in {NULL_ADDRESS, app.app}
        and workerpool.datasetrestrict in {NULL_ADDRESS, dataset.dataset}
    )


def _terms(
    app: AppOrder, dataset: DatasetOrder, workerpool: WorkerpoolOrder
) -> Iterator[tuple[Any, str, str]]:
    yield app, "workerpool", workerpool.workerpool
    yield dataset, "workerpool", workerpool.workerpool
    yield workerpool, "app", app.app
    yield workerpool, "dataset", dataset.dataset


def _restricted(terms: Iterable[tuple[Any, str, str]]) -> str:
    whys = []
    for order, name, met in terms:
        wanted = getattr(order, f"{name}restrict")
        if wanted not in {NULL_ADDRESS, met}:
            whys.append(f"{order.kind} is restricted to {name} {wanted}")
    return "; ".join(whys)


def words(tag: Any) -> str:
    """A tag, or the numbers of its bits, as words; the bits where one has no name."""
    bits = list(tag) if not isinstance(tag, str) else None
    text = tag if bits is None else f"0x{sum(1 << bit for bit in bits):064x}"
    try:
        return ",".join(decode_tag(text)) or "none"
    except ValidationError:
        return text
