"""What a file in a result is, by its first bytes and its name; nothing more of it is read."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from iexec_lab.client.results.text_format import WIDE, encoding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Drawn = Literal["text", "table", "json", "lines", "image", "parquet", "excel", "bytes"]

HEAD: Final = 64 << 10
"""Bytes of a file that are looked at."""
_MOST_PIXELS: Final = 25_000_000
"""Pixels of the largest picture that is drawn: a browser takes 4 bytes for each, whatever the file has."""
_STEERING: Final = frozenset(range(32)) - set(b"\t\n\r\f\b\x1b")
_SHARE: Final = 0.03  # control characters in what still is a text


@dataclass(frozen=True)
class Kind:
    """What a file is: in words, how it is drawn, and the MIME type of an image."""

    name: str
    drawn: Drawn
    mime: str = ""


_BY_START: Final = (
    (b"\x89PNG\r\n\x1a\n", Kind("PNG image", "image", "image/png")),
    (b"\xff\xd8\xff", Kind("JPEG image", "image", "image/jpeg")),
    (b"GIF87a", Kind("GIF image", "image", "image/gif")),
    (b"GIF89a", Kind("GIF image", "image", "image/gif")),
    (b"%PDF-", Kind("PDF", "bytes")),
    (b"PAR1", Kind("Parquet table", "parquet")),
    (b"\x1f\x8b", Kind("gzip archive", "bytes")),
    (b"\x7fELF", Kind("program", "bytes")),
    (b"\x89HDF\r\n", Kind("HDF5 data", "bytes")),
    (b"\x93NUMPY", Kind("NumPy array", "bytes")),
    (b"SQLite format 3\0", Kind("SQLite database", "bytes")),
)
_BY_NAME: Final = {
    ".csv": Kind("CSV table", "table"),
    ".tsv": Kind("TSV table", "table"),
    ".json": Kind("JSON", "json"),
    ".ipynb": Kind("notebook", "json"),
    ".geojson": Kind("JSON", "json"),
    ".jsonl": Kind("JSON lines", "lines"),
    ".ndjson": Kind("JSON lines", "lines"),
    ".html": Kind("HTML, shown as text", "text"),
    ".htm": Kind("HTML, shown as text", "text"),
    ".xhtml": Kind("HTML, shown as text", "text"),
    ".svg": Kind("SVG, shown as text", "text"),
}
_EXCEL: Final = Kind("Excel workbook", "excel")
_PACKED: Final = {".xlsx": _EXCEL, ".xlsm": _EXCEL, ".npz": Kind("NumPy arrays", "bytes")}
_ZIP: Final = Kind("zip archive", "bytes")
_TEXT: Final = Kind("text", "text")
_BYTES: Final = Kind("binary", "bytes")
_UNREAD: Final = {
    ".png": "PNG image",
    ".jpg": "JPEG image",
    ".jpeg": "JPEG image",
    ".gif": "GIF image",
    ".parquet": "Parquet table",
    ".xls": "Excel workbook",
    ".txt": "text",
    ".log": "text",
    ".md": "text",
    **{suffix: kind.name for suffix, kind in _PACKED.items()},
}


def suffix(name: str) -> str:
    """``.csv`` of a file name, in small letters."""
    return PurePosixPath(name[-300:]).suffix.lower()


def kind_of(name: str, head: bytes) -> Kind:
    """What a file is that begins with these bytes."""
    for start, kind in _BY_START:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind("WebP image", "image", "image/webp")
    if head.startswith(b"PK\3\4"):
        return _PACKED.get(suffix(name), _ZIP)
    if not head:
        return Kind("empty", "text")
    if not _is_text(head):
        return _BYTES
    return _BY_NAME.get(suffix(name), _TEXT)


def kind_by_name(name: str) -> str:
    """What a file seems to be that nobody looked into; empty where its name says nothing."""
    found = _BY_NAME.get(suffix(name))
    return found.name.partition(",")[0] if found else _UNREAD.get(suffix(name), "")


def _is_text(head: bytes) -> bool:
    if head.startswith(WIDE):
        return True
    steering = sum(byte in _STEERING for byte in head)
    return b"\0" not in head and steering <= _SHARE * len(head)


def text_of(head: bytes) -> str:
    """The text that begins so; a letter that is cut at the end is left out, other bytes are replaced."""
    return codecs.getincrementaldecoder(encoding_of(head))(errors="replace").decode(head)


def clean(text: str) -> str:
    """The text with its lines and without what steers: ESC, bidirectional marks and the like become signs."""
    lines = (line.expandtabs(8).rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    return "\n".join(line if line.isprintable() else _printable(line) for line in lines)


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)


def is_drawable(data: bytes, mime: str, *, unknown: bool = False) -> bool:
    """Whether an image says how large it is and a browser can take that; ``unknown`` if it does not say."""
    found = image_size(data, mime)
    return unknown if found is None else 0 < found[0] * found[1] <= _MOST_PIXELS


def image_size(data: bytes, mime: str) -> tuple[int, int] | None:
    """Width and height in pixels, as the file's head states them; None where it does not."""
    if mime == "image/png" and data[12:16] == b"IHDR" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if mime == "image/gif" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if mime == "image/webp":
        return _webp_size(data)
    return next(_jpeg_sizes(data), None) if mime == "image/jpeg" else None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    form = data[12:16]
    if form == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if form == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if form == b"VP8 " and len(data) >= 30:
        return (
            int.from_bytes(data[26:28], "little") & 0x3FFF,
            int.from_bytes(data[28:30], "little") & 0x3FFF,
        )
    return None


def _jpeg_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """The size in each frame header, before the picture itself begins."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # filling
            place += 1
            continue
        if marker == 0xDA:
            return
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = data[place + 5 : place + 7], data[place + 7 : place + 9]
            yield int.from_bytes(width, "big"), int.from_bytes(height, "big")
        place += 2 + max(int.from_bytes(data[place + 2 : place + 4], "big"), 2)
