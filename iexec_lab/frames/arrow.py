"""Frames as Arrow tables and Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.frames.schemas import SCHEMAS
from iexec_lab.libraries import needing

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    import pandas as pd
    import pyarrow as pa


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """An Arrow table; unbounded integers become decimal text, so that nothing overflows.

    Raises:
        LibraryError: pyarrow is not installed.
    """
    import pandas as pd

    with needing("Arrow", "pyarrow"):
        import pyarrow as pa
    kinds = {column.name: column.kind for column in SCHEMAS.get(frame.attrs.get("kind", ""), ())}
    plain = frame.copy()

    def put(name: Any, convert: Callable[[Any], str | None]) -> None:
        # A frame that was sorted or filtered has an index of its own, and pandas would align by it.
        plain[name] = pd.Series([convert(value) for value in frame[name]], frame.index, dtype="object")

    for name in frame.columns:
        kind = kinds.get(str(name))
        if kind in {"u256", "nrlc", "wei"}:
            put(name, lambda value: None if value is None else str(value))
        elif kind == "object":
            put(name, _plain_json)
        elif isinstance(frame[name].dtype, pd.CategoricalDtype):
            plain[name] = frame[name].astype("object")
    return pa.Table.from_pandas(plain, preserve_index=False)


def _plain_json(value: Any) -> str | None:
    import json

    return None if value is None else json.dumps(value, default=str)


def to_parquet(frame: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Write ``to_arrow(frame)`` as a Parquet file.

    Raises:
        LibraryError: pyarrow is not installed.
    """
    table = to_arrow(frame)
    import pyarrow.parquet as pq

    pq.write_table(table, path)
