"""The head of a file in a result, as text and as HTML: bounded in time and size, and nothing in it runs."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from decimal import Decimal
from io import StringIO
from itertools import islice
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final

from iexec_lab import markup
from iexec_lab.client.results import excel_head, parquet_head
from iexec_lab.client.results.file_kinds import (
    HEAD,
    Kind,
    clean,
    image_size,
    is_drawable,
    kind_of,
    suffix,
    text_of,
)
from iexec_lab.client.results.text_format import NAMES, encoding_of, separator_of
from iexec_lab.crypto.archive import Member
from iexec_lab.errors import CryptoError
from iexec_lab.plain_text import plain
from iexec_lab.protocol.javascript import loads
from iexec_lab.spelling import in_bytes

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Container, Iterator, Sequence

    from iexec_lab.markup import Markup

_JSON: Final = 256 << 10  # bytes of JSON that is read whole
_WHOLE: Final = 2 << 20  # of Parquet
_TEXT: Final = 8_000  # letters of a text
_LINES: Final = 10  # of a text in a terminal
_LINE: Final = 110
_COLUMNS: Final = 12
_WIDE: Final = 108  # letters of all columns of a table in a card
_CELL: Final = 60
_NARROW: Final = 24  # letters of a cell in a terminal
_NODES: Final = 150  # values of a JSON tree
_DEPTH: Final = 5


@dataclass
class Room:
    """What a drawing may still take: letters of text, bytes of images, rows of each table."""

    text: int = 80_000
    images: int = 1 << 20
    rows: int = 10


@dataclass(frozen=True)
class Look:
    """A file as it is drawn: what it is, its head as lines and as HTML."""

    name: str
    kind: Kind
    size: int
    more: str = ""  # such as "first 10 rows"
    lines: list[str] = field(default_factory=list)
    drawn: Markup | None = None

    @property
    def about(self) -> str:
        """Kind, what is special, size."""
        return ", ".join(filter(None, (self.kind.name, self.more, in_bytes(self.size))))

    def title(self) -> Markup:
        """Its name and what it is, for the line above the drawing."""
        name = markup.element("span", self.name, style="font-weight:600;overflow-wrap:anywhere")
        return markup.join(
            name,
            markup.element(
                "span", f"  {self.about}", style="opacity:.75;font-weight:400;white-space:pre-wrap"
            ),
        )


def look_into(archive: zipfile.ZipFile, info: zipfile.ZipInfo, room: Room) -> Look:
    """Look at the head of a file, and take what it needs from the room; a damaged file says so."""
    name = plain(info.filename, 120) or "(no name)"
    try:
        head = _read(archive, info, HEAD + 1)
        kind = kind_of(info.filename, head)
        found = _DRAWINGS[kind.drawn](archive, info, head, kind, room)
    except CryptoError as error:
        return Look(name, Kind("cannot be shown", "bytes"), info.file_size, plain(error.message, 100))
    more, lines, drawn = found
    if kind.drawn != "image":
        room.text -= len(drawn or "")
    if room.text < 0:
        return Look(name, kind, info.file_size, more, lines[:_LINES])
    return Look(name, kind, info.file_size, more, lines, drawn)


Found = tuple[str, list[str], "Markup | None"]


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """The first bytes of a file, at most ``most``."""
    member, data = Member(archive, info), bytearray()
    while len(data) < most and (piece := member.read(most - len(data))):
        data += piece
    return bytes(data)


def _text(_archive: Any, _info: Any, head: bytes, _kind: Kind, room: Room) -> Found:
    whole = text_of(head[:HEAD])
    most = max(min(_TEXT, room.text // 2), 0)
    is_cut = len(head) > HEAD or len(whole) > most
    text = clean(whole[:most]).strip("\n")
    lines = text.split("\n")[:_LINES]
    more = [f"its first {in_bytes(len(text.encode()))}"] if is_cut else []
    about = ", ".join(filter(None, (*more, _read_as(head))))
    return about, [plain(line, _line()) for line in lines], markup.block(text, lines=14) if text else None


def _table(archive: Any, info: Any, head: bytes, kind: Kind, room: Room) -> Found:
    is_cut = len(head) > HEAD
    text = text_of(head[:HEAD])
    if is_cut:
        text = text[: text.rfind("\n") + 1] or text
    separator = separator_of(text, usual := "\t" if suffix(info.filename) == ".tsv" else ",")
    try:
        reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
        rows = (row for row in reader if row)
        top = next(rows, [])
        shown = list(islice(rows, room.rows))
        total = None if is_cut else len(shown) + sum(1 for _ in rows)
    except csv.Error:
        return _text(archive, info, head, kind, room)
    more, lines, drawn = _rows(top, shown, total)
    parted = f"parted by {NAMES[separator]}" if separator != usual else ""
    return ", ".join(filter(None, (more, parted, _read_as(head)))), lines, drawn


def _read_as(head: bytes) -> str:
    """The encoding, where it is not the usual one."""
    found = encoding_of(head[:HEAD])
    return "" if found == "utf-8-sig" else f"read as {found}"


def _rows(top: Sequence[str], rows: Sequence[Sequence[str]], total: int | None) -> Found:
    """A table: names of the columns, the rows that are shown, and how many there are, if that is known."""
    width = max([len(top), *(len(row) for row in rows)], default=0)
    kept = min(width, _COLUMNS)
    cells = [[_brief(cell, _CELL) for cell in row[:kept]] for row in (top, *rows)]
    kept = _fitting(cells := [[*row, *[""] * (kept - len(row))] for row in cells])
    cells = [row[:kept] for row in cells]
    numbers = {place for place in range(kept) if markup.are_numbers(row[place] for row in cells[1:])}
    count = _count(total, "row") if total is not None else ""
    if total is None or total > len(rows):
        count = f"first {len(rows)} of {count}" if count else f"first {_count(len(rows), 'row')}"
    columns = f"{kept} of {width} columns" if width > kept else ""
    drawn = markup.table(cells[0], cells[1:], right=numbers)
    return ", ".join(filter(None, (count, columns))), _aligned(cells, numbers), drawn


def _fitting(cells: Sequence[Sequence[str]]) -> int:
    """How many columns a card has room for, which is one at least."""
    sizes = [min(max(map(len, column)), _NARROW) + 2 for column in zip(*cells, strict=True)]
    return next((count for count in range(len(sizes), 1, -1) if sum(sizes[:count]) <= _WIDE), len(sizes[:1]))


def _aligned(cells: Sequence[Sequence[str]], numbers: Container[int]) -> list[str]:
    short = [[_brief(cell, _NARROW) for cell in row] for row in cells[: _LINES + 1]]
    widths = [max(map(len, column)) for column in zip(*short, strict=True)]
    longest, total = _line(), sum(widths) + 2 * (len(widths) - 1)
    kept = len(widths)
    while total > longest and kept > 1:
        kept -= 1
        total -= widths[kept] + (2 if kept < len(widths) - 1 else -1)  # "  …" stands for the first of them
    rest = "" if kept == len(widths) else "  …"
    edges = [str.rjust if place in numbers else str.ljust for place in range(kept)]
    lines = (
        "  ".join(edge(cell, width) for edge, cell, width in zip(edges, row, widths, strict=False)) + rest
        for row in short
    )
    return [line.rstrip() if len(line) <= longest else f"{line[: longest - 1]}…" for line in lines]


def _line() -> int:
    """Letters of a line in a terminal, behind the two that begin it."""
    return max(get_terminal_size((_LINE, 24)).columns - 2, _NARROW)


def _brief(cell: str, longest: int) -> str:
    """A cell, cut at its end; a number is told about, for a part of it would be another one."""
    if longest < len(cell) < 4_000 and cell.removeprefix("-").isdecimal():
        return f"about {Decimal(cell):.3e}"
    return plain(cell, longest - 1)


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _json(archive: zipfile.ZipFile, info: zipfile.ZipInfo, head: bytes, kind: Kind, room: Room) -> Found:
    data = _read(archive, info, _JSON + 1)
    try:
        if len(data) > _JSON:
            return _text(archive, info, head, kind, room)
        value = loads(data, numbers_only=False)
    except (ValueError, RecursionError):
        return _text(archive, info, head, kind, room)
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return _records(value[: room.rows], len(value))
    lines = clean(json.dumps(value, indent=2, ensure_ascii=False)).split("\n")[:_LINES]
    tree = markup.element("div", *_tree(value, [_NODES]), style="text-align:left")
    more = _held(value)[1:-1] if isinstance(value, dict | list) else ""
    return more, [plain(line, _line()) for line in lines], tree


def _lines(archive: Any, info: Any, head: bytes, kind: Kind, room: Room) -> Found:
    is_cut = len(head) > HEAD
    lines = [line for line in head[:HEAD].split(b"\n") if line.strip()]
    if is_cut:
        lines = lines[:-1]
    try:
        found = [loads(line, numbers_only=False) for line in lines[: room.rows]]
    except (ValueError, RecursionError):
        return _text(archive, info, head, kind, room)
    if not found or not all(isinstance(each, dict) for each in found):
        return _text(archive, info, head, kind, room)
    return _records(found, None if is_cut else len(lines))


def _records(records: Sequence[dict[str, Any]], total: int | None) -> Found:
    names = list(dict.fromkeys(name for record in records for name in islice(record, 1000)))
    rows = [[_leaf(record[name]) if name in record else "" for name in names] for record in records]
    return _rows(names, rows, total)


def _leaf(value: Any) -> str:
    """A value of JSON in a cell or a line."""
    if isinstance(value, str):
        return value[:300]
    return _held(value) if isinstance(value, dict | list) and value else plain(json.dumps(value), 300)


def _held(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + _count(len(value), "name") + "}"
    return "[" + _count(len(value), "item") + "]"


def _tree(value: Any, left: list[int], depth: int = 0) -> Iterator[Markup]:
    """Values of JSON, one below the other; what holds others folds. ``left`` counts what may be drawn."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not isinstance(value, dict | list):
        yield markup.element("div", plain(_leaf(value), 300), style="overflow-wrap:anywhere")
    for place, (name, item) in enumerate(pairs):
        if left[0] <= 0:
            yield markup.element("div", f"… {len(value) - place} more")
            return
        left[0] -= 1
        key = markup.element("span", f"{plain(name, 80)}: ", style="font-weight:600;white-space:pre-wrap")
        if isinstance(item, dict | list) and item and depth < _DEPTH:
            inner = markup.element("div", *_tree(item, left, depth + 1), style="margin-left:1.2em")
            yield markup.folded(markup.join(key, _held(item)), inner)
        else:
            yield markup.element("div", key, plain(_leaf(item), 300), style="overflow-wrap:anywhere")


def _image(archive: zipfile.ZipFile, info: zipfile.ZipInfo, head: bytes, kind: Kind, room: Room) -> Found:
    size = image_size(head, kind.mime)
    more = f"{size[0]} by {size[1]}" if size else ""
    data = _read(archive, info, room.images + 1)
    if len(data) > room.images or not is_drawable(data, kind.mime):
        return ", ".join(filter(None, (more, "too large to be drawn here"))), [], None
    room.images -= len(data)
    return more, [], markup.image(data, kind.mime, plain(info.filename, 120))


def _bytes(_archive: Any, _info: Any, head: bytes, _kind: Kind, _room: Room) -> Found:
    pieces = [head[place : place + 16] for place in range(0, min(len(head), 64), 16)]
    lines = [
        f"{piece.hex(' '):<48} {''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in piece)}"
        for piece in pieces
    ]
    return "", lines, markup.block("\n".join(lines))


def _parquet(archive: zipfile.ZipFile, info: zipfile.ZipInfo, _head: bytes, _kind: Kind, room: Room) -> Found:
    """The first rows; the columns where the pages are not safe to unpack."""
    data = _read(archive, info, _WHOLE + 1)
    found = None if len(data) > _WHOLE else parquet_head.read_head(data, room.rows)
    if found is None:
        return "", [], None
    total, columns, shown = found
    if shown is None:
        pairs = [(plain(name, _CELL), plain(kind, _CELL)) for name, kind in columns[:50]]
        more = f"{_count(total, 'row')}, {_count(len(columns), 'column')}"
        lines = [f"{name}: {kind}" for name, kind in pairs[:_LINES]]
        return more, lines, markup.table(("column", "type"), pairs)
    names = [name for name, _ in columns]
    cells = [["" if cell is None else str(cell) for cell in row] for row in shown]
    return _rows(names, [[*row, *[""] * (len(names) - len(row))] for row in cells], total)


def _excel(archive: zipfile.ZipFile, info: zipfile.ZipInfo, _head: bytes, _kind: Kind, room: Room) -> Found:
    """The first rows of the first sheet; of what is not looked into, nothing."""
    data = _read(archive, info, _WHOLE + 1)
    found = None if len(data) > _WHOLE else excel_head.read_head(data, room.rows)
    if found is None:
        return "", [], None
    sheets, rows = found
    which = f"the first of {_count(len(sheets), 'sheet')}" if len(sheets) > 1 else ""
    if not rows:
        return ", ".join(filter(None, (which, "no rows"))), [], None
    is_all = len(rows) <= room.rows
    more, lines, drawn = _rows(rows[0], rows[1:], len(rows) - 1 if is_all else None)
    return ", ".join(filter(None, (which, more))), lines, drawn


_DRAWINGS: Final = {
    "text": _text,
    "table": _table,
    "json": _json,
    "lines": _lines,
    "image": _image,
    "parquet": _parquet,
    "excel": _excel,
    "bytes": _bytes,
}
