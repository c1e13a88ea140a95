"""The orders: those that deals are made of, and those that stay in the book, are cancelled or die."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iexec_lab.ethereum.contracts import HUB, REGISTRY
from iexec_lab.protocol import (
    CLOSE,
    DATASET_INFINITE_VOLUME,
    NULL_ADDRESS,
    AppOrder,
    DatasetOrder,
    RequestOrder,
    WorkerpoolOrder,
)
from iexec_lab.sandbox.populate.goods import TAGS
from iexec_lab.sandbox.populate.people import wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iexec_lab.protocol.order import Order
    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.populate.goods import App, Dataset
    from iexec_lab.sandbox.populate.prices import Prices
    from iexec_lab.sandbox.populate.stage import Stage
    from iexec_lab.sandbox.populate.wishes import Wish

OPEN_SHOP = 180
"""Seconds after the beginning when the owners of apps and datasets publish what stays for sale."""
STOCK = 1_000_000
"""Volume of those orders."""
_MOST_PARTIAL = 12
"""Orders of a workerpool, of those that deals took some of, that stay in the book."""
_CANCELLED = 6
"""For each hundred open orders, how many were cancelled."""
_MANAGE = {
    "apporder": HUB.manageAppOrder,
    "datasetorder": HUB.manageDatasetOrder,
    "workerpoolorder": HUB.manageWorkerpoolOrder,
    "requestorder": HUB.manageRequestOrder,
}


@dataclass(slots=True)
class Slip:
    """An order that is signed when it is first needed."""

    signer: Account
    order: Order
    salt: bytes
    published: bool = True
    rest: int = 0
    _signed: Order | None = None

    def signed(self, stage: Stage) -> Order:
        if self._signed is None:
            self._signed = self.order.sign(stage.place.domain, self.signer.signer, self.salt)
        return self._signed


@dataclass(slots=True)
class Terms:
    """The orders of one deal; ``offers`` are what is published right before it."""

    app: Slip
    dataset: Slip | None
    pool: Slip
    request: Slip
    offers: list[Slip] = field(default_factory=list)


class Book:
    """``terms`` of each wish by its number; ``needs`` is the stake that orders want, in nRLC by wallet."""

    def __init__(
        self, stage: Stage, wishes: Sequence[Wish], prices: Prices, bulk: Mapping[str, Slip]
    ) -> None:
        self._stage = stage
        self._prices = prices
        self._dice = stage.size.dice("book")
        self._left = wanted(stage.size)
        self._held: Counter[tuple[str, str]] = Counter()
        self._salts = 0
        self.needs: Counter[str] = Counter()
        goods = stage.goods
        self._apps = {app.address: self._app_order(app, app.price, STOCK) for app in goods.apps}
        sold = {each.address: self._dataset_order(each, each.price, STOCK) for each in goods.datasets}
        self._datasets = {**sold, **bulk}
        self._shop = [*self._keep(self._apps.values()), *self._keep(self._datasets.values())]
        self._on_sale = {slip.order.resource for slip in self._shop}
        self.terms: dict[int, Terms] = {}
        for number, wish in enumerate(wishes):
            follows = wishes[number + 1] if number + 1 < len(wishes) and wishes[number + 1].joined else None
            self.terms[wish.number] = self._terms(wish, follows)

    def open(self) -> None:
        """Have all happen that is no deal: orders are published, cancelled, and die with a sale."""
        stage = self._stage
        stage.later(OPEN_SHOP, lambda: self._publish(self._shop))
        makers = self._makers()
        for kind, make in makers.items():
            for _ in range(self._left[kind]):
                at = self._dice.choice(stage.calendar.rushes)
                slip = make(at, self._poorest(kind))
                self._hold(slip)
                stage.later(at, lambda slip=slip: self._publish([slip]))  # type: ignore[misc]
        for kind, count in wanted(stage.size).items():
            for number in range(-(-count * _CANCELLED // 100)):
                self._cancelled(makers[kind], kind, number)
        self._sold()

    # -- what deals are made of ---------------------------------------------------------------------------

    def _terms(self, wish: Wish, follows: Wish | None) -> Terms:
        pool = self._pool_of(wish, shares=follows is not None)
        if wish.joined:
            before = self.terms[wish.number - 1]
            return Terms(before.app, before.dataset, pool, before.request, [pool] if pool.published else [])
        volume = wish.tasks + (follows.tasks if follows else 0)
        most = max(wish.price, follows.price if follows else 0)
        request = Slip(
            wish.requester,
            RequestOrder(
                app=wish.app.address,
                appmaxprice=wish.app.price,
                dataset=wish.dataset.address if wish.dataset else NULL_ADDRESS,
                datasetmaxprice=wish.dataset.price if wish.dataset else 0,
                workerpool=wish.pool.address if not follows and self._dice.random() < 0.2 else NULL_ADDRESS,
                workerpoolmaxprice=most,
                requester=wish.requester.address,
                volume=volume,
                tag=wish.tag,
                category=wish.category,
                trust=wish.trust,
                beneficiary=wish.beneficiary,
                callback=self._stage.people.beneficiaries[0].address if wish.callback else NULL_ADDRESS,
                params=wish.params,
            ),
            self._salt(),
            published=self._may_publish(wish) and self._dice.random() < 0.3,
        )
        if request.published:
            self.needs[wish.requester.address] += volume * (wish.cost - wish.price + most)
        dataset = self._datasets[wish.dataset.address] if wish.dataset else None
        offers = [slip for slip in (pool, request) if slip.published]
        return Terms(self._apps[wish.app.address], dataset, pool, request, offers)

    def _may_publish(self, wish: Wish) -> bool:
        """The market takes a request only where it has orders of the app and the dataset."""
        things = {wish.app.address, *([wish.dataset.address] if wish.dataset else [])}
        return things <= self._on_sale

    def _pool_of(self, wish: Wish, *, shares: bool) -> Slip:
        """A workerpool's order for a deal: filled by it, or with a rest that stays in the book.

        Without a rest, if the deal ``shares`` its request: the order must not do all of it.
        """
        dice, owner = self._dice, wish.pool.owner
        published = bool(self._stage.size.orders) and dice.random() < 0.6
        held = self._held["workerpoolorder", owner.address]
        rest = 0
        if shares:
            pass
        elif not published:
            rest = dice.choice((0, 0, 5))
        elif dice.random() < 0.5 and held < _MOST_PARTIAL and self._left["workerpoolorder"] > 0:
            rest = dice.randrange(1, 30)
        order = WorkerpoolOrder(
            workerpool=wish.pool.address,
            workerpoolprice=wish.price,
            volume=wish.tasks + rest,
            tag=wish.tag,
            category=wish.category,
            trust=max(wish.trust, dice.choice((0, 1, 3, 5))),
            requesterrestrict=wish.requester.address if dice.random() < 0.1 else NULL_ADDRESS,
        )
        slip = Slip(owner, order, self._salt(), published, rest)
        if published:
            self.needs[owner.address] += _backing(order)
            if rest:
                self._left["workerpoolorder"] -= 1
                self._held["workerpoolorder", owner.address] += 1
        return slip

    # -- what stays in the book ---------------------------------------------------------------------------

    def _keep(self, slips: Any) -> list[Slip]:
        """Those of the slips that the book has room for."""
        kept = []
        for slip in slips:
            kind = slip.order.kind
            if self._left[kind] > 0:
                self._left[kind] -= 1
                self._hold(slip)
                kept.append(slip)
        return kept

    def _hold(self, slip: Slip) -> None:
        self._held[slip.order.kind, slip.signer.address] += 1
        self.needs[slip.signer.address] += _backing(slip.order)

    def _poorest(self, kind: str) -> int:
        """The seller of a kind, by number, who has the fewest orders."""
        sellers = self._sellers(kind)
        return min(range(len(sellers)), key=lambda n: (self._held[kind, sellers[n].address], n))

    def _sellers(self, kind: str) -> Sequence[Account]:
        people = self._stage.people
        return {
            "apporder": people.app_owners,
            "datasetorder": people.dataset_owners,
            "workerpoolorder": people.schedulers,
            "requestorder": people.requesters,
        }[kind]

    def _makers(self) -> dict[str, Callable[[int, int], Slip]]:
        return {
            "apporder": self._some_app_order,
            "datasetorder": self._some_dataset_order,
            "workerpoolorder": self._some_pool_order,
            "requestorder": self._some_request,
        }

    def _some_app_order(self, _: int, seller: int) -> Slip:
        dice, owner = self._dice, self._stage.people.app_owners[seller]
        app = dice.choice([app for app in self._stage.goods.apps if app.owner is owner])
        price = app.price + dice.randrange(0, 20) * 1_000_000
        limits = self._limits("datasetrestrict", "workerpoolrestrict", "requesterrestrict")
        return self._app_order(app, price, dice.randrange(1, 200), **limits)

    def _some_dataset_order(self, _: int, seller: int) -> Slip:
        dice, goods = self._dice, self._stage.goods
        owner = self._stage.people.dataset_owners[seller]
        each = dice.choice([each for each in (*goods.datasets, *goods.bulk) if each.owner is owner])
        limits = self._limits("apprestrict", "workerpoolrestrict", "requesterrestrict", often=50)
        if each.bulk:
            return self._dataset_order(each, 0, DATASET_INFINITE_VOLUME, **limits)
        price = each.price + dice.randrange(0, 30) * 1_000_000
        return self._dataset_order(each, price, dice.randrange(1, 100), **limits)

    def _some_pool_order(self, at: int, seller: int) -> Slip:
        dice, pool = self._dice, self._stage.goods.pools[seller]
        category = dice.choice((0, 0, 0, 1, 1, 2, 2, 3, 4))
        order = WorkerpoolOrder(
            workerpool=pool.address,
            workerpoolprice=self._prices.at(category, at, pool.dearness * dice.randrange(980, 1250) // 1000),
            volume=dice.choice((1, 1, 2, 3, 5, 8, 13, 20, 40, 80)),
            tag=TAGS[dice.choice(("", "", "", "tdx", "tdx", "scone", "gramine"))],
            category=category,
            trust=dice.choice((0, 0, 1, 3, 5)),
            **self._limits("apprestrict", "datasetrestrict", "requesterrestrict", often=12),
        )
        return Slip(pool.owner, order, self._salt())

    def _some_request(self, at: int, seller: int) -> Slip:
        dice, stage = self._dice, self._stage
        requester = stage.people.requesters[seller]
        app = dice.choice([app for app in stage.goods.apps if app.address in self._on_sale])
        data = [each for each in stage.goods.datasets if each.address in self._on_sale]
        each = dice.choice(data) if data and dice.random() < 0.3 else None
        category = dice.choice((0, 0, 0, 1, 1, 2, 3))
        order = RequestOrder(
            app=app.address,
            appmaxprice=app.price + dice.choice((0, 0, 5_000_000)),
            dataset=each.address if each else NULL_ADDRESS,
            datasetmaxprice=each.price if each else 0,
            workerpool=dice.choice(stage.goods.pools).address if dice.random() < 0.1 else NULL_ADDRESS,
            workerpoolmaxprice=self._prices.at(category, at, dice.randrange(650, 930)),
            requester=requester.address,
            volume=dice.choice((1, 1, 1, 2, 3, 5, 10)),
            tag=app.tag,
            category=category,
            trust=0 if app.framework else dice.choice((0, 0, 1, 3)),
            beneficiary=requester.address,
            params='{"iexec_args":"--mode fast"}',
        )
        return Slip(requester, order, self._salt())

    def _limits(self, *names: str, often: int = 25) -> dict[str, str]:
        """One of the restrictions, in ``often`` of a hundred cases."""
        dice, goods = self._dice, self._stage.goods
        if dice.randrange(100) >= often:
            return {}
        name = dice.choice(names)
        things: dict[str, Sequence[Any]] = {
            "apprestrict": goods.apps,
            "datasetrestrict": goods.datasets,
            "workerpoolrestrict": goods.pools,
            "requesterrestrict": self._stage.people.requesters,
        }
        return {name: dice.choice(things[name]).address}

    def _app_order(self, app: App, price: int, volume: int, **limits: str) -> Slip:
        order = AppOrder(app=app.address, appprice=price, volume=volume, tag=app.tag, **limits)
        return Slip(app.owner, order, self._salt())

    def _dataset_order(self, each: Dataset, price: int, volume: int, **limits: str) -> Slip:
        order = DatasetOrder(dataset=each.address, datasetprice=price, volume=volume, **limits)
        return Slip(each.owner, order, self._salt())

    # -- what does not stay -------------------------------------------------------------------------------

    def _cancelled(self, make: Callable[[int, int], Slip], kind: str, number: int) -> None:
        """An order that is published, and cancelled on chain later."""
        stage, rushes = self._stage, self._stage.calendar.rushes
        first = self._dice.randrange(len(rushes) - 1)
        last = self._dice.randrange(first + 1, min(first + 6, len(rushes)))
        slip = make(rushes[first], number % len(self._sellers(kind)))
        self.needs[slip.signer.address] += _backing(slip.order)
        stage.later(rushes[first], lambda: self._publish([slip]))
        stage.later(rushes[last], lambda: self._cancel(slip))

    def _cancel(self, slip: Slip) -> None:
        kind = slip.order.kind
        order = slip.signed(self._stage).to_tuple()
        self._stage.hub(slip.signer, _MANAGE[kind], (order, CLOSE, b""), gas=400_000)
        self._stage.counts["cancelled"] += 1

    def _sold(self) -> None:
        """Datasets that go to another owner: the orders of the first one die."""
        stage, rushes = self._stage, self._stage.calendar.rushes
        owners = stage.people.dataset_owners
        for number, each in enumerate(stage.goods.sold):
            slip = self._dataset_order(each, each.price, 10)
            new = owners[(owners.index(each.owner) + 1) % len(owners)]
            first = number % max(1, len(rushes) // 2)
            stage.later(rushes[first], lambda slip=slip: self._publish([slip]))  # type: ignore[misc]
            move = (each.owner.address, new.address, int(each.address, 16))
            stage.later(
                rushes[-1 - first % 2],
                lambda each=each, move=move: stage.send(  # type: ignore[misc]
                    each.owner, stage.place.registries["dataset"], REGISTRY.transferFrom, *move
                ),
            )

    def _publish(self, slips: Sequence[Slip]) -> None:
        for slip in slips:
            self._stage.publish(slip.signed(self._stage))

    def _salt(self) -> bytes:
        self._salts += 1
        return self._stage.size.word(f"salt {self._salts}")


def bulk_stock(stage: Stage) -> dict[str, Slip]:
    """The orders of the datasets that may be used in bulks, by dataset."""
    slips = {}
    for each in stage.goods.bulk:
        order = DatasetOrder(dataset=each.address, datasetprice=0, volume=DATASET_INFINITE_VOLUME)
        slips[each.address] = Slip(each.owner, order, stage.size.word(f"bulk {each.address}"))
    return slips


def _backing(order: Order) -> int:
    """The stake that the market wants for an order, nRLC."""
    if isinstance(order, WorkerpoolOrder):
        return order.workerpoolprice * 30 // 100 * order.volume
    if isinstance(order, RequestOrder):
        return (order.appmaxprice + order.datasetmaxprice + order.workerpoolmaxprice) * order.volume
    return 0
