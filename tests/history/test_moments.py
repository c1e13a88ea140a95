from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.history.moments import to_span
from iexec_lab.history.records import Block, Span

HEAD = Block(1_000, 1_790_000_000)


def span(since=None, until=None):
    return to_span(since, until, lambda: HEAD, lambda number: Block(number, 1_700_000_000 + number))


def test_nothing_is_everything_and_asks_nobody():
    def asked(*_):
        raise AssertionError

    assert to_span(None, None, asked, asked) == Span()
    assert to_span("2026-10-01", datetime(2026, 11, 1, tzinfo=UTC), asked, asked).first_block == 0


@pytest.mark.parametrize(
    ("since", "seconds"),
    [
        *(("7d", 604_800), ("12h", 43_200), ("30m", 1_800), ("90 s", 90), ("2W", 1_209_600), ("1.5h", 5_400)),
        *((timedelta(hours=2), 7_200), (pd.Timedelta("1D"), 86_400)),
    ],
)
def test_so_long_before_the_newest_block(since, seconds):
    assert span(since) == Span(HEAD.time - seconds)


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        ("2026-10-01", datetime(2026, 10, 1, tzinfo=UTC)),
        (date(2026, 10, 1), datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01T12:00", datetime(2026, 10, 1, 12, tzinfo=UTC)),
        ("2026-10-01T12:00+02:00", datetime(2026, 10, 1, 10, tzinfo=UTC)),
        (datetime(2026, 10, 1), datetime(2026, 10, 1, tzinfo=UTC)),  # noqa: DTZ001 - what people write
        (pd.Timestamp("2026-10-01", tz="Asia/Tokyo"), datetime(2026, 9, 30, 15, tzinfo=UTC)),
    ],
)
def test_a_date(since, moment):
    assert span(since) == Span(int(moment.timestamp()))
    assert span(None, since) == Span(0, int(moment.timestamp()))


@pytest.mark.parametrize("block", ["#123", 123, pd.Series([123])[0]])
def test_a_block(block):
    assert span(block) == Span(1_700_000_123, None, 123)
    found = span(None, block)
    assert found.end_block == 123
    # the blocks of the same second that come before it are in it
    assert found.holds(1_700_000_123, 122)
    assert not found.holds(1_700_000_123, 123)


@pytest.mark.parametrize(
    "value",
    [
        *("", "7", "d", "7y", "-7d", "yesterday", "#", "#-1", "2026-13-01", "1969-01-01", "9999-01-01"),
        *(-1, True, 1.5, [], {}, pd.NaT, float("nan"), timedelta(-1), 10**30, b"7d"),
    ],
)
def test_what_is_no_moment(value):
    with pytest.raises(ValidationError, match="since cannot be") as caught:
        span(value)
    assert "7d" in caught.value.hint


def test_the_end_is_not_before_the_beginning():
    with pytest.raises(ValidationError, match="before since"):
        span("2026-10-02", "2026-10-01")


@given(st.datetimes(datetime(1970, 1, 1), datetime(2261, 1, 1)), st.integers(-14, 14))  # noqa: DTZ001
def test_a_span_of_moments_holds_what_is_not_before_and_not_after(moment, hours):
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    exact = (aware - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)
    if exact < 0:
        return
    first = span(aware).start
    assert first - 1 < exact <= first
    assert span(None, aware).end == first
    assert span(aware.isoformat()).start == first


@given(st.text(max_size=12) | st.integers() | st.floats() | st.binary(max_size=5) | st.none())
def test_any_value_is_a_moment_or_said_not_to_be(value):
    try:
        found = span(value)
    except ValidationError:
        return
    assert found.start >= 0
