"""The text of a picture: the same figures, exact, with bars of characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ROWS: Final = 40
_WIDEST_BAR, _LONGEST_CELL = 40, 44


@dataclass(frozen=True)
class Twin:
    """Rows as text.

    Attributes:
        columns: What is above each column.
        rows: The figures, exact; all of them.
        weights: How long the bar of each row is, not negative.
        newest: When there are too many rows the last ones are shown, not the first.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    weights: Sequence[int] = ()
    newest: bool = False

    def lines(self, width: int, block: str) -> list[str]:
        """A table of at most ``MOST_ROWS`` rows, bars where they fit in; what is left out is counted."""
        if not self.rows:
            return []
        shown = slice(-MOST_ROWS, None) if self.newest else slice(MOST_ROWS)
        rows = [tuple(plain(cell, _LONGEST_CELL) for cell in row) for row in self.rows[shown]]
        widths = [max(map(len, column)) for column in zip(self.columns, *rows, strict=True)]
        numeric = [_is_numeric(column) for column in zip(*rows, strict=True)]
        room = min(width - sum(widths) - 2 * len(widths), _WIDEST_BAR)
        bars = self._bars(list(self.weights[shown]), room, block)
        lines = [
            "  ".join(
                cell.rjust(size) if right else cell.ljust(size)
                for cell, size, right in zip(row, widths, numeric, strict=True)
            )
            for row in (self.columns, *rows)
        ]
        lines = [f"{line}  {bar}".rstrip() for line, bar in zip(lines, ("", *bars), strict=True)]
        rest = len(self.rows) - len(rows)
        if rest:
            lines.insert(
                1 if self.newest else len(lines), f"… {rest:,} {'earlier' if self.newest else 'more'}"
            )
        return lines

    def _bars(self, weights: Sequence[int], room: int, block: str) -> list[str]:
        largest = max(weights, default=0)
        if not largest or room < 5:
            return [""] * min(len(self.rows), MOST_ROWS)
        return [block * -(-weight * room // largest) for weight in weights]


def _is_numeric(cells: Sequence[str]) -> bool:
    return all(cell.replace(",", "").replace(".", "", 1).isdecimal() for cell in cells if cell)


def numbered(count: Any, one: str, many: str | None = None) -> str:
    """``1 deal``, ``5 deals``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
