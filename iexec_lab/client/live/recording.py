"""``orderbook record`` and ``orderbook at``: a list written down from the feed, and as it was at a moment."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ValidationError
from iexec_lab.history.moments import to_datetime
from iexec_lab.history.record import Recorder, read_past
from iexec_lab.protocol import to_moment
from iexec_lab.services.market import OrderPage

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from iexec_lab.client.live.follow import Stream
    from iexec_lab.client.session import Session

_WAIT = 0.25
EVERYBODY = dict.fromkeys(("app", "dataset", "workerpool", "requester"), "any")


def record(
    stream: Stream, folder: str | os.PathLike[str], progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Write a list and its changes down until the stream ends or is interrupted; what was written, as facts.

    Raises:
        LibraryError: pyarrow is not installed.
        OSError: The folder cannot be written.
    """
    place = Path(folder)
    began = datetime.now(UTC)
    recorder = Recorder(place, stream.chain_id, stream.kind)
    gaps, written = 0, time.monotonic()
    try:
        recorder.begin(stream.named_rows())
        while stream.goes_on:
            change = stream.next_within(_WAIT)
            if stream.gaps != gaps:
                gaps = stream.gaps
                recorder.cut()
            while change is not None:
                recorder.change(change.event, stream.name_of(change.row), change.row, change.at)
                change = stream.next_within(0)
            if recorder.pass_time():
                recorder.begin(stream.named_rows())
            if progress and time.monotonic() - written >= 1:
                written = time.monotonic()
                progress(f"{stream.changes} changes in {recorder.files} files")
    except KeyboardInterrupt:
        pass
    finally:
        stream.close()
        recorder.flush()
    return {
        "folder": str(place),
        "list": stream.kind,
        "listed": len(stream.rows),
        "changes": stream.changes,
        "gaps": stream.gaps,
        "files": recorder.files,
        "beganAt": int(began.timestamp()),
        "endedAt": int(time.time()),
    }


def book_at(
    session: Session, kind: str, moment: Any, folder: str | os.PathLike[str], query: Mapping[str, Any]
) -> OrderPage:
    """A recorded list as it was; ``query``: the filters of the market's list, without page and limit.

    Raises:
        ValidationError: It is no moment, or nothing was recorded then.
    """
    when = to_datetime(moment) if isinstance(moment, str) else to_moment(moment)
    if when is None:
        raise ValidationError(f"{moment} is not a moment", hint='Use a date and time: "2026-10-01 12:30".')
    market = session.market
    past = read_past(Path(folder), market.chain_id, kind, when)
    followed = market.followed(kind, **query)
    rows, left_out = [], 0
    for told in past.rows.values():
        try:
            row = followed.read(told)
        except ValidationError:
            left_out += 1
            continue
        if followed.keep(row):
            rows.append(row)
    rows.sort(key=followed.rank)
    return OrderPage(len(rows), rows, has_more=False, left_out=left_out)
