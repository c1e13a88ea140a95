"""Publishing: every rule, in the order in which they are checked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from iexec_lab.errors import ChainError
from iexec_lab.ethereum.contracts import HUB, RLC
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, ORDERS
from iexec_lab.sandbox.services.market import MarketOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.sandbox.market_world import Universe, World

RETRY = (500, "Something went wrong, you should retry later.")
TEE = "0x" + "0" * 63 + "3"
NOBODY_ELSE = "0x" + "77" * 20


@pytest.fixture
def app(world: World) -> str:
    return world.deploy_app(world.alice)


@pytest.fixture
def dataset(world: World) -> str:
    return world.deploy_dataset(world.alice)


@pytest.fixture
def workerpool(world: World) -> str:
    return world.deploy_workerpool(world.bob)


def stake_of(world: World, address: str) -> int:
    stake: int = world.call(world.ctx.hub, HUB.viewAccount, address)[0]
    return stake


def test_an_address_may_be_an_icap_one(world: World) -> None:
    """It stays as it was written: only the chain knows whose it is."""
    app = world.deploy_app(world.alice)
    order = world.app_order(app, world.alice)
    written = icap(app)
    body = {"order": {**order.to_json(), "app": written}}

    status, answer = world.post("/apporders", body, world.alice)

    assert (status, answer["published"]["order"]["app"]) == (200, written)
    assert answer["published"]["orderHash"] == order.hash(world.domain)
    assert answer["published"]["signer"] == world.alice.address
    assert world.get("/apporders", app=app)[1]["count"] == 0
    assert world.get("/apporders", app=written)[1]["count"] == 1
    assert world.refusal(order, world.alice) == (403, "order already published")
    assert world.get("/apporders", app=written.lower())[0] == 400
    assert world.get("/apporders", app="XE00" + written[4:])[0] == 400
    gone = {"target": "unpublish_all", "app": written}
    assert world.put("/apporders", gone, world.alice)[1]["unpublished"] == [order.hash(world.domain)]
    data = world.get("/challenge", address=icap(world.bob.address))
    assert data[0] == 200


def icap(address: str) -> str:
    number, text = int(address, 16), ""
    while number:
        number, digit = divmod(number, 36)
        text = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + text
    text = text.rjust(30, "0")
    rest = int("".join(str(int(each, 36)) for each in text + "XE00")) % 97
    return f"XE{98 - rest:02d}{text}"


def test_an_app_order_is_published(world: World, app: str) -> None:
    order = world.app_order(app, world.alice, appprice=5, volume=3, tag=TEE)

    status, answer = world.post("/apporders", {"order": order.to_json()}, world.alice)

    assert status == 200
    assert list(answer) == ["ok", "published"]
    published = answer["published"]
    assert list(published) == [
        *("order", "orderHash", "chainId", "publicationTimestamp", "signer", "status", "remaining")
    ]
    assert published["order"] == {
        "app": app,
        "appprice": 5,
        "volume": 3,
        "tag": TEE,
        **dict.fromkeys(("datasetrestrict", "workerpoolrestrict", "requesterrestrict"), NULL_ADDRESS),
        "salt": order.salt,
        "sign": order.signature,
    }
    assert list(published["order"])[:4] == ["app", "appprice", "volume", "tag"]
    assert published["orderHash"] == order.hash(world.ctx.domain)
    assert published["chainId"] == 65535
    assert published["signer"] == world.alice.address
    assert (published["status"], published["remaining"]) == ("open", 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", published["publicationTimestamp"])
    assert world.get("/apporders", app=app)[1]["orders"] == [published]
    one = world.order("apporder", published["orderHash"])
    assert list(one) == [
        *("ok", "orderHash", "chainId", "order", "remaining", "status", "publicationTimestamp", "signer")
    ]
    assert one["chainId"] == "65535"
    assert one["order"] == published["order"]


@pytest.mark.parametrize(
    ("volume", "price", "bulk"), [(2**53 - 2, 0, True), (2**53 - 2, 1, False), (7, 0, False)]
)
def test_dataset_orders_say_whether_they_serve_bulks(
    world: World, dataset: str, volume: int, price: int, bulk: bool
) -> None:
    order = world.dataset_order(dataset, world.alice, volume=volume, datasetprice=price)
    answer = world.post("/datasetorders", {"order": order.to_json()}, world.alice)[1]["published"]

    assert (answer["bulk"], answer["remaining"], list(answer)[-1]) == (bulk, volume, "bulk")
    assert "bulk" not in world.order("datasetorder", answer["orderHash"])
    assert world.get("/datasetorders", dataset=dataset, bulkOnly="true")[1]["count"] == int(bulk)


def test_numbers_may_be_text_or_numbers(world: World, app: str) -> None:
    order = world.app_order(app, world.alice, appprice=2**53 - 1, volume=2**53 - 1)
    body = order.to_json() | {"appprice": 2**53 - 1, "app": app.lower(), "unknown": "field"}

    status, answer = world.post("/apporders", {"order": body}, world.alice)

    assert (status, answer["published"]["order"]["appprice"]) == (200, 2**53 - 1)
    assert answer["published"]["orderHash"] == order.hash(world.ctx.domain)
    assert "unknown" not in answer["published"]["order"]


def test_the_body_is_checked_after_the_token_and_before_the_rules(world: World, app: str) -> None:
    body = {"order": {**world.app_order(app, world.alice).to_json(), "volume": "0"}}

    assert world.post("/apporders", body)[1]["error"] == "invalid authorization"
    expected = {"ok": False, "error": "order.volume must be greater than or equal to 1"}
    assert world.post("/apporders", body, world.bob) == (400, expected)


def test_nothing_is_published_twice(world: World, app: str) -> None:
    order = world.app_order(app, world.alice)
    world.publish(order, world.alice)
    assert world.refusal(order, world.alice) == (403, "order already published")
    assert world.refusal(order, world.bob) == (403, "order already published")


def test_the_resource_must_exist(world: World, dataset: str) -> None:
    for address in (NOBODY_ELSE, dataset, world.ctx.hub):
        order = world.app_order(address, world.alice)
        assert world.refusal(order, world.alice) == (403, "Resource not deployed")


def test_only_the_owner_publishes(world: World, app: str) -> None:
    order = world.app_order(app, world.bob)
    expected = f"only order signer {world.alice.address} can publish an order"
    assert world.refusal(order, world.bob) == (403, expected)


def test_only_the_requester_publishes_a_request(world: World, app: str) -> None:
    order = world.request_order(app, world.carol)
    expected = f"only order signer {world.carol.address} can publish an order"
    assert world.refusal(order, world.bob) == (403, expected)


def test_signatures_are_verified(world: World, app: str) -> None:
    stranger = world.app_order(app, world.bob)
    changed = replace(world.app_order(app, world.alice), volume=2)
    assert world.refusal(stranger, world.alice) == (403, "invalid sign")
    assert world.refusal(changed, world.alice) == (403, "invalid sign")


def test_signatures_that_the_hub_can_not_read(world: World, app: str) -> None:
    order = world.app_order(app, world.alice)
    for sign in ("0x", "0x1234", "0xno", "0x1"):
        status, answer = world.post("/apporders", {"order": order.to_json() | {"sign": sign}}, world.alice)
        assert (status, answer["error"]) == RETRY


def presigned(world: World, app: str) -> Any:
    order = world.app_order(app, world.alice).presigned()
    operation = (order.to_tuple(), 0, b"")
    world.send(world.alice, world.ctx.hub, HUB.manageAppOrder.encode(operation))
    return order


def test_presigned_orders_are_refused(world: World, app: str) -> None:
    assert world.refusal(presigned(world, app), world.alice) == RETRY


def test_volume_that_is_gone(world: World, app: str, workerpool: str) -> None:
    app_order = world.app_order(app, world.alice, volume=3)
    pool_order = world.workerpool_order(workerpool, world.bob, volume=2)
    request = world.request_order(app, world.carol, volume=2)
    world.match(app_order, None, pool_order, request)

    assert world.refusal(pool_order, world.bob) == (403, "order already consumed")
    assert world.refusal(request, world.carol) == (403, "order already consumed")
    assert world.order("apporder", world.publish(app_order, world.alice))["remaining"] == 1


def test_a_workerpool_needs_stake(world: World, workerpool: str) -> None:
    """30 % of the price rounded down, times the volume."""
    stake = stake_of(world, world.bob.address)
    enough = world.workerpool_order(workerpool, world.bob, workerpoolprice=9, volume=stake // 2)
    more = world.workerpool_order(workerpool, world.bob, workerpoolprice=9, volume=stake // 2 + 1)

    world.publish(enough, world.bob)
    expected = "workerpool owner's stake is too low to cover required workerpool lock"
    assert world.refusal(more, world.bob) == (403, expected)


def test_a_request_needs_stake(world: World, app: str) -> None:
    stake = stake_of(world, world.carol.address)
    prices = {"appmaxprice": 3, "datasetmaxprice": 2, "workerpoolmaxprice": 1}
    world.publish(world.app_order(app, world.alice), world.alice)
    more = world.request_order(app, world.carol, volume=stake // 6 + 1, **prices)

    world.publish(world.request_order(app, world.carol, volume=stake // 6, **prices), world.carol)
    expected = (
        "requester stake is too low to cover requestorder payment, "
        f"minimum stake required is {(stake // 6 + 1) * 6} nRLC"
    )
    assert world.refusal(more, world.carol) == (403, expected)


def test_a_request_needs_an_app_order(world: World, app: str) -> None:
    request = world.request_order(app, world.carol, appmaxprice=4)
    missing = (403, f"No apporder published for app {app}")
    assert world.refusal(request, world.carol) == missing

    for field in ("datasetrestrict", "workerpoolrestrict", "requesterrestrict"):
        world.publish(world.app_order(app, world.alice, **{field: NOBODY_ELSE}), world.alice)
    assert world.refusal(request, world.carol) == missing

    world.publish(world.app_order(app, world.alice, appprice=6), world.alice)
    world.publish(world.app_order(app, world.alice, appprice=5), world.alice)
    dear = f"appmaxprice for app {app} is too low, actual best price is 5 nRLC"
    assert world.refusal(request, world.carol) == (403, dear)

    restricted = world.app_order(app, world.alice, appprice=4, requesterrestrict=world.carol.address)
    world.publish(restricted, world.alice)
    world.publish(request, world.carol)


def test_a_tee_request_needs_a_tee_app_order(world: World, app: str) -> None:
    """Of the tag only the TEE bit is looked at."""
    request = world.request_order(app, world.carol, tag=TEE)
    world.publish(world.app_order(app, world.alice), world.alice)
    assert world.refusal(request, world.carol) == (403, f"No tee enabled apporder published for app {app}")

    world.publish(world.app_order(app, world.alice, tag="0x" + "0" * 63 + "9"), world.alice)
    world.publish(request, world.carol)


def test_a_request_with_a_dataset_needs_a_dataset_order(world: World, app: str, dataset: str) -> None:
    world.publish(world.app_order(app, world.alice), world.alice)
    request = world.request_order(app, world.carol, dataset=dataset, datasetmaxprice=4, tag=NULL_BYTES32)
    missing = (403, f"No datasetorder published for dataset {dataset}")
    assert world.refusal(request, world.carol) == missing

    for field in ("apprestrict", "workerpoolrestrict", "requesterrestrict"):
        world.publish(world.dataset_order(dataset, world.alice, **{field: NOBODY_ELSE}), world.alice)
    assert world.refusal(request, world.carol) == missing

    world.publish(world.dataset_order(dataset, world.alice, datasetprice=5), world.alice)
    dear = f"datasetmaxprice for dataset {dataset} is too low, actual best price is 5 nRLC"
    assert world.refusal(request, world.carol) == (403, dear)

    world.publish(world.dataset_order(dataset, world.alice, datasetprice=4, apprestrict=app), world.alice)
    world.publish(request, world.carol)


def test_a_request_without_params_is_not_understood(world: World, app: str) -> None:
    """It passes the schema, and nobody can hash it."""
    order = world.request_order(app, world.carol).to_json()
    del order["params"]
    expected = {"ok": False, "error": "Internal error"}
    assert world.post("/requestorders", {"order": order}, world.carol) == (500, expected)


def test_params_need_not_be_json(world: World, app: str) -> None:
    """The SDK refuses such params, the market and the hub do not."""
    world.publish(world.app_order(app, world.alice), world.alice)
    order = ORDERS["requestorder"].__new__(ORDERS["requestorder"])
    signed = world.request_order(app, world.carol)
    for name in (*ORDERS["requestorder"].layout, "salt"):
        object.__setattr__(order, name, getattr(signed, name))
    object.__setattr__(order, "params", "héllo ☃")
    sign = world.carol.signer.sign_digest(order.digest(world.ctx.domain))
    body = {"order": signed.to_json() | {"params": "héllo ☃", "sign": sign}}

    status, answer = world.post("/requestorders", body, world.carol)

    assert (status, answer["published"]["order"]["params"]) == (200, "héllo ☃")
    assert answer["published"]["orderHash"] == order.hash(world.ctx.domain)


def test_requests_and_workerpools_need_not_meet(world: World, app: str) -> None:
    """No workerpool order is needed and categories are not checked."""
    world.publish(world.app_order(app, world.alice), world.alice)
    world.publish(world.request_order(app, world.carol, category=99, trust=5), world.carol)


def test_unreachable_chain(
    universe: Universe, world: World, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise ChainError("gone")

    order = world.app_order(app, world.alice)
    monkeypatch.setattr(universe.chain, "call", fail)
    assert world.refusal(order, world.alice) == RETRY


# With other options


@pytest.fixture(scope="module")
def lenient(universe: Universe) -> Iterator[World]:
    made = universe.world("lenient", MarketOptions(max_open_orders=2, accept_presigned=True))
    made.sync()
    yield made
    made.stop()


def test_open_orders_of_a_wallet_are_limited(lenient: World) -> None:
    app, dataset = lenient.deploy_app(lenient.alice), lenient.deploy_dataset(lenient.alice)
    first = lenient.publish(lenient.app_order(app, lenient.alice), lenient.alice)
    lenient.publish(lenient.app_order(app, lenient.alice), lenient.alice)
    third = lenient.app_order(app, lenient.alice)

    expected = f"maximum of 2 published open apporder has been reached for wallet {lenient.alice.address}"
    assert lenient.refusal(third, lenient.alice) == (403, expected)
    lenient.publish(lenient.dataset_order(dataset, lenient.alice), lenient.alice)
    lenient.put("/apporders", {"orderHash": first}, lenient.alice)
    lenient.publish(third, lenient.alice)


def test_presigned_orders_may_be_let_in(lenient: World) -> None:
    app = lenient.deploy_app(lenient.alice)
    lenient.put("/apporders", {"target": "unpublish_all", "app": app}, lenient.alice)
    for order in lenient.get("/apporders", app="any")[1]["orders"]:
        lenient.put("/apporders", {"orderHash": order["orderHash"]}, lenient.alice)
    lenient.publish(presigned(lenient, app), lenient.alice)


def test_a_wallet_publishes_fifty_orders_by_default(world: World) -> None:
    pool = world.deploy_workerpool(world.alice)
    for _ in range(50):
        world.publish(world.workerpool_order(pool, world.alice), world.alice)
    one_more = world.workerpool_order(pool, world.alice)
    expected = (
        f"maximum of 50 published open workerpoolorder has been reached for wallet {world.alice.address}"
    )
    assert world.refusal(one_more, world.alice) == (403, expected)


def test_who_has_spent_everything(world: World) -> None:
    """The stake counts, not the wallet."""
    rich = world.call(world.ctx.rlc, RLC.balanceOf, world.bob.address)
    assert rich > 0
    app = world.deploy_app(world.bob)
    world.publish(world.app_order(app, world.bob), world.bob)
    stake = stake_of(world, world.bob.address)
    request = world.request_order(app, world.bob, workerpoolmaxprice=stake + 1)
    assert world.refusal(request, world.bob)[1].endswith(f"minimum stake required is {stake + 1} nRLC")
