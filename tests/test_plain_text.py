from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.plain_text import LONGEST, plain


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
