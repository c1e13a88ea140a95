"""What the feed does with clients that break its rules, and when it ends."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
import socketio
from aiohttp import web
from helpers.sandbox.feed_client import MARK, Client

from iexec_lab.sandbox.services.market.feed import MAX_PAYLOAD, Feed, Message

TRANSPORTS = pytest.mark.parametrize("transport", ["polling", "websocket"])
JOIN = '["join",{"chainId":65535,"topic":"orders"}]'
TOLD = Message("orders", "apporder_unpublished", '"0x12"')


@asynccontextmanager
async def served():
    """A feed and its address."""
    feed = Feed(65535)
    app = web.Application()
    app.router.add_route("*", "/ws/", feed.handle)

    async def close(_):
        await feed.close()

    app.on_shutdown.append(close)
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield feed, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def talk(conversation, *transport):
    async def main():
        async with asyncio.timeout(30), served() as (feed, url):
            if not transport:
                return await conversation(feed, url)
            async with Client(url, *transport) as client:
                return await conversation(feed, client)

    asyncio.run(main())


async def assert_ended(feed, client):
    while await client.packet() != "closed":
        pass
    query = client.query | {"transport": "polling"}
    async with client.session.get(client.url, params=query) as response:
        assert (response.status, (await response.json())["code"]) == (400, 1)
    assert not feed._sessions
    assert not feed._server.manager.rooms


@TRANSPORTS
@pytest.mark.parametrize(
    "packet",
    [
        "",
        "x",
        "9",
        "4",
        "4x",
        "47",
        "40",
        "42{}",
        "42[]",
        "42[{}]",
        "42[true]",
        '42["join",NaN]',
        '42["join"]x',
        '42["join"',
        '42["connect"]',
        '42["disconnect",1]',
        '42/admin,["join"]',
        '41"x"',
        '44{"message":"x"}',
        '450-["join"]',
        '451["join"]',
        "42" + "[" * 100_000,
        "bAAAA",
    ],
    ids=lambda packet: packet[:20],
)
def test_nonsense_ends_the_session(transport, packet):
    async def conversation(feed, client):
        await client.join("orders")
        await client.raw(packet)
        await assert_ended(feed, client)

    talk(conversation, transport)


@TRANSPORTS
@pytest.mark.parametrize(
    ("packets", "answers"),
    [
        (["42", "43", "42[1.5]", '42["foo"]', '421["foo"]', "431[]"], []),
        (["42" + "9" * 200 + '["join"]', '42["join",' + "9" * 5000 + "]"], []),
        (['421["join"]', '421["join",null]', '421["join",5]', '421["join",{"chainId":0,"topic":"x"}]'], []),
        (['421["join",{"chainId":1,"topic":"x"},2]', '421["leave"]', '421["leaveAll",null]'], []),
        (['421["join",{"chainId":[],"topic":{}}]', '422["leave",5]', '423["leaveAll",[]]'], ["1", "2", "3"]),
        (['42007["leave",{}]', "42" + "1" * 20 + '["leave",{}]'], ["7", "11111111111111110000"]),
        (["5", "0", "6"], []),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_odd_and_allowed(transport, packets, answers):
    async def conversation(_, client):
        for packet in packets:
            await client.raw(packet)
        for answer in answers:
            assert await client.packet() == f"3{answer}[true]"
        await client.join("orders")

    talk(conversation, transport)


@TRANSPORTS
def test_an_event_with_bytes_waits_for_them(transport):
    async def conversation(feed, client):
        await client.join("orders")
        for _ in range(2):
            await client.raw('452-["join",{"_placeholder":true,"num":0}]')
            for part in (b"a", b"b"):
                if transport == "websocket":
                    await client.socket.send_bytes(part)
                else:
                    await client.raw("bAAAA")
        await client.join("orders")
        await client.raw('451-["join",{"_placeholder":true,"num":0}]')
        await client.raw("42" + JOIN)
        await assert_ended(feed, client)

    talk(conversation, transport)


def test_who_does_not_poll_in_that_moment_is_told_with_the_next_poll():
    async def conversation(feed, url):
        async with aiohttp.ClientSession() as session:
            url += "/ws/"
            query = {"EIO": "4", "transport": "polling"}

            async def poll():
                async with session.get(url, params=query) as response:
                    return response.status, await response.text()

            async def push(packet):
                async with session.post(url, params=query, data=packet) as response:
                    return response.status, await response.text()

            query["sid"] = json.loads((await poll())[1][1:])["sid"]
            await push("40")
            assert (await poll())[1].startswith('40{"sid"')
            assert await push('421["leave",{}]') == (200, "ok")
            assert await push("42{}") == (200, "ok")
            assert await push('421["leave",{}]') == (200, "ok")
            assert await poll() == (200, "431[true]")
            assert await poll() == (200, f"6{MARK}1")
            unknown = (400, '{"code":1,"message":"Session ID unknown"}')
            assert await poll() == await push("3") == unknown
            assert not feed._sessions

    talk(conversation)


def test_a_client_that_says_goodbye_ends_its_poll():
    async def conversation(feed, url):
        async with aiohttp.ClientSession() as session:
            url += "/ws/"
            query = {"EIO": "4", "transport": "polling"}
            async with session.get(url, params=query) as response:
                query["sid"] = json.loads((await response.text())[1:])["sid"]
            poll = asyncio.ensure_future(session.get(url, params=query))
            for _ in range(1000):
                if feed._polled:
                    break
                await asyncio.sleep(0.01)
            async with session.post(url, params=query, data="1") as response:
                assert await response.text() == "ok"
            async with await poll as response:
                assert await response.text() == "6"
            assert not feed._sessions

    talk(conversation)


@TRANSPORTS
def test_so_does_an_event_before_the_client_connected(transport):
    async def conversation(feed, client):
        await client.raw("41")
        await client.raw("42" + JOIN)
        await assert_ended(feed, client)

    talk(conversation, transport)


@TRANSPORTS
def test_a_message_is_as_long_as_the_greeting_allows(transport):
    async def conversation(feed, client):
        frame = '427["join",{"chainId":65535,"topic":"orders","x":""}]'
        await client.raw(frame.replace('""', '"' + "x" * (MAX_PAYLOAD - len(frame) - 10) + '"'))
        assert await client.packet() == "37[true]"
        longer = "42" + "x" * MAX_PAYLOAD
        if transport == "websocket":
            await client.raw(longer)
        else:
            async with client.session.post(client.url, params=client.query, data=longer) as response:
                assert response.status == 413
        await assert_ended(feed, client)
        if transport == "websocket":
            assert client.socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG

    talk(conversation, transport)


def test_a_body_without_a_length_is_no_longer_either():
    async def conversation(feed, client):
        async def body():
            for _ in range(40):
                yield b"x" * (MAX_PAYLOAD // 20)

        try:
            async with client.session.post(client.url, params=client.query, data=body()) as response:
                assert response.status == 413
        except aiohttp.ClientConnectionError:
            pass  # it was still sending
        await client.join("orders")

    talk(conversation, "polling")


def test_all_packets_of_a_request_are_read_however_they_come():
    async def conversation(feed, client):
        packets = MARK.join(f"42{number}{JOIN}" for number in range(40)).encode()
        url = aiohttp.client.URL(client.url).with_query(client.query)
        head = f"POST {url.raw_path_qs} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(packets)}\r\n\r\n"
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in (head.encode(), packets[:50], packets[50:]):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.05)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
        assert [await client.packet() for _ in range(40)] == [f"3{number}[true]" for number in range(40)]

    talk(conversation, "polling")


@TRANSPORTS
def test_a_client_can_not_fill_the_memory_with_rooms(transport):
    async def conversation(feed, client):
        rooms = {room: dict(members) for room, members in feed._server.manager.rooms["/"].items()}
        for number in range(1, 51):
            await client.raw(f'421["join",{{"chainId":{number},"topic":"{number}"}}]')
            assert await client.packet() == "31[true]"
            await client.raw(f"40/{number},")
            assert await client.packet() == f'4/{number},{{"message":"Invalid namespace"}}'
        assert feed._server.manager.rooms == {"/": rooms}

    talk(conversation, transport)


def test_nothing_is_kept_for_a_client_who_never_reads(monkeypatch):
    monkeypatch.setattr("iexec_lab.sandbox.services.market.feed.MOST_WAITING", 20)

    async def conversation(feed, client):
        await client.join("orders")
        client.listener.cancel()
        await feed.send([TOLD] * 20)
        assert client.greeting["sid"] in feed._sessions
        for _ in range(5):
            await feed.send([TOLD])
        assert not feed._sessions

    talk(conversation, "polling")


@pytest.mark.parametrize("farewell", [None, "x", "2probe", "6"])
def test_polls_go_on_where_a_websocket_failed(farewell):
    async def conversation(feed, client):
        await client.join("orders")
        query = client.query | {"transport": "websocket"}
        async with client.session.ws_connect(client.url, params=query) as new_way:
            if farewell:
                await new_way.send_str(farewell)
            if farewell == "2probe":
                assert await new_way.receive_str() == "3probe"
                await client.listener  # the poll was told to let go
        if farewell == "2probe":
            client.listener = asyncio.create_task(client._listen_polls())
        for _ in range(3):  # the first may still find the poll of before
            await feed.send([TOLD])
            assert await client.next(TOLD.event) == "0x12"

    talk(conversation, "polling")


def test_no_script_tag_reads_the_feed():
    """JSONP is the one way to read that needs no permission; the real service has none."""

    async def conversation(_, url):
        async with aiohttp.ClientSession() as session:
            query = {"EIO": "4", "transport": "polling", "j": "0"}
            async with session.get(f"{url}/ws/", params=query) as response:
                assert (response.status, await response.json()) == (
                    400,
                    {"code": 3, "message": "Bad request"},
                )

    talk(conversation)


def test_the_end_does_not_wait_for_clients():
    async def main():
        async with served() as (feed, url):
            async with Client(url, "polling") as poller, Client(url, "websocket") as listener:
                await poller.join("orders")
                await listener.join("orders")
                began = time.monotonic()
                await feed.close()
                assert await poller.packet() == await listener.packet() == "closed"
            assert time.monotonic() - began < 1
            assert not feed._sessions
            going_on = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
            assert not [name for name in going_on if name.startswith("Async")]  # the library's

    asyncio.run(main())


@TRANSPORTS
def test_the_library_has_a_client_that_understands_us(transport):
    async def conversation(feed, url):
        client = socketio.AsyncClient()
        heard = asyncio.Queue()
        client.on(TOLD.event, heard.put)
        await client.connect(url, socketio_path="ws", transports=[transport])
        assert await client.call("join", {"chainId": 65535, "topic": "orders"}) is True
        await feed.send([TOLD])
        assert await heard.get() == json.loads(TOLD.payload)
        await client.disconnect()

    talk(conversation)
