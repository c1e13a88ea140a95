"""What an order book looked like: written down as it changes, read back as it was at a moment.

A recording is the whole list, then every change, in Parquet files of a few seconds each, so that a kill loses
no more than those. Orders stand in it as the market told them, as JSON: nothing is rounded or left out.

    FOLDER/<chain id>/<kind of order>/<UTC date>/<begin in microseconds>-<session>.parquet
"""

from __future__ import annotations

import json
import os
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.errors import ValidationError
from iexec_lab.libraries import needing
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

FLUSH: Final = 5.0
"""Seconds of a file; a kill loses no more."""
MOST_ROWS: Final = 20_000
"""Changes of a file: more make a new one at once."""
WHOLE: Final = 3600.0
"""Seconds after which the whole list is written again: so far back a reader looks."""

BEGIN, ORDER, ADDED, CHANGED, REMOVED, CUT, ALIVE = (
    *("begin", "order", "added", "changed", "removed"),
    *("cut", "alive"),
)
"""A whole list begins; an order of it; the changes; the feed was cut; it still runs."""
_SLACK: Final = 3 * FLUSH


class Entry(NamedTuple):
    """A line of a recording; ``at`` in microseconds since 1970."""

    at: int
    event: str
    id: str
    row: str | None
    session: str


class Past(NamedTuple):
    """A list as it was.

    Attributes:
        rows: By identity.
        heard: The last that was written down before the moment.
        unsure: The feed was cut then: what changed meanwhile is not known.
    """

    rows: dict[str, dict[str, Any]]
    heard: datetime
    unsure: bool


class Recorder:
    """Writes one list.

    Args:
        folder: Where; made if missing.
        chain_id: Of the market.
        kind: ``workerpoolorder`` ...
    """

    def __init__(self, folder: Path, chain_id: int, kind: str) -> None:
        with needing("A recording", "pyarrow"):
            import pyarrow  # noqa: ICN001, F401 - missing, it is told before anything is waited for
        self._folder = _place(folder, chain_id, kind)
        self._session = secrets.token_hex(4)
        self._entries: list[Entry] = []
        self._flushed = self._began = 0.0
        self.files = 0

    def begin(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """The whole list: pairs of id and row."""
        self._began = time.monotonic()
        at = _now()
        self._entries.append(Entry(at, BEGIN, "", None, self._session))
        self._entries += [Entry(at, ORDER, name, _json(row), self._session) for name, row in rows]
        self.flush()

    def change(self, event: str, name: str, row: Mapping[str, Any], at: datetime) -> None:
        """A change of it."""
        text = None if event == REMOVED else _json(row)
        self._entries.append(Entry(int(at.timestamp() * 10**6), event, name, text, self._session))
        if len(self._entries) >= MOST_ROWS:
            self.flush()

    def cut(self) -> None:
        """The feed was cut; the next changes are what it missed."""
        self._entries.append(Entry(_now(), CUT, "", None, self._session))

    def pass_time(self) -> bool:
        """Write what waits, when it is time to; whether the whole list should be written again."""
        if time.monotonic() - self._flushed >= FLUSH:
            self.flush()
        return time.monotonic() - self._began >= WHOLE

    def flush(self) -> None:
        """Write what waits into a file of its own, whole or not at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._entries.append(Entry(_now(), ALIVE, "", None, self._session))
        first = self._entries[0].at
        folder = self._folder / f"{datetime.fromtimestamp(first / 10**6, UTC):%Y-%m-%d}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{first:017d}-{self._session}-{self.files:06d}.parquet"
        columns = zip(*self._entries, strict=True)
        table = pa.table(dict(zip(Entry._fields, map(list, columns), strict=True)), schema=_schema())
        unfinished = path.with_suffix(".unfinished")
        pq.write_table(table, unfinished)
        os.replace(unfinished, path)  # noqa: PTH105
        self._entries = []
        self._flushed = time.monotonic()
        self.files += 1


def read_past(folder: Path, chain_id: int, kind: str, moment: datetime) -> Past:
    """The list as it was at ``moment``.

    Raises:
        ValidationError: Nothing was recorded then, or a file is none of ours.
        LibraryError: pyarrow is not installed.
    """
    limit = int(moment.timestamp() * 10**6)
    found: list[Entry] = []
    for entries in _backwards(_place(folder, chain_id, kind), limit):
        found = entries + found
        begins = [place for place, entry in enumerate(found) if entry.event == BEGIN]
        if begins:
            session = found[begins[-1]].session
            return _played(
                [entry for entry in found[begins[-1] :] if entry.session == session], limit, moment
            )
    raise ValidationError(
        f"No recording of {kind}s reaches back to {moment:%Y-%m-%d %H:%M:%S} UTC",
        details={"folder": str(folder)},
        hint="Record the list first: iexec-lab orderbook record.",
    )


def _played(entries: list[Entry], limit: int, moment: datetime) -> Past:
    rows: dict[str, dict[str, Any]] = {}
    unsure = False
    for entry in entries:
        if entry.event in {ORDER, ADDED, CHANGED} and entry.row is not None:
            rows[entry.id] = json.loads(entry.row)
        elif entry.event == REMOVED:
            rows.pop(entry.id, None)
        if entry.event == CUT:
            unsure = True
        elif entry.event != ALIVE:
            unsure = False
    heard = datetime.fromtimestamp(entries[-1].at / 10**6, UTC)
    if limit - entries[-1].at > _SLACK * 10**6:
        raise ValidationError(
            f"Nothing was recorded at {moment:%Y-%m-%d %H:%M:%S} UTC",
            details={"recorded until": f"{heard:%Y-%m-%d %H:%M:%S} UTC"},
            hint="Choose a moment within a recording.",
        )
    return Past(rows, heard, unsure)


def _backwards(place: Path, limit: int) -> Iterator[list[Entry]]:
    """The entries up to a moment, file by file, the newest file first."""
    with needing("A recording", "pyarrow"):
        import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted(place.glob("*/*.parquet"), key=lambda each: each.name, reverse=True):
        if not path.name[:17].isdecimal() or int(path.name[:17]) > limit:
            continue
        try:
            table = pq.read_table(path, schema=_schema(), filters=[("at", "<=", limit)])
            yield [Entry(**row) for row in table.to_pylist()]
        except (pa.ArrowException, OSError, TypeError) as error:
            raise ValidationError(
                f"{path.name} cannot be read as a recording: {plain(error, 120)}",
                details={"folder": str(path.parent)},
            ) from None


def _schema() -> Any:
    import pyarrow as pa

    text = pa.string()
    return pa.schema([("at", pa.int64()), ("event", text), ("id", text), ("row", text), ("session", text)])


def _place(folder: Path, chain_id: int, kind: str) -> Path:
    return folder / str(chain_id) / kind


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"))


def _now() -> int:
    return time.time_ns() // 1000
