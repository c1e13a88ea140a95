"""How long a job took: the chain's clock between looks at it. Records only, nothing is read here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iexec_lab.client.jobs.status import JobStatus

MOST_CLOCKS: Final = 1_000
"""Jobs whose clocks a session keeps: those that were looked at last."""


class Clock:
    """The chain's clock between looks, and how long a job took; seconds."""

    def __init__(self) -> None:
        self._seen: tuple[int, float] | None = None
        self._ran = False
        self._end: float | None = None

    def look(self, status: JobStatus) -> None:
        """Hear when the tasks were looked at."""
        told = max((view.now for view in status.tasks), default=0)
        if self._seen is None or told > self._seen[0]:
            self._seen = told, time.monotonic()
        if status.ended:
            self._end = self._end or self.now
        else:
            self._ran, self._end = True, None

    @property
    def now(self) -> float:
        """What it shows by now: a chain without blocks tells no time."""
        return self._seen[0] + time.monotonic() - self._seen[1] if self._seen else 0

    def elapsed(self, since: int) -> float | None:
        """Seconds until now or the end; None where nobody saw it run."""
        return (self._end or self.now) - since if self._ran else None
