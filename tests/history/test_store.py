"""History on disk: whatever happens, nothing is missing and nothing is there twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from helpers.graph_stub import BASE, GraphStub, Past, address
from helpers.places import ROOT

from iexec_lab.errors import IexecError, ValidationError
from iexec_lab.history import from_subgraph
from iexec_lab.history.disk import parts, spool, store, streams
from iexec_lab.history.disk.store import Store
from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.history.records import Span
from iexec_lab.history.whole import fetch, to_frame

ABOUT = {"chain_id": 1, "hub": "0x"}
ALL = Span()


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(from_subgraph, "PAGE", 50)
    monkeypatch.setattr(streams, "PAGE", 50)
    monkeypatch.setattr(streams, "PART_ROWS", 120)
    monkeypatch.setattr(streams, "ROWS_A_PIECE", 100)


def write(stub, folder, table="tasks", span=ALL, **options):
    return Store(SubgraphSource(stub.url), table, folder, ABOUT, **options).update(span)


def on_disk(folder, table="tasks"):
    """The rows of a folder, and how pandas alone reads them."""
    frame = pd.read_parquet(folder).drop(columns="month")
    order = ["block", "log_index"]
    return frame.sort_values(order, ignore_index=True)


def fresh(stub, table="tasks", span=ALL):
    return to_frame(table, fetch(SubgraphSource(stub.url), table, span).to_page())


def assert_same(folder, stub, table="tasks", span=ALL):
    """The rows on disk are those of the stub; both, for more."""
    held, wanted = on_disk(folder), fresh(stub, table, span)
    assert list(held) == list(wanted)
    for name in wanted:
        # Parquet's own types: exact decimals for integers, lists as arrays
        theirs = [plain(value) for value in held[name]]
        ours = [plain(value) for value in wanted[name]]
        assert theirs == ours, name
    return held, wanted


def plain(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124
        return None
    return int(value) if type(value).__name__ == "Decimal" else value


@pytest.mark.parametrize("table", ["deals", "tasks"])
def test_what_is_written_is_what_is_read(tmp_path, table):
    with GraphStub(Past(deals=150, step=72_000, together=3)) as stub:
        done = write(stub, tmp_path, table)
        held, wanted = assert_same(tmp_path, stub, table)
        assert done.rows == len(wanted)
        assert not done.left_out
        assert {path.name[:7] for path in tmp_path.glob("month=*")} == {"month=2"}
        assert not [*tmp_path.glob("_spool*"), *tmp_path.rglob("*.tmp")]
        amount = "reward_nrlc" if table == "tasks" else "app_price_nrlc"
        assert sum(held[amount]) == wanted[amount].sum()


def test_the_next_call_reads_what_is_new_and_what_had_not_ended(tmp_path):
    past = Past(deals=200, step=36_000)
    with GraphStub(past) as stub:
        write(stub, tmp_path)
        before = len(stub.asked)
        again = write(stub, tmp_path)
        assert again.rows == 600
        assert len(stub.asked) - before < 20  # and not the whole again
        waiting = [row["task"] for row in past.lists["taskInitializes"] if row["task"]["status"] == "ACTIVE"]
        deals = {row["deal"]["id"]: row["deal"] for row in past.lists["ordersMatcheds"]}
        for task in waiting[:30]:
            past.finish(deals[task["deal"]["id"]], task, past.now)
        past.add_deals(60)
        past.head = past.block_of(past.now) + 100
        assert write(stub, tmp_path).rows == 780
        assert_same(tmp_path, stub)
        final = [part for part in parts.parts(tmp_path) if part.state == "part"]
        ended = parts.read([part.path for part in final], "tasks")
        assert set(ended["status"].to_pylist()) <= {"COMPLETED", "FAILED"}


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")
def test_kills_leave_nothing_missing_and_nothing_twice(tmp_path):
    tables = ["deals", "tasks"]
    with GraphStub(Past(deals=45, step=36_000)) as stub:
        done = subprocess.run(
            [sys.executable, "-m", "helpers.killed_history", stub.url, tmp_path, "1", "10", *tables],
            cwd=ROOT / "tests",
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for table, rows in zip(tables, done.stdout.split(), strict=True):
            assert int(rows) == len(fresh(stub, table))
            assert_same(tmp_path / table, stub, table)


def test_an_interruption_costs_no_more_than_a_page_of_each_stream(tmp_path):
    with GraphStub(Past(deals=300, step=72_000)) as clean:
        write(clean, tmp_path / "clean")
        whole = len(clean.asked)
    failing = [whole // 2]

    def before(body, number):
        return (500, {}) if number == failing[0] else None

    with GraphStub(Past(deals=300, step=72_000), before) as stub:
        with pytest.raises(IexecError):
            write(stub, tmp_path / "failed")
        running = json.loads((tmp_path / "failed" / "_checkpoint.json").read_text())["running"]
        failing[0] = -1
        write(stub, tmp_path / "failed")
        assert len(stub.asked) <= whole + len(running["streams"]) + 3
        assert_same(tmp_path / "failed", stub)


def test_a_reorganised_head_is_read_again(tmp_path):
    past = Past(deals=200, step=36_000)
    with GraphStub(past) as stub:
        write(stub, tmp_path)
        past.add_deals(100)
        past.head = past.block_of(past.now) + 100
        write(stub, tmp_path)
        # all that came after the first call is replaced by something else
        for name, rows in past.lists.items():
            last = BASE + 99 * 36_000 + 60
            past.lists[name] = [row for row in rows if int(row["timestamp"]) <= last]
        past.made, past.random = 200, type(past.random)(7)
        past.add_deals(110)
        for row in past.lists["taskInitializes"][600:]:
            row["transaction"]["id"] = row["transaction"]["id"][::-1].replace("x0", "0x")[:2] + "cc" * 32
        past.lists["transactions"] = [
            each if int(each["timestamp"]) <= last else {**each, "id": "0x" + "cc" * 32}
            for each in past.lists["transactions"]
        ]
        past.head = past.block_of(past.now) + 100
        done = write(stub, tmp_path)
        assert done.rewritten
        assert_same(tmp_path, stub)


def test_an_earlier_start_is_added_and_a_later_one_takes_nothing_away(tmp_path):
    with GraphStub(Past(deals=200, step=36_000)) as stub:
        middle = BASE + 50 * 36_000
        late = write(stub, tmp_path, span=Span(middle))
        assert late.rows == len(fresh(stub, span=Span(middle)))
        assert write(stub, tmp_path, span=Span(middle + 99_999)).rows == late.rows
        assert write(stub, tmp_path).rows == 600
        assert_same(tmp_path, stub)
        assert write(stub, tmp_path / "some", span=Span(0, middle)).rows == 600 - late.rows


def test_another_question_needs_another_folder(tmp_path):
    with GraphStub(Past(deals=20)) as stub:
        write(stub, tmp_path)
        with pytest.raises(ValidationError, match="another history"):
            write(stub, tmp_path, where={"app": address("app", 1)})
        (tmp_path / "_checkpoint.json").write_text("{")
        with pytest.raises(ValidationError, match="checkpoint"):
            write(stub, tmp_path)


def test_progress_says_how_fast_and_how_long(tmp_path):
    told = []
    with GraphStub(Past(deals=100, step=36_000)) as stub:
        write(stub, tmp_path, progress=told.append)
    assert told[-1].rows == 300
    assert told[-1].share == 1
    assert told[-1].rows_per_second > 0


def test_a_torn_page_is_cut_off(tmp_path):
    from iexec_lab.history.arrow_pages import schema, to_batch

    with GraphStub(Past(deals=10)) as stub:
        [page] = SubgraphSource(stub.url).pages("deals")
    held = spool.Spool(tmp_path / "spool", schema("deals"))
    for cursor in (1, 2):
        held.append(spool.Frame(to_batch("deals", page), cursor, cursor))
    whole = held.path.stat().st_size
    for size in (whole - 1, whole // 2 + 40, whole // 2 + 3):
        with held.path.open("ab") as file:
            file.truncate(size)
        assert [frame[1:] for frame in held.frames()] == [(1, 1)]
        assert held.path.stat().st_size == whole // 2


def test_the_number_of_blocks_until_all_is_settled():
    assert store.FINAL_AFTER >= 32
