"""The text of a picture: the same figures, exact, with bars of characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ROWS: Final = 40
_WIDEST_BAR, _LONGEST_CELL, _SHORTEST_GAP = 40, 44, 2


@dataclass(frozen=True)
class Twin:
    """Rows as text.

    Attributes:
        columns: What is above each column.
        rows: The figures, exact; all of them.
        weights: How long the bar of each row is, not negative.
        newest: When there are too many rows the last ones are shown, not the first.
        gap: What is said of several rows without anything, such as ``{} days without a deal``.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    weights: Sequence[int] = ()
    newest: bool = False
    gap: str = ""

    def lines(self, width: int, block: str) -> list[str]:
        """A table of at most ``MOST_ROWS`` rows, bars where they fit in; what is left out is counted."""
        if not self.rows:
            return []
        every = self._runs()
        runs = every[-MOST_ROWS:] if self.newest else every[:MOST_ROWS]
        places = [run[0] for run in runs if len(run) == 1]
        rows = [tuple(plain(cell, _LONGEST_CELL) for cell in self.rows[place]) for place in places]
        widths = [max(map(len, column)) for column in zip(self.columns, *rows, strict=True)]
        numeric = [_is_numeric(column) for column in zip(*rows, strict=True)]
        room = min(width - sum(widths) - 2 * len(widths), _WIDEST_BAR)
        weights = [self.weights[place] for place in places] if self.weights else []
        bars = self._bars(weights, len(rows), room, block)
        lines = [
            "  ".join(
                cell.rjust(size) if right else cell.ljust(size)
                for cell, size, right in zip(row, widths, numeric, strict=True)
            )
            for row in (self.columns, *rows)
        ]
        lines = [f"{line}  {bar}".rstrip() for line, bar in zip(lines, ("", *bars), strict=True)]
        table = iter(lines[1:])
        lines[1:] = [next(table) if len(run) == 1 else f"… {self.gap.format(len(run))}" for run in runs]
        rest = len(self.rows) - sum(map(len, runs))
        if rest:
            lines.insert(
                1 if self.newest else len(lines), f"… {rest:,} {'earlier' if self.newest else 'more'}"
            )
        return lines

    def _runs(self) -> list[range]:
        """The rows one by one, several without anything together."""
        runs: list[range] = []
        at = 0
        while at < len(self.rows):
            end = at
            while self.gap and end < len(self.rows) and not self.weights[end]:
                end += 1
            size = end - at if end - at > _SHORTEST_GAP else 1
            runs.append(range(at, at + size))
            at += size
        return runs

    def _bars(self, weights: Sequence[int], count: int, room: int, block: str) -> list[str]:
        largest = max(weights, default=0)
        if not largest or room < 5:
            return [""] * count
        return [block * -(-weight * room // largest) for weight in weights]


def _is_numeric(cells: Sequence[str]) -> bool:
    return all(cell.replace(",", "").replace(".", "", 1).isdecimal() for cell in cells if cell)


def numbered(count: Any, one: str, many: str | None = None) -> str:
    """``1 deal``, ``5 deals``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
