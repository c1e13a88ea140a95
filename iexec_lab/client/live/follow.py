"""A list of the market that is kept up to date: by its feed, and by asking again where there is none.

Every connection begins with the whole list, read after the feed was joined, and ends in another: what a cut
hid is the difference between the two, so nothing is missed and nothing comes twice.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

from iexec_lab.errors import LibraryError, ServiceError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    import pandas as pd

    from iexec_lab.client.session import Session
    from iexec_lab.services.market_feed import Feed, Told

ADDED: Final = "added"
CHANGED: Final = "changed"
REMOVED: Final = "removed"
_TICK: Final = 0.25
"""Seconds of one wait: an interrupt is heard after it."""
_PAUSES: Final = (1.0, 30.0)
"""Seconds before the feed is tried again after a cut, and most of them; each is twice the one before."""
MOST_ROWS: Final = 200_000
"""Rows of a list and changes that wait: a feed may tell of any number."""


class Change(NamedTuple):
    """One thing that happened to a list.

    Attributes:
        event: ``added``, ``changed`` or ``removed``.
        row: The order or deal as the market told it; for ``removed``, as it was last known.
        at: When it was heard of, UTC.
        kind: ``workerpoolorder`` ... or ``deal``.
    """

    event: Literal["added", "changed", "removed"]
    row: Mapping[str, Any]
    at: datetime
    kind: str

    @property
    def values(self) -> dict[str, Any]:
        """The row by the names of the frame's columns: ``workerpool_price_nrlc`` ..."""
        from iexec_lab import frames

        frame = frames.build(self.kind, [self.row])
        return {str(name): frame[name].iloc[0] for name in frame.columns}


class Stream:
    """Changes of a list as they happen: ``for change in stream``, or ``async for``.

    Nothing runs beside you: the list is brought up to date by iterating, and by looking at ``frame``. It ends
    after ``timeout`` seconds, with ``close()``, or when interrupted.

    Args:
        session: Whose market.
        kind: ``workerpoolorder`` ... or ``deal``.
        filters: Those of ``Market.orderbook`` or ``Market.deals``.
        timeout: Seconds after which the iteration ends; None for never.
        every: Seconds between two looks where there is no feed.
        limit: Rows that ``frame`` shows; the list itself is whole.
        draw: Makes ``frame``, where it is more than these rows.
        listed: Rows as those of the list's own verb, where they differ from the market's.

    Attributes:
        gaps: How often the feed was cut.
        changes: How many there were.
    """

    def __init__(
        self,
        session: Session,
        kind: str,
        filters: Mapping[str, Any],
        *,
        timeout: float | None = None,
        every: float = 10.0,
        limit: int | None = None,
        draw: Callable[[], pd.DataFrame] | None = None,
        listed: Callable[[Sequence[Mapping[str, Any]]], list[dict[str, Any]]] | None = None,
    ) -> None:
        self._draw, self._listed = draw, listed
        self._session = session
        self.kind = kind
        self._filters = dict(filters)
        self._limit = limit
        self._every = _seconds("every", every)
        self._end = None if timeout is None else time.monotonic() + _seconds("timeout", timeout)
        self._followed = session.market.followed(kind, **filters)
        self._rows: dict[str, Mapping[str, Any]] = {}
        self._pending: deque[Change] = deque(maxlen=MOST_ROWS)
        self._feed: Feed | None = None
        self._is_closed = False
        self._has_feed = True
        self._pause, self._retry_at, self._look_at = _PAUSES[0], 0.0, 0.0
        self._frame: pd.DataFrame | None = None
        self._drawn_at = 0.0
        self.gaps = self.changes = 0
        self.left_out = 0
        self._begin()

    # -- reading ------------------------------------------------------------------------------------------

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Change:
        try:
            while self.goes_on:
                if (change := self.next_within(_TICK)) is not None:
                    return change
        except BaseException:
            self.close()
            raise
        self.close()
        raise StopIteration

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        import asyncio  # 0.03 s, which a list that is only read need not wait for

        try:
            while self.goes_on:
                if (change := await asyncio.to_thread(self.next_within, _TICK)) is not None:
                    return change
        except BaseException:
            self.close()
            raise
        self.close()
        raise StopAsyncIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def next_within(self, wait: float) -> Change | None:
        """The next change, or None when there was none within ``wait`` seconds."""
        if not self._pending:
            self._pump(wait)
        return self._pending.popleft() if self._pending else None

    @property
    def goes_on(self) -> bool:
        """Whether changes wait, or may still come."""
        if self._pending:
            return True
        return not self._is_closed and (self._end is None or time.monotonic() < self._end)

    @property
    def source(self) -> str:
        """What keeps it up to date just now: ``feed`` or ``polling``."""
        return "feed" if self._feed is not None else "polling"

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The list as it is now, in the market's order."""
        self._drain()
        return sorted(self._rows.values(), key=self._followed.rank)[: self._limit]

    @property
    def total(self) -> int:
        """How many rows the list has now, without a limit."""
        self._drain()
        return len(self._rows)

    def as_listed(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Rows as ``--raw`` of the list's own command has them."""
        return self._listed(rows) if self._listed else rows

    @property
    def chain_id(self) -> int:
        """Of the market."""
        return self._session.market.chain_id

    def name_of(self, row: Mapping[str, Any]) -> str:
        """What identifies a row: an order's hash, a deal's id."""
        return str(row[self._followed.identity]).lower()

    def named_rows(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The whole list as it is now, with what identifies each row."""
        return list(self._rows.items())

    @property
    def frame(self) -> pd.DataFrame:
        """The list as it is now, as a DataFrame like that of the list's own verb."""
        self._drain()
        if self._frame is None or self.is_old:
            self._frame = self._draw() if self._draw else self._drawn()
            self._drawn_at = time.monotonic()
        return self._frame

    @property
    def is_old(self) -> bool:
        """Whether ``frame`` may have changed without a word of the feed, which tells nothing of tasks."""
        return self._draw is not None and time.monotonic() >= self._drawn_at + self._every

    def _drawn(self) -> pd.DataFrame:
        from iexec_lab import frames

        about = self._session.about()
        if self.left_out:
            about["left_out"] = self.left_out
        return frames.build(self.kind, self.rows, **about)

    def close(self) -> None:
        """Leave the feed."""
        self._is_closed = True
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def __repr__(self) -> str:
        return f"<Stream of {len(self._rows)} {self.kind}s by {self.source}>"

    # -- keeping up ---------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Join, then read the list: what happens in between is told after it was read."""
        self._join()
        try:
            found = self._read()
        except BaseException:
            self.close()
            raise
        self._rows = found
        self._look_at = time.monotonic() + self._every

    def _join(self) -> None:
        from iexec_lab.services.market_feed import Feed

        market = self._session.market
        topic = "deals" if self.kind == "deal" else "orders"
        try:
            self._feed = Feed(market.url, market.chain_id, topic, timeout=self._session.timeout)
            self._pause = _PAUSES[0]
        except LibraryError:
            self._has_feed = False
        except ServiceError:
            self._retry_at = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, _PAUSES[1])

    def _read(self) -> dict[str, Mapping[str, Any]]:
        market = self._session.market
        rows: Any
        if self.kind == "deal":
            deals = market.deals_all(**self._filters)
            rows, self.left_out = deals.deals, deals.left_out
        else:
            orders = market.orderbook_all(self.kind, **self._filters)
            rows, self.left_out = orders.orders, orders.left_out
        identity = self._followed.identity
        return {str(row[identity]).lower(): row for row in rows}

    def _drain(self) -> None:
        """Take in what has been told already; the changes wait for the iteration."""
        while self._feed is not None and self._hear(0.0):
            pass

    def _pump(self, wait: float) -> None:
        """Bring the list up to date; waits at most ``wait`` seconds where nothing happens."""
        if self._is_closed:
            return
        now = time.monotonic()
        is_new = self._feed is None and self._has_feed and now >= self._retry_at
        if is_new:
            self._join()
        if self._feed is not None:
            if is_new:
                self._catch_up()
            else:
                self._hear(wait)
        elif now >= self._look_at:
            self._catch_up()
        else:
            time.sleep(min(wait, self._look_at - now))

    def _hear(self, wait: float) -> bool:
        """Whether something was told, within ``wait`` seconds."""
        from iexec_lab.services.market_feed import FeedCutError

        assert self._feed is not None
        try:
            told = self._feed.get(wait)
        except FeedCutError:
            self._feed.close()
            self._feed = None
            self.gaps += 1
            self._retry_at = self._look_at = 0.0  # at once, then less and less often
            return False
        if told is not None:
            self._take(told)
        return told is not None

    def _catch_up(self) -> None:
        """Read the list; where that fails, what is known stays, and the next look tells the difference."""
        self._look_at = time.monotonic() + self._every
        try:
            found = self._read()
        except ServiceError:
            if self._feed is not None:  # without the list nobody knows what it missed
                self._feed.close()
                self._feed = None
                self._retry_at = time.monotonic() + self._pause
                self._pause = min(self._pause * 2, _PAUSES[1])
            self._look_at = min(self._look_at, time.monotonic() + self._pause)
            return
        for name in self._rows.keys() - found.keys():
            self._remove(name)
        for name, row in found.items():
            self._put(name, row)

    def _take(self, told: Told) -> None:
        event, payload = told
        if self.kind == "deal":
            if event == "deal_created":
                self._put_told(payload)
            return
        kind, _, what = event.partition("_")
        if kind != self.kind:
            return
        if what == "unpublished":
            if isinstance(payload, str):
                self._remove(payload.lower())
        elif what in {"published", "updated"}:
            self._put_told(payload)

    def _put_told(self, payload: Any) -> None:
        try:
            if isinstance(payload, dict) and self.kind != "deal":  # lists have it, the feed leaves it out
                payload = {**payload, "chainId": self._session.market.chain_id}
            row = self._followed.read(payload)
        except ValidationError:
            self.left_out += 1
            return
        name = row[self._followed.identity].lower()
        if self._followed.keep(row):
            self._put(name, row)
        else:
            self._remove(name)

    def _put(self, name: str, row: Mapping[str, Any]) -> None:
        before = self._rows.get(name)
        if before is None and len(self._rows) >= MOST_ROWS:
            self.left_out += 1
        elif before != row:
            self._rows[name] = row
            self._changed(ADDED if before is None else CHANGED, row)

    def _remove(self, name: str) -> None:
        row = self._rows.pop(name, None)
        if row is not None:
            self._changed(REMOVED, row)

    def _changed(self, event: Any, row: Mapping[str, Any]) -> None:
        self._frame = None
        self.changes += 1
        self._pending.append(Change(event, row, datetime.now(UTC), self.kind))


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 10**9:
        raise ValidationError(f"{name} cannot be {value}", hint="Give a positive number of seconds.")
    return float(value)
