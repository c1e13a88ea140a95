from __future__ import annotations

import json
import threading
from contextlib import suppress
from copy import deepcopy
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.faulty_server import FaultyServer, garbage, json_reply, status
from helpers.mutated import mutated
from helpers.replay import CHALLENGE, assert_same_calls, gate_of, recorder, vectors
from helpers.stranger import ANSWERS, CHAIN_ID, Stranger
from helpers.stranger import KINDS as ORDER_KINDS
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ApiError, IexecError, MarketError, ValidationError
from iexec_lab.frames import build
from iexec_lab.services.market import Market
from iexec_lab.services.pages import TOGETHER

APP = "0x1111111111111111111111111111111111111111"
HASH = "0x" + "ab" * 32
ANY = {"apporder": {"app": "any"}, "datasetorder": {"dataset": "any"}}
STUB = {
    "ok": True,
    "count": 0,
    "orders": [],
    "deals": [],
    "published": {"orderHash": HASH},
    "unpublished": ["0x" + "cd" * 32],
    **{name: value for name, value in ANSWERS["workerpoolorder"].items() if name != "chainId"},
    "data": CHALLENGE,
}
KINDS = {
    "app": "apporder",
    "dataset": "datasetorder",
    "workerpool": "workerpoolorder",
    "request": "requestorder",
}
NAMES = {
    "appOwner": "app_owner",
    "datasetOwner": "dataset_owner",
    "workerpoolOwner": "workerpool_owner",
    "minTag": "min_tag",
    "maxTag": "max_tag",
    "minVolume": "min_volume",
    "minTrust": "min_trust",
    "maxTrust": "max_trust",
    "pageSize": "page_size",
    "bulkOnly": "bulk_only",
    "isAppStrict": "app_strict",
    "isDatasetStrict": "dataset_strict",
    "isWorkerpoolStrict": "workerpool_strict",
    "isRequesterStrict": "requester_strict",
}


@pytest.fixture
def stub():
    with recorder(lambda _: STUB) as server:
        yield server


@pytest.fixture(scope="module")
def stranger():
    with Stranger() as server:
        yield server


@pytest.mark.parametrize("vector", vectors("http-orderbook"))
def test_the_order_book_is_asked_as_by_the_official_sdk(vector, stub):
    kind = KINDS[vector["id"].rpartition("/")[2].partition("-")[0]]
    options = {NAMES.get(name, name): value for name, value in vector["input"]["options"].items()}
    market = Market(stub.url, 134)
    result = vector["expected"]["result"]
    if "error" in result:
        with pytest.raises(ValidationError) as caught:
            market.orderbook(kind, **options)
        assert caught.value.message == result["error"]["message"]
        assert stub.requests == []
        return
    page = market.orderbook(kind, **options)
    assert (page.count, page.orders, page.has_more) == (0, [], False)
    assert_same_calls(stub.requests, vector["expected"]["requests"])


def test_an_order_is_published_as_by_the_official_sdk(stub):
    [vector] = [v.values[0] for v in vectors("http-market") if v.id.startswith("publish-apporder")]
    given = vector["input"]
    market, gate = Market(stub.url, 134), gate_of(given["privateKey"])
    token = market.log_in(gate)
    assert market.publish("apporder", given["args"][0], token) == vector["expected"]["result"]
    assert_same_calls(stub.requests, vector["expected"]["requests"])


@pytest.mark.parametrize(
    ("name", "kind", "how"),
    [
        ("unpublish-apporder-hash", "apporder", {"order_hash": HASH.upper().replace("X", "x")}),
        ("unpublish-last-dataset", "datasetorder", {"resource": "0x" + "22" * 20}),
        (
            "unpublish-all-workerpool",
            "workerpoolorder",
            {"resource": "0x" + "33" * 20, "target": "unpublish_all"},
        ),
    ],
)
def test_orders_are_unpublished_as_by_the_official_sdk(name, kind, how, stub):
    [vector] = [v.values[0] for v in vectors("http-market") if v.id == name]
    market, gate = Market(stub.url, 134), gate_of(vector["input"]["privateKey"])
    token = market.log_in(gate)
    assert market.unpublish(kind, token, **how) == ["0x" + "cd" * 32]
    assert_same_calls(stub.requests, vector["expected"]["requests"])


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("deals-by-hash", lambda market: market.deals(requestorder_hash=HASH)),
        ("fetch-by-hash", lambda market: market.order("workerpoolorder", HASH.upper().replace("X", "x"))),
        (
            "requester-deals",
            lambda market: market.deals(
                requester="0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", app=APP, page=1, page_size=10
            ),
        ),
    ],
)
def test_deals_and_single_orders_are_asked_as_by_the_official_sdk(name, ask, stub):
    [vector] = [v.values[0] for v in vectors("http-market") if v.id == name]
    ask(Market(stub.url, 134))
    assert_same_calls(stub.requests, vector["expected"]["requests"])


def entry(number):
    told = ANSWERS["apporders"]["orders"][0]
    return {**told, "order": {**told["order"], "appprice": number}, "orderHash": f"0x{number:064x}"}


class Book:
    """A list of ``count`` orders; each page waits until ``together`` pages are asked for at once."""

    def __init__(self, count, together=1):
        self.orders = [entry(number) for number in range(count)]
        self.gate = threading.Barrier(together) if together > 1 else None
        self.sizes = []

    def __call__(self, request):
        query = parse_qs(urlsplit(request.path).query)
        size, page = int(query["pageSize"][0]), int(query["pageIndex"][0])
        self.sizes.append(size)
        if page and self.gate:
            self.gate.wait(120)
        part = self.orders[size * page : size * (page + 1)]
        answer = {"ok": True, "count": len(self.orders), "orders": part}
        if len(part) == size:
            answer["nextPage"] = size * (page + 1)
        return json_reply(answer)


def test_all_pages_are_fetched_side_by_side():
    book = Book(8500, together=8)
    with FaultyServer(answer=book) as server:
        page = Market(server.url, CHAIN_ID).orderbook_all("apporder", app="any")
    assert page.orders == book.orders
    assert (page.count, page.has_more) == (8500, False)
    assert book.sizes == [1000] * 9


@pytest.mark.parametrize(
    ("limit", "pages"), [(1, 1), (10, 1), (999, 1), (1000, 1), (1001, 2), (2500, 3), (9999, 3)]
)
def test_a_limit_takes_the_first_orders(limit, pages):
    book = Book(2600)
    with FaultyServer(answer=book) as server:
        page = Market(server.url, CHAIN_ID).orderbook_all("apporder", app="any", limit=limit)
    assert page.orders == book.orders[:limit]
    assert page.has_more == (limit < 2600)
    assert len(book.sizes) == pages


def test_an_order_that_moves_to_the_next_page_is_told_once():
    def answer(request):
        page = int(parse_qs(urlsplit(request.path).query)["pageIndex"][0])
        shown = range(1000) if page == 0 else range(999, 1500)
        return json_reply({"ok": True, "count": 1501, "orders": [entry(number) for number in shown]})

    with FaultyServer(answer=answer) as server:
        page = Market(server.url, CHAIN_ID).orderbook_all("apporder", app="any")
    assert page.orders == [entry(number) for number in range(1500)]


def test_a_page_that_fails_fails_the_whole_list():
    book = Book(5000)
    with FaultyServer(answer=book) as server:
        server.plan(lambda exchange: exchange.send(exchange.forward()), status(500))
        with pytest.raises(MarketError, match="encountered an internal error"):
            Market(server.url, CHAIN_ID).orderbook_all("apporder", app="any")


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "[]",
        "7",
        '{"ok": false}',
        '{"ok": true}',
        '{"ok": true, "count": "x", "orders": []}',
        '{"ok": true, "count": 1, "orders": {}}',
        '{"ok": true, "count": 1, "orders": [1]}',
    ],
)
def test_an_answer_of_another_shape_is_an_error(body):
    with FaultyServer(always=garbage(body)) as server:
        market = Market(server.url, 134)
        with pytest.raises(ApiError, match="An error occurred while getting orderbook"):
            market.orderbook("workerpoolorder")
        with pytest.raises(ApiError, match="An error occurred while getting deals"):
            market.deals()
        with pytest.raises(ApiError, match="An error occurred while publishing order"):
            market.publish("apporder", {}, "token")
        with pytest.raises(ApiError, match="An error occurred while unpublishing order"):
            market.unpublish("apporder", "token", order_hash=HASH)


def test_the_markets_own_words_come_through():
    def answer(_request):
        return json_reply({"ok": False, "error": "apporder not found"}, 404)

    with FaultyServer(answer=answer) as server, pytest.raises(ApiError) as caught:
        Market(server.url, 134).order("apporder", HASH)
    assert caught.value.message == "API error: apporder not found"
    assert (caught.value.status, caught.value.url) == (404, server.url)


@pytest.mark.parametrize(
    ("kind", "filters", "message"),
    [
        ("apporder", {"app": "nobody"}, "nobody is not a valid ethereum address"),
        ("apporder", {"app": APP, "min_trust": 1}, "apporders have no filter min_trust"),
        ("datasetorder", {}, "dataset or datasetOwner is required"),
        ("datasetorder", {"dataset_owner": APP, "bulk_only": "yes"}, "must be True or False"),
        ("workerpoolorder", {"category": -1}, "-1 is not a valid uint256"),
        ("workerpoolorder", {"max_tag": "sgx"}, "sgx is not a valid tag"),
        ("cookieorder", {}, "cookieorder is not a kind of order"),
    ],
)
def test_a_wrong_filter_is_refused_before_any_call(kind, filters, message, stub):
    with pytest.raises(ValidationError) as caught:
        Market(stub.url, 134).orderbook(kind, **filters)
    assert caught.value.message.startswith(message)
    assert stub.requests == []


def test_a_filter_of_none_or_of_no_effect_is_not_sent(stub):
    Market(stub.url, 134).orderbook(
        "workerpoolorder", min_trust=0, min_volume=0, category=None, workerpool="any"
    )
    query = parse_qs(urlsplit(stub.requests[0].path).query)
    assert query["workerpool"] == ["any"]
    assert not {"minTrust", "minVolume", "category"} & set(query)


def test_large_numbers_stay_exact():
    volume = 2**200 + 1
    [told, *_] = deepcopy(ANSWERS["workerpoolorders"]["orders"])
    told["order"]["volume"] = volume
    answer = json.dumps({"ok": True, "count": 1, "orders": [told]})
    with FaultyServer(always=garbage(answer)) as server:
        page = Market(server.url, CHAIN_ID).orderbook("workerpoolorder")
    assert page.orders[0]["order"]["volume"] == volume


def endless(query):
    """Full pages of new orders, for ever."""
    start, size = int(query["pageIndex"][0]) * 1000, int(query["pageSize"][0])
    return {"ok": True, "count": 10**12, "orders": [entry(start + number) for number in range(size)]}


def test_a_list_without_end_ends_with_the_time_of_the_call():
    with Stranger(endless) as market, pytest.raises(MarketError) as caught:
        Market(market.url, CHAIN_ID, timeout=1).orderbook_all("apporder", app="any")
    assert "within 1 seconds" in caught.value.message or "no whole answer in time" in str(
        caught.value.details
    )
    assert len(market.asked) < 1000


def test_a_list_without_end_is_read_as_far_as_it_is_wanted():
    with Stranger(endless) as market:
        page = Market(market.url, CHAIN_ID).orderbook_all("apporder", app="any", limit=2500)
        assert len(page.orders) == 2500
        assert page.count == 10**12
        assert len(market.asked) == 3


def test_a_list_of_too_many_bytes_is_refused(monkeypatch):
    monkeypatch.setattr("iexec_lab.services.market.MAX_LIST", 1 << 20)
    with Stranger(endless) as market, pytest.raises(MarketError, match="The list has more than 1 MB"):
        Market(market.url, CHAIN_ID).orderbook_all("apporder", app="any")


@pytest.mark.parametrize(
    ("rows", "pages"),
    [(lambda _: [], 1), (lambda _: [entry(1)], 1), (lambda _: [entry(n) for n in range(1000)], 2)],
    ids=["empty", "short", "the same again"],
)
def test_pages_are_read_while_they_bring_rows(rows, pages):
    def answer(query):
        return {"ok": True, "count": 10**12, "orders": rows(query)}

    with Stranger(answer) as market:
        page = Market(market.url, CHAIN_ID).orderbook_all("apporder", app="any")
        assert page.orders == rows(None)
        assert (page.count, page.has_more) == (len(page.orders), False)
        assert pages <= len(market.asked) <= pages + TOGETHER


@pytest.mark.parametrize("count", [-1, True, 1.0, 10**400, "3", None])
def test_a_count_that_is_none_is_an_error(count):
    with (
        Stranger({"ok": True, "count": count, "orders": [], "deals": []}) as market,
        pytest.raises(ApiError, match="An error occurred while getting deals"),
    ):
        Market(market.url, CHAIN_ID).deals_all()


def test_rows_that_are_no_orders_are_left_out_and_counted():
    good = [entry(1), entry(2)]
    bad = [None, 7, {}, {**entry(3), "orderHash": 3}, {**entry(4), "order": ANSWERS["workerpoolorder"]}]
    with Stranger({"ok": True, "count": 7, "orders": [*bad, *good]}) as market:
        one = Market(market.url, CHAIN_ID).orderbook("apporder", app="any")
        every = Market(market.url, CHAIN_ID).orderbook_all("apporder", app="any")
    for page in (one, every):
        assert (page.orders, page.left_out, page.count, page.has_more) == (good, 5, 7, False)


@pytest.mark.parametrize("kind", ORDER_KINDS)
@given(data=st.data())
def test_a_list_gives_orders_or_our_error(kind, data, stranger):
    answer = stranger.said = data.draw(mutated(ANSWERS[f"{kind}s"]))
    try:
        page = Market(stranger.url, CHAIN_ID).orderbook_all(kind, **ANY.get(kind, {}))
    except IexecError:
        return
    assert len(page.orders) + page.left_out <= len(answer["orders"])
    assert len(build(kind, page.orders)) == len(page.orders)


@given(answer=mutated(ANSWERS["deals"]))
def test_a_list_gives_deals_or_our_error(answer, stranger):
    stranger.said = answer
    try:
        page = Market(stranger.url, CHAIN_ID).deals_all()
    except IexecError:
        return
    assert len(page.deals) + page.left_out <= len(answer["deals"])
    assert len(build("deal", page.deals)) == len(page.deals)


@pytest.mark.parametrize("kind", ORDER_KINDS)
@given(data=st.data())
def test_a_single_order_is_one_or_our_error(kind, data, stranger):
    stranger.said = data.draw(mutated(ANSWERS[kind]))
    with suppress(IexecError):
        row = Market(stranger.url, CHAIN_ID).order(kind, HASH)
        assert len(build(kind, [row])) == 1


@given(answer=mutated({"ok": True, "published": {"orderHash": HASH}, "unpublished": [HASH, HASH]}))
def test_what_was_published_is_a_hash_or_our_error(answer, stranger):
    stranger.said = answer
    market = Market(stranger.url, CHAIN_ID)
    with suppress(IexecError):
        assert len(market.publish("apporder", {}, "token")) == 66
    with suppress(IexecError):
        assert {len(each) for each in market.unpublish("apporder", "token", resource=APP)} == {66}
