"""A table of history on disk: complete, without a row twice, whatever was interrupted.

Each call is an epoch. It reads what was not settled before in streams (``streams.py``), reads again the deals
and tasks that had not ended, and reads what is too near the head of the chain to be sure; then it commits.
Nothing that a committed epoch needs is removed before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.history.arrow_pages import schema, to_batch
from iexec_lab.history.disk import parts
from iexec_lab.history.disk.checkpoint import Checkpoint, Running, Stream, load, locked
from iexec_lab.history.disk.streams import Meter, Reader, outlook
from iexec_lab.history.records import Source, Span
from iexec_lab.history.tables import MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pyarrow as pa

    from iexec_lab.history.disk.streams import Progress

FINAL_AFTER: Final = 64
"""Blocks after which the chain is taken as settled."""
_AGAIN_AT_ONCE: Final = 100
_AGAIN: Final = "again"
_YOUNG: Final = "young"
_WHOLE: Final = frozenset({"orders", "apps", "datasets", "workerpools", "categories"})
"""Tables without pieces: they are written anew by every call."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a call did.

    Attributes:
        folder: Where the files are.
        rows: Rows that the folder holds now.
        new: Rows read by this call, those read again included.
        left_out: Rows that could not be believed.
        rewritten: Blocks of the chain were replaced after they had been settled.
    """

    folder: Path
    table: str
    rows: int
    new: int
    left_out: int
    files: int
    rewritten: bool


class Store:
    """One table of one chain in one folder."""

    def __init__(
        self,
        source: Source,
        table: str,
        folder: Path,
        about: Mapping[str, Any],
        where: Mapping[str, Any] | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
        final_after: int = FINAL_AFTER,
    ) -> None:
        self.source, self.table, self.folder = source, table, folder
        self.where = dict(where or {})
        self.about = {**about, "table": table, "where": {k: str(v) for k, v in sorted(self.where.items())}}
        self._meter = Meter(progress)
        self._final_after = final_after
        self._left_out = 0

    def update(self, span: Span = Span()) -> Written:  # noqa: B008 - it cannot be changed
        """Bring the folder up to date; after an interruption the same call goes on.

        Args:
            span: Moments only, a part of the past; what a folder holds already may reach further.

        Raises:
            ValidationError: The folder holds something else, or another program writes it.
            ServiceError: The source cannot be read; what was read so far is kept.
        """
        with locked(self.folder):
            held = load(self.folder, self.about)
            rewritten = self._check(held)
            self._sweep(held)
            resumed = held.running is not None
            running = self._epoch(held, span)
            if resumed and span.start < running.begin:
                running = self._epoch(held, span)
            return self._written(running, rewritten=rewritten)

    def _epoch(self, held: Checkpoint, span: Span) -> Running:
        running = held.running or self._plan(held, span)
        held.running = running
        held.save(self.folder)
        for part in parts.parts(self.folder):
            if part.state == "young" and part.epoch < running.epoch:
                part.path.unlink()
        reader = Reader(
            self.source, self.table, self.folder, self.where, lambda: held.save(self.folder), self._meter
        )
        reader.run(running)
        self._read_again(running)
        self._read_young(running)
        self._commit(held, running)
        return running

    def _plan(self, held: Checkpoint, span: Span) -> Running:
        head = self.source.head()
        asked = max(head.number - self._final_after, 0)
        settled = self.source.anchor(asked)
        begin, end = span.start, span.end
        if held.begin is not None and held.settled is not None:
            begin = min(begin, held.begin)
            end = None if end is None or held.end is None else max(end, held.end)
        known = begin if held.settled is None else held.settled
        young = self.table in _WHOLE or asked == 0
        target = max(known, 0 if young else settled.time if end is None else min(settled.time, end))
        ranges = [(known, target)] if known < target else []
        if held.begin is not None and begin < held.begin:
            ranges.insert(0, (begin, held.begin))
        streams = [
            Stream(first, last, first)
            for start, stop in ranges
            for first, last in outlook(self.source, self.table, Span(start, stop), self.where)
        ]
        return Running(held.epoch + 1, begin, end, target, [asked, *settled], streams)

    def _check(self, held: Checkpoint) -> bool:
        """Whether settled blocks were replaced; what was read after the last good one is given up."""
        good = list(held.anchors)
        while good and not self._stands(good[-1][1:]):
            good.pop()
        if held.running is not None and not self._stands(held.running.anchor):
            held.running = None
            held.save(self.folder)
        if len(good) == len(held.anchors):
            return False
        epoch, settled = (good[-1][0], good[-1][3]) if good else (0, None)
        self._give_up(epoch, settled)
        held.anchors, held.epoch, held.settled, held.running = good, epoch, settled, None
        held.begin = held.begin if good else None
        held.save(self.folder)
        return True

    def _stands(self, anchor: list[Any]) -> bool:
        asked, *block = anchor
        return list(self.source.anchor(asked)) == block

    def _give_up(self, epoch: int, settled: int | None) -> None:
        """Keep older rows that later epochs wrote, to be read again; ``_sweep`` removes the rest."""
        import pyarrow as pa
        import pyarrow.compute as pc

        later = [part for part in parts.parts(self.folder) if part.epoch > epoch]
        for number, part in enumerate(later):
            if settled is not None and part.state != "young":
                rows = parts.read([part.path], self.table)
                bound = pa.scalar(settled, pa.timestamp("s", tz="UTC"))
                rows = rows.filter(pc.less(rows[MOMENT[self.table]], bound))
                for path in parts.write(
                    self.folder, self.table, rows, epoch=epoch, stream="kept", number=number
                ):
                    path.replace(path.with_name(path.name.replace("part-", "wait-", 1)))

    def _sweep(self, held: Checkpoint) -> None:
        """Remove what a kill left: unfinished files, and those that the checkpoint does not know."""
        parts.sweep(self.folder)
        running = held.running
        for part in parts.parts(self.folder):
            if part.epoch > held.epoch:
                known = (
                    running is not None
                    and part.epoch == running.epoch
                    and part.stream.isdecimal()
                    and int(part.stream) < len(running.streams)
                    and part.number < running.streams[int(part.stream)].number
                )
                if not known:
                    part.path.unlink()
            elif part.epoch < held.epoch and part.state != "part":
                part.path.unlink()
            elif part.hidden:  # committed, and not shown yet
                part.path.replace(part.path.with_name(part.path.name[1:]))
        for path in self.folder.glob("_spool-*"):
            _, epoch, stream, number = path.name.split("-")
            if (
                running is None
                or int(epoch) != running.epoch
                or int(stream) >= len(running.streams)
                or int(number) != running.streams[int(stream)].number
            ):
                path.unlink()

    def _read_again(self, running: Running) -> None:
        """Deals and tasks that had not ended; an ended one is a row like any other from now on."""
        if self.table not in parts.KEYS:
            return
        key, moment = parts.KEYS[self.table], MOMENT[self.table]
        waiting = [
            part.path
            for part in parts.parts(self.folder)
            if part.state == "wait" and part.epoch < running.epoch and not part.hidden
        ]
        size = _AGAIN_AT_ONCE if self.source.name == "subgraph" else 1 << 62
        number = 0
        for path in waiting:
            rows = parts.read([path], self.table)
            for start in range(0, rows.num_rows, size):
                some = rows.slice(start, size)
                times = [time.timestamp() for time in some[moment].to_pylist()]
                span = Span(int(min(times)), int(max(times)) + 1)
                fresh = self._collect(span, {**self.where, key: some[key].to_pylist()})
                whole = _with_missing(fresh, some, key)
                parts.write(
                    self.folder,
                    self.table,
                    whole,
                    epoch=running.epoch,
                    stream=_AGAIN,
                    number=number,
                    hidden=True,
                )
                number += 1

    def _read_young(self, running: Running) -> None:
        start = max(running.target, running.begin)
        if running.end is None or running.end > start:
            pages = self.source.pages(self.table, Span(start, running.end), self.where)
            for number, page in enumerate(pages):
                self._left_out += page.left_out
                self._write_young(running, page, number)

    def _write_young(self, running: Running, page: Any, number: int) -> None:
        import pyarrow as pa

        rows = pa.Table.from_batches([to_batch(self.table, page)], schema(self.table))
        parts.write(
            self.folder,
            self.table,
            rows,
            epoch=running.epoch,
            stream=_YOUNG,
            number=number,
            young=True,
        )
        self._meter.add(rows.num_rows, 1.0)

    def _collect(self, span: Span, where: Mapping[str, Any]) -> pa.Table:
        import pyarrow as pa

        batches = []
        for page in self.source.pages(self.table, span, where):
            self._left_out += page.left_out
            self._meter.add(page.size, 1.0)
            batches.append(to_batch(self.table, page))
        return pa.Table.from_batches(batches, schema(self.table))

    def _commit(self, held: Checkpoint, running: Running) -> None:
        held.epoch, held.settled = running.epoch, running.target
        held.begin, held.end = running.begin, running.end
        held.anchors.append([running.epoch, *running.anchor])
        held.running = None
        held.save(self.folder)
        self._sweep(held)

    def _written(self, running: Running, *, rewritten: bool) -> Written:
        shown = [part.path for part in parts.parts(self.folder)]
        left_out = self._left_out + sum(stream.left_out for stream in running.streams)
        return Written(
            self.folder, self.table, parts.count(shown), self._meter.rows, left_out, len(shown), rewritten
        )


def _with_missing(fresh: pa.Table, old: pa.Table, key: str) -> pa.Table:
    """The rows read again, and the old ones that the source did not tell any more."""
    import pyarrow as pa
    import pyarrow.compute as pc

    gone = pc.invert(pc.is_in(old[key], fresh[key].combine_chunks()))
    return pa.concat_tables([fresh, old.filter(gone)])
