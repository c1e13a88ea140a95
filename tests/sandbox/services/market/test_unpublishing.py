"""Taking orders out of the book."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from helpers.sandbox.market_world import World

WORD = "0x" + "ab" * 32


def test_an_order_is_unpublished_by_its_hash(world: World) -> None:
    app = world.deploy_app(world.alice)
    order_hash = world.publish(world.app_order(app, world.alice), world.alice)

    status, answer = world.put("/apporders", {"orderHash": order_hash}, world.alice)

    assert (status, answer) == (200, {"ok": True, "unpublished": [order_hash]})
    assert world.get(f"/apporders/{order_hash}") == (404, {"ok": False, "error": "apporder not found"})


def test_hashes_come_in_any_case_and_with_a_target(world: World) -> None:
    dataset = world.deploy_dataset(world.alice)
    order_hash = world.publish(world.dataset_order(dataset, world.alice), world.alice)
    body = {"target": "unpublish_orderHash", "orderHash": order_hash.upper().replace("X", "x")}
    assert world.put("/datasetorders", body, world.alice)[1]["unpublished"] == [order_hash]


def test_only_published_orders_of_that_kind(world: World) -> None:
    app = world.deploy_app(world.alice)
    order_hash = world.publish(world.app_order(app, world.alice), world.alice)

    def refusal(path: str, wanted: str) -> tuple[int, str]:
        status, answer = world.put(path, {"orderHash": wanted}, world.alice)
        return status, answer["error"]

    assert refusal("/apporders", WORD) == (403, f"apporder with orderHash {WORD} is not published")
    expected = f"datasetorder with orderHash {order_hash} is not published"
    assert refusal("/datasetorders", order_hash) == (403, expected)
    world.put("/apporders", {"orderHash": order_hash}, world.alice)
    assert refusal("/apporders", order_hash) == (
        403,
        f"apporder with orderHash {order_hash} is not published",
    )


def test_only_by_who_signed_it(world: World) -> None:
    app = world.deploy_app(world.alice)
    order_hash = world.publish(world.app_order(app, world.alice), world.alice)
    expected = f"only order signer {world.alice.address} can unpublish an order"
    answer = world.put("/apporders", {"orderHash": order_hash}, world.bob)
    assert answer == (403, {"ok": False, "error": expected})


@pytest.mark.parametrize("target", ["unpublish_last", "unpublish_all"])
def test_the_newest_or_all_of_a_resource(world: World, target: str) -> None:
    pool, other = world.deploy_workerpool(world.bob), world.deploy_workerpool(world.bob)
    hashes = [world.publish(world.workerpool_order(pool, world.bob), world.bob) for _ in range(3)]
    kept = world.publish(world.workerpool_order(other, world.bob), world.bob)
    body = {"target": target, "workerpool": pool.lower()}

    gone = world.put("/workerpoolorders", body, world.bob)[1]["unpublished"]

    assert gone == (hashes[:1:-1] if target == "unpublish_last" else hashes[::-1])
    left = world.get("/workerpoolorders", workerpool=pool)[1]["orders"]
    assert {each["orderHash"] for each in left} == set(hashes) - set(gone)
    assert world.order("workerpoolorder", kept)["status"] == "open"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"target": "unpublish_all", "orderHash": "bad"}, "orderHash must be a bytes32 hexstring"),
        ({"target": "unpublish_last", "orderHash": None}, "orderHash cannot be null"),
        (
            {"target": "unpublish_orderHash", "orderHash": WORD, "app": "bad"},
            "app is not a valid ethereum address",
        ),
        ({"orderHash": WORD, "app": None}, "app cannot be null"),
        ({"target": None, "orderHash": WORD}, "target cannot be null"),
    ],
)
def test_what_is_not_needed_is_validated_too(world: World, body: dict[str, object], error: str) -> None:
    app = world.deploy_app(world.alice)
    order_hash = world.publish(world.app_order(app, world.alice), world.alice)
    assert world.put("/apporders", {"app": app, **body}, world.alice) == (400, {"ok": False, "error": error})
    assert world.order("apporder", order_hash)["status"] == "open"


def test_requests_are_named_by_their_requester(world: World) -> None:
    app = world.deploy_app(world.alice)
    world.publish(world.app_order(app, world.alice), world.alice)
    first = world.publish(world.request_order(app, world.carol), world.carol)
    second = world.publish(world.request_order(app, world.carol), world.carol)
    body = {"target": "unpublish_all", "requester": world.carol.address}
    assert world.put("/requestorders", body, world.carol)[1]["unpublished"] == [second, first]


def test_nothing_to_unpublish(world: World) -> None:
    app = world.deploy_app(world.alice)
    world.publish(world.app_order(app, world.alice), world.alice)
    for target in ("unpublish_last", "unpublish_all"):
        status, answer = world.put("/apporders", {"target": target, "app": app}, world.bob)
        expected = f"no open apporder published by signer {world.bob.address} for app {app}"
        assert (status, answer["error"]) == (403, expected)


def test_an_unpublished_order_may_come_back(world: World) -> None:
    app = world.deploy_app(world.alice)
    order = world.app_order(app, world.alice)
    first = world.publish(order, world.alice)
    world.put("/apporders", {"orderHash": first}, world.alice)
    assert world.publish(order, world.alice) == first


def test_requests_die_with_the_offer_they_need(world: World) -> None:
    """What no other open order satisfies is dead; what is, stays."""
    app, dataset = world.deploy_app(world.alice), world.deploy_dataset(world.alice)
    cheap = world.publish(world.app_order(app, world.alice, appprice=1), world.alice)
    world.publish(world.app_order(app, world.alice, appprice=2), world.alice)
    data = world.publish(world.dataset_order(dataset, world.alice), world.alice)
    poor = world.publish(world.request_order(app, world.carol, appmaxprice=1), world.carol)
    rich = world.publish(world.request_order(app, world.carol, appmaxprice=2), world.carol)
    needy = world.publish(world.request_order(app, world.carol, appmaxprice=2, dataset=dataset), world.carol)

    def statuses() -> list[str]:
        return [world.order("requestorder", each)["status"] for each in (poor, rich, needy)]

    world.put("/apporders", {"orderHash": cheap}, world.alice)
    assert statuses() == ["dead", "open", "open"]
    world.put("/datasetorders", {"orderHash": data}, world.alice)
    assert statuses() == ["dead", "open", "dead"]
    assert world.order("requestorder", poor)["remaining"] == 1
