"""When something happens: a node needs long for each block, so that events share the times of few."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from iexec_lab.sandbox.populate.size import DAY

if TYPE_CHECKING:
    from iexec_lab.sandbox.populate.size import Size

SETUP = 600
"""Seconds at the beginning in which everybody is given money and what they own."""
_STEPS = (0, 50, 180, 420, 1_500, 3_200, 8_000, 20_000, 45_000)
"""Seconds after each rush of deals at which blocks are made."""
_BEFORE_THE_END = 7_200


class Calendar:
    """Seconds after the beginning: ``rushes`` are the times of deals, ``end`` is the last time of all."""

    def __init__(self, size: Size) -> None:
        dice = size.dice("calendar")
        self.end = size.days * DAY
        count = min(2 * size.days, max(6, 4 + size.deals // 16), 4 * size.days)
        count = max(count, 2)
        last = self.end - _BEFORE_THE_END
        pace = (last - SETUP) // (count - 1)
        self.rushes = [SETUP + pace * n + dice.randrange(0, pace // 3 + 1) for n in range(count - 1)]
        self.rushes.append(last)
        times = {self.end}
        for rush in self.rushes:
            times.add(rush)
            times.update(rush + step * dice.randrange(80, 121) // 100 for step in _STEPS)
        self._times = sorted(time for time in times if time <= self.end)

    def next(self, wanted: int, latest: int | None = None) -> int | None:
        """The first time of a block from ``wanted`` on, a new one if that is too late; None after the end."""
        if wanted > self.end:
            return None
        found = self._times[bisect_left(self._times, wanted)]
        if latest is None or found <= latest:
            return found
        insort(self._times, wanted)
        return wanted
