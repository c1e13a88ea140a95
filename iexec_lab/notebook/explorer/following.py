"""A list on a page that goes on: by the market's feed where there is one, else by looking now and then.

One thread for a page, and only while somebody looks at it. Changes are gathered: the rows are changed, and
the page is told, once in a while and the less often the longer that takes, so a busy market costs as much as
a calm one. Nothing grows: of each row only its last state waits.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import IexecError, LibraryError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from iexec_lab.client.live.follow import Stream
    from iexec_lab.notebook.explorer.asking import Asking

    Changes = Callable[[pd.DataFrame | None, list[str], pd.DataFrame | None], None]

PAUSE: Final = 2.0
"""Seconds between two changes of the rows, at least."""
SHARE: Final = 20
"""How many times longer than the work for one change the pause after it is: 5 % of a core at most."""
EVERY: Final = 30.0
"""Seconds between two looks at a list without a feed."""
SOON: Final = 10.0
"""Seconds between two looks when the feed says that something happened."""
_TICK: Final = 0.25
_AT_ONCE: Final = 2_000  # changes that are taken in before the rows are


class Following:
    """The thread of a page.

    Args:
        asking: Reads.
        is_watched: Whether somebody looks; it ends when nobody does, and ``wake`` begins again.
        say: Told how the list is kept up to date, as words.
    """

    def __init__(self, asking: Asking, is_watched: Callable[[], bool], say: Callable[[str], None]) -> None:
        self._asking, self._is_watched, self._say = asking, is_watched, say
        self._lock = threading.Lock()
        self._task: Callable[[threading.Event], None] | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.changes = 0
        """Changes that the feed told of."""
        self.applied = 0
        """How often the rows were changed."""

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive() and not self._stop.is_set()

    def book(self, words: Sequence[str], change: Changes) -> None:
        """Follow a book from now on: ``change(put, gone, whole)``; ``whole`` once after each beginning."""
        self._begin(lambda stop: self._follow_book(words, change, stop))

    def looks(self, look: Callable[[], None], *, topic: str | None, every: float) -> None:
        """Call ``look`` now and then, soon after the feed told something of a topic."""
        self._begin(lambda stop: self._look_on(look, topic, every, stop))

    def wake(self) -> None:
        """Go on when nobody looked for a while, and somebody does now."""
        with self._lock:
            if self._task is not None and not self.is_running:
                self._start(self._task)

    def close(self) -> None:
        """Stop for good; what is on its way is not waited for."""
        with self._lock:
            self._task = None
            self._stop.set()

    # -- the thread ---------------------------------------------------------------------------------------

    def _begin(self, task: Callable[[threading.Event], None]) -> None:
        with self._lock:
            self._stop.set()
            self._task = task
            if self._is_watched():
                self._start(task)

    def _start(self, task: Callable[[threading.Event], None]) -> None:
        self._stop = stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(task, stop), name="iexec page", daemon=True)
        self._thread.start()

    def _run(self, task: Callable[[threading.Event], None], stop: threading.Event) -> None:
        pause = 1.0
        while self._goes_on(stop):
            try:
                task(stop)
                break
            except IexecError as error:
                if not self._goes_on(stop):
                    break
                self._say(f"not up to date: {error.message}")
                self._wait(stop, pause)
                pause = min(2 * pause, 60.0)
        stop.set()

    def _goes_on(self, stop: threading.Event) -> bool:
        return not stop.is_set() and self._is_watched()

    def _wait(self, stop: threading.Event, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self._goes_on(stop) and time.monotonic() < end:
            stop.wait(_TICK)

    def _follow_book(self, words: Sequence[str], change: Any, stop: threading.Event) -> None:
        def drive(stream: Stream) -> None:
            change(None, [], stream.frame)
            waiting: dict[str, Any] = {}
            source, next_at = "", 0.0
            while self._goes_on(stop):
                if stream.source != source:
                    source = stream.source
                    self._say(
                        "follows the market's feed" if source == "feed" else "no feed: looks every 10 s"
                    )
                self._gather(stream, waiting)
                if waiting and time.monotonic() >= next_at:
                    began = time.monotonic()
                    change(*_put_and_gone(stream, waiting), None)
                    waiting.clear()
                    self.applied += 1
                    now = time.monotonic()
                    next_at = now + max(PAUSE, SHARE * (now - began))

        self._asking.follow(words, drive)

    def _gather(self, stream: Stream, waiting: dict[str, Any]) -> None:
        """Take in what has happened; of each row the last that was told of it."""
        told = stream.next_within(_TICK)
        for _ in range(_AT_ONCE):
            if told is None:
                return
            self.changes += 1
            waiting[stream.name_of(told.row)] = told
            told = stream.next_within(0)

    def _look_on(
        self, look: Callable[[], None], topic: str | None, every: float, stop: threading.Event
    ) -> None:
        feed = self._join(topic) if topic else None
        self._say("follows the market's feed" if feed is not None else f"looks every {every:.0f} s")
        looked = time.monotonic()
        is_stale = False
        try:
            while self._goes_on(stop):
                if feed is None:
                    stop.wait(_TICK)
                else:
                    is_stale, feed = self._heard(feed, is_stale)
                if time.monotonic() - looked >= (SOON if is_stale else every):
                    began = time.monotonic()
                    look()
                    self.applied += 1
                    looked, is_stale = time.monotonic(), False
                    every = max(every, SHARE * (looked - began))
                    if feed is None and topic:
                        feed = self._join(topic)
        finally:
            if feed is not None:
                feed.close()

    def _join(self, topic: str | None) -> Any:
        """The market's feed, or None where there is none, or it does not answer."""
        from iexec_lab.services.market_feed import Feed

        session = self._asking.lab.session
        try:
            market = session.market
            return Feed(market.url, market.chain_id, str(topic), timeout=session.timeout)
        except (LibraryError, ServiceError, IexecError):
            return None

    def _heard(self, feed: Any, is_stale: bool) -> tuple[bool, Any]:
        from iexec_lab.services.market_feed import FeedCutError

        try:
            told = feed.get(_TICK)
            for _ in range(_AT_ONCE):
                if told is None:
                    break
                self.changes += 1
                is_stale = True
                told = feed.get(0.0)
        except FeedCutError:
            feed.close()
            self._say("the feed was cut: looks now and then")
            return True, None
        return is_stale, feed


def _put_and_gone(stream: Stream, waiting: dict[str, Any]) -> tuple[pd.DataFrame | None, list[str]]:
    from iexec_lab import frames

    put = [told.row for told in waiting.values() if told.event != "removed"]
    gone = [name for name, told in waiting.items() if told.event == "removed"]
    return (frames.build(stream.kind, put) if put else None), gone
