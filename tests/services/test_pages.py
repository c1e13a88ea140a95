from __future__ import annotations

import threading

import pytest

from iexec_lab.errors import MarketError
from iexec_lab.services.pages import TOGETHER, Allowance, side_by_side


def test_no_more_pages_are_asked_for_than_are_wanted_soon():
    asked = []

    def read(page):
        asked.append(page)
        return page

    pages = side_by_side(read, 1, lambda: 10**12)
    assert [next(pages) for _ in range(3)] == [0, 1, 2]
    pages.close()
    assert len(asked) <= 3 + TOGETHER


def test_pages_are_asked_for_side_by_side_and_come_in_their_order():
    gate = threading.Barrier(TOGETHER)

    def read(page):
        if page:
            gate.wait(120)
        return page

    assert list(side_by_side(read, 1, lambda: 2 * TOGETHER)) == list(range(2 * TOGETHER + 1))


@pytest.mark.parametrize(("ahead", "last"), [(1, 0), (1, -1), (6, 0), (6, -1)])
def test_no_further_pages(ahead, last):
    """Those that were asked for ahead of the first do not matter."""
    assert list(side_by_side(lambda page: page, ahead, lambda: last)) == [0]


def test_bytes_of_all_answers_count_together():
    allowance = Allowance(MarketError, 60, 100)
    allowance.take(60)
    with pytest.raises(MarketError, match="The list has more than"):
        allowance.take(60)


def test_time_of_all_answers_counts_together():
    allowance = Allowance(MarketError, -1)
    with pytest.raises(MarketError, match="The list was not read within -1 seconds"):
        allowance.take(1)
