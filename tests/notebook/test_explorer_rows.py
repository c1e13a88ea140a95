"""What the explorer's grid is given of a list: exact, bounded, and text only."""

from __future__ import annotations

import random

import pytest
from helpers.told_orders import told_order

from iexec_lab import frames
from iexec_lab.notebook.explorer.rows import MOST_ON_A_PAGE, Rows, Wanted, read_wanted

HOSTILE = '"><img src=x onerror=alert(1)>'
FETCHED = "2026-11-26T09:00:00+00:00"


def book(*prices, **changes):
    rows = [told_order(number, price, **changes) for number, price in enumerate(prices)]
    return frames.build("workerpoolorder", rows, fetched_at=FETCHED)


def rows_of(*prices, **changes):
    return Rows(book(*prices, **changes), "order_hash")


PRICE = 2
"""The place of the price among the shown columns."""


def shown(part, place):
    return [row[str(place)] for row in part.rows]


def test_amounts_are_ordered_and_drawn_by_their_exact_integers():
    huge = 2**53  # from here on two neighbours are one float
    prices = [huge + 1, huge, huge + 2, 10**30 + 1, 10**30, 5]
    rows = rows_of(*prices)
    for largest_first in (False, True):
        part = rows.part(Wanted(order=((PRICE, largest_first),)))
        keys = [int(row["key"], 16) - 1 for row in part.rows]
        assert [prices[key] for key in keys] == sorted(prices, reverse=largest_first)
    drawn = shown(rows.part(Wanted(order=((PRICE, False),))), PRICE)
    assert "9007199.254740993" in drawn[2]
    assert f'title="{10**30 + 1} nRLC"' in drawn[5]


def test_the_points_of_amounts_stand_below_each_other():
    drawn = shown(rows_of(1_500_000_000, 1, 10**9, 2**256 - 1).part(Wanted()), PRICE)
    rooms = [
        int(each.split("padding-right:")[1].split("ch")[0]) if "padding" in each else 0 for each in drawn
    ]
    assert rooms == [8, 0, 8, 0]
    assert f'title="{2**256 - 1} nRLC"' in drawn[3]


@pytest.mark.parametrize(
    ("how", "text", "found"),
    [
        ("equal", "9007199.254740993", 1),
        ("greater", "9007199.254740992", 2),
        ("lessOrEqual", "0.000000005", 1),
    ],
)
def test_a_filter_of_an_amount_is_exact(how, text, found):
    rows = rows_of(2**53 + 1, 2**53, 2**53 + 2, 5)
    wanted = read_wanted({"filters": {str(PRICE): [how, text]}}, len(rows.names))
    assert rows.part(wanted).found == found


def test_what_strangers_wrote_is_text_in_every_cell_and_head():
    frame = frames.build(
        "past_app",
        [{"address": "0x" + "11" * 20, "name": HOSTILE, "multiaddr": HOSTILE}],
        fetched_at=FETCHED,
    )
    rows = Rows(frame, "address")
    (row,) = rows.part(Wanted()).rows
    told = " ".join([*row.values(), *(column["title"] for column in rows.columns)])
    assert "<img" not in told
    assert "&lt;img" in told
    assert rows.part(read_wanted({"search": HOSTILE}, len(rows.names))).found == 1
    assert rows.part(read_wanted({"filters": {"1": ["starts", HOSTILE]}}, len(rows.names))).found == 1


@pytest.mark.parametrize(
    "told",
    [
        {},
        {
            "start": -5,
            "length": 10**9,
            "order": [[99, "asc"], "x", [0]],
            "filters": {"x": 1, "7": ["a", "b"]},
        },
        {"start": "1", "length": None, "order": None, "search": ["x"], "filters": {"0": "contains"}},
        {"search": "x" * 10**6, "order": [[0, "asc"]] * 1000},
    ],
)
def test_what_a_page_asks_for_is_bounded(told):
    wanted = read_wanted(told, 7)
    assert wanted.start >= 0
    assert 1 <= wanted.length <= MOST_ON_A_PAGE
    assert len(wanted.order) <= 7
    assert len(wanted.search) <= 200
    rows_of(1, 2).part(wanted)


def test_paging_over_many_rows_gives_each_once():
    rows = rows_of(*range(5_000))
    seen = []
    for start in range(0, 5_000, 100):
        part = rows.part(Wanted(start=start, length=100, order=((PRICE, True),)))
        assert (part.total, part.found, len(part.rows)) == (5_000, 5_000, 100)
        seen += [row["key"] for row in part.rows]
    assert len(set(seen)) == 5_000
    whole_hash = seen[0]
    assert rows.part(Wanted(search=whole_hash)).found == 1  # though it is shown shortened


def test_missing_values_come_last_either_way():
    rows = Rows(book(1, 2, 3).assign(published_at=None), "order_hash")
    times = frames.build(
        "past_app",
        [
            {"address": f"0x{n:040x}", "name": "x", "last_used": moment}
            for n, moment in enumerate((5, None, 9))
        ],
        fetched_at=FETCHED,
    )
    assert len(rows.part(Wanted(order=((6, True),))).rows) == 3
    held = Rows(times, "address")
    place = held.names.index("last_used")
    for largest_first, order in ((False, [0, 2, 1]), (True, [2, 0, 1])):
        part = held.part(Wanted(order=((place, largest_first),)))
        assert [int(row["key"], 16) for row in part.rows] == order


def test_changes_keep_rows_unique_and_bounded():
    rows, dice = rows_of(*range(100)), random.Random(1)
    for _ in range(200):
        put = frames.build("workerpoolorder", [told_order(dice.randrange(150), dice.randrange(10**9))])
        rows.change(put, [f"0x{dice.randrange(1, 151):064x}"], 120)
        assert len(rows) <= 120
        assert rows.frame["order_hash"].is_unique
    assert rows.frame.attrs["fetched_at"] == FETCHED
    key = rows.part(Wanted()).rows[0]["key"]
    assert rows.row(key)["order_hash"].iloc[0] == key
    assert rows.row("nothing") is None
