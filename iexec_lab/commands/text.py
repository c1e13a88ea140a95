"""Answers as text for a terminal: aligned keys, tables where they fit, nothing that steers the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.looks import BOLD, GREEN, LONGEST_LINE, LONGEST_TEXT, PLAIN
from iexec_lab.units import number_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CELLS = (LONGEST_LINE + 1, 40, 24)
"""Letters of a cell of a table, tried in turn: one long name leaves the others their table."""


class Style:
    """Adds colours, or leaves text alone."""

    def __init__(self, *, colours: bool) -> None:
        self.colours = colours

    def paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self.colours else text


def safe(text: str) -> str:
    """Short text without control characters: what comes from the network must not move the cursor."""
    if len(text) > LONGEST_LINE:
        text = text[:LONGEST_LINE] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def render(value: Any, style: Style, *, width: int = 100) -> str:
    """Lines for a person; an empty text for an empty answer."""
    return "\n".join(_lines(value, style, width))


def _lines(value: Any, style: Style, width: int) -> list[str]:
    if isinstance(value, dict):
        return _pairs(value, style, width)
    if isinstance(value, (list, tuple)):
        return _items(value, style, width)
    text = _word(value)
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}\n… {len(text) - LONGEST_TEXT} more characters"
    return [safe(line) for line in text.split("\n")] if value != "" else []


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number_text(value)  # Python writes no more than 4,300 digits
    return "none" if value is None else str(value)


def _pairs(value: Mapping[str, Any], style: Style, width: int) -> list[str]:
    names = [safe(str(name)) for name in value]
    indent = max((len(name) for name in names), default=0) + 2
    lines: list[str] = []
    for name, item in zip(names, value.values(), strict=True):
        label = style.paint(GREEN, f"{name}:")
        if (isinstance(item, (dict, list, tuple)) and item) or (isinstance(item, str) and "\n" in item):
            lines += [label, *(f"  {line}" for line in _lines(item, style, width - 2))]
        else:
            text = "none" if isinstance(item, (dict, list, tuple)) else safe(_word(item))
            lines.append(f"{label}{' ' * (indent - len(name) - 1)}{text}")
    return lines


def _items(value: Sequence[Any], style: Style, width: int) -> list[str]:
    if value and all(isinstance(item, dict) for item in value):
        for longest in _CELLS:
            table = _table(value, longest)
            if table and max(map(len, table)) <= width:
                return [style.paint(BOLD, table[0]), *table[1:]]
    lines: list[str] = []
    for item in value:
        first, *rest = _lines(item, style, width - 2) or [""]
        lines += [f"- {first}", *(f"  {line}" for line in rest)]
    return lines


def _table(rows: Sequence[Mapping[str, Any]], longest: int) -> list[str]:
    """Header and rows; empty when a cell has several lines or parts, or the rows differ.

    A text of more than ``longest`` letters is cut, but no id and no number, which would be another one.
    """
    columns = list(rows[0])
    if any(list(row) != columns or not all(map(_fits_a_cell, row.values())) for row in rows):
        return []
    cells = [
        [safe(str(name)) for name in columns],
        *([_brief(safe(_word(cell)), longest) for cell in row.values()] for row in rows),
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return [
        "  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _brief(text: str, longest: int) -> str:
    whole = len(text) <= longest or text.startswith("0x") or text.partition(" ")[0][:1].isdecimal()
    return text if whole else f"{text[: longest - 1]}…"


def _fits_a_cell(value: Any) -> bool:
    return not isinstance(value, (dict, list)) and "\n" not in str(value)
