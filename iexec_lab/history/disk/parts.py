"""The Parquet files of a table: ``month=2026-10/part-<epoch>-<stream>-<number>.parquet``.

``part`` holds rows that cannot change any more, ``wait`` deals and tasks that had not ended when they were
read, ``young`` what is too near the chain's head to be sure. A file is there whole or not at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from iexec_lab.history.arrow_pages import schema
from iexec_lab.history.tables import MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

_NAME: Final = re.compile(r"(_?)(part|wait|young)-([0-9]{6})-([0-9a-z]{1,9})-([0-9]{6})\.parquet")
_UNFINISHED: Final = ".tmp"
KEYS: Final = {"deals": "deal_id", "tasks": "task_id"}
"""Tables whose rows change, and what names a row."""


class Part(NamedTuple):
    """A file by what its name says; ``hidden`` ones do not count yet."""

    path: Path
    hidden: bool
    state: str
    epoch: int
    stream: str
    number: int


def parts(folder: Path) -> Iterator[Part]:
    """The files of a table."""
    for path in sorted(folder.glob("month=*/*.parquet")):
        found = _NAME.fullmatch(path.name)
        if found:
            yield Part(path, bool(found[1]), found[2], int(found[3]), found[4], int(found[5]))


def sweep(folder: Path) -> None:
    """Remove what was not finished."""
    for path in folder.glob(f"month=*/*{_UNFINISHED}"):
        path.unlink(missing_ok=True)


def is_final(table: str, rows: pa.Table) -> pa.ChunkedArray:
    """For each row, whether it cannot change any more."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if table == "deals":
        ended = pc.add(rows["completed"], rows["claimed"])
        return pc.fill_null(pc.greater_equal(ended, rows["tasks"]), False)
    if table == "tasks":
        return pc.fill_null(pc.is_in(rows["status"], pa.array(["COMPLETED", "FAILED"])), False)
    return pa.chunked_array([pa.repeat(pa.scalar(True), rows.num_rows)])


def write(
    folder: Path,
    table: str,
    rows: pa.Table,
    *,
    epoch: int,
    stream: str,
    number: int,
    young: bool = False,
    hidden: bool = False,
) -> list[Path]:
    """Write rows, by month and by whether they are final; the files that were made."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not rows.num_rows:
        return []
    moment = pa.scalar(0, pa.timestamp("s", tz="UTC")).cast(rows.schema.field(MOMENT[table]).type)
    months = pc.strftime(pc.fill_null(rows[MOMENT[table]], moment), format="%Y-%m")
    states = {"young": None} if young else {"part": is_final(table, rows)}
    if not young and table in KEYS:
        states["wait"] = pc.invert(states["part"])
    made = []
    for month in pc.unique(months).to_pylist():
        here = pc.equal(months, month)
        for state, mask in states.items():
            some = rows.filter(here if mask is None else pc.and_(here, mask))
            if some.num_rows:
                name = f"{'_' * hidden}{state}-{epoch:06d}-{stream}-{number:06d}.parquet"
                made.append(_write(folder / f"month={month}" / name, table, some))
    return made


def _write(path: Path, table: str, rows: pa.Table) -> Path:
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"_{path.name}{_UNFINISHED}")
    known = rows.select(schema(table).names).cast(schema(table))
    pq.write_table(known, unfinished, compression="zstd", compression_level=1)
    unfinished.replace(path)
    return path


def read(paths: Iterable[Path], table: str, columns: list[str] | None = None) -> pa.Table:
    """The rows of some files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    held = [pq.read_table(path, columns=columns, partitioning=None) for path in paths]
    if held:
        return pa.concat_tables(held)
    whole = schema(table)
    wanted = whole if columns is None else pa.schema([whole.field(name) for name in columns])
    return wanted.empty_table()


def count(paths: Iterable[Path]) -> int:
    """How many rows some files hold."""
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in paths)
