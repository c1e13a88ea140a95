"""Prices that drift: whole numbers only, so that every machine finds the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.sandbox.populate.size import DAY

if TYPE_CHECKING:
    from iexec_lab.sandbox.populate.size import Size

FIRST = (80_000_000, 210_000_000, 460_000_000, 1_150_000_000, 2_900_000_000)
"""nRLC for a task of categories XS to XL on the first day."""
CLOCKS = (300, 1_200, 3_600, 10_800, 36_000)
"""Seconds of the same categories."""
_STEP = 55
"""Per mille that a price goes up or down in a day at most."""
_ROUND = 10_000


class Prices:
    """What a task of each category costs on each day: a walk, which never leaves a third to three times."""

    def __init__(self, size: Size) -> None:
        self._days = []
        for category, first in enumerate(FIRST):
            dice = size.dice(f"price of category {category}")
            price, walk = first, [first]
            trend = dice.randrange(-6, 9)
            for _ in range(size.days + 1):
                price = price * (1000 + dice.randrange(-_STEP, _STEP + 1) + trend) // 1000
                price = min(max(price, first // 3), first * 3)
                walk.append(price)
            self._days.append(walk)

    def at(self, category: int, offset: int, per_mille: int = 1000) -> int:
        """nRLC, ``offset`` seconds after the beginning; ``per_mille`` is how dear the seller is."""
        walk = self._days[category]
        day, rest = divmod(offset, DAY)
        day = min(day, len(walk) - 2)
        price = walk[day] + (walk[day + 1] - walk[day]) * rest // DAY
        return max(price * per_mille // 1000 // _ROUND * _ROUND, _ROUND)
