"""Frames as Parquet files, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iexec_lab.frames.arrow import from_arrow, layout, schema_of, table
from iexec_lab.libraries import needing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    import pandas as pd

_ROWS: Final = 50_000
"""Of a row group: what is in memory twice."""


def to_parquet(frame: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Write the frame as a Parquet file that ``read_parquet`` gives back, and that others read.

    Exact integers are decimals of 38 digits, text where a column has larger ones; lists and objects are JSON
    text. A frame with private keys is refused.

    Raises:
        LibraryError: pyarrow is not installed.
        ValidationError: The frame holds a private key, or columns without a name of their own.
    """
    with needing("Parquet", "pyarrow"):
        import pyarrow  # noqa: F401, ICN001
    import pyarrow.parquet as pq

    stored = layout(frame)
    schema = schema_of(frame, stored)
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, max(len(frame), 1), _ROWS):
            writer.write_table(table(frame.iloc[start : start + _ROWS], stored, schema))


def read_parquet(path: str | PathLike[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The frame of a file that ``to_parquet`` wrote: dtypes, attrs, order and index as they were.

    Args:
        path: The file; one written by others is read as pandas does.
        columns: Only these; None reads all.

    Raises:
        LibraryError: pyarrow is not installed.
        ValidationError: The file is not what its metadata says.
    """
    with needing("Parquet", "pyarrow"):
        import pyarrow  # noqa: F401, ICN001
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return from_arrow(
            file.read(columns=None if columns is None else list(columns), use_pandas_metadata=True)
        )
