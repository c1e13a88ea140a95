"""What the order book does not list is told, without a market: the market's answer is played."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.client.nouns.orderbook import Orderbook, not_listed
from iexec_lab.errors import MarketError
from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.services.market import OrderPage

ME, X, Y = ("0x" + word * 20 for word in ("a1", "b2", "c3"))
REQUESTER = "restricted to a requester. --requester any lists them."
RESTRICTIONS = ("app", "dataset", "workerpool", "requester")


def row(number, **restricted):
    order = {f"{name}restrict": restricted.get(name, NULL_ADDRESS) for name in RESTRICTIONS}
    return {"orderHash": f"0x{number:064x}", "order": order}


def told(shown, everything, *, verb="dataset", count=None, fails=False, **filters):
    asked = []

    def orderbook(kind, **query):
        asked.append((kind, query))
        if fails:
            raise MarketError("no")
        return OrderPage(len(everything) if count is None else count, everything, has_more=False)

    session = SimpleNamespace(
        address=ME, network=SimpleNamespace(frameworks=()), market=SimpleNamespace(orderbook=orderbook)
    )
    text = not_listed(Orderbook(session), verb, X, filters, OrderPage(len(shown), shown, has_more=False))
    return text, asked


def test_restricted_orders_are_counted_and_the_options_named():
    text, [(kind, query)] = told(
        [row(1)], [row(1), row(2, app=X, requester=Y), row(3, app=Y)], app_owner=None
    )
    assert text == (
        "2 more orders are not listed: restricted to an app or a requester. "
        "--app any --requester any lists them."
    )
    assert kind == "datasetorder"
    assert (query["app"], query["workerpool"], query["requester"], query["dataset"]) == (
        "any",
        "any",
        "any",
        X,
    )
    assert query["page_size"] == 21


@pytest.mark.parametrize(
    ("filters", "order", "text"),
    [
        ({}, row(2, workerpool=X), "restricted to a workerpool. --workerpool any lists them."),
        ({"app": X}, row(2, app=Y), "restricted to an app. --app any lists them."),
        ({"app": X}, row(2, app=X, requester=Y), "restricted to a requester. --requester any lists them."),
        ({"app": X, "app_strict": True}, row(2), "open to every app. Leave out --app-strict."),
        (
            {},
            row(2, requester=ME),
            f"{REQUESTER} For this wallet: 1, with --requester {ME}.",
        ),
        (
            {"requester": ME, "app": "any"},
            row(2, requester=Y),
            "restricted to a requester. --requester any lists them.",
        ),
    ],
)
def test_why_an_order_is_not_listed(filters, order, text):
    assert told([], [order], **filters)[0] == f"1 more order is not listed: {text}"


@pytest.mark.parametrize("verb", ["app", "workerpool"])
def test_siblings(verb):
    text, _ = told([], [row(1, requester=Y)], verb=verb)
    assert text == "1 more order is not listed: restricted to a requester. --requester any lists them."


def test_requests_name_their_workerpool_themselves():
    order = {"orderHash": "0x" + "11" * 32, "order": {"workerpool": Y, "app": X, "requester": X}}
    text, [(_, query)] = told([], [order], verb="requester")
    assert text == "1 more order is not listed: restricted to a workerpool. --workerpool any lists them."
    assert query["app"] is None


def test_nothing_is_said_and_hardly_asked_where_nothing_is_hidden():
    text, asked = told([row(1)], [row(1)])
    assert (text, len(asked)) == (None, 1)
    many = [row(number) for number in range(10)]
    assert told(many, [*many, row(11, app=X)]) == (None, [])
    assert told([], [], fails=True)[0] is None


def test_more_than_were_looked_at():
    text, _ = told([], [], count=7)
    assert text == "7 more orders are not listed."
