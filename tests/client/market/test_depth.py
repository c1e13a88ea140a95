from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.client.market.depth import best, fill, grouping, levels, offers, spread
from iexec_lab.errors import ValidationError
from iexec_lab.frames import build

HUGE = 2**256 - 1
TAGS = [f"0x{bits:064x}" for bits in (0, 9, 0x100)]
KINDS = {
    "apporder": ("app", "appprice"),
    "datasetorder": ("dataset", "datasetprice"),
    "workerpoolorder": ("workerpool", "workerpoolprice"),
    "requestorder": ("requester", "workerpoolmaxprice"),
}


def row(number, price, left, category=0, tag=TAGS[0], kind="workerpoolorder", asset=1):
    name, priced = KINDS[kind]
    order = {name: f"0x{asset:040x}", priced: price, "tag": tag}
    if kind in {"workerpoolorder", "requestorder"}:
        order |= {"category": category, "trust": 0}
    return {"order": order, "orderHash": f"0x{number:064x}", "remaining": left}


def books(kind):
    entry = st.tuples(
        st.sampled_from([0, 1, 2, 5, HUGE, "7"]),
        st.sampled_from([0, 1, 3, 2**70, "4"]),
        st.integers(0, 2),
        st.sampled_from(TAGS),
        st.integers(1, 3),
    )
    return st.lists(entry, max_size=12).map(
        lambda found: [
            row(number, price, left, category, tag, kind, asset)
            for number, (price, left, category, tag, asset) in enumerate(found)
        ]
    )


def price_of(entry, kind):
    return int(entry["order"][KINDS[kind][1]])


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_levels_are_what_a_sum_over_all_orders_says(kind, data):
    rows = data.draw(books(kind))
    found = list(levels(offers(kind, rows)))
    frame = build("depth_level", found)
    sign = -1 if kind == "requestorder" else 1
    by_category = kind in {"workerpoolorder", "requestorder"}
    good = "category" if by_category else KINDS[kind][0]
    goods = {entry["order"][good] for entry in rows if int(entry["remaining"])}
    for value in goods:
        mine = [entry for entry in rows if entry["order"][good] == value and int(entry["remaining"])]
        prices = sorted({price_of(entry, kind) for entry in mine}, key=lambda price: sign * price)
        part = [level for level in found if level["category" if by_category else "asset"] == value]
        assert [level["price"] for level in part] == prices
        for level in part:
            same = [entry for entry in mine if price_of(entry, kind) == level["price"]]
            upto = [entry for entry in mine if sign * price_of(entry, kind) <= sign * level["price"]]
            assert level["orders"] == len(same)
            assert level["volume"] == sum(int(entry["remaining"]) for entry in same)
            assert level["cumulated"] == sum(int(entry["remaining"]) for entry in upto)
            assert level["side"] == ("bid" if sign < 0 else "ask")
    assert len(frame) == len(found)
    assert list(frame["price_nrlc"]) == [level["price"] for level in found]
    assert list(frame["cumulated"]) == [level["cumulated"] for level in found]


@given(books("workerpoolorder"), st.integers(1, 2**71))
def test_a_fill_takes_the_cheapest_first_and_no_task_twice(rows, volume):
    held = offers("workerpoolorder", rows)
    found, left = fill(held, volume)
    every = sorted((price_of(entry, "workerpoolorder"), int(entry["remaining"])) for entry in rows)
    wanted, cost = volume, 0
    for price, room in every:
        taken = min(wanted, room)
        wanted -= taken
        cost += taken * price
    assert left == wanted
    done = volume - left
    assert sum(each["taken"] for each in found) == done
    assert sum(each["cost"] for each in found) == cost
    if found:
        last = found[-1]
        assert (last["cumulated"], last["cumulatedCost"], last["unfilled"]) == (done, cost, left)
        assert last["average"] == pytest.approx(float(Fraction(cost, done * 10**9)))
        prices = [each["price"] for each in found]
        assert prices == sorted(prices)
    frame = build("fill", found)
    assert list(frame["cost_nrlc"]) == [each["cost"] for each in found]


def test_equal_prices_take_what_asks_for_the_least_then_the_first():
    rows = [row(1, 5, 1, tag=TAGS[1]), row(2, 5, 1), row(3, 5, 1), row(4, 4, 1, tag=TAGS[1])]
    found, _ = fill(offers("workerpoolorder", rows), 10)
    assert [int(each["orderHash"], 16) for each in found] == [4, 2, 3, 1]


def test_the_best_of_each_group():
    rows = [row(1, 5, 2), row(2, 3, 1), row(3, 3, 4, tag=TAGS[1]), row(4, 9, 1, category=2, asset=2)]
    held = offers("workerpoolorder", rows)
    found = list(best(held, grouping("workerpoolorder", None)))
    assert [(each["category"], each["price"], each["volume"], each["orders"]) for each in found] == [
        (0, 3, 3, 2),
        (0, 3, 4, 1),
        (2, 9, 1, 1),
    ]
    assert [each["price"] for each in best(held, grouping("workerpoolorder", "asset"))] == [3, 9]
    assert [each["price"] for each in best(held, grouping("workerpoolorder", ["category"]))] == [3, 9]
    bids = [row(number, price, 1, kind="requestorder") for number, price in enumerate((5, 9, 7))]
    [top] = best(offers("requestorder", bids), ("category",))
    assert (top["price"], top["side"], top["volume"]) == (9, "bid", 3)
    assert list(build("best_order", found)["tag"])[:2] == ["", "tee,tdx"]


@pytest.mark.parametrize(
    ("kind", "by"), [("apporder", "category"), ("workerpoolorder", "price"), ("workerpoolorder", [])]
)
def test_what_orders_are_not_told_apart_by(kind, by):
    with pytest.raises(ValidationError, match="are not told apart by"):
        grouping(kind, by)


def test_the_spread_is_exact_and_may_be_negative():
    asks = offers("workerpoolorder", [row(1, HUGE, 1), row(2, HUGE - 1, 3), row(3, 4, 1, category=1)])
    bids = [row(4, HUGE, 2, kind="requestorder"), row(5, 7, 1, category=2, kind="requestorder")]
    frame = build("spread", list(spread(asks, offers("requestorder", bids))))
    assert list(frame["category"]) == [0, 1, 2]
    first = frame.iloc[0]
    assert (first["ask_nrlc"], first["bid_nrlc"], first["spread_nrlc"]) == (HUGE - 1, HUGE, -1)
    assert first["mid_nrlc"] == HUGE - 1  # half an nRLC less than the middle
    assert (first["ask_volume"], first["bid_volume"]) == (3, 2)
    assert frame["bid_nrlc"].isna().tolist() == [False, True, False]
    assert frame["spread_nrlc"].isna().tolist() == [False, True, True]
