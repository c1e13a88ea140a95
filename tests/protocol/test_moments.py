from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from helpers.mutated import ANYTHING
from hypothesis import given

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import to_moment, to_number

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        int(NOON.timestamp()),
        str(int(NOON.timestamp())),
        "2026-11-22T12:00:00.000Z",
        "2026-11-22T13:00:00+01:00",
        NOON,
        NOON.astimezone(timezone(timedelta(hours=5))),
    ],
)
def test_a_moment_in_any_form(value):
    assert to_moment(value) == NOON


def test_zero_is_no_time():
    assert to_moment(0) is to_moment("0") is None


@pytest.mark.parametrize(
    "value",
    [
        -1,
        2**63,
        10**400,
        "9" * 5000,
        True,
        1.5,
        None,
        [],
        "soon",
        "1969-12-31T23:59:59Z",
        "2262-01-01T00:00:00Z",
    ],
)
def test_what_is_no_time(value):
    with pytest.raises(ValidationError, match="is not a time"):
        to_moment(value)


@given(ANYTHING)
def test_a_moment_or_our_error(value):
    try:
        moment = to_moment(value)
    except ValidationError:
        return
    assert moment is None or moment.tzinfo is UTC


@given(ANYTHING)
def test_a_number_or_our_error(value):
    try:
        number = to_number(value)
    except ValidationError:
        return
    assert type(number) is int
    assert abs(number) < 2**256


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), ("5", 5), ("-5", -5), (2**256 - 1, 2**256 - 1), ("0", 0)]
)
def test_a_number_in_any_form(value, number):
    assert to_number(value) == number
