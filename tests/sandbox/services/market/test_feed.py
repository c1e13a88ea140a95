"""The socket.io feed, spoken to as a client does: both transports, the upgrade, rooms and errors."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from helpers.sandbox.feed_client import Client

from iexec_lab.ethereum.contracts import HUB
from iexec_lab.sandbox.services.market import feed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from helpers.sandbox.market_world import Universe, World


def talk(world: World, work: Callable[[], Awaitable[Any]]) -> Any:
    """Run a conversation in a loop of its own, beside the market's."""
    return asyncio.run(work())


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_publications_are_told(world: World, transport: str) -> None:
    app = world.deploy_app(world.alice)
    order = world.app_order(app, world.alice, appprice=3)

    async def work() -> None:
        async with Client(world.url, transport) as client:
            expected = {"upgrades": ["websocket"] if transport == "polling" else []}
            assert {**client.greeting, "sid": ""} == expected | {
                "sid": "",
                "pingInterval": 25000,
                "pingTimeout": 20000,
                "maxPayload": 1000000,
            }
            await client.join("orders")
            order_hash = await asyncio.to_thread(world.publish, order, world.alice)
            told = await client.next("apporder_published")
            listed = world.get("/apporders", app=app)[1]["orders"][0]
            assert told == {key: value for key, value in listed.items() if key != "chainId"}
            await asyncio.to_thread(world.put, "/apporders", {"orderHash": order_hash}, world.alice)
            assert await client.next("apporder_unpublished") == order_hash

    talk(world, work)


def test_a_client_moves_to_websocket(world: World) -> None:
    app = world.deploy_app(world.alice)

    async def work() -> None:
        async with Client(world.url, "polling") as client:
            await client.join("orders")
            await client.upgrade()
            order = world.app_order(app, world.alice)
            order_hash = await asyncio.to_thread(world.publish, order, world.alice)
            assert (await client.next("apporder_published"))["orderHash"] == order_hash
            async with client.session.get(client.url, params=client.query) as response:
                assert (response.status, await response.json()) == (
                    400,
                    {"code": 3, "message": "Bad request"},
                )

    talk(world, work)


def test_a_match_is_told(world: World) -> None:
    app, dataset = world.deploy_app(world.alice), world.deploy_dataset(world.alice)
    pool = world.deploy_workerpool(world.bob)
    app_order = world.app_order(app, world.alice, volume=3)
    data_order = world.dataset_order(dataset, world.alice, volume=3)
    pool_order = world.workerpool_order(pool, world.bob, volume=3)
    request = world.request_order(app, world.carol, dataset=dataset, volume=2)
    world.publish(app_order, world.alice)
    world.publish(data_order, world.alice)
    world.publish(pool_order, world.bob)
    request_hash = world.publish(request, world.carol)

    async def work() -> None:
        async with Client(world.url, "websocket") as orders, Client(world.url, "websocket") as deals:
            await orders.join("orders")
            await deals.join("deals")
            deal_id = await asyncio.to_thread(world.match, app_order, data_order, pool_order, request)
            assert (await orders.next("apporder_updated"))["remaining"] == 1
            assert (await orders.next("datasetorder_updated"))["bulk"] is False
            assert (await orders.next("workerpoolorder_updated"))["status"] == "open"
            assert await orders.next("requestorder_unpublished") == request_hash
            deal = await deals.next("deal_created")
            assert {"ok": True, **deal} == world.get(f"/deals/{deal_id}")[1]
            assert (deal["dealid"], deal["chainId"]) == (deal_id, 65535)
            assert deals.packets.empty()

    talk(world, work)


def test_a_match_of_all_there_is_tells_of_each_order_once(world: World) -> None:
    app, dataset = world.deploy_app(world.alice), world.deploy_dataset(world.alice)
    pool = world.deploy_workerpool(world.bob)
    orders = [
        world.app_order(app, world.alice, volume=2),
        world.dataset_order(dataset, world.alice, volume=2),
        world.workerpool_order(pool, world.bob, volume=2),
        world.request_order(app, world.carol, dataset=dataset, volume=2),
    ]
    for order, owner in zip(orders, (world.alice, world.alice, world.bob, world.carol), strict=True):
        world.publish(order, owner)

    async def work() -> None:
        async with Client(world.url, "websocket") as client:
            await client.join("orders")
            await client.join("deals")
            await asyncio.to_thread(world.match, *orders)
            told = []
            while (packet := await client.packet()).startswith('2["') and "deal_created" not in packet:
                told.append(json.loads(packet[1:]))
            assert told == [[f"{order.kind}_unpublished", order.hash(world.domain)] for order in orders]
            assert all(
                world.order(order.kind, order.hash(world.domain))["status"] == "filled" for order in orders
            )

    talk(world, work)


def test_cancelled_and_cleaned_orders_are_told(world: World) -> None:
    app = world.deploy_app(world.alice)
    order, request = world.app_order(app, world.alice), world.request_order(app, world.carol)
    order_hash = world.publish(order, world.alice)
    request_hash = world.publish(request, world.carol)
    close = HUB.manageAppOrder.encode((order.to_tuple(), 1, b""))

    async def work() -> None:
        async with Client(world.url, "polling") as client:
            await client.join("orders")
            await asyncio.to_thread(world.send, world.alice, world.ctx.hub, close)
            assert await client.next("apporder_unpublished") == order_hash
            assert await client.next("requestorder_unpublished") == request_hash

    talk(world, work)


def test_only_joined_rooms_are_heard(world: World) -> None:
    app = world.deploy_app(world.alice)

    async def work() -> None:
        async with Client(world.url, "websocket") as client:
            for data in ({"chainId": 65535}, {"topic": "orders"}, {"chainId": "1", "topic": "orders"}):
                await client.send("2" + json.dumps(["join", data]))
            await client.send('21["other"]')
            await asyncio.to_thread(world.publish, world.app_order(app, world.alice), world.alice)
            await client.join("orders")
            assert client.packets.empty()

    talk(world, work)


def test_who_joined_can_not_leave(world: World) -> None:
    """As in the real service: both verbs are acknowledged, and neither works."""
    app = world.deploy_app(world.alice)

    async def work() -> None:
        async with Client(world.url, "websocket") as client:
            await client.join("orders")
            for verb in ("leave", "leaveAll"):
                await client.send("28" + json.dumps([verb, {"chainId": 65535, "topic": "orders"}]))
                assert await client.packet() == "38[true]"
            await asyncio.to_thread(world.publish, world.app_order(app, world.alice), world.alice)
            await client.next("apporder_published")
            await client.send("28" + json.dumps(["leave", {"chainId": 65535, "category": "orders"}]))
            assert await client.packet() == "38[true]"
            await asyncio.to_thread(world.publish, world.app_order(app, world.alice), world.alice)
            assert client.packets.empty()

    talk(world, work)


def test_namespaces_and_nonsense(world: World) -> None:
    async def work() -> None:
        async with Client(world.url, "websocket") as client:
            await client.send("0/admin,")
            assert await client.packet() == '4/admin,{"message":"Invalid namespace"}'
            await client.send('2["join"')
            await asyncio.wait_for(client.listener, 60)
        async with Client(world.url, "polling") as client:
            await client.send("x")
            assert await client.packet() == "closed"
        async with Client(world.url, "websocket") as client:
            await client.socket.send_bytes(b"\x00")
            await asyncio.wait_for(client.listener, 60)
        async with Client(world.url, "polling") as client:
            await client.send("1")
            await client.send('29["join",{"chainId":65535,"topic":"orders"}]')
            assert await client.packet() == "closed"

    talk(world, work)


@pytest.fixture
def impatient(universe: Universe, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A market that pings every 50 ms, and gives clients two seconds to answer."""
    monkeypatch.setattr(feed, "PING_INTERVAL", 0.05)
    monkeypatch.setattr(feed, "PING_TIMEOUT", 2.0)  # a busy machine is slow to answer
    made = universe.world("impatient")
    made.sync()
    yield made
    made.stop()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_session_needs_signs_of_life(impatient: World, transport: str) -> None:
    async def work() -> None:
        async with Client(impatient.url, transport) as client:
            answered = asyncio.Semaphore(0)

            async def pong(packet: str) -> None:
                await Client.raw(client, packet)
                answered.release()

            client.raw = pong  # type: ignore[method-assign]
            for _ in range(3):
                await asyncio.wait_for(answered.acquire(), 60)

            async def silence(_: str) -> None:
                pass

            client.raw = silence  # type: ignore[method-assign]
            assert await client.packet() == "closed"
            query = client.query | {"transport": "polling"}
            async with client.session.get(client.url, params=query) as response:
                answer = response.status, await response.json()
                assert answer == (400, {"code": 1, "message": "Session ID unknown"})

    talk(impatient, work)


def test_two_polls_at_once_end_the_session(world: World) -> None:
    async def work() -> None:
        async with Client(world.url, "polling") as client:
            await client.join("orders")
            async with asyncio.timeout(20):  # a poll of its own would wait for 45 seconds
                async with client.session.get(client.url, params=client.query) as response:
                    assert response.status == 400
                assert await client.packet() == "closed"

    talk(world, work)


@pytest.mark.parametrize(
    ("method", "query", "code", "message"),
    [
        ("GET", {"EIO": "4"}, 0, "Transport unknown"),
        ("GET", {"EIO": "4", "transport": "pigeon"}, 0, "Transport unknown"),
        ("GET", {"EIO": "4", "transport": "polling", "sid": "nobody"}, 1, "Session ID unknown"),
        ("POST", {"EIO": "4", "transport": "polling"}, 2, "Bad handshake method"),
        ("GET", {"EIO": "4", "transport": "websocket"}, 3, "Bad request"),
        ("GET", {"EIO": "3", "transport": "polling"}, 5, "Unsupported protocol version"),
    ],
)
def test_wrong_handshakes(world: World, method: str, query: dict[str, str], code: int, message: str) -> None:
    answer = world.request(method, "/ws/", params=query)
    assert (answer.status_code, answer.json()) == (400, {"code": code, "message": message})


def test_browsers_may_ask_first(world: World) -> None:
    asked = {"Origin": "https://localhost:3000", "Access-Control-Request-Headers": "x-a"}
    answer = world.request("OPTIONS", "/ws/", headers=asked)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, asked["Origin"])
    assert answer.headers["Access-Control-Allow-Headers"] == "x-a"
