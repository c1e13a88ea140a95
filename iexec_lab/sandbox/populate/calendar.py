"""When something happens: a node needs long for each block, so that events share the times of few."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING

from iexec_lab.sandbox.populate.size import DAY

if TYPE_CHECKING:
    from iexec_lab.sandbox.populate.size import Size

SETUP = 600
"""Seconds at the beginning in which everybody is given money and what they own."""
_STEPS = (0, 60, 300, 1_200, 4_000, 11_000, 36_000, 80_000)
"""Seconds after each rush of deals at which blocks are made."""
_MOST_RUSHES = 40
_BEFORE_THE_END = 7_200


class Calendar:
    """Seconds after the beginning: ``rushes`` are the times of deals, ``end`` is the last time of all."""

    def __init__(self, size: Size) -> None:
        dice = size.dice("calendar")
        self.end = size.days * DAY
        count = max(2, min(2 * size.days, 6 + size.deals // 25, _MOST_RUSHES))
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

    def around(self, wanted: int, earliest: int, latest: int) -> int | None:
        """Like ``next``, but rather sooner, from ``earliest`` on, than at a new time."""
        if self.end < wanted <= latest:
            return None
        place = bisect_left(self._times, wanted)
        if place < len(self._times) and self._times[place] <= latest:
            return self._times[place]
        before = self._times[bisect_right(self._times, latest) - 1]
        return before if before >= earliest else self.next(wanted, latest)
