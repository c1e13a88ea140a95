"""Following the chain: what matches, cancellations, withdrawals and sales do to orders."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from helpers.sandbox.market_world import Universe

from iexec_lab.ethereum.contracts import HUB, REGISTRY
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32
from iexec_lab.sandbox.chain.client import Batch
from iexec_lab.sandbox.chain.snapshot import NATIVE_CHAIN_ID, Kind
from iexec_lab.sandbox.services.market.store import SCHEMA, counter, set_counter
from iexec_lab.sandbox.services.market.watcher import CHECKPOINT, CONFIRMATIONS, LAST_BLOCK, Watcher
from iexec_lab.sandbox.state.disk import open_db

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from helpers.sandbox.market_world import World

    from iexec_lab.sandbox.chain.accounts import Account

PATHS = {
    "apporder": "App",
    "datasetorder": "Dataset",
    "workerpoolorder": "Workerpool",
    "requestorder": "Request",
}


@pytest.fixture(autouse=True)
def stakes(world: World) -> Iterator[None]:
    """Every test starts with the same chain."""
    snapshot = world.snapshot()
    yield
    world.rewind(snapshot)


class Offers:
    """Four orders that fit, published: app and dataset for 3 tasks, workerpool for 3, request for 2."""

    def __init__(self, world: World, *, dataset: bool = True, tag: str = NULL_BYTES32) -> None:
        self.app = world.deploy_app(world.alice)
        self.dataset = world.deploy_dataset(world.alice) if dataset else NULL_ADDRESS
        self.workerpool = world.deploy_workerpool(world.bob)
        self.orders: dict[str, Any] = {
            "apporder": world.app_order(self.app, world.alice, appprice=5, volume=3, tag=tag),
            "workerpoolorder": world.workerpool_order(
                self.workerpool, world.bob, workerpoolprice=100, volume=3, tag=tag
            ),
        }
        if dataset:
            self.orders["datasetorder"] = world.dataset_order(
                self.dataset, world.alice, datasetprice=7, volume=3, tag=tag
            )
        prices = {"appmaxprice": 5, "datasetmaxprice": 7, "workerpoolmaxprice": 100}
        self.orders["requestorder"] = world.request_order(
            self.app, world.carol, dataset=self.dataset, volume=2, tag=tag, **prices
        )
        self.hashes = {kind: world.publish(order, owner(world, kind)) for kind, order in self.orders.items()}

    def match(self, world: World, **changed: Any) -> str:
        orders = self.orders | changed
        return world.match(
            orders["apporder"], orders.get("datasetorder"), orders["workerpoolorder"], orders["requestorder"]
        )

    def state(self, world: World) -> dict[str, tuple[str, int]]:
        orders = {kind: world.order(kind, order_hash) for kind, order_hash in self.hashes.items()}
        return {kind: (order["status"], order["remaining"]) for kind, order in orders.items()}


def owner(world: World, kind: str) -> Account:
    if kind == "requestorder":
        return world.carol
    return world.bob if kind == "workerpoolorder" else world.alice


def test_a_match_fills_orders(world: World) -> None:
    offers = Offers(world)
    offers.match(world)

    assert offers.state(world) == {
        "apporder": ("open", 1),
        "datasetorder": ("open", 1),
        "workerpoolorder": ("open", 1),
        "requestorder": ("filled", 0),
    }
    offers.match(world, requestorder=world.request_order(
        offers.app, world.carol, dataset=offers.dataset,
        appmaxprice=5, datasetmaxprice=7, workerpoolmaxprice=100,
    ))  # fmt: skip
    assert set(offers.state(world).values()) == {("filled", 0)}
    assert world.refusal(offers.orders["apporder"], world.alice) == (403, "order already published")


def test_a_match_is_a_deal(world: World) -> None:
    offers = Offers(world)
    deal_id = offers.match(world)
    head = world.loop.run(world.ctx.chain.rpc("eth_getBlockByNumber", "latest", False))

    status, deal = world.get(f"/deals/{deal_id}")

    assert status == 200
    assert list(deal) == [
        *("ok", "dealid", "chainId", "app", "dataset", "workerpool"),
        *("appHash", "datasetHash", "workerpoolHash", "requestHash"),
        *("requester", "beneficiary", "callback", "params", "tag", "category", "trust", "volume"),
        *("botFirst", "botSize", "startTime", "schedulerRewardRatio", "workerStake"),
        *("blockNumber", "blockTimestamp", "transactionHash"),
    ]
    assert deal["app"] == {"pointer": offers.app, "owner": world.alice.address, "price": 5}
    assert deal["dataset"] == {"pointer": offers.dataset, "owner": world.alice.address, "price": 7}
    assert deal["workerpool"] == {"pointer": offers.workerpool, "owner": world.bob.address, "price": 100}
    assert [deal[f"{name}Hash"] for name in ("app", "dataset", "workerpool", "request")] == [
        offers.hashes[f"{name}order"] for name in ("app", "dataset", "workerpool", "request")
    ]
    assert (deal["requester"], deal["beneficiary"]) == (world.carol.address, world.carol.address)
    assert (deal["callback"], deal["params"], deal["tag"]) == (
        NULL_ADDRESS,
        '{"iexec_args":"x"}',
        NULL_BYTES32,
    )
    numbers = ("chainId", "category", "trust", "volume", "botFirst", "botSize", "workerStake")
    assert [deal[name] for name in numbers] == [65535, 0, 1, 2, 0, 2, 30]
    assert (deal["schedulerRewardRatio"], deal["startTime"]) == (1, int(head["timestamp"], 16))
    assert (deal["blockNumber"], deal["transactionHash"]) == (
        int(head["number"], 16),
        head["transactions"][0],
    )
    assert deal["blockTimestamp"].endswith(".000Z")
    listed = world.get("/deals", requestorderHash=offers.hashes["requestorder"])[1]
    assert listed == {"ok": True, "deals": [{key: deal[key] for key in list(deal)[1:]}], "count": 1}


def test_a_deal_without_dataset(world: World) -> None:
    deal = world.get(f"/deals/{Offers(world, dataset=False).match(world)}")[1]
    assert deal["dataset"] == {"pointer": NULL_ADDRESS, "owner": NULL_ADDRESS, "price": 0}
    assert deal["datasetHash"] == NULL_BYTES32


def test_deals_are_filtered_and_newest_first(world: World) -> None:
    offers, others = Offers(world), Offers(world, dataset=False)
    first, second = offers.match(world), others.match(world)

    def found(**query: Any) -> list[str]:
        return [deal["dealid"] for deal in world.get("/deals", **query)[1]["deals"]]

    assert found()[:2] == [second, first]
    assert found(category=0)[:2] == [second, first]
    assert found(category=1) == []
    for query in (
        *({name: getattr(offers, name).lower()} for name in ("app", "dataset", "workerpool")),
        *({f"{kind}Hash": order_hash} for kind, order_hash in offers.hashes.items()),
        {"datasetOwner": world.alice.address, "app": offers.app},
    ):
        assert found(**query) == [first]
    people = {"appOwner": world.alice, "workerpoolOwner": world.bob, "requester": world.carol}
    for name, person in (people | {"beneficiary": world.carol}).items():
        assert found(**{name: person.address})[:2] == [second, first]
    assert found(requester=world.bob.address) == []
    assert world.get(f"/deals/0x{'ab' * 32}") == (404, {"ok": False, "error": "deal not found"})
    expected = {"ok": False, "error": "app is not a valid ethereum address"}
    assert world.get("/deals", app="any") == (400, expected)


def test_prices_of_a_category(world: World) -> None:
    deal = world.get(f"/deals/{Offers(world).match(world)}")[1]

    status, answer = world.get("/ohlc", category=0)

    assert (status, answer["ohlc"][0]) == (200, [deal["blockTimestamp"], 100, 2])
    assert world.get("/ohlc", category=3) == (200, {"ok": True, "ohlc": []})
    assert world.get("/ohlc") == (400, {"ok": False, "error": "category is a required field"})


def test_categories(world: World) -> None:
    status, answer = world.get("/categories/0")
    assert status == 200
    assert list(answer) == [
        *("ok", "catid", "chainId", "name", "description", "workClockTimeRef"),
        *("transactionHash", "blockNumber", "blockTimestamp"),
    ]
    assert [answer[name] for name in ("catid", "chainId", "name", "description", "workClockTimeRef")] == [
        *(0, "65535", "XS", '""', 300)
    ]
    listed = world.get("/categories")[1]
    assert [each["name"] for each in listed["categories"]] == ["XS", "S", "M", "L", "XL"]
    assert listed["categories"][0] == {key: answer[key] for key in list(answer)[1:]} | {"chainId": 65535}
    assert world.get("/categories/99") == (404, {"ok": False, "error": "category not found"})
    expected = 'catid must be a `number` type, but the final value was: `NaN` (cast from the value `"x"`).'
    assert world.get("/categories/x") == (400, {"ok": False, "error": expected})


def test_a_new_category(world: World) -> None:
    data = HUB.createCategory.encode("tiny", "5 seconds", 5)
    receipt = world.send(world.ctx.accounts.deployer, world.ctx.hub, data)
    answer = world.get("/categories", maxWorkClockTimeRef=299)[1]["categories"][0]
    assert (answer["catid"], answer["name"], answer["workClockTimeRef"]) == (5, "tiny", 5)
    assert answer["transactionHash"] == receipt["transactionHash"]


def test_the_metrics_count(world: World) -> None:
    before = world.get("/metrics")[1]
    offers = Offers(world)
    after = world.get("/metrics")[1]

    assert list(after) == ["ok", "lastBlock", "checkpointBlock", *(f"{kind}s" for kind in PATHS)]
    assert all(after[f"{kind}s"] == before[f"{kind}s"] + 1 for kind in offers.hashes)
    assert after["lastBlock"] == world.loop.run(world.ctx.chain.block_number())
    assert after["checkpointBlock"] <= after["lastBlock"]


@pytest.mark.parametrize("kind", PATHS)
def test_a_closed_order_is_canceled(world: World, kind: str) -> None:
    offers = Offers(world)
    close = getattr(HUB, f"manage{PATHS[kind]}Order")
    world.send(owner(world, kind), world.ctx.hub, close.encode((offers.orders[kind].to_tuple(), 1, b"")))

    assert offers.state(world)[kind] == ("canceled", 0)
    dies = kind in {"apporder", "datasetorder"}
    if kind != "requestorder":
        assert offers.state(world)["requestorder"] == ("dead" if dies else "open", 2)
    assert world.refusal(offers.orders[kind], owner(world, kind)) == (403, "order already published")


@pytest.mark.parametrize("kind", ["app", "dataset", "workerpool"])
def test_orders_die_when_the_resource_is_sold(world: World, kind: str) -> None:
    offers = Offers(world)
    seller = owner(world, f"{kind}order")
    resource = getattr(offers, kind)
    sale = REGISTRY.transferFrom.encode(seller.address, world.carol.address, int(resource, 16))
    world.send(seller, world.ctx.registries[kind], sale)

    assert offers.state(world)[f"{kind}order"] == ("dead", 3)
    assert offers.state(world)["requestorder"] == ("open" if kind == "workerpool" else "dead", 2)
    expected = f"only order signer {world.carol.address} can publish an order"
    assert world.refusal(offers.orders[f"{kind}order"], seller) == (403, expected)


def withdraw_all_but(world: World, account: Account, rest: int) -> None:
    stake = world.call(world.ctx.hub, HUB.viewAccount, account.address)[0]
    world.send(account, world.ctx.hub, HUB.withdraw.encode(stake - rest))


def test_orders_die_when_the_stake_is_withdrawn(world: World) -> None:
    offers = Offers(world)
    withdraw_all_but(world, world.bob, 90)
    withdraw_all_but(world, world.carol, 224)
    assert (offers.state(world)["workerpoolorder"], offers.state(world)["requestorder"]) == (
        ("open", 3),
        ("open", 2),
    )

    withdraw_all_but(world, world.bob, 89)
    withdraw_all_but(world, world.carol, 223)
    assert (offers.state(world)["workerpoolorder"], offers.state(world)["requestorder"]) == (
        ("dead", 3),
        ("dead", 2),
    )


def test_what_a_match_locks_is_backed(world: World) -> None:
    """Stakes that are just enough stay enough: the rest of the order needs the rest of the stake."""
    offers = Offers(world)
    withdraw_all_but(world, world.bob, 90)
    withdraw_all_but(world, world.carol, 224)
    small = world.workerpool_order(offers.workerpool, world.bob, workerpoolprice=100)
    first = world.publish(world.workerpool_order(offers.workerpool, world.bob), world.bob)

    offers.match(world, workerpoolorder=small)
    assert offers.state(world)["requestorder"] == ("open", 1)
    assert offers.state(world)["workerpoolorder"] == ("dead", 3)
    offers.match(world)
    assert offers.state(world)["requestorder"] == ("filled", 0)
    assert world.order("workerpoolorder", first)["status"] == "open"


def test_a_workerpool_with_just_enough_stake_serves_its_order(world: World) -> None:
    offers = Offers(world)
    withdraw_all_but(world, world.bob, 90)
    offers.match(world)
    assert offers.state(world)["workerpoolorder"] == ("open", 1)


def test_free_workerpools_need_no_stake(world: World) -> None:
    pool = world.deploy_workerpool(world.bob)
    order_hash = world.publish(world.workerpool_order(pool, world.bob, workerpoolprice=3), world.bob)
    withdraw_all_but(world, world.bob, 0)
    assert world.order("workerpoolorder", order_hash)["status"] == "open"


def test_orders_die_when_stake_is_given_away_or_locked(world: World) -> None:
    offers = Offers(world)
    stake = world.call(world.ctx.hub, HUB.viewAccount, world.carol.address)[0]
    world.send(world.carol, world.ctx.hub, HUB.transfer.encode(world.bob.address, stake - 223))
    assert offers.state(world)["requestorder"] == ("dead", 2)

    stake = world.call(world.ctx.hub, HUB.viewAccount, world.bob.address)[0]
    pool = world.workerpool_order(offers.workerpool, world.bob, workerpoolprice=stake)
    request = world.request_order(
        offers.app, world.bob, appmaxprice=5, workerpoolmaxprice=stake, dataset=NULL_ADDRESS
    )
    assert world.refusal(request, world.bob)[0] == 403
    cheaper = stake * 10 // 14
    pool = world.workerpool_order(offers.workerpool, world.bob, workerpoolprice=cheaper)
    request = world.request_order(offers.app, world.bob, appmaxprice=5, workerpoolmaxprice=cheaper)
    world.match(offers.orders["apporder"], None, pool, request)
    assert offers.state(world)["workerpoolorder"][0] == "open"
    withdraw_all_but(world, world.bob, 1)
    assert offers.state(world)["workerpoolorder"] == ("dead", 3)


def test_a_dead_order_comes_back_as_it_was(world: World) -> None:
    offers = Offers(world)
    before = world.order("workerpoolorder", offers.hashes["workerpoolorder"])
    stake = world.call(world.ctx.hub, HUB.viewAccount, world.bob.address)[0]
    world.send(world.bob, world.ctx.hub, HUB.transfer.encode(world.carol.address, stake))
    world.send(world.carol, world.ctx.hub, HUB.transfer.encode(world.bob.address, stake))

    world.publish(offers.orders["workerpoolorder"], world.bob)
    assert world.order("workerpoolorder", offers.hashes["workerpoolorder"]) == before


def test_filled_offers_take_requests_with_them(world: World) -> None:
    """The second request needs the order that the first one used up; TEE requests need TEE orders."""
    tee = "0x" + "0" * 63 + "3"
    offers = Offers(world, tag=tee, dataset=False)
    world.publish(world.app_order(offers.app, world.alice, appprice=5), world.alice)
    prices = {"appmaxprice": 5, "workerpoolmaxprice": 100}
    tee_request = world.publish(world.request_order(offers.app, world.carol, tag=tee, **prices), world.carol)
    request = world.publish(world.request_order(offers.app, world.carol, **prices), world.carol)

    rest = world.request_order(offers.app, world.carol, tag=tee, volume=3, **prices)
    offers.match(world, requestorder=rest)

    assert offers.state(world)["apporder"] == ("filled", 0)
    assert world.order("requestorder", tee_request)["status"] == "dead"
    assert world.order("requestorder", request)["status"] == "open"


def test_what_happened_while_the_market_was_down(universe: Universe) -> None:
    world = universe.world("down")
    offers = Offers(world)
    sold = world.deploy_app(world.alice)
    sold_hash = world.publish(world.app_order(sold, world.alice), world.alice)
    world.stop()
    offers.match(world)
    sale = REGISTRY.transferFrom.encode(world.alice.address, world.carol.address, int(sold, 16))
    world.send(world.alice, world.ctx.registries["app"], sale)

    world.start()
    world.sync()

    assert offers.state(world)["apporder"] == ("open", 1)
    assert offers.state(world)["requestorder"] == ("filled", 0)
    assert world.order("apporder", sold_hash)["status"] == "dead"
    assert world.get("/deals", app=offers.app)[1]["count"] == 1
    world.stop()


def test_a_new_market_reads_the_whole_chain(universe: Universe, world: World) -> None:
    Offers(world).match(world)
    fresh = universe.world("fresh")
    fresh.sync()
    for path in ("/deals", "/categories"):
        assert fresh.get(path) == world.get(path)
    fresh.stop()


def test_the_checkpoint_stays_behind(universe: Universe) -> None:
    """A block counts as settled once ten others stand on it; a chain that is wound back settles nothing."""
    world = universe.world("checkpoint")
    world.sync()

    def blocks() -> tuple[int, int]:
        told = world.get("/metrics")[1]
        return told["lastBlock"], told["checkpointBlock"]

    def mine(count: int) -> None:
        for _ in range(count):
            world.loop.run(world.ctx.chain.rpc("evm_mine"))
        world.sync()

    for count in (1, 3, 12):
        mine(count)
        last, checkpoint = blocks()
        assert checkpoint == last - CONFIRMATIONS == last - 10
    snapshot = world.snapshot()
    before = blocks()[0]
    mine(4)
    settled = blocks()[1]
    assert settled == before + 4 - 10
    world.rewind(snapshot)
    last, checkpoint = blocks()
    assert last < before + 4
    assert checkpoint == settled, "what was settled stays settled"
    mine(20)
    last, checkpoint = blocks()
    assert checkpoint == last - 10
    world.stop()


@pytest.mark.parametrize(
    ("checkpoint", "block", "kept"),
    [(None, 5, 0), (None, 10, 0), (None, 11, 1), (0, 25, 15), (15, 20, 15), (15, 12, 12), (15, 26, 16)],
)
def test_how_far_the_checkpoint_is(tmp_path: Path, checkpoint: int | None, block: int, kept: int) -> None:
    db = open_db(tmp_path / "market.db", SCHEMA)
    if checkpoint is not None:
        set_counter(db, CHECKPOINT, checkpoint)
    Watcher._count(SimpleNamespace(_book=SimpleNamespace(db=db)), Batch(0, block, []))  # type: ignore[arg-type]
    assert (counter(db, LAST_BLOCK), counter(db, CHECKPOINT)) == (block, kept)
    db.close()


def test_a_chain_that_is_wound_back(world: World) -> None:
    """After evm_revert the market forgets what never happened."""
    offers = Offers(world)
    snapshot = world.snapshot()
    deal_id = offers.match(world)
    close = HUB.manageAppOrder.encode((offers.orders["apporder"].to_tuple(), 1, b""))
    world.send(world.alice, world.ctx.hub, close)
    assert offers.state(world)["apporder"] == ("canceled", 0)

    world.rewind(snapshot)

    assert world.get(f"/deals/{deal_id}")[0] == 404
    assert offers.state(world) == {
        "apporder": ("open", 3),
        "datasetorder": ("open", 3),
        "workerpoolorder": ("open", 3),
        "requestorder": ("open", 2),
    }


@pytest.mark.parametrize(
    "kind",
    [
        Kind(NATIVE_CHAIN_ID, native=True),
        Kind(42161, preset="arbitrum-mainnet"),
        Kind(134, native=True, preset="bellecour"),
    ],
    ids=["native", "arbitrum", "bellecour"],
)
def test_other_kinds_of_chains(tmp_path: Path, kind: Kind) -> None:
    """Their hubs take the same orders; categories are there even where the hub was moved."""
    universe = Universe(tmp_path, kind)
    try:
        there = universe.world("there")
        there.sync()
        assert [each["name"] for each in there.get("/categories")[1]["categories"]] == [
            "XS",
            "S",
            "M",
            "L",
            "XL",
        ]
        offers = Offers(there)
        deal = there.get(f"/deals/{offers.match(there)}")[1]
        assert deal["chainId"] == kind.chain_id
        assert offers.state(there)["requestorder"] == ("filled", 0)
        there.stop()
    finally:
        universe.close()
