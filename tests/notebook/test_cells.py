"""Cells are split like a POSIX shell splits, with comments and several lines."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import UsageError
from iexec_lab.notebook.cells import split


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("app show", [["app", "show"]]),
        ("  a 'b c' --x=\"1 2\" ", [["a", "b c", "--x=1 2"]]),
        ("a\n\n  b c\n", [["a"], ["b", "c"]]),
        ("# nothing\na # more\nb", [["a"], ["b"]]),
        ("a#b https://x.y/#part", [["a#b", "https://x.y/#part"]]),
        ("'#' \"# x\"", [["#", "# x"]]),
        ("a \\\n  b\nc", [["a", "b"], ["c"]]),
        ("--params '{\n \"a\": 1}' --raw", [["--params", '{\n "a": 1}', "--raw"]]),
        ("\"\" ''", [["", ""]]),
        (r"a\ b c\\ \'", [["a b", "c\\", "'"]]),
        ('"a \\" b" "\\n"', [['a " b', "\\n"]]),
        ('show {df["app"].iloc[0]} x', [["show", '{df["app"].iloc[0]}', "x"]]),
        ('show {df.loc[0, "app"]}', [["show", '{df.loc[0, "app"]}']]),
        ("--app={d['k']} b", [["--app={d['k']}", "b"]]),
        ('--args "x {d["k"]} y"', [["--args", 'x {d["k"]} y']]),
        ("--args 'x {d['k']} y'", [["--args", "x {d['k']} y"]]),
        (
            '--params {"a": "b c", "d": {"e": 1}} --raw',
            [["--params", '{"a": "b c", "d": {"e": 1}}', "--raw"]],
        ),
        ('--params={"a":"b c"}', [["--params=" + '{"a":"b c"}']]),
        ("{a b} {a + b} {f(x, 'y')}z", [["{a", "b}", "{a + b}", "{f(x, 'y')}z"]]),
        ("{n: >4} {d['a b']:.2f}", [["{n: >4}", "{d['a b']:.2f}"]]),
        ('{"a": {n}, "b": "x y"} {k: 1}', [['{"a": {n}, "b": "x y"}', "{k: 1}"]]),
        ("'{a' '}' {{d['k']}}", [["{a", "}", "{{d['k']}}"]]),
    ],
)
def test_split(text, lines):
    assert split(text) == lines


@pytest.mark.parametrize("text", ["a 'b", 'app run --args "hello', "x\n--args 'b\n--raw"])
def test_an_open_quote_is_an_error_that_shows_where(text):
    with pytest.raises(UsageError, match="No closing quotation"):
        split(text)


@given(st.lists(st.text(), min_size=1))
def test_quoted_words_come_back(words):
    assert split(shlex.join(words)) == [words]


@given(st.text(st.characters(exclude_characters="{#\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0", max_codepoint=0x24F)))
def test_a_line_is_split_as_shlex_splits_it(text):
    try:
        expected = shlex.split(text)
    except ValueError:
        return
    assert [word for line in split(text) for word in line] == expected
