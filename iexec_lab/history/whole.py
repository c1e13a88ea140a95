"""A part of the past in memory: as one page, as a DataFrame, or as a Dask frame that reads itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from iexec_lab.frames import from_columns
from iexec_lab.history.disk.streams import (
    ROWS_A_PIECE,
    TOGETHER,
    Meter,
    is_quick,
    outlook,
    whole_seconds,
)
from iexec_lab.history.pages import joined
from iexec_lab.history.records import Page, Source, Span
from iexec_lab.history.tables import TABLES
from iexec_lab.libraries import needing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from iexec_lab.history.arrow_frames import Batches
    from iexec_lab.history.disk.streams import Progress

PIECEWISE = frozenset({"deals", "tasks", "events", "transfers"})
"""Tables that are read in pieces of time, side by side."""


def to_frame(table: str, held: Page | Batches, **attrs: Any) -> pd.DataFrame:
    """Rows as a DataFrame of the table's schema."""
    if held.left_out:
        attrs["left_out"] = held.left_out
    if not isinstance(held, Page):
        return held.to_frame(**attrs)
    columns: dict[str, Any] = dict(held)
    if "tag_hex" in columns:
        columns["tag"] = columns["tag_hex"]
    return from_columns(TABLES[table], columns, **attrs)


def fetch(
    source: Source,
    table: str,
    span: Span = Span(),  # noqa: B008 - it cannot be changed
    where: Mapping[str, Any] | None = None,
    *,
    limit: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Page | Batches:
    """The rows of a span in the order of their moments; with ``limit`` the newest of them.

    They are columns of Arrow where that is quickest.
    """
    meter = Meter(progress)
    if limit is not None or table not in PIECEWISE or source.name != "subgraph":
        found = []
        for page in source.pages(table, span, where, newest_first=limit is not None, limit=limit):
            meter.add(page.size, 0.0)
            found.append(page)
        whole = joined(table, found)
        return whole.pick(range(whole.size - 1, -1, -1)) if limit is not None else whole
    end = source.head().time + 1 if span.end is None else span.end
    pieces = outlook(source, table, span._replace(end=end), where or {})
    seconds = max(sum(last - first for first, last in pieces), 1)
    lock, stop = Lock(), Event()
    done = 0

    def read_piece(piece: tuple[int, int]) -> list[Any]:
        nonlocal done
        held = []
        for each in _read(source, table, span._replace(start=piece[0], end=piece[1]), where or {}):
            held.append(each)
            with lock:
                meter.add(each.size, done / seconds)
            if stop.is_set():
                break
        with lock:
            done += piece[1] - piece[0]
        return held

    with ThreadPoolExecutor(TOGETHER, "history") as pool:
        try:
            return _joined(table, [each for held in pool.map(read_piece, pieces) for each in held])
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _read(source: Source, table: str, span: Span, where: Mapping[str, Any]) -> Iterator[Page | Batches]:
    """The rows of a span that has an end, some at a time, all in the same form."""
    if not (is_quick(source, table, where) and _has_arrow()):
        yield from source.pages(table, span, where)
        return
    from iexec_lab.history.arrow_frames import Batches

    for frame in whole_seconds(source, table, span, where):
        yield Batches(table, [frame.batch], frame.left_out).within(span)


def _joined(table: str, held: Sequence[Any]) -> Page | Batches:
    if not held or isinstance(held[0], Page):
        return joined(table, held)
    found: Batches = type(held[0]).joined(table, held)
    return found


def _has_arrow() -> bool:
    try:
        import pyarrow.compute
        import pyarrow.json  # noqa: F401
    except ImportError:
        return False
    return True


@dataclass(frozen=True)
class Reading:
    """What a worker needs to know to read its part of a Dask frame; nothing else goes with it."""

    source: str
    url: str
    hub: str
    table: str
    where: tuple[tuple[str, Any], ...]
    timeout: float

    def __repr__(self) -> str:
        return f"Reading({self.table!r})"

    def open(self) -> Source:
        """The source, opened where the worker is."""
        if self.source == "subgraph":
            from iexec_lab.history.from_subgraph import SubgraphSource

            return SubgraphSource(self.url, timeout=self.timeout)
        from iexec_lab.ethereum.rpc import Rpc
        from iexec_lab.history.from_logs import LogSource

        return LogSource(Rpc(self.url, timeout=self.timeout), self.hub)


def partition(piece: tuple[int, int, int, int | None], reading: Reading) -> pd.DataFrame:
    """The rows of one piece of the past, a ``Span``: what a worker does."""
    held = [*_read(reading.open(), reading.table, Span(*piece), dict(reading.where))]
    frame = to_frame(reading.table, _joined(reading.table, held))
    frame.attrs = {}
    return frame


def to_dask(
    source: Source,
    reading: Reading,
    span: Span,
    *,
    rows: int = ROWS_A_PIECE,
) -> Any:
    """A Dask frame whose partitions are pieces of time, read by the workers when it is computed.

    Raises:
        LibraryError: Dask is not installed.
    """
    with needing("A Dask frame", "dask", "dask[dataframe]"):
        import dask
        import dask.dataframe as dd
    end = source.head().time + 1 if span.end is None else span.end
    where = dict(reading.where)
    times = outlook(source, reading.table, span._replace(end=end), where, rows) or [(span.start, end)]
    pieces = [tuple(span._replace(start=first, end=last)) for first, last in times]
    empty = to_frame(reading.table, joined(reading.table, []))
    empty.attrs = {}
    make: Any = dd.from_map
    # Dask would make text of exact integers, which are Python objects to it.
    with dask.config.set({"dataframe.convert-string": False}):
        return make(
            partition,
            pieces,
            reading=reading,
            meta=empty,
            enforce_metadata=True,
            label=f"history-{reading.table}",
        )
