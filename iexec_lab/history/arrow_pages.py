"""Pages as Arrow record batches, in the one form that files have: exact, and the same for every page."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.frames import KINDS, SCHEMAS
from iexec_lab.history.graph_values import eip55
from iexec_lab.history.tables import TABLES
from iexec_lab.libraries import needing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from iexec_lab.frames import Column
    from iexec_lab.history.records import Page

_TEXTS: Final = frozenset({"text", "hash", "word", "tag", "task_status"})


@cache
def schema(table: str) -> pa.Schema:
    """The columns of the files of a table: nRLC is decimal128(38, 0), and its twin in RLC float64.

    Raises:
        LibraryError: pyarrow is not installed.
    """
    with needing("Parquet", "pyarrow"):
        import pyarrow as pa
    fields = []
    for column in SCHEMAS[TABLES[table]]:
        if column.kind == "nrlc":
            fields.append(pa.field(f"{column.name.removesuffix('_nrlc')}_rlc", pa.float64()))
        fields.append(pa.field(column.name, _type(column.kind)))
    return pa.schema(fields)


def _type(kind: str) -> pa.DataType:
    import pyarrow as pa

    if kind in _TEXTS or kind in {"address", "anyone"}:
        return pa.string()
    return {
        "nrlc": pa.decimal128(38, 0),
        "count": pa.int64(),
        "flag": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "object": pa.list_(pa.string()),
    }[kind]


def to_batch(table: str, page: Page) -> pa.RecordBatch:
    """A page as a record batch of ``schema(table)``."""
    import pyarrow as pa

    arrays = []
    for column in SCHEMAS[TABLES[table]]:
        values = page["tag_hex" if column.kind == "tag" else column.name]
        array = _array(column, values)
        if column.kind == "nrlc":
            arrays.append(pa.array(_in_rlc(values), pa.float64()))
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=schema(table))


def _in_rlc(values: Sequence[int | None]) -> list[float | None]:
    return [None if value is None else value / 10**9 for value in values]


def _all_eip55(addresses: Sequence[str]) -> list[str]:
    return list(map(eip55, addresses))


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    kind, form = column.kind, _type(column.kind)
    if kind == "nrlc":
        try:
            return pa.array(values, pa.int64()).cast(form)
        except (OverflowError, pa.ArrowInvalid):
            from decimal import Decimal

            exact = [None if value is None else Decimal(value) for value in values]
            return pa.array(exact, form)
    if kind == "time":
        return pa.array(values, pa.int64()).cast(pa.timestamp("s", tz="UTC")).cast(form)
    read = _READ.get(kind)
    return pa.array(values if read is None else [None if v is None else read(v) for v in values], form)


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "address": eip55,
    "anyone": eip55,
    "object": _all_eip55,
    "tag": KINDS["tag"].read,
}
