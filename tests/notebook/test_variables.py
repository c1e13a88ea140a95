"""The variable rule: names are replaced, JSON stays, unknown names are errors."""

from __future__ import annotations

import json
import shlex

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import UsageError
from iexec_lab.notebook.cells import split
from iexec_lab.notebook.variables import escape, expand, forgotten_braces


class Thing:
    address = "0xabc"

    def __str__(self):
        return "thing"


NAMES = {
    "a": "0x1",
    "n": 5,
    "d": {"k": ["x", "y"]},
    "thing": Thing(),
    "key": "k",
    "words": "two words",
    "grid": {(1, "x"): 7},
}


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("plain", "plain"),
        ("{a}", "0x1"),
        ("{n}", 5),
        ("{ n }", 5),
        ("{thing.address}", "0xabc"),
        ("{d['k'][0]}", "x"),
        ("{d[key][-1]}", "y"),
        ("--app={a}", "--app=0x1"),
        ("{a}{n}", "0x15"),
        ("is {thing}", "is thing"),
        ("{words}", "two words"),
        ('{"iexec_args": "x"}', '{"iexec_args": "x"}'),
        ('{"a":{"b":1}}', '{"a":{"b":1}}'),
        ('{"iexec_args": "{words}"}', '{"iexec_args": "two words"}'),
        ("{}", "{}"),
        ("{100}", "{100}"),
        ("{a b}", "{a b}"),
        ("{f(x)}", "{f(x)}"),
        ("{a + n}", "{a + n}"),
        ("{'a'}", "{'a'}"),
        ("{None}", "{None}"),
        ("{{a}}", "{a}"),
        ('{{"k": {{"b": {n}}}}}', '{"k": {"b": 5}}'),
        ("{{{a}}}", "{0x1}"),
        ("{", "{"),
        ("}", "}"),
        ("}}", "}}"),
        ("{a", "{a"),
        ("${a}", "$0x1"),
        ('{grid[1, "x"]}', 7),
        ('{"s": {d}}', '{"s": {"k": ["x", "y"]}}'),
    ],
)
def test_expand(token, value):
    assert expand(token, NAMES) == value


def test_a_whole_token_passes_the_object():
    assert expand("{thing}", NAMES) is NAMES["thing"]
    assert expand("{d}", NAMES) is NAMES["d"]


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("{missing}", "{missing}: name 'missing' is not defined"),
        ("x{missing}", "{missing}: name 'missing' is not defined"),
        ("{a.nothing}", "{a.nothing}: 'str' object has no attribute 'nothing'"),
        ("{d['z']}", "{d['z']}: 'z'"),
        ("{n[0]}", "{n[0]}: 'int' object is not subscriptable"),
        ("{d['k'][7]}", "{d['k'][7]}: list index out of range"),
    ],
)
def test_what_is_not_there_is_named(token, message):
    with pytest.raises(UsageError) as caught:
        expand(token, NAMES)
    assert caught.value.message == message
    assert "{{" in caught.value.hint


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
@pytest.mark.parametrize("token", ["{cell}", "--app={cell}"])
def test_a_missing_value_is_an_error(token, missing):
    with pytest.raises(UsageError, match=r"\{cell\} has no value"):
        expand(token, {"cell": missing})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="{}")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_characters="{}")), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(JSON, st.booleans())
def test_json_comes_through(value, compact):
    text = json.dumps(value, separators=(",", ":") if compact else None)
    assert expand(text, {}) == text


@given(st.text(st.sampled_from("{}ab.'\"[]1 :"), max_size=20))
def test_escaped_text_comes_through(text):
    assert expand(escape(text), {}) == text
    assert split(shlex.join([escape(text)])) == [[escape(text)]]


@given(st.text(st.characters(exclude_characters="{}")))
def test_text_without_braces_comes_through(text):
    assert expand(text, {}) == text


def test_advice_on_a_name_that_nobody_defined():
    with pytest.raises(UsageError, match="name 'appp' is not defined") as caught:
        expand("{appp}", {"app": 1, "_app": 2})
    assert caught.value.hint.startswith("Did you mean app? Run the cell that gives appp its value.")
    with pytest.raises(UsageError) as caught:
        expand("{job.deal_id}", {})
    assert caught.value.hint.startswith("Run the cell that gives job its value.")


@pytest.mark.parametrize("token", ["app", "$app"])
def test_a_variable_without_its_braces(token):
    message = f"{token} is not a valid ethereum address"
    words = ["app", "run", token]
    assert forgotten_braces(message, words, {"app": 1}) == "Write {app} for the value of the variable app."
    assert forgotten_braces(message, words, {}) is None
    assert forgotten_braces("0x12 is not a valid ethereum address", words, {"app": 1}) is None
