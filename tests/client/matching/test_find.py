"""Deals for many tasks: nothing is promised twice. The chain's answers are given; the rest is real."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.client.matching import find
from iexec_lab.client.matching.cheapest import Wish
from iexec_lab.client.matching.check import Match, stake_of
from iexec_lab.client.matching.find import fill
from iexec_lab.client.matching.offers import Offers, Survey
from iexec_lab.protocol import AppOrder, RequestOrder, WorkerpoolOrder

APP, POOL, OTHER = (f"0x{digit * 40}" for digit in "123")
STAKE = 40


def app(number, price, volume):
    return AppOrder(app=APP, appprice=price, volume=volume, salt=f"0x{number:064x}", signature="0x")


def pool(number, price, volume, address):
    return WorkerpoolOrder(
        workerpool=address,
        workerpoolprice=price,
        volume=volume,
        salt=f"0x{100 + number:064x}",
        signature="0x",
        category=0,
        trust=0,
    )


@pytest.fixture(autouse=True)
def chain(monkeypatch):
    """A chain on which nothing is consumed, and every owner of a workerpool has ``STAKE`` nRLC."""

    def room(_session, match):
        each = stake_of(match.workerpool)
        stake = match.workerpool.volume if each == 0 else STAKE // each
        return {"stake": stake} | {order.kind: order.volume for order in match.used}

    def to_match(_session, _request, choice, volume):
        request = RequestOrder(
            app=APP, requester=APP, beneficiary=APP, category=0, volume=volume, params="{}"
        )
        return Match(choice.app, choice.workerpool, request, choice.dataset)

    monkeypatch.setattr(find, "check_room", room)
    monkeypatch.setattr(find, "to_match", to_match)


def filled(apps, pools, volume):
    survey = Survey(Offers(apps, [], pools), Wish(), ())
    return fill(None, SimpleNamespace(volume=volume, bulk=None), survey, tries=100)


def test_an_app_order_is_not_counted_for_two_deals():
    apps = [app(1, 1, 2), app(2, 5, 10)]
    found = filled(apps, [pool(1, 10, 100, POOL), pool(2, 20, 100, OTHER)], 6)
    assert [(match.app, match.workerpool.workerpool, tasks) for match, tasks in found.matches] == [
        (apps[0], POOL, 2),
        (apps[1], POOL, 4),
    ]


SIZES = st.integers(1, 5)
ORDERS = st.lists(st.tuples(st.integers(0, 12), SIZES), max_size=5)
POOLS = st.lists(
    st.tuples(st.sampled_from([0, 3, 10, 40]), SIZES, st.sampled_from([POOL, OTHER])), max_size=5
)


@given(ORDERS, POOLS, st.integers(1, 20))
def test_no_order_and_no_stake_is_promised_twice(apps, pools, volume):
    found = filled(
        [app(number, *values) for number, values in enumerate(apps)],
        [pool(number, *values) for number, values in enumerate(pools)],
        volume,
    )
    assert sum(tasks for _, tasks in found.matches) + found.left == volume
    taken, locked = {}, {}
    for match, tasks in found.matches:
        assert tasks > 0
        for order in (match.app, match.workerpool):
            taken[order] = taken.get(order, 0) + tasks
        place = match.workerpool.workerpool
        locked[place] = locked.get(place, 0) + tasks * stake_of(match.workerpool)
    assert all(tasks <= order.volume for order, tasks in taken.items())
    assert all(nrlc <= STAKE for nrlc in locked.values())
    if found.left:
        free_apps = sum(size for _, size in apps) - sum(tasks for _, tasks in found.matches)
        open_pools = [
            order
            for number, values in enumerate(pools)
            for order in [pool(number, *values)]
            if taken.get(order, 0) < order.volume
            and locked.get(order.workerpool, 0) + 2 * stake_of(order) <= STAKE  # as it is rounded
        ]
        assert not (free_apps and open_pools)
