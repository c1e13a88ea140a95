"""Reading a long part of the past: pieces of it side by side, each with its own spool and cursor."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.history.arrow_pages import schema, to_batch
from iexec_lab.history.disk import parts
from iexec_lab.history.disk.spool import Frame, Spool
from iexec_lab.history.filters import matching
from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.history.graph_rows import DEALS, TASKS, read_page
from iexec_lab.history.pages import PAGE, in_order
from iexec_lab.history.records import Span
from iexec_lab.history.tables import MOMENT
from iexec_lab.spelling import in_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from iexec_lab.history.disk.checkpoint import Running, Stream
    from iexec_lab.history.records import Source

TOGETHER: Final = 4
"""Streams that are read at once."""
PART_ROWS: Final = 12_000
"""Rows of a file: what is held in memory while it is written."""
ROWS_A_PIECE: Final = 20_000
_MOST_PIECES: Final = 64
_QUICK: Final = {"deals": DEALS, "tasks": TASKS}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the reading of a table is.

    Attributes:
        rows: Read by this call.
        share: Of the time to be covered, 0 to 1.
        rows_per_second: Since the call began.
        seconds_left: At this pace; None at the beginning.
    """

    rows: int
    share: float
    rows_per_second: float
    seconds_left: float | None

    def words(self) -> str:
        """The same for a person, but for the share."""
        left = "" if self.seconds_left is None else f", {in_time(self.seconds_left)} left"
        return f"{self.rows:,} rows, {self.rows_per_second:,.0f} a second{left}"


@dataclass
class Meter:
    """Counts rows and tells the progress."""

    tell: Callable[[Progress], None] | None
    rows: int = 0
    _begun: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    def add(self, rows: int, share: float) -> None:
        self.rows += rows
        now = time.monotonic()
        if self.tell is None or (now - self._told < 0.2 and share < 1):
            return
        self._told = now
        seconds = max(now - self._begun, 1e-6)
        left = seconds * (1 - share) / share if share > 0.001 else None
        self.tell(Progress(self.rows, share, self.rows / seconds, left))


def outlook(
    source: Source, table: str, span: Span, where: Mapping[str, Any], rows: int = ROWS_A_PIECE
) -> list[tuple[int, int]]:
    """A span cut into equal times, one for about so many rows, as the pace of its first page promises."""
    assert span.end is not None
    page = next((page for page in source.pages(table, span, where) if page.size), None)
    if page is None:
        return []
    times = page[MOMENT[table]]
    start, pace = times[0], page.size / max(times[-1] - times[0], 1)
    few = page.size < PAGE // 2
    number = 1 if few else int(pace * (span.end - start)) // rows
    return pieces(start, span.end, number)


def pieces(start: int, end: int, number: int) -> list[tuple[int, int]]:
    """A part of the past cut into so many equal times, within reason."""
    number = max(1, min(_MOST_PIECES, number, end - start))
    edges = [start + (end - start) * i // number for i in range(number + 1)]
    return [(first, last) for first, last in pairwise(edges) if first < last]


def is_quick(source: Source, table: str, where: Mapping[str, Any]) -> bool:
    """Whether ``whole_seconds`` reads it by whole columns."""
    return isinstance(source, SubgraphSource) and table in _QUICK and not where


def whole_seconds(source: Source, table: str, span: Span, where: Mapping[str, Any]) -> Iterator[Frame]:
    """The rows of a span as frames that end where a second ends, so that a moment is a cursor."""
    if is_quick(source, table, where):
        assert isinstance(source, SubgraphSource)
        return _quick(source, table, span)
    return _paged(source, table, span, where)


def _quick(source: SubgraphSource, table: str, span: Span) -> Iterator[Frame]:
    """The same of a whole list of a subgraph, mostly without an object per value."""
    import pyarrow as pa

    from iexec_lab.history import quick

    listed = _QUICK[table]
    for rows, cursor in source.raw_pages(listed, span, {}, look=partial(quick.read, table)):
        if isinstance(rows, pa.RecordBatch):
            yield Frame(rows, cursor, 0)
        else:
            page = in_order(table, read_page(table, listed, rows), newest_first=False)
            known = matching(page, table, span, {}, MOMENT[table])
            yield Frame(to_batch(table, known), cursor, page.left_out)


def _paged(source: Source, table: str, span: Span, where: Mapping[str, Any]) -> Iterator[Frame]:
    held: list[pa.RecordBatch] = []
    left_out = 0
    moment = schema(table).get_field_index(MOMENT[table])
    for page in source.pages(table, span, where):
        left_out += page.left_out
        if not page.size:
            continue
        last = page[MOMENT[table]][-1]
        times = page[MOMENT[table]]
        cut = next(i for i in range(page.size, -1, -1) if i == 0 or times[i - 1] != last)
        batch = to_batch(table, page)
        if cut == 0 and held and held[-1].column(moment)[-1].as_py().timestamp() == last:
            held.append(batch)
            continue
        done = [*held, batch.slice(0, cut)]
        held = [batch.slice(cut)]
        yield Frame(_one(done, table), last, left_out)
        left_out = 0
    assert span.end is not None
    yield Frame(_one(held, table), span.end, left_out)


def _one(batches: list[pa.RecordBatch], table: str) -> pa.RecordBatch:
    import pyarrow as pa

    whole = pa.Table.from_batches(batches, schema(table)).combine_chunks()
    found = whole.to_batches()
    return found[0] if found else pa.RecordBatch.from_pylist([], schema(table))


class Reader:
    """Reads the streams of an epoch into a folder."""

    def __init__(
        self,
        source: Source,
        table: str,
        folder: Path,
        where: Mapping[str, Any],
        save: Callable[[], None],
        meter: Meter,
    ) -> None:
        self.source, self.table, self.folder, self.where = source, table, folder, where
        self._save, self._meter = save, meter
        self._saving, self._stop = Lock(), Event()
        self._now: dict[int, int] = {}  # stream -> how far it has read, beyond what is saved

    def run(self, running: Running) -> None:
        """Read all streams to their ends; where one fails, the others keep what they have read."""
        with ThreadPoolExecutor(TOGETHER, "history") as pool:
            waiting = [
                pool.submit(self._read, running, number, stream)
                for number, stream in enumerate(running.streams)
                if stream.cursor < stream.end
            ]
            try:
                for each in waiting:
                    each.result()
            except BaseException:
                self._stop.set()
                for each in waiting:
                    each.cancel()
                raise

    def _read(self, running: Running, number: int, stream: Stream) -> None:
        name = f"{number:03d}"
        spool = self._spool(running, name, stream)
        cursor = stream.cursor
        for frame in spool.frames():
            cursor = frame.cursor
        if spool.rows >= PART_ROWS or (spool.pages and cursor >= stream.end):
            spool = self._settle(running, name, stream, spool)
        if cursor >= stream.end or self._stop.is_set():
            return
        span = Span(cursor, stream.end)
        for frame in whole_seconds(self.source, self.table, span, self.where):
            spool.append(frame)
            self._meter.add(frame.batch.num_rows, self._share(running, stream, frame.cursor))
            if spool.rows >= PART_ROWS or frame.cursor >= stream.end:
                spool = self._settle(running, name, stream, spool)
            if self._stop.is_set():
                return

    def _spool(self, running: Running, name: str, stream: Stream) -> Spool:
        return Spool(
            self.folder / f"_spool-{running.epoch:06d}-{name}-{stream.number:06d}", schema(self.table)
        )

    def _share(self, running: Running, stream: Stream, cursor: int) -> float:
        self._now[id(stream)] = cursor
        whole = sum(each.end - each.start for each in running.streams)
        done = sum(self._now.get(id(each), each.cursor) - each.start for each in running.streams)
        return done / whole if whole else 1.0

    def _settle(self, running: Running, name: str, stream: Stream, spool: Spool) -> Spool:
        """Put the spool of a stream into Parquet, then say so, then forget the spool."""
        import pyarrow as pa

        with self._saving:
            frames = list(spool.frames())
            rows = pa.Table.from_batches([frame.batch for frame in frames], schema(self.table))
            parts.write(self.folder, self.table, rows, epoch=running.epoch, stream=name, number=stream.number)
            stream.cursor = frames[-1].cursor
            stream.rows += rows.num_rows
            stream.left_out += sum(frame.left_out for frame in frames)
            stream.number += 1
            self._save()
            pa.default_memory_pool().release_unused()
        spool.clear()
        return self._spool(running, name, stream)
