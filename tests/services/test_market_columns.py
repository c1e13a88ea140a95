"""Reading a page as columns comes to the same as reading it row by row, or is not done."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from helpers.mutated import mutated
from helpers.stranger import ANSWERS, CHAIN_ID, KINDS
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.frames import build
from iexec_lab.protocol.javascript import loads
from iexec_lab.services.market_columns import Gathered, OrderColumns
from iexec_lab.services.market_rows import order_row
from iexec_lab.services.market_text import read_page

TIGHT, WIDE = (",", ":"), (", ", ": ")


def row_of(kind, number=0):
    row = deepcopy(ANSWERS[f"{kind}s"]["orders"][0])
    row["orderHash"] = f"0x{number:064x}"
    return row


def text_of(rows, separators=TIGHT, after=""):
    told = {"ok": True, "count": 7, "orders": rows}
    return (json.dumps(told, separators=separators)[:-1] + after + "}").encode()


def one_by_one(kind, rows):
    found = []
    for row in rows:
        try:
            found.append(order_row(kind, CHAIN_ID, row))
        except ValidationError:
            continue
    return found


@pytest.mark.parametrize("separators", [TIGHT, WIDE])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "requestorder"])
def test_usual_pages_are_read_as_text(kind, separators):
    rows = [row_of(kind, number) for number in range(3)]
    if any("bulk" in row for row in rows):
        rows = [{name: value for name, value in row.items() if name != "bulk"} for row in rows]
    head, found = read_page(kind, CHAIN_ID, text_of(rows, separators, ',"nextPage":1'))
    assert (head["count"], head["orders"], head["nextPage"]) == (7, [], 1)
    assert list(found) == rows
    assert found[1] == rows[1]
    assert list(found[1:]) == rows[1:]
    frame, expected = build(kind, found), build(kind, rows)
    assert frame.drop(columns=[]).equals(expected)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_page_with_strange_rows_is_read_as_row_by_row(kind, data):
    rows = [row_of(kind, 1), data.draw(mutated(row_of(kind, 2))), row_of(kind, 3)]
    try:
        body = text_of(rows)
        told = loads(body)["orders"]
    except (TypeError, ValueError):
        return
    expected = one_by_one(kind, told)
    columns = OrderColumns.of(kind, CHAIN_ID, told)
    assert columns is None or list(columns) == expected == told
    found = read_page(kind, CHAIN_ID, body)
    assert found is None or list(found[1]) == expected == told


def test_a_row_that_has_another_field_in_place_of_bulk():
    rows = [row_of("datasetorder", 1) | {"bulk": True}, row_of("datasetorder", 2) | {"block": True}]
    assert OrderColumns.of("datasetorder", CHAIN_ID, rows) is None


@given(
    place=st.integers(0, 4000),
    change=st.sampled_from([b"", b" ", b"x", b",", b'"', b"{}", b"}{", b"\\", b"0", b"#", b"\0", b"\xff"]),
)
def test_text_that_is_not_what_it_seems_is_not_read(place, change):
    """One change anywhere: it is refused, or means the same as to a JSON reader."""
    body = text_of([row_of("workerpoolorder", number) for number in range(3)], after=',"nextPage":1')
    place %= len(body)
    for spoilt in (body[:place] + change + body[place:], body[:place] + change + body[place + 1 :]):
        found = read_page("workerpoolorder", CHAIN_ID, spoilt)
        if found is not None:
            told = loads(spoilt)
            assert list(found[1]) == told["orders"] == one_by_one("workerpoolorder", told["orders"])
            assert found[0] == told | {"orders": []}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace(b'},{"order"', b'},1,{"order"', 1),
        lambda text: text.replace(b'"remaining":', b'"remaining":0', 1),
        lambda text: text.replace(b'"chainId":', b'"chainId":1', 1),
        lambda text: text.replace(b'"status":"open"', b'"status":"none"', 1),
        lambda text: text + b" ",
        lambda text: text[:-1],
        lambda text: text.replace(b"]", b"]]", 1),
        lambda text: b'{"ok":true,"count":1,"orders":' + b"[" * 10**5,
        lambda text: b'{"ok":true,"count":0,"orders":[]}',
        lambda _: b"",
    ],
)
def test_what_is_left_to_the_other_readers(spoil):
    body = text_of([row_of("workerpoolorder", number) for number in range(3)])
    assert read_page("workerpoolorder", CHAIN_ID, body) is not None
    assert read_page("workerpoolorder", CHAIN_ID, spoil(body)) is None


def test_empty_text_is_no_address():
    rows = [row_of("apporder", 1)]
    rows[0]["order"]["app"] = ""
    assert OrderColumns.of("apporder", CHAIN_ID, rows) is None
    assert read_page("apporder", CHAIN_ID, text_of(rows)) is None


def test_pages_are_gathered_and_an_entry_on_two_of_them_is_kept_once():
    kind = "workerpoolorder"
    pages = [[row_of(kind, number) for number in numbers] for numbers in ((1, 2, 3), (3, 4), (5,))]
    for odd in (False, True):
        found = Gathered(kind, "orderHash")
        for page in pages:
            found.add(page if odd else OrderColumns.of(kind, CHAIN_ID, page))
        assert len(found) == 5
        rows = found.rows(4)
        assert [int(row["orderHash"], 16) for row in rows] == [1, 2, 3, 4]


def test_equal_values_are_one_object():
    kind = "workerpoolorder"
    rows = loads(text_of([row_of(kind, number) for number in range(50)]))["orders"]
    found = Gathered(kind, "orderHash")
    for start in (0, 25):
        found.add(OrderColumns.of(kind, CHAIN_ID, rows[start : start + 25]))
    whole = found.rows(None)
    assert len({id(value) for value in whole.column("order.tag")}) == 1
    assert len({id(value) for value in whole.column("signer")}) == 1
    assert list(whole.column("order.nothing")) == list(whole.column("deals")) == [None] * 50
