"""How our frames look: one row upright, long ids short in lists, text and HTML, light and dark alike.

The values are plain DataFrames; only their drawing is ours, and only while the extension is loaded.
"""

from __future__ import annotations

from html import escape
from itertools import islice
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.text import safe
from iexec_lab.looks import LONGEST_CELL
from iexec_lab.plain_text import plain
from iexec_lab.units import number_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

_FRAME = ("pandas", "DataFrame"), ("pandas.core.frame", "DataFrame")
"""The module of DataFrame: plain ``pandas`` from version 3 on."""
_NOTHING = ("<NA>", "NaT", "nan")
_LONG_HASH, _LONG_ADDRESS = 66, 42
_ROOM = 20  # lines of a list
_HIDDEN = "private_key"
_IN_ITS_PLACE = "not shown: a notebook would keep it; the value has it"


def install(shell: InteractiveShell, settings: Any) -> Callable[[], None]:
    """Draw our frames in this shell; call the result to stop.

    Args:
        shell: The shell.
        settings: Has the traits ``max_rows`` and ``shorten``.
    """
    assert shell.display_formatter is not None
    formatters = shell.display_formatter.formatters
    html, text = formatters["text/html"], formatters["text/plain"]

    def draw_html(frame: Any) -> str | None:
        if _is_ours(frame):
            return to_html(frame, settings.max_rows, shorten=settings.shorten)
        theirs: str | None = frame._repr_html_()
        return theirs

    def draw_text(frame: pd.DataFrame, printer: Any, cycle: bool) -> None:  # noqa: ARG001 - IPython's signature
        ours = _is_ours(frame)
        printer.text(to_text(frame, settings.max_rows, shorten=settings.shorten) if ours else repr(frame))

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


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without what a saved notebook must not hold."""
    return frame.assign(**{_HIDDEN: _IN_ITS_PLACE}) if _HIDDEN in frame.columns else frame


def _is_ours(frame: pd.DataFrame) -> bool:
    return "kind" in frame.attrs and "fetched_at" in frame.attrs


def _is_upright(frame: pd.DataFrame) -> bool:
    return bool(frame.attrs.get("single")) and len(frame) == 1


def to_html(frame: pd.DataFrame, max_rows: int, *, shorten: bool) -> str:
    """The frame as an HTML table without colours, so that it follows the theme."""
    frame = _shown(frame)
    if _is_upright(frame):
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(safe(str(name)))}</th>"
            f"<td style='text-align:left'>{'<br>'.join(map(escape, _lines(frame[name].iloc[0])))}</td></tr>"
            for name in frame.columns
        )
        return f"<table><tbody>{rows}</tbody></table>"
    head = "".join(f"<th>{escape(safe(str(name)))}</th>" for name in ["", *frame.columns])
    shown = frame.head(max_rows)
    rows = "".join(
        f"<tr><th>{escape(safe(str(index)))}</th>"
        + "".join(f"<td>{_cell_html(value, shorten=shorten)}</td>" for value in row)
        + "</tr>"
        for index, row in zip(shown.index, shown.itertuples(index=False, name=None), strict=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{_rest_html(frame, max_rows)}"


def _rest_html(frame: pd.DataFrame, max_rows: int) -> str:
    return f"<p>{escape(_rest(frame, max_rows))}</p>"


def _rest(frame: pd.DataFrame, max_rows: int) -> str:
    size = f"{len(frame)} {'row' if len(frame) == 1 else 'rows'}"
    if frame.attrs.get("left_out"):
        size += f", {frame.attrs['left_out']} left out: not what was asked for"
    shown = f"first {max_rows} of {size}" if len(frame) > max_rows else size
    remark = frame.attrs.get("remark")
    return f"{shown}; {plain(remark)}" if remark else shown


def _cell_html(value: Any, *, shorten: bool) -> str:
    full = word(value)
    short = _short(full) if shorten else full
    if short == full:
        return escape(full)
    return f'<span title="{escape(full)}" style="white-space:nowrap">{escape(short)}</span>'


def to_text(frame: pd.DataFrame, max_rows: int, *, shorten: bool) -> str:
    """The frame as text: names and values, or a table."""
    frame = _shown(frame)
    if _is_upright(frame):
        width = max((len(str(name)) for name in frame.columns), default=0)
        gap = "\n" + " " * (width + 2)
        return "\n".join(
            f"{safe(str(name)):<{width}}  {gap.join(_lines(frame[name].iloc[0]))}" for name in frame.columns
        )
    shown = frame.head(max_rows)
    head = ["", *(safe(str(name)) for name in frame.columns)]
    lines = [head]
    for index, row in zip(shown.index, shown.itertuples(index=False, name=None), strict=True):
        cells = [word(value) for value in row]
        lines.append([safe(str(index)), *(_short(cell) if shorten else cell for cell in cells)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    fitting = _fitting(widths)
    table = [
        "  ".join(cell.ljust(size) for cell, size in zip(line[:fitting], widths, strict=False)).rstrip()
        for line in lines
    ]
    hidden = f"; also {', '.join(head[fitting:])}" if fitting < len(head) else ""
    return "\n".join([*table, f"[{_rest(frame, max_rows)}{hidden}]"])


def _fitting(widths: list[int]) -> int:
    """How many columns fit on a line of the terminal; at least the index and one more."""
    room = get_terminal_size((160, 24)).columns
    for count in range(2, len(widths) + 1):
        if sum(widths[:count]) + 2 * (count - 1) > room:
            return max(count - 1, 2)
    return len(widths)


def word(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, (list, tuple)):
        return _cut(", ".join(word(item) for item in islice(value, LONGEST_CELL)))
    if isinstance(value, dict):
        return _cut(", ".join(f"{safe(str(key))}: {word(item)}" for key, item in value.items()))
    if isinstance(value, int) and not isinstance(value, bool):
        return number_text(value)
    if value is None or (not isinstance(value, str) and str(value) in _NOTHING):
        return ""
    if hasattr(value, "isoformat"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S %Z")).strip()
    return _cut(safe(str(value)))


def _lines(value: Any) -> list[str]:
    """A value that has room: a list of ids has a line for each, up to a few."""
    if not isinstance(value, list) or not any(map(_is_id, value)):
        return [word(value)]
    more = [f"… {len(value) - _ROOM} more"] if len(value) > _ROOM else []
    return [*map(word, value[:_ROOM]), *more]


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) in {_LONG_HASH, _LONG_ADDRESS}


def _cut(text: str) -> str:
    """A cell is for the eye; the data has the whole text."""
    return text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + "…"


def _short(text: str) -> str:
    """Ids by their ends, enough to tell them apart; the data has them whole."""
    if text.startswith("0x") and len(text) in {_LONG_HASH, _LONG_ADDRESS} and text.isalnum():
        return f"{text[:8]}…{text[-4:]}"
    return text
