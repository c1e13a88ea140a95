"""Frames as Arrow tables and Parquet files: what is read back is what was written, and others read it too."""

from __future__ import annotations

import json
import sys
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import IexecError
from iexec_lab.frames import (
    SCHEMAS,
    build,
    from_arrow,
    from_columns,
    parquet,
    read_parquet,
    to_arrow,
    to_parquet,
)

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
UNLIMITED = 2**53 - 1
TASK = {"taskid": "0x" + "AB" * 32, "idx": "3", "statusName": "COMPLETED", "taskTimedOut": False}
U256 = st.integers(min_value=0, max_value=2**256 - 1)


def same(frame, again):
    pd.testing.assert_frame_equal(frame, again, check_index_type=True)
    assert list(map(str, frame.dtypes)) == list(map(str, again.dtypes))
    assert frame.attrs == again.attrs
    for name in frame:
        if frame[name].dtype == object:
            assert [type(value) for value in again[name]] == [
                type(None) if value is None else type(value) for value in frame[name]
            ]


def accounts():
    rows = [{"address": ADDRESS, "balance": {"stake": each, "locked": 10 - each}} for each in range(4)]
    return build("account", rows, chain="sandbox", left_out=3)


def tasks():
    later = {**TASK, "statusName": "EVIL", "taskTimedOut": None, "finalDeadline": 1_790_000_000}
    return build("task", [{**TASK, "contributors": [ADDRESS, {"a": 2**80}]}, later])


FRAMES = {
    "accounts": accounts(),
    "tasks": tasks(),
    "filtered": accounts()[lambda frame: frame["stake_nrlc"] > 1],
    "sorted": accounts().sort_values("stake_nrlc", ascending=False),
    "twice": pd.concat([accounts(), accounts()]),
    "by name": accounts().set_index("address"),
    "by two": accounts().assign(n=range(4)).set_index(["address", "n"]),
    "some columns": tasks()[["status", "task_index"]],
    "summed": accounts().groupby("address", as_index=False)["stake_nrlc"].sum(),
    "described": accounts().describe(),
    "wallet": build("wallet", [{"address": ADDRESS, "balance": {"nRLC": 1}}], single=True),
    "huge": from_columns("account", {"stake_nrlc": [2**256 - 1, None], "locked_nrlc": [10**38 - 1, None]}),
    "counts": from_columns("category", {"category": [UNLIMITED] * 2000}),
    "large counts": from_columns("category", {"category": [2**64, 1]}),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=list(FRAMES))
def test_what_is_read_is_what_was_written(frame, tmp_path):
    same(frame, from_arrow(to_arrow(frame)))
    to_parquet(frame, tmp_path / "frame.parquet")
    same(frame, read_parquet(tmp_path / "frame.parquet"))
    plain = pd.read_parquet(tmp_path / "frame.parquet")
    assert (list(plain.columns), len(plain), plain.attrs) == (list(frame.columns), len(frame), frame.attrs)
    assert plain.index.equals(frame.index)


@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize("rows", [[], [{}]], ids=["empty", "missing"])
def test_every_kind(kind, rows, tmp_path):
    frame = build(kind, rows)
    to_parquet(frame, tmp_path / "frame.parquet")
    same(frame, read_parquet(tmp_path / "frame.parquet"))


@given(st.lists(st.none() | U256, max_size=4), st.lists(st.none() | st.integers(0, 2**63 - 1), max_size=4))
def test_numbers_stay_exact(amounts, counts):
    length = min(len(amounts), len(counts))
    frame = from_columns("receipt", {"amount_nrlc": amounts[:length], "category": counts[:length]})
    same(frame, from_arrow(to_arrow(frame)))


def test_pandas_own_sums_are_right(tmp_path):
    amounts = [1_500_000_001, 8_699_999_999_999_999, None]
    frame = from_columns("deal", {"app_price_nrlc": amounts, "tasks": [UNLIMITED] * 3, "trust": [1, None, 2]})
    frame = pd.concat([frame] * 1000)
    to_parquet(frame, tmp_path / "deals.parquet")
    plain = pd.read_parquet(tmp_path / "deals.parquet")
    assert plain["app_price_nrlc"].sum() == 1000 * sum(amounts[:2])
    assert type(plain["app_price_nrlc"].iloc[0]) is Decimal
    assert plain["app_price_rlc"].sum() == pytest.approx(1000 * sum(amounts[:2]) / 1e9)
    assert plain["tasks"].sum() == 3000 * UNLIMITED
    assert (plain["trust"].sum(), str(plain["trust"].dtype)) == (3000, "Int64")


def test_how_columns_are_stored():
    schema = to_arrow(build("task", [TASK])).schema
    assert [
        str(schema.field(name).type) for name in ("status", "task_index", "timed_out", "contributors")
    ] == [*("string", "int64", "bool", "string")]
    schema = to_arrow(FRAMES["huge"]).schema
    assert [str(schema.field(name).type) for name in ("stake_nrlc", "locked_nrlc", "stake_rlc")] == [
        *("string", "decimal128(38, 0)", "double")
    ]


def test_objects_are_json():
    held = {"sponsoredApps": [ADDRESS, {"a": 2**80, "b": [None]}], "authorizedAccounts": []}
    [row] = to_arrow(build("voucher", [held])).to_pylist()
    assert json.loads(row["sponsored_apps"]) == held["sponsoredApps"]
    assert row["authorized_accounts"] == "[]"
    assert row["sponsored_datasets"] is None


def test_rows_stay_together_in_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_ROWS", 3)
    for frame in (accounts(), FRAMES["sorted"], FRAMES["twice"], FRAMES["by name"], accounts().head(0)):
        to_parquet(frame, tmp_path / "frame.parquet")
        assert pq.ParquetFile(tmp_path / "frame.parquet").num_row_groups == max(1, -(-len(frame) // 3))
        same(frame, read_parquet(tmp_path / "frame.parquet"))


def test_only_some_columns(tmp_path):
    to_parquet(FRAMES["sorted"], tmp_path / "frame.parquet")
    found = read_parquet(tmp_path / "frame.parquet", ["stake_nrlc"])
    same(FRAMES["sorted"][["stake_nrlc"]], found)


def test_a_private_key_is_not_written(tmp_path):
    frame = build("wallet", [{"address": ADDRESS, "wallet": {"privateKey": "0x" + "12" * 32}}])
    for write in (to_arrow, lambda frame: to_parquet(frame, tmp_path / "wallet.parquet")):
        with pytest.raises(IexecError, match="a private key is not written") as caught:
            write(frame)
        assert "12" * 32 not in str(caught.value)
    assert not (tmp_path / "wallet.parquet").exists()
    assert to_arrow(frame.drop(columns="private_key")).num_rows == 1


def test_columns_need_names_of_their_own():
    frame = accounts()
    for odd in (
        frame.pivot_table(index="address", aggfunc=["sum"]),
        frame.T,
        pd.concat([frame, frame], axis=1),
    ):
        with pytest.raises(IexecError, match="one name of its own"):
            to_arrow(odd)
    with pytest.raises(IexecError, match="the index has the name of a column"):
        to_arrow(frame.set_index("address", drop=False))


def test_tables_of_others():
    table = pa.table({"n": [1, 2]})
    assert list(from_arrow(table)["n"]) == [1, 2]
    for told in (b"[]", b"{", b'{"columns": 1}', b"null", b"[" * 100_000):
        assert from_arrow(table.replace_schema_metadata({b"iexec_lab": told})).shape == (2, 1)
    for was in ("json", "exact", "Int64", "category", "no dtype"):
        about = {"columns": {"n": {"was": was}}, "index": [], "attrs": {}}
        texts = pa.table({"n": ["{", "x"]}).replace_schema_metadata(
            {b"iexec_lab": json.dumps(about).encode()}
        )
        with pytest.raises(IexecError, match="not what its metadata says"):
            from_arrow(texts)


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(IexecError, match="Arrow needs pyarrow") as caught:
        to_arrow(build("account", []))
    assert caught.value.hint == "Run: pip install pyarrow"
