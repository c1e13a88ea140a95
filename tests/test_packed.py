"""Packed columns hold what they were given, and frames made of them are those of the rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.frames.quick import moments
from iexec_lab.packed import Coded, Records, Texts, joined, numbers
from iexec_lab.protocol import to_moment

VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=3))
ROWS = st.lists(
    st.tuples(VALUES, VALUES, st.integers(0, 3)).map(
        lambda row: {"a": row[0], "b": {"c": row[1], "d": row[2]}}
    ),
    min_size=1,
    max_size=9,
)


def typed(value):
    return [(type(each), each) for each in value]


@given(rows=ROWS, more=ROWS)
@settings(max_examples=40)
def test_records_are_the_rows_they_were_made_of(rows, more):
    whole = Records.joined([Records.of(rows), Records.of(more)])
    assert list(whole) == rows + more
    assert whole[1:] == (rows + more)[1:]
    made = Records.of(rows)
    assert typed(made.column("b.c")) == typed(row["b"]["c"] for row in rows)
    assert list(made.column("b.x")) == [None] * len(rows)


@pytest.mark.parametrize("odd", [{"a": 1}, {"b": 1, "a": 2}, {"a": 1, "b": {}}, {"a": 1, "b": [1]}])
def test_rows_with_other_fields_stay_rows(odd):
    assert Records.of([{"a": 1, "b": 2}, odd]) is None
    assert Records.of([]) is None


def test_columns_are_joined_as_they_are_packed():
    assert list(joined([Coded.of("ab"), Coded.of("ba"), Coded.same("c", 2)])) == [*"abbacc"]
    assert isinstance(joined([Texts("abcd", 2), Texts("ef", 2)]), Texts)
    assert list(joined([Texts("abcd", 2), Texts("e", 1)])) == ["ab", "cd", "e"]
    assert list(joined([numbers([1]), numbers([2])])) == [1, 2]
    assert list(joined([numbers([1]), [2**70]])) == [1, 2**70]


@given(
    moment=st.datetimes(),
    place=st.integers(0, 23),
    sign=st.sampled_from("0139-TZ "),
)
@settings(max_examples=50)
def test_times_are_read_as_one_by_one_or_not_at_all(moment, place, sign):
    text = f"{moment.isoformat(timespec='milliseconds')}Z"
    for each in (text, text[:place] + sign + text[place + 1 :]):
        found = moments(Texts(each, 24))
        if found is not None:
            assert found[0] == to_moment(each)
