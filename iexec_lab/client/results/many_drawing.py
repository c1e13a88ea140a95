"""How the results of many tasks look: a row for each task, in HTML and in text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final

from iexec_lab import markup
from iexec_lab.plain_text import plain
from iexec_lab.protocol.states import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.markup import Tone

MOST: Final = 50
"""Tasks that are drawn; those without a result come beside them, whatever their place."""
_NAMES: Final = 3
_NAME: Final = 30
_LINE: Final = 90
_FEW: Final = 12  # tasks that have room for more than one line each
_ONE_LINE: Final = "max-width:22em;white-space:nowrap;overflow:hidden;text-overflow:ellipsis"
_NARROW: Final = 60  # letters of a cell in a terminal
_NARROWEST: Final = 10
_TONES: Final[dict[str, Tone]] = {"COMPLETED": "good", "FAILED": "bad", "TIMEOUT": "late", "ACTIVE": "going"}
_ORDER: Final[Sequence[Tone]] = ("good", "going", "late", "bad", "calm")


@dataclass(frozen=True)
class Row:
    """A task: what is in its result, its first lines, or why there is none."""

    index: int
    task_id: str
    status: str
    names: Sequence[str]
    lines: Sequence[str]
    reason: str

    @property
    def files(self) -> str:
        """The names of a few; before them, which may be cut, how many there are."""
        kept = [name for name in self.names if name != "computed.json" or len(self.names) == 1]
        shown = ", ".join(plain(name, _NAME) for name in kept[:_NAMES])
        return f"{len(kept):,}: {shown}, …" if len(kept) > _NAMES else shown


def tone_of(status: str, reason: str) -> Tone:
    """The colour of a status; what is completed and cannot be read is no good news."""
    if reason and status in {"COMPLETED", ""}:
        return "bad"
    return _TONES.get(status, "calm") if status else "good"


def word_of(status: str) -> str:
    """A status as the card of a job calls it."""
    return "late" if status == TIMEOUT else status.lower() or "here"


def draw(title: str, rows: Sequence[Row], states: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The table as text and as HTML.

    Args:
        title: What it is.
        rows: The tasks that are drawn.
        states: Status of each task of all, and why it has no result; empty where it has one.
    """
    head = ("task", "status", "files", "first lines")
    shown = [
        (
            row.index,
            markup.badge(word_of(row.status), tone_of(row.status, row.reason)),
            markup.element("div", row.files, style=_ONE_LINE, title=row.files),
            _why(row.reason) if row.reason else _lines(row.lines if len(rows) <= _FEW else row.lines[:1]),
        )
        for row in rows
    ]
    counts = Counter((tone_of(*state), word_of(state[0])) for state in states)
    parts = [(counts[each], *each) for each in sorted(counts, key=lambda each: _ORDER.index(each[0]))]
    bar = markup.bar(parts, len(states))
    more = len(states) - len(rows)
    rest = f"{more:,} more; .summary() has all of them" if more else ""
    table = markup.html("no tasks")
    if rows:
        table = markup.scrolling(markup.table(head, shown, label=title))
    drawn = markup.card(title, bar, table, *([markup.note(rest)] if rest else []), label=title)
    return {
        "text/plain": "\n".join([title, *_text(head, rows), *([f"[{rest}]"] if rest else [])]),
        "text/html": drawn,
    }


def _lines(lines: Sequence[str]) -> markup.Markup:
    text = "\n".join(plain(line, _LINE) for line in lines)
    return markup.element(
        "code", text, style="background:none;padding:0;white-space:pre-wrap;overflow-wrap:anywhere"
    )


def _why(reason: str) -> markup.Markup:
    return markup.element("span", plain(reason, 2 * _LINE), style="overflow-wrap:anywhere")


def _text(head: Sequence[str], rows: Sequence[Row]) -> list[str]:
    cells = [
        (str(row.index), word_of(row.status), row.files, row.reason or (row.lines[0] if row.lines else ""))
        for row in rows
    ]
    table = [tuple(head), *(tuple(plain(cell, _NARROW) for cell in line) for line in cells)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    room = get_terminal_size((160, 24)).columns - sum(widths[:2]) - 2 * (len(widths) - 1)
    # The first lines have half of what is left, or more.
    widths[2] = min(widths[2], max(room - widths[3], room // 2, _NARROWEST))
    widths[3] = min(widths[3], max(room - widths[2], _NARROWEST))
    return [
        "  ".join(
            plain(cell, width - 1).ljust(width) if len(cell) > width else cell.ljust(width)
            for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in table
    ]
