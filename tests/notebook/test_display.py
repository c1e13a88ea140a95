"""Frames of ours are drawn upright or as a table, escaped, short ids; frames of others stay as they are."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab.frames import build
from iexec_lab.notebook import display
from iexec_lab.notebook.display import RawAnswer

HASH = "0x" + "ab" * 32
ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


class Settings:
    max_rows = 3
    shorten = True


@pytest.fixture
def formats(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")  # else the width of the terminal
    shell = InteractiveShell()
    remove = display.install(shell, Settings)
    yield lambda value: shell.display_formatter.format(value)[0]
    remove()


def deals(count):
    return pd.DataFrame({"deal_id": [HASH] * count, "price_nrlc": [10**20] * count, "app": [ADDRESS] * count})


def ours(frame, **attrs):
    frame.attrs = {"kind": "deal", "fetched_at": "now", **attrs}
    return frame


def test_lists_are_tables_with_short_ids(formats):
    shown = formats(ours(deals(2)))
    assert shown["text/plain"].splitlines() == [
        "   deal_id        price_nrlc             app",
        "0  0xababab…abab  100000000000000000000  0x709979…79C8",
        "1  0xababab…abab  100000000000000000000  0x709979…79C8",
        "[2 rows]",
    ]
    assert f'<span title="{HASH}" style="white-space:nowrap">0xababab…abab</span>' in shown["text/html"]
    assert "100000000000000000000" in shown["text/html"]


def test_one_thing_is_drawn_upright_and_in_full(formats):
    shown = formats(ours(deals(1), single=True))
    assert shown["text/plain"].splitlines() == [
        f"deal_id     {HASH}",
        "price_nrlc  100000000000000000000",
        f"app         {ADDRESS}",
    ]
    assert "<thead>" not in shown["text/html"]
    assert HASH in shown["text/html"]


def test_long_lists_say_how_long(formats):
    shown = formats(ours(deals(5)))
    assert shown["text/plain"].endswith("[first 3 of 5 rows]")
    assert shown["text/html"].count("<tr>") == 4
    assert "first 3 of 5 rows" in shown["text/html"]


def test_what_was_left_out_is_told(formats):
    shown = formats(ours(deals(1), left_out=3))
    words = "1 row, 3 left out: not what was asked for"
    assert words in shown["text/plain"]
    assert words in shown["text/html"]


def test_a_remark_stands_below(formats):
    shown = formats(ours(deals(1), remark="1.0 RLC is <claimable>"))
    assert "1 row; 1.0 RLC is <claimable>" in shown["text/plain"]
    assert "1 row; 1.0 RLC is &lt;claimable&gt;" in shown["text/html"]


def test_columns_that_do_not_fit_are_named(formats, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert formats(ours(deals(1)))["text/plain"].splitlines() == [
        "   deal_id        price_nrlc",
        "0  0xababab…abab  100000000000000000000",
        "[1 row; also app]",
    ]


def test_empty_frames(formats):
    shown = formats(build("deal", []))
    assert "[0 rows" in shown["text/plain"]
    assert "deal_id" in shown["text/html"]


def test_a_private_key_is_not_drawn(formats):
    frame = build("wallet", [{"address": ADDRESS, "wallet": {"privateKey": HASH}}], single=True)
    shown = formats(frame)
    assert HASH not in "".join(shown.values())
    assert "a notebook would keep it" in shown["text/plain"]
    assert frame.private_key[0] == HASH


def test_a_private_key_is_not_drawn_in_a_raw_answer_either(formats):
    answer = RawAnswer(ok=True, wallet={"privateKey": HASH, "address": ADDRESS}, more=[{"privateKey": HASH}])
    shown = "".join(formats(answer).values()) + repr(answer)
    assert HASH not in shown
    assert ADDRESS in shown
    assert json.loads(json.dumps(answer))["more"] == [{"privateKey": HASH}]


def test_text_of_the_network_is_escaped(formats):
    evil = "<script>alert(1)</script>\x1b[2J"
    for attrs in ({}, {"single": True}):
        shown = formats(ours(pd.DataFrame({"name": [evil], evil: ["x"]}), **attrs))
        assert "<script>" not in shown["text/html"]
        assert "\x1b" not in shown["text/plain"] + shown["text/html"]


def test_colours_are_those_of_the_theme(formats):
    shown = formats(ours(deals(2)))
    assert "color" not in shown["text/html"]


def test_other_frames_are_not_touched(formats):
    frame = deals(2)
    shown = formats(frame)
    assert shown["text/plain"] == repr(frame)
    assert shown["text/html"] == frame._repr_html_()


def test_frames_cut_from_ours_and_copies_still_work(formats):
    frame = ours(deals(2), single=True)
    assert "[2 rows]" in formats(frame)["text/plain"]
    assert formats(frame.head(1))["text/plain"].startswith("deal_id  ")


def test_removing_restores_the_drawing_that_was_there():
    shell = InteractiveShell()
    html = shell.display_formatter.formatters["text/html"]
    html.for_type(pd.DataFrame, lambda frame: "<p>theirs</p>")
    frame = ours(deals(1))
    remove = display.install(shell, Settings)
    remove()
    assert shell.display_formatter.format(frame)[0]["text/html"] == "<p>theirs</p>"
    other = InteractiveShell()
    before = other.display_formatter.format(frame)[0]
    remove = display.install(other, Settings)
    assert other.display_formatter.format(frame)[0] != before
    remove()
    assert other.display_formatter.format(frame)[0] == before


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (pd.NA, ""),
        (["tee", "tdx"], "tee, tdx"),
        ({"a": 1}, "a: 1"),
        (pd.Timestamp("2026-11-22 10:00", tz="UTC"), "2026-11-22 10:00:00 UTC"),
        (5, "5"),
        (True, "True"),
    ],
)
def test_words(value, text):
    assert display.word(value) == text


HOSTILE = "\x1b[2J\u202e<script>" + "A" * 200_000


@pytest.mark.parametrize("single", [True, False])
def test_no_cell_steers_the_page_or_floods_it(formats, single):
    frame = pd.DataFrame(
        {"text": [HOSTILE], "list": [[HOSTILE, 1]], "object": [{HOSTILE: HOSTILE}], "n": [10**5000]},
        dtype="object",
    )
    shown = formats(ours(frame, single=single))
    for text in shown.values():
        text.encode()
        assert all(line.isprintable() for line in text.split("\n"))
        assert len(text) < 100_000
    assert "<script>" not in shown["text/html"]
