"""How our frames look: one row upright, long ids short in lists, text and HTML, light and dark alike.

The values are plain DataFrames; only their drawing is ours, and only while the extension is loaded. A list
shows the columns that people read, as many as fit, and names the others below.
"""

from __future__ import annotations

from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from iexec_lab import markup
from iexec_lab.commands.text import safe
from iexec_lab.errors import in_notebook
from iexec_lab.frames import logs
from iexec_lab.frames.shown import chosen, is_ours
from iexec_lab.notebook.drawing.words import brief, column, safe_line, upright
from iexec_lab.plain_text import plain
from iexec_lab.spelling import SHORT, is_id, is_short, short_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

_FRAME = ("pandas", "DataFrame"), ("pandas.core.frame", "DataFrame")
"""The module of DataFrame: plain ``pandas`` from version 3 on."""
_WIDE = "wide"
_WIDTH = 1000  # pixels of a list, at most
_LETTER, _PADDING = 7.2, 17  # pixels of a letter and around a cell, measured in JupyterLab at 13 px
_LONGEST = 48  # letters of a line of a cell, which then goes on in the next line
_CELL = 40  # letters of a cell of a list
_LEAST = SHORT  # letters that a cell keeps in a narrow place: a short id
_WHOLE = frozenset({"stdout", "stderr", "leads_to"})  # what is read, or typed, to its end
_HIDDEN = "private_key"
_IN_ITS_PLACE = "not shown: a notebook would keep it; the value has it"


def install(shell: InteractiveShell, settings: Any) -> Callable[[], None]:
    """Draw our frames in this shell; call the result to stop.

    Args:
        shell: The shell.
        settings: Has the traits ``max_rows``, ``shorten`` and ``wide``.
    """
    assert shell.display_formatter is not None
    formatters = shell.display_formatter.formatters
    html, text = formatters["text/html"], formatters["text/plain"]

    def draw_html(frame: Any) -> str | None:
        if is_ours(frame):
            return to_html(frame, settings.max_rows, shorten=settings.shorten, wide=_is_wide(frame, settings))
        theirs: str | None = _shown(frame)._repr_html_()
        return _printable(theirs) if theirs and _was_ours(frame) else theirs

    def draw_text(frame: pd.DataFrame, printer: Any, cycle: bool) -> None:  # noqa: ARG001 - IPython's signature
        if is_ours(frame):
            wide = _is_wide(frame, settings)
            printer.text(to_text(frame, settings.max_rows, shorten=settings.shorten, wide=wide))
        else:
            theirs = repr(_shown(frame))
            printer.text(_printable(theirs) if _was_ours(frame) else theirs)

    before = {}
    for place in _FRAME:
        before[place] = (
            html.for_type_by_name(*place, draw_html),
            text.for_type_by_name(*place, draw_text),
        )

    def remove() -> None:
        for place, printers in before.items():
            for formatter, printer in zip((html, text), printers, strict=True):
                _restore(formatter, place, printer)

    return remove


def _restore(formatter: Any, place: tuple[str, str], printer: Any) -> None:
    if printer is not None:
        formatter.for_type_by_name(*place, printer)
        return
    formatter.deferred_printers.pop(place, None)
    for kind in [kind for kind in formatter.type_printers if (kind.__module__, kind.__name__) == place]:
        del formatter.type_printers[kind]


class RawAnswer(dict[str, Any]):
    """The value of ``--raw``: a plain dictionary, except for how it is drawn."""

    def __repr__(self) -> str:
        return repr(_without_keys(self))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.pretty(_without_keys(self))


def _without_keys(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {
            name: _IN_ITS_PLACE if name == "privateKey" else _without_keys(value)
            for name, value in answer.items()
        }
    return [_without_keys(value) for value in answer] if isinstance(answer, list) else answer


def _was_ours(frame: Any) -> bool:
    return "kind" in frame.attrs


def _printable(text: str) -> str:
    """What pandas draws of texts of strangers, without what steers a terminal."""
    return "\n".join(map(safe_line, text.split("\n")))


def _shown(frame: Any) -> Any:
    """The frame without what a saved notebook must not hold; what was made of ours can hold it too."""
    if not _was_ours(frame):
        return frame
    if _HIDDEN in frame.columns:
        return frame.assign(**{_HIDDEN: _IN_ITS_PLACE})
    if _HIDDEN in frame.index:
        hidden = frame.astype("object")
        hidden.loc[_HIDDEN] = _IN_ITS_PLACE
        return hidden
    return frame


def show_wide(value: Any) -> Any:
    """The value of a command that was given ``--wide``: all columns of a frame are drawn."""
    if hasattr(value, "attrs") and hasattr(value, "columns"):
        value.attrs[_WIDE] = True
    return value


def _is_wide(frame: pd.DataFrame, settings: Any) -> bool:
    return bool(settings.wide or frame.attrs.get(_WIDE))


def _is_upright(frame: pd.DataFrame) -> bool:
    return bool(frame.attrs.get("single")) and len(frame) == 1


class _List:
    """A frame as a table: heads, cells, and what is not drawn."""

    def __init__(self, frame: pd.DataFrame, max_rows: int, *, shorten: bool, wide: bool) -> None:
        frame = _shown(frame)
        rows = frame.head(max_rows)
        self.index = [safe(str(each)) for each in rows.index]
        self.names = chosen(frame, wide=wide)
        self.cells = [
            [
                (self._cell(name, text, wide=wide, shorten=shorten), full)
                for text, full in column(rows, name, frame)
            ]
            for name in self.names
        ]
        self._all = [str(name) for name in frame.columns]

    @staticmethod
    def _cell(name: str, text: str, *, wide: bool, shorten: bool) -> str:
        text = short_id(text) if shorten else text
        return text if wide or is_id(text) or name in _WHOLE else brief(text, _CELL)

    def narrow(self, room: float, letter: float, between: float, longest: int | None) -> None:
        """Shorten the longest texts until all columns fit; numbers and ids stay as they are.

        Args:
            room: How much there is.
            letter: What a letter takes.
            between: What a column takes besides.
            longest: Letters of a line of a cell that goes on in the next line; None where it cannot.
        """
        sizes = self.widths()
        drawn = [size if longest is None else min(size, longest) for size in sizes]
        spare = room - sum(size * letter + between for size in drawn)
        texts = [place for place, name in enumerate(self.names) if self._is_text(place, name)]
        while spare < 0 and texts:
            place = max(texts, key=lambda each: drawn[each + 1])
            least = max(_LEAST, len(safe(self.names[place])))
            if drawn[place + 1] <= least:
                texts.remove(place)
                continue
            drawn[place + 1] -= 1
            spare += letter
        for place, size in enumerate(drawn[1:]):
            if size < sizes[place + 1] and self.names[place] not in _WHOLE:
                self.cells[place] = [
                    (brief(text, max(size, _LEAST)), full) for text, full in self.cells[place]
                ]

    def _is_text(self, place: int, name: str) -> bool:
        """Whether cells can be cut: a part of a number, or of an id, would be another one."""
        if name in _WHOLE:
            return False
        held = [text for text, _ in self.cells[place] if text]
        return not all(text[0].isdecimal() or is_id(text) or is_short(text) for text in held)

    def numbers(self) -> frozenset[int]:
        """The places of columns that hold numbers, counted from the index, which is place 0."""
        return frozenset(
            place
            for place, cells in enumerate(self.cells, 1)
            if markup.are_numbers(text for text, _ in cells)
        )

    def keep(self, count: int) -> None:
        """Draw only so many columns."""
        self.names, self.cells = self.names[:count], self.cells[:count]

    def also(self) -> str:
        """The columns that are not drawn."""
        hidden = [safe(name) for name in self._all if name not in self.names]
        return f"also: {', '.join(hidden)}" if hidden else ""

    def widths(self) -> list[int]:
        """The letters of each column, the index first."""
        return [
            max(map(len, self.index), default=0),
            *(
                max([len(safe(name)), *(len(text) for text, _ in cells)])
                for name, cells in zip(self.names, self.cells, strict=True)
            ),
        ]


def to_html(frame: pd.DataFrame, max_rows: int, *, shorten: bool, wide: bool = False) -> str:
    """The frame as an HTML table without colours, so that it follows the theme; logs as logs."""
    if logs.are_logs(frame) and not wide:
        return str(logs.to_html(logs.rows_of(frame, max_rows), len(frame)))
    kind = str(frame.attrs.get("kind", "")).replace("_", " ")
    if _is_upright(frame):
        pairs = upright(_shown(frame))
        return markup.upright(((safe(name), markup.lines(texts)) for name, texts in pairs), label=kind)
    drawn = _List(frame, max_rows, shorten=shorten, wide=wide)
    if not wide:
        drawn.narrow(_WIDTH, _LETTER, _PADDING, _LONGEST)
        pixels = [min(width, _LONGEST) * _LETTER + _PADDING for width in drawn.widths()]
        drawn.keep(_fitting(pixels, _WIDTH, 0) - 1)
    table = markup.table(
        ["", *map(safe, drawn.names)],
        [
            [index, *(_cell_html(*cells[row]) for cells in drawn.cells)]
            for row, index in enumerate(drawn.index)
        ],
        label=f"{kind}: {_rest(frame, max_rows)}",
        right=drawn.numbers(),
        named=True,
    )
    also = drawn.also()
    more = markup.text(also, quiet=True) if also else ""
    return markup.join(table, markup.text(_rest(frame, max_rows)), more)


def _rest(frame: pd.DataFrame, max_rows: int) -> str:
    size = f"{len(frame)} {'row' if len(frame) == 1 else 'rows'}"
    if frame.attrs.get("left_out"):
        size += f", {frame.attrs['left_out']} left out: not what was asked for"
    shown = f"first {max_rows} of {size}" if len(frame) > max_rows else size
    remark = frame.attrs.get("remark") if frame.attrs.get("rows", len(frame)) == len(frame) else None
    return f"{shown}; {in_notebook(plain(remark)).rstrip('.')}" if remark else shown


def _cell_html(text: str, full: str) -> str:
    if text != full:
        return markup.kept(text, full)
    return markup.narrow(text, f"{_LONGEST * _LETTER:.0f}px") if len(text) > _LONGEST else text


def to_text(frame: pd.DataFrame, max_rows: int, *, shorten: bool, wide: bool = False) -> str:
    """The frame as text: names and values, or a table; logs as logs."""
    if logs.are_logs(frame) and not wide:
        return logs.to_text(logs.rows_of(frame, max_rows), len(frame))
    if _is_upright(frame):
        found = upright(_shown(frame))
        width = max((len(safe(name)) for name, _ in found), default=0)
        gap = "\n" + " " * (width + 2)
        return "\n".join(f"{safe(name):<{width}}  {gap.join(lines)}" for name, lines in found)
    drawn = _List(frame, max_rows, shorten=shorten, wide=wide)
    if not wide:
        room = get_terminal_size((160, 24)).columns
        drawn.narrow(room + 2, 1, 2, None)
        drawn.keep(_fitting(drawn.widths(), room, 2) - 1)
    columns = [["", *drawn.index]]
    for name, cells in zip(drawn.names, drawn.cells, strict=True):
        columns.append([safe(name), *(text for text, _ in cells)])
    widths = [max(map(len, each)) for each in columns]
    table = [
        "  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]
    hidden = "; ".join(each for each in (_rest(frame, max_rows), drawn.also()) if each)
    return "\n".join([*table, f"[{hidden}]"])


def _fitting(widths: Sequence[float], room: float, between: float) -> int:
    """How many columns fit into the room, the index among them; it and one more do always."""
    for count in range(2, len(widths) + 1):
        if sum(widths[:count]) + between * (count - 1) > room:
            return max(count - 1, 2)
    return max(len(widths), 2)
