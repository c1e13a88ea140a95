"""Rows of a subgraph: exact, or left out and counted; quickly or one by one, the same."""

from __future__ import annotations

import copy
import json

import pandas as pd
import pytest
from helpers.graph_stub import GraphStub, Past, address
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ApiError, SubgraphError, ValidationError
from iexec_lab.history import from_subgraph, graph_values, quick
from iexec_lab.history.arrow_frames import Batches
from iexec_lab.history.arrow_pages import to_batch
from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.history.graph_rows import DEALS, TASKS, read_page
from iexec_lab.history.pages import in_order
from iexec_lab.history.records import Span
from iexec_lab.history.whole import fetch, to_frame

LISTS = {"deals": ("ordersMatcheds", DEALS), "tasks": ("taskInitializes", TASKS)}
PAST = Past(deals=40, seed=3)


def by_rows(table, rows):
    page = in_order(table, read_page(table, LISTS[table][1], rows), newest_first=False)
    return to_batch(table, page), page.left_out


def quickly(table, rows):
    found = quick.read(table, json.dumps({"data": {"rows": rows}}).encode())
    return None if found is None else found.pick(None)


@pytest.mark.parametrize("table", LISTS)
def test_a_usual_page_is_the_same_column_by_column(table):
    rows = PAST.lists[LISTS[table][0]]
    for part in (rows, rows[::-1], rows[:1], []):
        expected, left_out = by_rows(table, part)
        assert not left_out
        assert quickly(table, part).equals(expected)


@pytest.mark.parametrize("table", LISTS)
def test_columns_of_arrow_make_the_frame_that_single_values_make(table):
    rows = copy.deepcopy(PAST.lists[LISTS[table][0]])
    if table == "tasks":
        rows[3]["task"]["rewards"] = [{"value": str(10**25)}]  # beyond 64 bits
    else:
        rows[3]["deal"]["tag"] = "0x" + "ff" * 32
        rows[4]["deal"]["appPrice"] = str(10**25)
    for part in (rows, rows[:2], []):
        page = in_order(table, read_page(table, LISTS[table][1], part), newest_first=False)
        held = Batches(table, [to_batch(table, page)], left_out=2)
        pd.testing.assert_frame_equal(held.to_frame(), to_frame(table, page), check_flags=False)
        assert to_batch(table, held.to_page()).equals(to_batch(table, page))
        found = to_frame(table, held)
        assert found.attrs["left_out"] == held.to_page().left_out == 2
        found.iloc[:1, 1] = found.iloc[:1, 1]  # it can be written


def test_blocks_that_share_a_second_are_told_apart():
    with GraphStub(Past(deals=40, together=4)) as stub:
        source = SubgraphSource(stub.url)
        whole = fetch(source, "deals").to_page()
        first, last = whole["block"][5], whole["block"][20]
        held = fetch(source, "deals", Span(0, None, first, last))
        assert held.to_page()["block"] == [block for block in whole["block"] if first <= block < last]


ODD = [
    *(None, "", "x", "-1", "1e3", "1.5", "0.0000000001", "007", "+1", " 1", "0x10", "٣", "1" * 19, "9" * 40),
    *("0" * 30 + "1", "1.0.0", "1.", ".", "5-5-5", "-5", "0x1", "0X11", "00" + "ab" * 32, "0x" + "AB" * 3),
    *("1" * 100, str(2**63), "nan", "1E400", True, 1, 1.5, [], {}, {"id": None}, {"id": "0x"}, "\ud800"),
    *("0x" + "00" * 20, {"id": "0x" + "00" * 20}, {"id": "0x" + "AB" * 20}),
    *("0x" + "AB" * 32, "0x" + "00" * 32, "COMPLETED", "FAILLED", "é", "5-5"),
    *([{"value": "1"}], [{"value": str(10**25)}], '{"bulk_cid": "x"}'),
]


def places(value, path=()):
    """Every place in a row."""
    if isinstance(value, dict):
        for name, held in value.items():
            yield (*path, name)
            yield from places(held, (*path, name))
    elif isinstance(value, list):
        for number, held in enumerate(value):
            yield (*path, number)
            yield from places(held, (*path, number))


def put(row, path, value):
    *before, last = path
    for name in before:
        row = row[name]
    if value is ...:
        del row[last]
    else:
        row[last] = value


PLACES = [(table, path) for table, (plural, _) in LISTS.items() for path in places(PAST.lists[plural][4])]


@given(st.sampled_from(PLACES), st.sampled_from([*ODD, ...]))
def test_a_hostile_row_is_exact_or_left_out_whichever_way_it_is_read(place, value):
    table, path = place
    rows = copy.deepcopy(PAST.lists[LISTS[table][0]][3:7])
    put(rows[1], path, value)
    expected, left_out = by_rows(table, rows)
    assert expected.num_rows + left_out == 4
    found = quickly(table, rows)
    if found is not None:
        assert not left_out, "a quick page leaves nothing out"
        assert found.equals(expected)


@given(st.integers(0, 10**38 - 1))
def test_amounts_are_exact_to_the_last_nrlc(nrlc):
    whole, rest = divmod(nrlc, 10**9)
    assert graph_values.rlc(f"{whole}.{rest:09d}") == nrlc
    assert graph_values.rlc(f"{nrlc}e-9") == nrlc


@pytest.mark.parametrize("text", ["0.0000000001", str(10**29), "1e60", "-1", "", None, "1.", ".5", "1" * 61])
def test_amounts_that_cannot_be(text):
    with pytest.raises(ValueError, match="RLC"):
        graph_values.rlc(text)


@pytest.mark.parametrize("together", [1, 7, 130])
@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_hold_every_row_once_however_many_share_a_second(monkeypatch, together, newest_first):
    monkeypatch.setattr(from_subgraph, "PAGE", 30)
    with GraphStub(Past(deals=200, together=together, tasks=1)) as stub:
        source = SubgraphSource(stub.url)
        pages = list(source.pages("deals", newest_first=newest_first))
        found = [each for page in pages for each in zip(page["block"], page["log_index"], strict=True)]
        assert found == sorted(set(found), reverse=newest_first)
        assert len(found) == 200
        newest = next(source.pages("deals", newest_first=True, limit=5))
        assert newest["block"] == sorted((block for block, _ in found), reverse=True)[:5]


def test_filters_hold_whatever_the_subgraph_does(monkeypatch):
    past = Past(deals=120)
    with GraphStub(past) as stub:
        source = SubgraphSource(stub.url)
        app = address("app", 1)
        honest = fetch(source, "tasks", where={"app": app}).to_page()
        assert set(honest["app"]) == {app}
        apps = [row["task"]["deal"]["app"]["id"] for row in past.lists["taskInitializes"]]
        assert honest.size == apps.count(app)
        whole = past.rows
        monkeypatch.setattr(past, "rows", lambda query, variables: whole(query, {**variables, "where": {}}))
        assert set(fetch(source, "deals", where={"app": app}).to_page()["app"]) == {app}
        assert fetch(source, "deals", Span(1, 2)).to_page().size == 0
    with pytest.raises(ValidationError, match="no filter colour"):
        next(source.pages("deals", where={"colour": 1}))


def test_a_subgraph_that_limits_requests_is_asked_again(monkeypatch):
    monkeypatch.setattr(from_subgraph, "_PAUSES", (0.0,) * 4)
    limited = lambda _, number: (429, {"error": "slow down"}) if number % 4 else None  # noqa: E731
    with GraphStub(Past(deals=20), limited) as stub:
        assert sum(page.size for page in SubgraphSource(stub.url).pages("deals")) == 20
    with GraphStub(Past(deals=5), lambda *_: (429, {})) as stub, pytest.raises(ApiError, match="429"):
        list(SubgraphSource(stub.url).pages("deals"))


@pytest.mark.parametrize("rows", [None, {}, "x", [1], [{"id": "1-1"}] * 1001])
def test_what_is_no_list_is_an_error_or_left_out(rows):
    with GraphStub(Past(deals=1), lambda *_: (200, {"data": {"rows": rows}})) as stub:
        source = SubgraphSource(stub.url)
        if isinstance(rows, list) and len(rows) <= 1000:
            assert sum(page.left_out for page in source.pages("deals")) == len(rows)
        else:
            with pytest.raises(SubgraphError, match="shape"):
                list(source.pages("deals"))


def test_frames_have_exact_amounts_and_their_twins():
    with GraphStub(Past(deals=30)) as stub:
        frame = to_frame("deals", fetch(SubgraphSource(stub.url), "deals").to_page())
    assert all(type(value) is int for value in frame["app_price_nrlc"])
    assert (frame["app_price_rlc"] == frame["app_price_nrlc"].astype(float) / 1e9).all()
    assert set(frame["tag"]) == {"", "tee,tdx"}
    assert frame["started_at"].is_monotonic_increasing
