from __future__ import annotations

import pytest

from iexec_lab import connect
from iexec_lab.errors import IexecError, ValidationError
from iexec_lab.frames import build
from iexec_lab.notebook.plots import depth
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32

pytestmark = pytest.mark.slow  # altair alone takes seconds


def book(kind, price, *offers):
    return build(
        kind,
        [
            {
                "orderHash": NULL_BYTES32,
                "order": {price: nrlc, "volume": remaining, "tag": NULL_BYTES32, "app": NULL_ADDRESS},
                "remaining": remaining,
                "status": "open",
            }
            for nrlc, remaining in offers
        ],
    )


def steps(chart):
    (drawn,) = chart.to_dict()["datasets"].values()
    return drawn


def points(chart):
    return [(step["price"], step["exact tasks"]) for step in steps(chart)]


def test_what_is_sold_up_to_a_price():
    apps = book("apporder", "appprice", (2 * 10**9, 5), (10**8, 3), (0, 2**53 - 1))
    chart = depth(apps)
    assert points(chart) == [(0.0, str(2**53 - 1)), (0.1, str(2**53 + 2)), (2.0, str(2**53 + 7))]
    assert chart.to_dict()["mark"]["interpolate"] == "step-after"


def test_what_is_asked_for_down_to_a_price():
    requests = book("requestorder", "workerpoolmaxprice", (10**8, 3), (10**9, 1))
    assert points(depth(requests)) == [(1.0, "1"), (0.1, "4")]


def test_books_over_each_other():
    pools = book("workerpoolorder", "workerpoolprice", (1, 1))
    requests = book("requestorder", "workerpoolmaxprice", (2, 1))
    drawn = steps(depth(pools, requests))
    assert [step["book"] for step in drawn] == ["workerpoolorder", "requestorder"]
    assert [step["exact price"] for step in drawn] == ["0.000000001", "0.000000002"]


def test_a_market_with_orders(iexec_sandbox):
    lab = connect(iexec_sandbox)
    pools = lab.orderbook.workerpool(category=0)
    assert points(depth(pools))[-1][1] == str(sum(pools["remaining"]))


def test_an_empty_book():
    assert points(depth(book("datasetorder", "datasetprice"))) == []


def test_another_frame():
    with pytest.raises(ValidationError, match="depth draws orderbooks"):
        depth(build("deal", []))


def test_without_altair(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "altair", None)
    with pytest.raises(IexecError, match="needs altair") as caught:
        depth()
    assert caught.value.hint == "Run: pip install altair"
