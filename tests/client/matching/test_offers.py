from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace

from helpers.stranger import ANSWERS

from iexec_lab.client.matching.offers import read_book
from iexec_lab.services.market import OrderPage


def test_offers_about_something_else_are_not_taken():
    [asked] = ANSWERS["apporders"]["orders"]
    another = deepcopy(asked)
    another["order"]["app"] = "0x" + "11" * 20
    page = OrderPage(2, [another, asked], has_more=False)
    session = SimpleNamespace(market=SimpleNamespace(orderbook_all=lambda *_args, **_filters: page))
    [offer] = read_book(session, "apporder", app=asked["order"]["app"], requester=None)
    assert offer.app == asked["order"]["app"]
    assert len(read_book(session, "apporder")) == 2
