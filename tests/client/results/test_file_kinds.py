"""What a file is, by its first bytes."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.client.results.file_kinds import (
    clean,
    image_size,
    is_drawable,
    kind_by_name,
    kind_of,
    text_of,
)


def png(width, height):
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


JPEG = (
    b"\xff\xd8\xff\xe0\0\x10JFIF\0"
    + bytes(9)
    + b"\xff\xff\xc2\0\x11\x08"
    + struct.pack(">HH", 30, 40)
    + bytes(12)
)
GIF = b"GIF89a" + struct.pack("<HH", 5, 6)
WEBP = {
    "VP8X": b"RIFF....WEBPVP8X" + bytes(8) + b"\x09\0\0\x13\0\0",
    "VP8L": b"RIFF....WEBPVP8L" + bytes(5) + (9 | 19 << 14).to_bytes(4, "little"),
    "VP8 ": b"RIFF....WEBPVP8 " + bytes(10) + struct.pack("<HH", 10, 20),
}


@pytest.mark.parametrize(
    ("name", "head", "kind", "drawn"),
    [
        ("a.csv", b"x,y\n1,2", "CSV table", "table"),
        ("A.TSV", b"x\ty", "TSV table", "table"),
        ("a.json", b"{}", "JSON", "json"),
        ("a.ndjson", b"{}\n", "JSON lines", "lines"),
        ("a.html", b"<script>", "HTML, shown as text", "text"),
        ("a.svg", b"<svg onload=", "SVG, shown as text", "text"),
        ("a.png", b"<script>", "text", "text"),
        ("no-suffix", png(1, 1), "PNG image", "image"),
        ("a.csv", b"\x1f\x8b\0\0", "gzip archive", "bytes"),
        ("a.csv", b"a,b\0\0", "binary", "bytes"),
        ("a.xlsx", b"PK\3\4", "Excel workbook", "excel"),
        ("a", b"PAR1", "Parquet table", "parquet"),
        ("a.txt", "é€\n".encode(), "text", "text"),
        ("a.txt", b"caf\xe9\n", "text", "text"),
        ("a.txt", "wide".encode("utf-16"), "text", "text"),
        ("a.csv", b"", "empty", "text"),
        ("a.png/", b"hello", "text", "text"),
    ],
)
def test_kinds(name, head, kind, drawn):
    assert (kind_of(name, head).name, kind_of(name, head).drawn) == (kind, drawn)


def test_what_nobody_looked_into():
    assert [kind_by_name(name) for name in ("a.SVG", "b.png", "c.csv", "d", "e.weird")] == [
        *("SVG", "PNG image", "CSV table", "", "")
    ]


@pytest.mark.parametrize(
    ("data", "mime", "size"),
    [
        (png(640, 480), "image/png", (640, 480)),
        (GIF, "image/gif", (5, 6)),
        (JPEG, "image/jpeg", (40, 30)),
        *((data, "image/webp", (10, 20)) for data in WEBP.values()),
        (png(1, 1)[:20], "image/png", None),
        (b"\xff\xd8\xff\xda" + JPEG[20:], "image/jpeg", None),
    ],
)
def test_the_size_of_a_picture(data, mime, size):
    assert image_size(data, mime) == size
    assert is_drawable(data, mime) == (size is not None)
    assert is_drawable(data, mime, unknown=True)


def test_a_picture_of_billions_of_pixels_is_not_drawn():
    assert not is_drawable(png(50_000, 50_000), "image/png", unknown=True)
    assert not is_drawable(png(0, 5), "image/png", unknown=True)
    assert is_drawable(png(5000, 5000), "image/png")


@given(data=st.binary(max_size=100), start=st.sampled_from([b"", b"\xff\xd8\xff", b"RIFF....WEBPVP8X", GIF]))
def test_any_bytes(data, start):
    whole = start + data
    kind = kind_of("a", whole)
    if kind.drawn == "image":
        image_size(whole, kind.mime)
    shown = clean(text_of(whole))
    assert shown.replace("\n", "").isprintable()


def test_text_keeps_its_lines_and_steers_nothing():
    assert clean("a\tb\r\n\x1b[31mred\u202e") == "a       b\n\ufffd[31mred\ufffd"
    assert text_of("é".encode()[:1]) == ""
    assert text_of("é".encode("utf-16")) == "é"
