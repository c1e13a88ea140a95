"""Rows in Arrow's columns as a DataFrame, the same as ``frames.from_columns`` makes of single values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from iexec_lab.frames import KINDS, SCHEMAS, from_arrays
from iexec_lab.frames.whole import WholeArray
from iexec_lab.history.arrow_pages import schema
from iexec_lab.history.records import Page
from iexec_lab.history.tables import DECODED, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iexec_lab.frames import Column
    from iexec_lab.history.records import Span

_PANDAS = int(pd.__version__.split(".")[0])


class Batches:
    """Rows of a table as record batches of its files' schema.

    Attributes:
        table: Name of the table.
        left_out: Rows of the source that could not be believed.
    """

    def __init__(self, table: str, batches: Sequence[pa.RecordBatch], left_out: int = 0) -> None:
        self.table, self.left_out = table, left_out
        self._rows = pa.Table.from_batches(batches, schema(table))

    def batches(self) -> list[pa.RecordBatch]:
        """These rows as record batches."""
        found: list[pa.RecordBatch] = self._rows.to_batches()
        return found

    @classmethod
    def joined(cls, table: str, several: Sequence[Batches]) -> Batches:
        """Several, one after the other."""
        batches = [batch for each in several for batch in each.batches()]
        return cls(table, batches, sum(each.left_out for each in several))

    def within(self, span: Span) -> Batches:
        """Those of the blocks of a span."""
        if not span.first_block and span.end_block is None:
            return self
        known = pc.greater_equal(self._rows["block"], span.first_block)
        if span.end_block is not None:
            known = pc.and_(known, pc.less(self._rows["block"], span.end_block))
        return Batches(self.table, self._rows.filter(known).to_batches(), self.left_out)

    @property
    def size(self) -> int:
        """Number of rows."""
        found: int = self._rows.num_rows
        return found

    def to_frame(self, **attrs: Any) -> pd.DataFrame:
        """These rows as a DataFrame."""
        arrays = {}
        for column in SCHEMAS[TABLES[self.table]]:
            held = self._rows[column.name]
            if column.kind == "nrlc":
                twin = column.name.removesuffix("_nrlc") + "_rlc"
                arrays[twin] = np.array(self._rows[twin].to_numpy())
            arrays[column.name] = _MAKE.get(column.kind, _text)(held, column)
        return from_arrays(TABLES[self.table], arrays, self.size, **attrs)

    def to_page(self) -> Page:
        """These rows as single values."""
        columns = SCHEMAS[TABLES[self.table]]
        return Page(
            {
                column.name: _values(self._rows[column.name], column.kind)
                for column in columns
                if column.name not in DECODED
            },
            self.left_out,
        )


def _values(held: pa.ChunkedArray, kind: str) -> list[Any]:
    if kind == "time":
        held = held.cast(pa.timestamp("s", tz="UTC")).cast(pa.int64())
    if kind == "nrlc":
        return [*_exact(held)]
    found: list[Any] = held.to_pylist()
    return found


def _exact(held: pa.ChunkedArray) -> Any:
    """Decimals as Python's integers, missing ones None."""
    mask = _missing(held)
    try:
        small = held.cast(pa.int64())
    except pa.ArrowInvalid:
        found = np.empty(len(held), dtype=object)
        found[:] = [None if value is None else int(value) for value in held.to_pylist()]
        return found
    found = small.fill_null(0).to_numpy().astype(object)
    found[mask] = None
    return found


def _missing(held: pa.ChunkedArray) -> Any:
    return np.array(held.is_null().to_numpy())


def _amounts(held: pa.ChunkedArray, _: Column) -> Any:
    return pd.Series(_exact(held), dtype="object")


def _counts(held: pa.ChunkedArray, _: Column) -> Any:
    return WholeArray(np.array(held.fill_null(0).to_numpy()), _missing(held))


def _flags(held: pa.ChunkedArray, _: Column) -> Any:
    return pd.arrays.BooleanArray(np.array(held.fill_null(False).to_numpy()), _missing(held))


def _moments(held: pa.ChunkedArray, column: Column) -> Any:
    known = pd.Series(held.cast(pa.timestamp("us")).to_numpy())
    dtype: Any = KINDS[column.kind].dtype
    return pd.to_datetime(known, utc=True).astype(dtype).array


def _categories(held: pa.ChunkedArray, column: Column) -> Any:
    names: Any = [*(KINDS[column.kind].categories or ())]
    codes: Any = pc.index_in(held, pa.array(names, pa.string())).fill_null(-1).to_numpy()
    return pd.Categorical.from_codes(codes, categories=names, ordered=True)


def _lists(held: pa.ChunkedArray, _: Column) -> Any:
    found = np.empty(len(held), dtype=object)
    found[:] = held.to_pylist()
    return pd.Series(found, dtype="object")


def _text(held: pa.ChunkedArray, _: Column) -> Any:
    if _PANDAS < 3:
        return pd.Series(held.to_pandas(), dtype="object")
    dtype: Any = pd.Series([], dtype="str").dtype
    return dtype.__from_arrow__(held)


_MAKE: Mapping[str, Callable[[pa.ChunkedArray, Column], Any]] = {
    "nrlc": _amounts,
    "count": _counts,
    "flag": _flags,
    "time": _moments,
    "task_status": _categories,
    "object": _lists,
}
