"""What draws itself as a card, and is drawn anew while it changes: a job, or one task that is waited for.

In a notebook whoever looks at it moves all its cards (``doors.live``); elsewhere it is text.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from iexec_lab import doors
from iexec_lab.client.jobs.card import Card
from iexec_lab.client.jobs.doubts import on_stderr
from iexec_lab.client.jobs.status import MOST_CLOCKS, Clock
from iexec_lab.errors import ChainError, IexecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iexec_lab.client.jobs.doubts import Doubts, Tell
    from iexec_lab.client.jobs.status import JobDeal, JobStatus
    from iexec_lab.client.jobs.why import Trouble
    from iexec_lab.client.session import Session


_PAUSE: Final = 0.5
_SLOWER: Final = 60
_LONGEST: Final = 30.0
"""A pause is a part of the time that a card was watched, and has at most so many seconds."""


class Shown:
    """The drawing of a job; ``_session``, ``deal_ids``, ``tx_hashes`` and ``_last`` are the job's."""

    _session: Session
    deal_ids: tuple[str, ...]
    tx_hashes: tuple[str | None, ...]
    _last: JobStatus | None
    _is_task = False
    _line_shown: Any = None
    """The line of a terminal that tells the wait that goes on."""

    def __init__(self) -> None:
        self._looked_at: datetime | None = None
        self._remark = ""
        self._reasons: dict[str, Trouble] = {}
        self._doubted: Doubts | None = None  # of the last wait

    @property
    def key(self) -> tuple[object, ...]:
        """What it is, whichever object holds it: all cards of the same work move together."""
        network = self._session.network
        return (network.id, network.hub, self._session.network.host, self._is_task, *self.deal_ids)

    @property
    def _clock(self) -> Clock:
        """The clock of this work: whichever object saw it begin, another may see its end."""
        clocks = self._session.clocks
        while len(clocks) > MOST_CLOCKS:
            clocks.pop(next(iter(clocks)))
        return clocks.setdefault(self.key, Clock())

    @property
    def ended(self) -> bool:
        """Whether all had ended when it was looked at last; nobody is asked."""
        return self._last is not None and self._last.ended

    def _known_deals(self) -> tuple[JobDeal, ...]:
        """The deals as far as they were read."""
        found = [self._session.deals_seen.get(deal_id) for deal_id in self.deal_ids]
        return tuple(held for held in found if held) if all(found) else ()

    def _known_reasons(self) -> Mapping[str, Trouble]:
        return {**(self._doubted.troubles if self._doubted else {}), **self._reasons}

    def card(self) -> Card:
        """What is known by now; nobody is asked."""
        deals = self._known_deals()
        start = min((held.deal.start_time for held in deals), default=0)
        return Card(
            network=self._session.network.name,
            deal_ids=self.deal_ids,
            deals=deals,
            status=self._last if deals else None,
            names=self._session.names_seen,
            troubles=tuple(self._known_reasons().values()),
            now=self._clock.now,
            elapsed=self._clock.elapsed(start) if deals else None,
            looked_at=self._looked_at,
            remark=self._remark,
            is_task=self._is_task,
            tx_hashes=self.tx_hashes,
        )

    def _saw(self, status: JobStatus) -> JobStatus:
        """Keep what a look showed, and move the cards."""
        self._last, self._remark = status, ""
        self._looked_at = datetime.now(UTC)
        self._clock.look(status)
        self._move()
        return status

    @contextmanager
    def _telling_absence(self) -> Iterator[None]:
        """A look that fails is told on the cards: it will be tried again for a while."""
        try:
            yield
        except ChainError as error:
            self._remark = f"The node does not answer, and is asked again: {error.message}"
            self._move()
            raise

    def _move(self) -> None:
        if self._line_shown is not None and self._last is not None:
            counts = ", ".join(f"{count} {name.lower()}" for name, count in self._last.counts.items())
            self._line_shown.update(counts, self._last.done, self._last.total)
        page = doors.live()
        if page is not None:
            page.move(self)

    def status(self) -> JobStatus:
        """All tasks as they are now.

        Raises:
            IexecError: They cannot be seen.
        """
        raise NotImplementedError

    def _look(self) -> None:
        """Look once, for a card that is drawn now; a node that is away is told on it."""
        try:
            self.status()
        except IexecError as error:
            self._remark = f"The last look failed: {error.message}"

    def _pace(self, since: float) -> float:
        """Seconds between two looks that nobody waits for, after so many seconds: fewer with time.

        While somebody waits for it, that one looks.
        """
        page = doors.live()
        while page is not None and page.is_waited(self) and not self.ended:
            time.sleep(_PAUSE)
        return min(since / _SLOWER, _LONGEST)

    def _look_on(self) -> None:
        """Look until the end, in a thread; what ends it before is told on the card."""

    @contextmanager
    def _in_sight(self, *, told: bool = False) -> Iterator[None]:
        """While this is waited for, a notebook shows how far it is, IPython in a terminal in a line.

        ``told``: somebody else tells it there.
        """
        page = doors.live()
        if page is None and not told and self._line_shown is None:
            with doors.progress("Waiting for the tasks") as line:
                self._line_shown = line
                try:
                    yield
                finally:
                    del self._line_shown
            return
        if page is None:
            yield
            return
        page.begin(self)
        try:
            yield
        finally:
            page.end(self)

    def _teller(self, tell: Tell | None) -> Tell:
        """Where reasons go: to who asked for them, to the card, else to standard error."""

        def told(text: str) -> None:
            page = doors.live()
            if tell is not None:
                tell(text)
            elif page is None or not page.is_seen(self):
                # A terminal's line is put away meanwhile.
                with getattr(self._line_shown, "hidden", nullcontext)():
                    on_stderr(text)
            self._move()

        return told

    def _gone_wrong(self, error: Any) -> None:
        """Keep what an error explains, for the card."""
        self._reasons |= {trouble.view.task_id: trouble for trouble in error.troubles}
        error.told, error.stands_here = self.card(), self._stands_here
        self._move()

    def _stands_here(self) -> bool:
        """Whether the cell that runs shows the card."""
        page = doors.live()
        return page is not None and bool(page.stands_here(self))

    def __repr__(self) -> str:
        return f"<Job {self.card().line()}>"

    def __str__(self) -> str:
        return self._repr_mimebundle_()["text/plain"]

    def _repr_html_(self) -> str:
        return str(self.card().html())

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        if not self.ended:
            self._look()
        card = self.card()
        return {"text/plain": card.text(), "text/html": str(card.html())}

    def _ipython_display_(self) -> None:
        """Draw it where it goes on moving.

        Raises:
            NotImplementedError: Nothing can move here; IPython then takes the text.
        """
        page = doors.live()
        if page is None:
            raise NotImplementedError
        if not self.ended:
            with page.soon(self):
                self._look()
        page.display(self)
