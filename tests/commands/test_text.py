"""Answers in a terminal are aligned, coloured only when asked, and can not steer it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.commands.text import Style, render, safe
from iexec_lab.looks import LONGEST_LINE, LONGEST_TEXT

PLAIN = Style(colours=False)


def test_pairs_are_aligned_and_nested():
    answer = {
        "ok": True,
        "balance": {"stake": "5", "locked": "0"},
        "tasks": ["0x1", "0x2"],
        "none": None,
        "empty": [],
    }
    assert render(answer, PLAIN).splitlines() == [
        "ok:      yes",
        "balance:",
        "  stake:  5",
        "  locked: 0",
        "tasks:",
        "  - 0x1",
        "  - 0x2",
        "none:    none",
        "empty:   none",
    ]


def test_rows_become_a_table_when_they_fit():
    rows = [{"hash": "0x1", "price": "10"}, {"hash": "0x22", "price": "5"}]
    assert render(rows, PLAIN).splitlines() == ["hash  price", "0x1   10", "0x22  5"]
    assert render(rows, PLAIN, width=8).splitlines() == [
        "- hash:  0x1",
        "  price: 10",
        "- hash:  0x22",
        "  price: 5",
    ]
    uneven = [{"a": 1}, {"b": 2}]
    assert render(uneven, PLAIN).splitlines() == ["- a: 1", "- b: 2"]


@pytest.mark.parametrize(("value", "text"), [("", ""), ({}, ""), ([], ""), ("word", "word"), (5, "5")])
def test_single_values(value, text):
    assert render(value, PLAIN) == text


def test_several_lines_stay_several_lines():
    assert render({"stdout": "one\ntwo\x1b", "n": 1}, PLAIN).splitlines() == [
        "stdout:",
        "  one",
        "  two\\x1b",
        "n:      1",
    ]


def test_colours_only_when_wanted():
    assert "\x1b[32m" in render({"a": 1}, Style(colours=True))
    assert "\x1b" not in render({"a": 1}, PLAIN)


def test_control_characters_become_visible():
    assert safe("a\x1b[2Jb\rc\u202e") == "a\\x1b[2Jb\\rc\\u202e"
    assert safe("ünï→ 漢") == "ünï→ 漢"


def test_a_line_is_not_endless():
    assert safe("a" * 200_000) == "a" * LONGEST_LINE + "…"
    assert len(render({"name": "a" * 200_000}, PLAIN)) < LONGEST_LINE + 20


@given(
    st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
)
def test_no_answer_can_steer_a_terminal(value):
    text = render(value, PLAIN)
    assert all(line.isprintable() for line in text.split("\n"))


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eevil\u2066\ud800" + "A" * 200_000


@pytest.mark.parametrize(
    "value", [HOSTILE, {HOSTILE: HOSTILE}, [HOSTILE], [{"name": HOSTILE}], {"a": [HOSTILE, {"b": HOSTILE}]}]
)
def test_no_answer_steers_the_terminal_or_floods_it(value):
    shown = render(value, PLAIN)
    shown.encode()
    assert all(line.isprintable() for line in shown.split("\n"))
    assert all(len(line) < 3 * LONGEST_LINE for line in shown.split("\n"))


def test_a_log_is_long_and_not_endless():
    log = "a line of a log\n" * 100_000
    shown = render({"stdout": log}, PLAIN)
    assert len(shown) < 2 * LONGEST_TEXT
    assert shown.endswith(f"… {len(log) - LONGEST_TEXT} more characters")


def test_a_number_of_thousands_of_digits_is_told():
    assert render({"n": 10**5000, "list": [10**5000]}, PLAIN).count("bits") == 2


def test_one_long_name_does_not_spoil_the_table():
    rows = [{"name": "n" * 4_000, "id": "0x" + "1" * 40}, {"name": "app", "id": "0x" + "2" * 40}]
    head, first, second = render(rows, Style(colours=False), width=100).splitlines()
    assert head.split() == ["name", "id"]
    assert first.split() == ["n" * 39 + "…", "0x" + "1" * 40]
    assert second.split() == ["app", "0x" + "2" * 40]
    assert len(render(rows, Style(colours=False), width=70).splitlines()) == 3
    long_ids = [{"id": "0x" + "1" * 64, "amount": 10**60}]
    assert "…" not in render(long_ids, Style(colours=False), width=60)
