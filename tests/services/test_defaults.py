"""What a service does unless it is told otherwise."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.faulty_server import FaultyServer, Reply, json_reply, status

from iexec_lab.errors import ConfigurationError, IexecError, MarketError
from iexec_lab.services import http
from iexec_lab.services.compass import Compass
from iexec_lab.services.http import Http
from iexec_lab.services.ipfs import Ipfs
from iexec_lab.services.market import Market
from iexec_lab.services.result_proxy import ResultProxy
from iexec_lab.services.sms import Sms
from iexec_lab.services.subgraph import Subgraph, VoucherSubgraph
from iexec_lab.services.workerpool import WorkerpoolApi

URL = "http://127.0.0.1:1"
APP = "0x" + "12" * 20
CID = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
SERVICES = (
    lambda **options: Compass(URL, **options),
    lambda **options: Ipfs(URL, URL, **options),
    lambda **options: Market(URL, 134, **options),
    lambda **options: ResultProxy(URL, **options),
    lambda **options: Sms(URL, **options),
    lambda **options: Subgraph(URL, **options),
    lambda **options: VoucherSubgraph(URL, **options),
    lambda **options: WorkerpoolApi(URL, **options),
)


def doors(service):
    return [value for value in vars(service).values() if isinstance(value, Http)]


@pytest.mark.parametrize("make", SERVICES, ids=lambda make: type(make()).__name__)
def test_seconds_for_one_call(make):
    for options, seconds in (({}, 30), ({"timeout": 7}, 7)):
        found = doors(make(**options))
        assert found
        assert {door.timeout for door in found} == {seconds}


def test_retries_and_sizes():
    door = Http(URL, MarketError)
    assert (door.timeout, door.retries, door.max_bytes) == (30, http.RETRIES, http.MAX_ANSWER)
    door = Http(URL, MarketError, timeout=1, retries=0, max_bytes=5)
    assert (door.timeout, door.retries, door.max_bytes) == (1, 0, 5)


@pytest.mark.parametrize("user", ["me:hunter2@", "me@", "me:@", ":hunter2@"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_holds_no_user(user, scheme):
    with pytest.raises(ConfigurationError, match="must not hold a user name or password") as caught:
        Http(f"{scheme}://{user}127.0.0.1:1", MarketError)
    assert caught.value.message == "Market API url must not hold a user name or password"
    Http(f"{scheme}://127.0.0.1:1", MarketError)


@pytest.mark.parametrize("safe", [None, False, True])
def test_what_changes_something_is_sent_once(safe):
    """Unless the caller says that doing it twice changes nothing more."""
    options = {} if safe is None else {"safe": safe}
    with FaultyServer(answer=lambda _request: json_reply({"ok": True})) as server:
        server.plan(status(502))
        door = Http(server.url, MarketError, timeout=5)
        if safe:
            assert door.send_json("POST", "/x", None, {}, **options) == {"ok": True}
        else:
            with pytest.raises(MarketError):
                door.send_json("POST", "/x", None, {}, **options)
        assert len(server.requests) == (2 if safe else 1)


def test_orders_and_deals_are_listed_from_the_start():
    with FaultyServer(
        answer=lambda _request: json_reply({"ok": True, "count": 0, "orders": [], "deals": []})
    ) as server:
        market = Market(server.url, 134)
        for ask in (lambda **more: market.orderbook("apporder", app=APP, **more), market.deals):
            for options, page, size in (({}, 0, 20), ({"page": 3, "page_size": 50}, 3, 50)):
                server.requests.clear()
                assert ask(**options).count == 0
                [request] = server.requests
                asked = parse_qs(urlsplit(request.path).query)
                assert (asked["pageIndex"], asked["pageSize"]) == ([str(page)], [str(size)])


@pytest.mark.parametrize("check", [None, True, False])
def test_an_upload_is_looked_for_at_the_gateway(check):
    options = {} if check is None else {"check": check}

    def answer(request):
        if request.method == "POST":
            return Reply(200, f'{{"Name":"x","Hash":"{CID}","Size":"1"}}\n'.encode())
        return Reply(404, b"")

    with FaultyServer(answer=answer) as server:
        store = Ipfs(server.url, server.url, timeout=0.5)
        if check is False:
            assert store.add(b"x", **options) == CID
        else:
            with pytest.raises(IexecError, match=f"Failed to load uploaded file at {server.url}/ipfs/{CID}"):
                store.add(b"x", **options)
        asked = [request.method for request in server.requests]
        assert (set(asked) == {"POST"}) is (check is False)
