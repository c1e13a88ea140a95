"""Which orders to take: the cheapest app, dataset and workerpool orders that fit each other.

``combinations`` has all that fit in the order in which they are taken, ``choose`` the first of them, and
``misfits`` the others with the reason. Pure: the answer depends only on the candidates, which were read from
the market before.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from iexec_lab.client.matching import unfit
from iexec_lab.protocol import (
    NULL_BYTES32,
    NULL_DATASET_ORDER,
    has_tag,
    missing_bits,
    strip_framework,
    sum_tags,
    tee_framework,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from iexec_lab.client.matching.signing import AnyOrder
    from iexec_lab.protocol import AppOrder, DatasetOrder, WorkerpoolOrder

T = TypeVar("T", bound="AnyOrder")

MOST = 50
"""How many of the cheapest app and dataset orders are tried together: a book may hold any number."""
MOST_POOLS = 1000
"""How many workerpool orders are tried with these."""
MOST_MISFITS = 100_000
"""How many combinations are looked at for those that do not fit."""


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
    """Orders for a wish, and the tag the request needs for them."""

    app: AppOrder
    dataset: DatasetOrder
    workerpool: WorkerpoolOrder
    tag: str

    @property
    def price(self) -> int:
        """The nRLC for one task."""
        return self.app.price + self.dataset.price + self.workerpool.price


class _Pair(NamedTuple):
    """App and dataset orders, the tag that the request gets, and why they do not go together, if so."""

    app: AppOrder
    dataset: DatasetOrder
    tag: str
    why: str
    price: int
    bits: int
    needed: int


class _Pool(NamedTuple):
    order: WorkerpoolOrder
    price: int
    bits: int
    offered: int


def choose(
    wish: Wish,
    apps: Sequence[AppOrder],
    datasets: Sequence[DatasetOrder],
    pools: Sequence[WorkerpoolOrder],
) -> Choice | None:
    """The cheapest orders that fit; among equal ones those that ask for the least, then the first.

    An empty ``datasets`` means that none is used.
    """
    return next(combinations(wish, apps, datasets, pools, alike=False), None)


def combinations(
    wish: Wish,
    apps: Sequence[AppOrder],
    datasets: Sequence[DatasetOrder],
    pools: Sequence[WorkerpoolOrder],
    *,
    alike: bool = True,
) -> Iterator[Choice]:
    """All that fit, the smallest category first, in it as ``choose`` would take them one after the other.

    ``alike`` False leaves out orders that differ from a cheaper one in nothing but the price.
    """
    held_apps = _usable(wish, wish.app_price, apps)
    held_datasets: Sequence[DatasetOrder] = (
        _usable(wish, wish.dataset_price, datasets) if datasets else [NULL_DATASET_ORDER]
    )
    tried = _pairs(wish, _most(held_apps, MOST, alike=alike), _most(held_datasets, MOST, alike=alike))
    pairs = [pair for pair in tried if not pair.why]
    if not pairs:
        return
    cheap = _usable(wish, wish.workerpool_price, pools)
    right = [pool for pool in cheap if not unfit.pool(pool, wish.category, wish.trust)]
    by_category: dict[int, list[_Pool]] = {}
    for pool in map(_pool, _most(right, MOST_POOLS, alike=alike)):
        by_category.setdefault(pool.order.category, []).append(pool)
    for category in sorted(by_category):
        for pair, pool in _in_order(pairs, by_category[category]):
            if _fits(pair, pool):
                yield Choice(pair.app, pair.dataset, pool.order, pair.tag)


def misfits(
    wish: Wish,
    apps: Sequence[AppOrder],
    datasets: Sequence[DatasetOrder],
    pools: Sequence[WorkerpoolOrder],
    known: Callable[[AnyOrder], str] = lambda _order: "",
) -> Iterator[tuple[Choice, str]]:
    """Those that do not fit, cheapest first, with all that speaks against each.

    ``known`` says what else speaks against an order. No more than ``MOST_MISFITS`` combinations are looked
    at.
    """
    held_apps, held_datasets = _most(_sorted(apps), MOST), _most(_sorted(datasets), MOST)
    pairs = _pairs(wish, held_apps, held_datasets or [NULL_DATASET_ORDER])
    places = [_pool(pool) for pool in _most(_sorted(pools), MOST_POOLS)]
    for looked, (pair, pool) in enumerate(_in_order(pairs, places)):
        if looked == MOST_MISFITS:
            return
        orders = (pair.app, pair.dataset, pool.order)
        limits = (wish.app_price, wish.dataset_price, wish.workerpool_price)
        whys = [unfit.price(order, limit) for order, limit in zip(orders, limits, strict=True)]
        whys += [known(order) for order in orders]
        whys += [pair.why, unfit.pool(pool.order, wish.category, wish.trust)]
        if not pair.why and not _fits(pair, pool):
            whys.append(unfit.together(pair.app, pair.dataset, pool.order, pair.tag))
        found = list(dict.fromkeys(filter(None, whys)))
        if found:
            yield Choice(pair.app, pair.dataset, pool.order, pair.tag), "; ".join(found)


def _usable(wish: Wish, most: int | None, orders: Sequence[T]) -> list[T]:
    """Orders that are neither rejected nor too dear; cheapest first."""
    return _sorted(
        order
        for order in orders
        if (order.salt is None or order.salt not in wish.rejected) and not unfit.price(order, most)
    )


def _sorted(orders: Iterator[T] | Sequence[T]) -> list[T]:
    return sorted(orders, key=lambda order: (order.price, _bits(order.tag)))


def _most(orders: Sequence[T], most: int, *, alike: bool = True) -> list[T]:
    """So many of the cheapest that differ from each other; where there is room, the others too."""
    best: dict[tuple[object, ...], int] = {}
    for place, order in enumerate(orders):
        best.setdefault(tuple(getattr(order, name, None) for name in _ALIKE), place)
    taken = list(best.values())[:most]
    if alike:
        seen = set(taken)
        others = (place for place in range(len(orders)) if place not in seen)
        taken = sorted([*taken, *(place for place, _ in zip(others, range(most - len(taken)), strict=False))])
    return [orders[place] for place in taken]


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


def _pairs(wish: Wish, apps: Sequence[AppOrder], datasets: Sequence[DatasetOrder]) -> list[_Pair]:
    """App and dataset orders, those that do not go together included."""
    pairs = []
    for app in apps:
        for dataset in datasets:
            tag, why = _request_tag(wish, app, dataset)
            why = unfit.pair(app, dataset) or why
            needed = sum_tags(app.tag, strip_framework(dataset.tag), tag)
            bits = _bits(sum_tags(app.tag, dataset.tag, tag))
            price = app.price + dataset.price
            pairs.append(_Pair(app, dataset, tag, why, price, bits, int(needed, 16)))
    return pairs


def _pool(order: WorkerpoolOrder) -> _Pool:
    return _Pool(order, order.price, _bits(order.tag), int(order.tag, 16))


def _request_tag(wish: Wish, app: AppOrder, dataset: DatasetOrder) -> tuple[str, str]:
    """The tag of a request for these two, and why their enclaves do not go together, if so."""
    tag = wish.tag
    if has_tag(sum_tags(tag, dataset.tag), "tee"):
        if not has_tag(app.tag, "tee"):
            return tag, "apporder lacks the tag tee"
        if tee_framework(sum_tags(tag, app.tag)) is None:
            tag = sum_tags(tag, wish.framework)
    together = sum_tags(tag, app.tag)
    if (int(together, 16) & _FRAMEWORKS).bit_count() > 1:
        return tag, f"two TEE frameworks: {unfit.words(together)}"
    added = missing_bits(sum_tags(wish.tag, _TEE), sum_tags(app.tag, strip_framework(dataset.tag)))
    if wish.exact and added:
        return tag, f"the orders add {unfit.words(added)} to the tag that was asked for"
    return tag, ""


_FRAMEWORKS = 0b1110
_TEE = f"0x{1:064x}"


def _in_order(pairs: Sequence[_Pair], pools: Sequence[_Pool]) -> Iterator[tuple[_Pair, _Pool]]:
    """Every pair with every pool: cheapest first, then what asks for the least, then in their order.

    ``pools`` are sorted by price and bits, so each pair has its next partner in the next of them.
    """

    def entry(number: int, place: int) -> tuple[int, int, int, int, int]:
        pair, pool = pairs[number], pools[place]
        return pair.price + pool.price, pair.bits, pool.bits, place, number

    heap = [entry(number, 0) for number in range(len(pairs) if pools else 0)]
    heapify(heap)
    while heap:
        *_, place, number = heap[0]
        yield pairs[number], pools[place]
        if place + 1 < len(pools):
            heapreplace(heap, entry(number, place + 1))
        else:
            heappop(heap)


def _fits(pair: _Pair, pool: _Pool) -> bool:
    return not pair.needed & ~pool.offered and unfit.allowed(pair.app, pair.dataset, pool.order)


def _bits(tag: str) -> int:
    return int(tag, 16).bit_count()
