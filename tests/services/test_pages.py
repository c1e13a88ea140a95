from __future__ import annotations

import threading

import pytest

from iexec_lab.errors import MarketError
from iexec_lab.services.pages import TOGETHER, Allowance, further


def test_no_more_pages_are_asked_for_than_are_wanted_soon():
    asked = []

    def read(page):
        asked.append(page)
        return page

    pages = further(read, 10**12)
    assert [next(pages) for _ in range(3)] == [1, 2, 3]
    pages.close()
    assert len(asked) <= 3 + TOGETHER


def test_pages_are_asked_for_side_by_side_and_come_in_their_order():
    gate = threading.Barrier(TOGETHER)

    def read(page):
        gate.wait(120)
        return page

    assert list(further(read, 2 * TOGETHER)) == list(range(1, 2 * TOGETHER + 1))


@pytest.mark.parametrize("last", [0, -1])
def test_no_further_pages(last):
    assert list(further(pytest.fail, last)) == []


def test_bytes_of_all_answers_count_together():
    allowance = Allowance(MarketError, 60, 100)
    allowance.take(60)
    with pytest.raises(MarketError, match="The list has more than"):
        allowance.take(60)


def test_time_of_all_answers_counts_together():
    allowance = Allowance(MarketError, -1)
    with pytest.raises(MarketError, match="The list was not read within -1 seconds"):
        allowance.take(1)
