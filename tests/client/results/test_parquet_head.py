"""The first rows of a Parquet file, unless its pages unpack to much."""

from __future__ import annotations

import io

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from iexec_lab.client.results.parquet_head import read_head

FRAME = pd.DataFrame({"a": range(1000), "b": "x", "c": [None, 1.5] * 500})


def written(table, **options):
    held = io.BytesIO()
    parquet.write_table(table, held, **options)
    return held.getvalue()


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_rows(compression, version):
    data = written(pa.Table.from_pandas(FRAME), compression=compression, data_page_version=version)
    total, columns, rows = read_head(data, 2)
    assert (total, [name for name, _ in columns]) == (1000, ["a", "b", "c"])
    assert rows == [[0, "x", None], [1, "x", 1.5]]


@pytest.mark.parametrize(
    "data",
    [
        written(pa.table({"x": ["x" * (8 << 20)]}), compression="zstd", use_dictionary=False),
        written(pa.table({"x": range(1000)}), use_dictionary=False, column_encoding="DELTA_BINARY_PACKED"),
        written(pa.table({"x": [[1, 2], [3]]})),
        written(pa.table({"x": range(2_000_000)}), compression="zstd"),
    ],
    ids=["a page that unpacks to much", "an encoding without bounds", "lists", "many values"],
)
def test_what_is_not_unpacked(data):
    total, columns, rows = read_head(data, 2)
    assert (total > 0, columns[0][0], rows) == (True, "x", None)


def test_no_rows_and_many_columns():
    assert read_head(written(pa.table({"x": pa.array([], pa.int64())})), 2) == (0, [("x", "int64")], [])
    _, columns, [row] = read_head(written(pa.table({f"c{place}": [place] for place in range(30)})), 2)
    assert (len(columns), row) == (30, list(range(12)))


GOOD = written(pa.Table.from_pandas(FRAME[:50]))


@given(place=st.integers(0, len(GOOD) - 1), data=st.binary(min_size=1, max_size=4))
def test_spoilt_files_are_read_or_not(place, data):
    found = read_head(GOOD[:place] + data + GOOD[place + len(data) :], 3)
    assert found is None or found[2] is None or len(found[2]) <= 3
