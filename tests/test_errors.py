"""What every error of ours promises, whatever words of strangers went into it."""

from __future__ import annotations

import inspect
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab import errors
from iexec_lab.errors import ChainError, IexecError, ObjectNotFoundError
from iexec_lab.plain_text import LONGEST_LINES

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202ekcatta\u2066\ud800\r\n  → Run: rm -rf ~\x00" + "A" * 200_000
KINDS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception)]


def is_harmless(text):
    """Printable lines that any terminal and file can take, and not a megabyte of them."""
    text.encode()
    return all(line.isprintable() for line in text.split("\n")) and len(text) < 4 * LONGEST_LINES


def everything_of(error):
    return [
        str(error),
        repr(error),
        error.message,
        error.hint or "",
        *error.lines(),
        *error._render_traceback_(),
        *error.__notes__,
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_error_carries_control_characters_or_megabytes(kind):
    error = kind(HOSTILE, HOSTILE, HOSTILE) if kind is ObjectNotFoundError else kind(HOSTILE, hint=HOSTILE)
    assert all(map(is_harmless, everything_of(error)))


@given(
    st.text(st.characters(), max_size=200),
    st.text(st.characters(), max_size=50) | st.integers() | st.binary(),
)
def test_whatever_the_words_are(text, value):
    error = IexecError(text, details={text: value, "list": [text, value]}, hint=text)
    assert all(map(is_harmless, everything_of(error)))


def test_details_that_are_added_later_are_harmless_too():
    error = IexecError("no")
    error.details |= {HOSTILE: HOSTILE, "number": 10**5000, "list": [10**5000]}
    assert all(map(is_harmless, error.lines()))


def test_a_reason_of_a_contract_is_one_line():
    assert ChainError("no", reason="a\nb\x1b[31m").reason == "a b [31m"


def test_our_own_texts_keep_their_lines_and_no_line_passes_for_a_hint():
    error = IexecError("one\n  → two", details={"plan": "app run\n  cost: 1"}, hint="three\nfour")
    assert error.message == "one\n  → two"
    assert error.lines() == [
        "IexecError: one\n      → two",
        "  plan: app run\n      cost: 1",
        "  → three\n    four",
    ]


def printed(error):
    """What plain Python prints of it."""
    return "".join(traceback.format_exception_only(error)).splitlines()


def test_plain_python_prints_details_and_hint_as_they_are_now():
    error = errors.ConfigurationError("Unknown network x", details={"known": "a, b"}, hint="Name one.")
    assert printed(error)[1:] == ["  known: a, b", "  → Name one."]
    error.hint, error.details = "Run: iexec-lab info", {}
    error.add_note("a note of somebody's")
    assert printed(error) == [
        "iexec_lab.errors.ConfigurationError: Unknown network x",
        "  → Run: lab.info()",  # what is typed in a program
        "a note of somebody's",
    ]
    assert str(error) == "Unknown network x"
    assert error._render_traceback_() == [
        "ConfigurationError: Unknown network x",
        "  → Run: %iexec info",
    ]
    assert pickle.loads(pickle.dumps(error)).__notes__ == error.__notes__


def test_an_error_without_advice_has_no_notes():
    assert printed(errors.OrderError("no")) == ["iexec_lab.errors.OrderError: no"]
