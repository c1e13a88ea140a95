"""A page that follows a busy market: how often it works and tells, counted and not timed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from helpers.told_orders import told_order
from helpers.waiting import until

from iexec_lab import frames
from iexec_lab.client.live.follow import ADDED, CHANGED, REMOVED, Change
from iexec_lab.errors import MarketError
from iexec_lab.notebook.explorer.following import Following
from iexec_lab.notebook.explorer.grid import Grid
from iexec_lab.notebook.explorer.rows import Rows

KIND = "workerpoolorder"
HELD = 50


class Told:
    """A stream that tells what a test wants, then nothing."""

    kind, source = KIND, "feed"

    def __init__(self, changes):
        self.changes = iter(changes)
        self.frame = frames.build(KIND, [told_order(number, 1) for number in range(HELD)])

    def next_within(self, _wait):
        return next(self.changes, None)

    def name_of(self, row):
        return row["orderHash"]


class Market:
    """What a page asks: each time it is followed, another stream."""

    def __init__(self, *streams):
        self.streams = iter(streams)
        self.lab = SimpleNamespace()
        self.asked = 0

    def follow(self, _words, drive):
        self.asked += 1
        stream = next(self.streams)
        if isinstance(stream, Exception):
            raise stream
        drive(stream)


def change(event, number, price=1):
    return Change(event, told_order(number, price), datetime.now(UTC), KIND)


@pytest.fixture
def grid():
    made = Grid("orders")
    made.told = []
    made.send = lambda content, _buffers=None: made.told.append(content["kind"])
    yield made
    made.close()


def page(market, grid):
    """A page's rows that follow a market; how often they were changed."""
    rows = Rows(frames.build(KIND, []), "order_hash")
    said: list[str] = []

    def apply(put, gone, whole):
        if whole is not None:
            rows.replace(whole)
        else:
            rows.change(put, gone, 1_000)
        grid.tell()

    following = Following(market, lambda: grid.is_watched, said.append)
    following.book(["orderbook", "workerpool"], apply)
    return rows, following, said


def test_many_changes_are_few_pieces_of_work_and_one_word_to_a_page_that_does_not_ask(grid):
    busy = [change(CHANGED, number % HELD, number + 2) for number in range(10_000)]
    busy += [change(REMOVED, 0), change(ADDED, HELD)]
    grid._hear(grid, {"kind": "here"})
    rows, following, said = page(Market(Told(busy)), grid)
    until(lambda: following.changes == len(busy) and following.applied, seconds=60)
    until(lambda: rows.row(f"0x{HELD + 1:064x}") is not None, seconds=60)
    following.close()
    assert following.applied <= 1 + len(busy) // 2_000
    assert len(rows) == HELD
    assert rows.row(f"0x{1:064x}") is None
    assert rows.row(f"0x{2:064x}")["workerpool_price_nrlc"].iloc[0] == 10_000 - HELD + 1 + 2
    assert grid.told == ["changed"]
    assert said == ["follows the market's feed"]


def test_nobody_looks_and_nothing_is_followed(grid):
    market = Market(Told([]), Told([]))
    rows, following, _ = page(market, grid)
    assert not following.is_running
    grid._hear(grid, {"kind": "here"})
    following.wake()
    until(lambda: len(rows) == HELD, seconds=30)
    grid._hear(grid, {"kind": "gone"})
    until(lambda: not following.is_running, seconds=30)
    grid._hear(grid, {"kind": "here"})
    following.wake()
    until(lambda: market.asked == 2, seconds=30)
    following.close()
    until(lambda: not following._thread.is_alive(), seconds=30)


def test_a_closed_page_follows_nothing_and_answers_nobody(grid):
    grid._hear(grid, {"kind": "here"})
    _, following, _ = page(Market(Told([])), grid)
    grid.close()
    until(lambda: not following._thread.is_alive(), seconds=30)
    grid._hear(grid, {"kind": "rows", "number": 1})
    grid.tell()
    assert "rows" not in grid.told


def test_a_market_that_is_away_is_told_and_tried_again(grid):
    grid._hear(grid, {"kind": "here"})
    rows, following, said = page(Market(MarketError("away"), Told([])), grid)
    until(lambda: len(rows) == HELD, seconds=30)
    following.close()
    assert said[0] == "not up to date: away"


def test_a_list_without_a_feed_is_looked_at(grid):
    grid._hear(grid, {"kind": "here"})
    looked = threading.Event()
    said: list[str] = []
    following = Following(Market(), lambda: grid.is_watched, said.append)
    following.looks(looked.set, topic=None, every=0.01)
    assert looked.wait(30)
    following.close()
    assert said[0].startswith("looks every")
