"""Which orders to take: the cheapest app, dataset and workerpool orders that fit each other.

Pure: the answer depends only on the candidates, which were read from the market before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_BYTES32,
    NULL_DATASET_ORDER,
    has_tag,
    missing_bits,
    strip_framework,
    sum_tags,
    tee_framework,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iexec_lab.client.matching.signing import AnyOrder
    from iexec_lab.protocol import AppOrder, DatasetOrder, WorkerpoolOrder

T = TypeVar("T", bound="AnyOrder")

MOST = 50
"""How many of the cheapest app and dataset orders are tried together: a book may hold any number."""
MOST_POOLS = 1000
"""How many workerpool orders are tried with these."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the requester asks for.

    Attributes:
        tag: Bits the request has.
        framework: TEE framework to add when a dataset wants an enclave and nobody names one.
        exact: The tag was given explicitly: app and dataset may not add to it.
        trust: Minimum trust of the workerpool.
        category: None takes the smallest one that is offered.
        app_price: nRLC that an order of the app may cost; None for any price.
        dataset_price: The same for the dataset.
        workerpool_price: The same for the workerpool.
        rejected: Salts of orders that failed a check on chain.
    """

    tag: str = NULL_BYTES32
    framework: str = NULL_BYTES32
    exact: bool = False
    trust: int = 0
    category: int | None = None
    app_price: int | None = None
    dataset_price: int | None = None
    workerpool_price: int | None = None
    rejected: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """The best orders for a wish, and the tag the request needs for them."""

    app: AppOrder
    dataset: DatasetOrder
    workerpool: WorkerpoolOrder
    tag: str

    @property
    def price(self) -> int:
        """The nRLC for one task."""
        return self.app.price + self.dataset.price + self.workerpool.price


def choose(
    wish: Wish,
    apps: Sequence[AppOrder],
    datasets: Sequence[DatasetOrder],
    pools: Sequence[WorkerpoolOrder],
) -> Choice | None:
    """The cheapest orders that fit; among equal ones those that ask for the least, then the first.

    An empty ``datasets`` means that none is used.
    """
    held_apps = _usable(wish, wish.app_price, apps)
    held_datasets: Sequence[DatasetOrder] = (
        _usable(wish, wish.dataset_price, datasets) if datasets else [NULL_DATASET_ORDER]
    )
    pairs = list(_pairs(wish, held_apps[:MOST], held_datasets[:MOST]))
    if not pairs:
        return None
    by_category: dict[int, list[WorkerpoolOrder]] = {}
    for pool in _usable(wish, wish.workerpool_price, pools)[:MOST_POOLS]:
        if pool.trust >= wish.trust and wish.category in {None, pool.category}:
            by_category.setdefault(pool.category, []).append(pool)
    for category in sorted(by_category):
        found = _cheapest(pairs, by_category[category])
        if found is not None:
            return found
    return None


def _usable(wish: Wish, most: int | None, orders: Sequence[T]) -> list[T]:
    """Orders that are neither rejected, too dear nor like a cheaper one; cheapest first."""
    kept = [
        order
        for order in orders
        if (order.salt is None or order.salt not in wish.rejected) and (most is None or order.price <= most)
    ]
    kept.sort(key=lambda order: (order.price, _bits(order.tag)))
    best: dict[tuple[object, ...], T] = {}
    for order in kept:
        best.setdefault(tuple(getattr(order, name, None) for name in _ALIKE), order)
    return list(best.values())


#: Two orders that agree in these fit the same partners; only their prices differ.
_ALIKE = (
    "workerpool",
    "tag",
    "trust",
    "category",
    "apprestrict",
    "datasetrestrict",
    "workerpoolrestrict",
    "requesterrestrict",
)


def _pairs(
    wish: Wish, apps: Sequence[AppOrder], datasets: Sequence[DatasetOrder]
) -> Iterator[tuple[AppOrder, DatasetOrder, str]]:
    """App and dataset orders that go together, with the tag that the request gets."""
    for app in apps:
        for dataset in datasets:
            uses_dataset = dataset.dataset != NULL_ADDRESS
            if not _allows(app.datasetrestrict, dataset.dataset):
                continue
            if uses_dataset and not _allows(dataset.apprestrict, app.app):
                continue
            tag = _request_tag(wish, app, dataset)
            if tag is not None:
                yield app, dataset, tag


def _request_tag(wish: Wish, app: AppOrder, dataset: DatasetOrder) -> str | None:
    """The tag of a request for these two; None when their enclaves do not go together."""
    tag = wish.tag
    if has_tag(sum_tags(tag, dataset.tag), "tee"):
        if not has_tag(app.tag, "tee"):
            return None
        if tee_framework(sum_tags(tag, app.tag)) is None:
            tag = sum_tags(tag, wish.framework)
    together = sum_tags(tag, app.tag)
    if (int(together, 16) & _FRAMEWORKS).bit_count() > 1:
        return None
    if wish.exact and missing_bits(sum_tags(wish.tag, _TEE), sum_tags(app.tag, strip_framework(dataset.tag))):
        return None
    return tag


_FRAMEWORKS = 0b1110
_TEE = f"0x{1:064x}"


def _cheapest(
    pairs: Sequence[tuple[AppOrder, DatasetOrder, str]], pools: Sequence[WorkerpoolOrder]
) -> Choice | None:
    """The cheapest triple; ``pools`` are sorted by price, so that the search can end early."""
    least = min(app.price + dataset.price for app, dataset, _ in pairs)
    best: tuple[tuple[int, int, int], Choice] | None = None
    for pool in pools:
        if best is not None and pool.price + least > best[1].price:
            break
        for app, dataset, tag in pairs:
            if not _fits(app, dataset, pool, tag):
                continue
            found = Choice(app, dataset, pool, tag)
            rank = (found.price, _bits(sum_tags(app.tag, dataset.tag, tag)), _bits(pool.tag))
            if best is None or rank < best[0]:
                best = (rank, found)
    return best[1] if best else None


def _fits(app: AppOrder, dataset: DatasetOrder, pool: WorkerpoolOrder, tag: str) -> bool:
    needed = sum_tags(app.tag, strip_framework(dataset.tag), tag)
    uses_dataset = dataset.dataset != NULL_ADDRESS
    return (
        not missing_bits(pool.tag, needed)
        and _allows(app.workerpoolrestrict, pool.workerpool)
        and (not uses_dataset or _allows(dataset.workerpoolrestrict, pool.workerpool))
        and _allows(pool.apprestrict, app.app)
        and _allows(pool.datasetrestrict, dataset.dataset)
    )


def _allows(restriction: str, address: str) -> bool:
    return restriction in {NULL_ADDRESS, address}


def _bits(tag: str) -> int:
    return int(tag, 16).bit_count()
