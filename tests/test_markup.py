"""Pieces of HTML: escaped whatever they hold, legible on any ground."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab import markup

HOSTILE = '"><img src=x onerror=alert(1)>'
PIECES = [
    markup.html,
    lambda text: markup.badge(text, "bad"),
    lambda text: markup.short(text, text),
    markup.whole,
    lambda text: markup.bar([(1, "good", text)], 2),
    lambda text: markup.facts([(text, text)]),
    markup.quiet,
    lambda text: markup.upright([(text, text)], label=text),
    lambda text: markup.table([text], [[text]], label=text),
    lambda text: markup.block(text, label=text),
    markup.note,
    lambda text: markup.folded(text, text),
    lambda text: markup.card(text, text, label=text),
    lambda text: markup.join(text, text, between=text),
]


class Seen(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.names, self.texts, self.attributes = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("piece", PIECES)
def test_hostile_text_stays_text(piece):
    seen = Seen(piece(HOSTILE))
    assert "img" not in seen.names
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert HOSTILE in "".join(seen.texts) + "".join(value for _, value in seen.attributes if value)


@given(st.text(), st.sampled_from(PIECES))
def test_any_text_makes_the_same_elements(text, piece):
    assert Seen(piece(text)).names == Seen(piece("plain")).names


def test_only_markup_is_taken_as_html():
    assert markup.join(markup.badge("a"), "<b>") == markup.badge("a") + "&lt;b&gt;"


def test_a_line_is_not_broken_inside_of_an_option():
    drawn = markup.line("%iexec app run 0x12 --encrypt-result --args='<b> --x' a--b")
    assert [part.split("</span>")[0] for part in drawn.split('nowrap">')[1:]] == [
        "--encrypt-result",
        "--args",
        "--x",
    ]
    assert "=&#x27;&lt;b&gt; " in drawn
    assert "a--b" in drawn


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", markup.GROUNDS.values())
def test_grounds_are_legible(ground):
    assert contrast(ground, "#ffffff") >= 4.5  # the words on it
    assert min(contrast(ground, page) for page in ("#ffffff", "#111111")) >= 3  # the mark itself


@pytest.mark.parametrize(
    ("texts", "are"),
    [
        (["1", "", "-2.5", "1e-7", "3%", "1,5", "about 1.2e+80", "nan", "12,000"], True),
        (["1", "x"], False),
        (["", ""], False),
        ([], False),
        (["2026-01-01"], False),
        (["1 RLC"], False),
        ([","], False),
        (["0x12"], False),
    ],
)
def test_what_numbers_are(texts, are):
    assert markup.are_numbers(texts) is are


def test_a_word_in_a_table_is_not_broken():
    cells = markup.table(["a"], [["2026-01-01"], ["two words"], ["x" * 33], [markup.html("<")]])
    assert cells.count("nowrap") == 2
