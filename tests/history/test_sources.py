"""A subgraph and a node's logs tell the same, and so does a recomputation that knows neither."""

from __future__ import annotations

import time

import pandas as pd
import pytest

from iexec_lab import connect
from iexec_lab.errors import ConfigurationError, ValidationError
from iexec_lab.history.records import Span
from iexec_lab.history.source import open_source
from iexec_lab.history.tables import TABLES
from iexec_lab.history.whole import fetch, to_frame
from iexec_lab.networks import NETWORKS


@pytest.fixture(scope="module")
def lab(populated):
    lab = connect(populated)
    for _ in range(100):
        if sources(lab)[0].head().number == sources(lab)[1].head().number:
            break
        time.sleep(0.1)
    return lab


def sources(lab):
    network, rpc = lab.session.network, lab.session.rpc
    return [open_source(network, rpc, source=name) for name in ("subgraph", "logs")]


@pytest.mark.parametrize("table", TABLES)
def test_both_sources_give_equal_frames(lab, table):
    ours, theirs = (to_frame(table, fetch(source, table)) for source in sources(lab))
    assert len(ours)
    assert "left_out" not in ours.attrs
    pd.testing.assert_frame_equal(ours, theirs)
    few = [to_frame(table, fetch(source, table, limit=3).to_page()) for source in sources(lab)]
    pd.testing.assert_frame_equal(*few)
    pd.testing.assert_frame_equal(few[0], ours.tail(3).reset_index(drop=True))


@pytest.mark.parametrize("table", ["deals", "tasks", "events"])
def test_both_sources_find_the_same_in_a_part_of_the_past(lab, table):
    whole = fetch(sources(lab)[0], table).to_page()
    blocks = sorted(whole["block"])
    first, last = blocks[len(blocks) // 3], blocks[2 * len(blocks) // 3]
    found = []
    for source in sources(lab):
        span = Span(source.block(first).time, source.block(last).time + 1, first, last)
        found.append(to_frame(table, fetch(source, table, span)))
    pd.testing.assert_frame_equal(*found)
    assert len(found[0]) == sum(first <= block < last for block in blocks)


@pytest.mark.parametrize(
    ("table", "column", "name"),
    [
        *(("deals", "app", "app"), ("deals", "requester", "party"), ("tasks", "app", "app")),
        *(("tasks", "workerpool", "workerpool"), ("tasks", "requester", "requester")),
        *(("tasks", "category", "category"), ("events", "account", "party"), ("transfers", "to", "party")),
    ],
)
def test_both_sources_find_the_same_with_a_filter(lab, table, column, name):
    whole = fetch(sources(lab)[0], table).to_page()
    wanted = next(value for value in whole[column] if value is not None)
    found = [to_frame(table, fetch(source, table, where={name: wanted}).to_page()) for source in sources(lab)]
    pd.testing.assert_frame_equal(*found)
    assert 0 < len(found[0]) < whole.size


def plain(value):
    """A value however it is spelt."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str) and value[:2] == "0x":
        return None if int(value[2:] or "0", 16) == 0 else value.lower()
    return value


@pytest.mark.parametrize("table", ["deals", "tasks", "transfers"])
def test_every_figure_is_that_of_the_raw_logs(lab, ledger, table):
    page = fetch(sources(lab)[0], table).to_page()
    expected = getattr(ledger, table)
    for name in set(page) & set(expected[0]):
        assert [plain(each) for each in page[name]] == [plain(row[name]) for row in expected], name


@pytest.mark.parametrize(
    ("table", "amount"),
    [
        *(("deals", "app_price_nrlc"), ("tasks", "reward_nrlc"), ("events", "amount_nrlc")),
        *(("transfers", "amount_nrlc"), ("orders", "price_nrlc")),
    ],
)
def test_lab_history_writes_what_it_reads(lab, tmp_path, table, amount):
    verb = getattr(lab.history, table)
    wanted = verb()
    for _ in range(2):
        written = verb(to=str(tmp_path))
        assert written.rows[0] == len(wanted)
    held = pd.read_parquet(tmp_path / str(lab.session.network.id) / table)
    assert sum(held[amount].dropna()) == sum(wanted[amount].dropna())
    if table in {"tasks", "transfers"}:
        lazy = verb(engine="dask").compute(scheduler="sync").reset_index(drop=True)
        pd.testing.assert_frame_equal(lazy, wanted)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "polars"}, "engine cannot be polars"),
        ({"source": "market"}, "market is not a source"),
        ({"limit": 0}, "limit cannot be 0"),
        ({"limit": 3, "to": "x"}, "exclude each other"),
        ({"engine": "dask", "limit": 3}, "neither to nor limit"),
        ({"app": "0x12"}, "not a valid ethereum address"),
        ({"start": "soon"}, "since cannot be soon"),
    ],
)
def test_what_cannot_be(lab, options, words):
    with pytest.raises(ValidationError, match=words):
        lab.history.deals(**options)


def test_a_network_without_a_subgraph_is_read_from_logs():
    with pytest.raises(ConfigurationError, match="pocoSubgraph"):
        open_source(NETWORKS["mainnet"], None, source="subgraph")
