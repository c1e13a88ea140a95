from __future__ import annotations

import asyncio
import itertools
import json
import socket
from urllib.parse import urlsplit

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.sandbox.control import request
from iexec_lab.sandbox.services.callers import _ORIGIN
from iexec_lab.sandbox.state.registry import SERVICES

PAGE = "http://localhost:8888"
HERE = "127.0.0.1:{port}"
HOSTS_OF_OURS = [HERE, "localhost:{port}", "[::1]:{port}", "LOCALHOST:{port}"]
HOSTS_OF_STRANGERS = [
    "evil.example:{port}",
    "evil.example",
    "127.0.0.1",
    "localhost",
    "127.0.0.1:{other}",
    "localhost:{other}",
    "localhost.:{port}",
    "127.0.0.1.:{port}",
    "localhost.evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "evil.example@127.0.0.1:{port}",
    "127.0.0.1:{port}@evil.example",
    "127.0.0.1:{port}, evil.example",
    "127.0.0.1:{port}#evil.example",
    "127.0.0.1:{port}/evil.example",
    "127.0.0.1:0{port}0",
    "0.0.0.0:{port}",
    "127.1:{port}",
    "2130706433:{port}",
    "[::]:{port}",
    "::1:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "xlocalhost:{port}",
    "",
]
ORIGINS_OF_OURS = [
    PAGE,
    "https://localhost",
    "http://127.0.0.1:{port}",
    "https://127.0.0.1:1",
    "http://[::1]:3000",
    "HTTP://LOCALHOST:3000",
]
ORIGINS_OF_STRANGERS = [
    "null",
    "https://evil.example",
    "http://evil.example:{port}",
    "http://localhost.evil.example",
    "http://localhost.",
    "http://127.0.0.1.evil.example:{port}",
    "http://localhost@evil.example",
    "http://evil.example@localhost:80@x",
    "http://evil.example/http://localhost",
    "http://evil.example#localhost",
    "http://localhost:3000 http://evil.example",
    "http://localhost:3000,http://evil.example",
    "http://localhost:99999999",
    "file://",
    "chrome-extension://localhost",
    "ftp://localhost",
    "localhost:3000",
    "http://0.0.0.0:{port}",
    "http://192.168.0.1",
    "http://xlocalhost",
    "//localhost",
    "",
]
UPGRADE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]
PREFLIGHT = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type")]
FEED = "/ws/?EIO=4&transport="
WAYS = {
    "get": ("GET", "/", []),
    "post": ("POST", "/", [("Content-Type", "text/plain"), ("Content-Length", "0")]),
    "preflight": ("OPTIONS", "/", PREFLIGHT),
    "websocket": ("GET", "/", UPGRADE),
    "head": ("HEAD", "/", []),
}
FEEDS = {"polling": ("GET", FEED + "polling", []), "feed": ("GET", FEED + "websocket", UPGRADE)}
PLACES = [*itertools.product(SERVICES, WAYS), *itertools.product(["market"], FEEDS)]


@pytest.fixture(scope="module")
def urls(iexec_sandbox):
    return iexec_sandbox.urls


def ask(url, way, headers, version="1.1"):
    """Status and head of the answer to exactly these headers."""
    method, path, more = {**WAYS, **FEEDS}[way]
    return send(url, method, path, [*headers, *more], version=version)


def send(url, method, path, headers, body="", version="1.1"):
    port = urlsplit(url).port
    lines = [f"{method} {path} HTTP/{version}"]
    lines += [f"{name}: {value.format(port=port, other=port + 1)}" for name, value in headers]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(("\r\n".join([*lines, "", ""]) + body).encode())
        with connection.makefile("rb") as answer:
            head = list(iter(lambda: answer.readline().strip().decode(), ""))
    names = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
    return int(head[0].split()[1]), names


@pytest.mark.parametrize(("service", "way"), PLACES)
def test_only_our_own_host_names_are_answered(urls, service, way):
    for host in HOSTS_OF_OURS:
        assert ask(urls[service], way, [("Host", host)])[0] != 403, host
    for host in HOSTS_OF_STRANGERS:
        assert ask(urls[service], way, [("Host", host)])[0] in {400, 403}, host


@pytest.mark.parametrize(("service", "way"), PLACES)
def test_a_request_names_one_host(urls, service, way):
    for hosts in (["evil.example", HERE], [HERE, "evil.example"], [HERE, HERE]):
        assert ask(urls[service], way, [("Host", host) for host in hosts])[0] in {400, 403}
    assert ask(urls[service], way, [], "1.0")[0] == 403
    assert ask(urls[service], way, [], "1.1")[0] in {400, 403}


@pytest.mark.parametrize(("service", "way"), PLACES)
def test_only_pages_of_this_machine_are_answered_and_may_read(urls, service, way):
    here = ("Host", HERE)
    for origin in ORIGINS_OF_OURS:
        status, headers = ask(urls[service], way, [here, ("Origin", origin)])
        assert status != 403, origin
        assert headers["access-control-allow-origin"] == origin.format(port=urlsplit(urls[service]).port)
        assert "origin" in headers["vary"].lower()
    for origin in ORIGINS_OF_STRANGERS:
        status, headers = ask(urls[service], way, [here, ("Origin", origin)])
        assert status == 403, origin
        assert not [name for name in headers if name.startswith("access-control-allow")]
    for twice in ([PAGE, "https://evil.example"], ["https://evil.example", PAGE]):
        assert ask(urls[service], way, [here, *(("Origin", one) for one in twice)])[0] in {400, 403}


@pytest.mark.parametrize(("service", "way"), PLACES)
def test_programs_send_no_origin_and_are_marked_for_no_page(urls, service, way):
    status, headers = ask(urls[service], way, [("Host", HERE)])
    assert status != 403
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("tells", "passes"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "https://localhost.evil.example/"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "http://evil.example/http://localhost/"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Referer": PAGE + "/lab"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, True),
    ],
)
def test_what_a_foreign_page_embeds_is_not_sent(urls, service, tells, passes):
    status, _ = ask(urls[service], "get", [("Host", HERE), *tells.items()])
    assert (status != 403) is passes


def test_of_two_words_on_the_site_none_is_believed(urls):
    for sites in (("none", "cross-site"), ("cross-site", "none")):
        heads = [("Host", HERE), *(("Sec-Fetch-Site", site) for site in sites)]
        assert ask(urls["market"], "get", heads)[0] == 403


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_is_a_proxy(urls, service):
    for target in ("http://evil.example/", "http://127.0.0.1/", "//evil.example/"):
        status, headers = send(
            urls[service], "GET", target, [("Host", HERE), ("Origin", "http://evil.example")]
        )
        assert status in {400, 403}
        assert "access-control-allow-origin" not in headers
    assert send(urls[service], "GET", "http://evil.example/", [("Host", HERE)])[0] in {400, 403}


CHANGES = {
    "anvil_setBalance": ["0x00000000000000000000000000000000000000aa", "0x10"],
    "hardhat_setBalance": ["0x00000000000000000000000000000000000000aa", "0x10"],
    "sandbox_fund": ["0x00000000000000000000000000000000000000aa", "0x0", "0x10"],
    "evm_mine": [],
    "evm_increaseTime": [5],
    "anvil_impersonateAccount": ["0x00000000000000000000000000000000000000aa"],
    "sandbox_forward": [5],
}


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded"])
def test_a_foreign_page_changes_nothing(urls, method, kind):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": CHANGES[method]})
    before = world(urls["rpc"])
    headers = [("Host", HERE), ("Content-Type", kind), ("Content-Length", str(len(body)))]
    for origin in ("https://evil.example", "null"):
        assert send(urls["rpc"], "POST", "/", [*headers, ("Origin", origin)], body)[0] == 403
    assert send(urls["rpc"], "POST", "/", [("Host", "evil.example"), *headers[1:]], body)[0] == 403
    assert world(urls["rpc"]) == before


def world(url):
    block = request(url, "eth_getBlockByNumber", "latest", False)
    return block["hash"], request(url, "eth_getBalance", CHANGES["anvil_setBalance"][0], "latest")


def test_a_page_of_this_machine_uses_node_and_feed(urls):
    async def main():
        async with aiohttp.ClientSession(headers={"Origin": PAGE}) as session:
            async with session.ws_connect(urls["rpc"]) as node:
                await node.send_json({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"})
                answer = await node.receive_json()
            async with session.ws_connect(f"{urls['market']}{FEED}websocket") as feed:
                return answer["result"], (await feed.receive_str())[:7]

    assert asyncio.run(main()) == ("0xffff", '0{"sid"')


@given(st.from_regex(r"https?://[^/]{0,9}(localhost|127\.0\.0\.1|\[::1\]).{0,9}", fullmatch=True))
def test_what_is_taken_for_an_origin_of_ours_is_one(text):
    if _ORIGIN.fullmatch(text):
        parts = urlsplit(text)
        assert parts.hostname in {"localhost", "127.0.0.1", "::1"}
        assert (parts.username, parts.path, parts.query, parts.fragment) == (None, "", "", "")
        assert text.isascii()
