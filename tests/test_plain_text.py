from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.plain_text import LONGEST, LONGEST_LINES, plain, plain_lines, unsteered


@given(st.text(st.characters(), max_size=2 * LONGEST))
def test_what_is_shown_is_one_printable_line(text):
    shown = plain(text)
    assert shown.removesuffix("…").isprintable()
    assert len(shown) <= LONGEST + 1
    shown.encode()


def test_a_megabyte_is_cut_and_an_escape_sequence_is_text():
    assert plain("a" * 200_000) == "a" * LONGEST + "…"
    assert plain("\x1b[2J\r\n\u202eevil\ud800") == " [2J   evil "


def test_any_value_is_shown():
    assert plain(None) == "None"
    assert plain(10**5000) == f"(a number of {(10**5000).bit_length()} bits)"


def test_a_list_with_a_huge_number_and_a_bottomless_one_have_a_text():
    assert plain([10**5000]) == "(a list)"
    bottomless = []
    for _ in range(200_000):
        bottomless = [bottomless]
    assert plain(bottomless) == "(a list that is nested too deep)"


@given(st.text(st.characters(), max_size=200))
def test_lines_stay_lines(text):
    shown = plain_lines(text)
    assert shown.count("\n") == text.count("\n")
    assert all(line.isprintable() for line in shown.split("\n"))


def test_many_lines_are_cut_in_the_middle():
    text = "ab\n" * 100_000 + "is no value"
    shown = plain_lines(text)
    assert len(shown) == LONGEST_LINES + 1
    head, tail = shown.split("…")
    assert text.startswith(head)
    assert text.endswith(tail)


def test_colours_and_titles_leave_nothing_behind():
    assert unsteered("\x1b[31mred\x1b[0m \x1b]0;title\x07and \x1b[2Jcleared") == "red and cleared"
