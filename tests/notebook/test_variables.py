"""The variable rule: names are replaced, JSON stays, unknown names are errors."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from decimal import Decimal

import numpy as np
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
    "width": 8,
    "odd": {"}:!r": "odd"},
    "when": dt.time(7, 30),
    "price": Decimal("1234.50"),
    "quoted": 'a "b"',
    "size": np.int64(3),
    "s": "lower",
    "hash": b"\0\xff",
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
        ("{{a}}", "{a}"),
        ('{{"k": {{"b": {n}}}}}', '{"k": {"b": 5}}'),
        ("{{{a}}}", "{0x1}"),
        ("${a}", "$0x1"),
        ('{grid[1, "x"]}', 7),
        ('{"s": {d}}', '{"s": {"k": ["x", "y"]}}'),
        ("{{", "{"),
        ("}}", "}"),
        ("awk {{print $1}}", "awk {print $1}"),
        ("{n:.2f}", "5.00"),
        ("{n:>{width}}|", "       5|"),
        ("{n: >4}", "   5"),
        ("{words!r}", "'two words'"),
        ("{words!r:>13}", "  'two words'"),
        ("--x={d['k'][0]!s:^5}", "--x=  x  "),
        ("{d['k'][0:1]}", ["x"]),
        ("{d['k'][-1:]} {words[:3]}", '["y"] two'),
        ("{d['k'][::-1]}", ["y", "x"]),
        ("{odd['}:!r']}", "odd"),
        ("{when:%H:%M}", "07:30"),
        ("{price:,}", "1,234.50"),
        ('{"n": {n}, "list": [{a}, {d}]}', '{"n": 5, "list": ["0x1", {"k": ["x", "y"]}]}'),
        ('{"price": {n:.2f}, "name": {n:>3}}', '{"price": 5.00, "name":   5}'),
        ('{"text": {words!r}}', '{"text": "\'two words\'"}'),
        ('{"say": "{quoted}"}', '{"say": "a \\"b\\""}'),
        ('{"iexec_args": "{\\"x\\": 1}"}', '{"iexec_args": "{\\"x\\": 1}"}'),
        ('{"{a}": "{{n}}"}', '{"0x1": "{n}"}'),
        ('{"size": {size}}', '{"size": 3}'),
        ("size {size}", "size 3"),
        ("hash {hash}", "hash 0x00ff"),
        ('{"hash": {hash}}', '{"hash": "0x00ff"}'),
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
        ("{d['z']}", "{d['z']}: there is no item 'z'"),
        ("{frame[0]}", "{frame[0]}: there is no item 0; frame is a DataFrame: {frame.task_id[0]}"),
        ("{n[0]}", "{n[0]}: 'int' object is not subscriptable"),
        ("{d['k'][7]}", "{d['k'][7]}: list index out of range"),
    ],
)
def test_what_is_not_there_is_named(token, message):
    with pytest.raises(UsageError) as caught:
        expand(token, {**NAMES, "frame": pd.DataFrame({"index": [0], "task_id": ["0x1"]})})
    assert caught.value.message == message
    assert "{{" in caught.value.hint


@pytest.mark.parametrize(
    ("token", "named", "advice"),
    [
        ("{s.upper()}", "{s.upper()}", "x = s.upper()"),
        ("say {s.upper()}", "{s.upper()}", "{{s.upper()}}"),
        ("{1+1}", "{1+1}", "x = 1+1"),
        ("{100}", "{100}", "Assign it"),
        ("{None}", "{None}", "Assign it"),
        ("{f(x)}", "{f(x)}", "Assign it"),
        ("{a + n}", "{a + n}", "Assign it"),
        ("{a-b}", "{a-b}", "Assign it"),
        ("{a,b}", "{a,b}", "Assign it"),
        ("{'a'}", "{'a'}", "Assign it"),
        ("{a if n else 1}", "{a if n else 1}", "Assign it"),
        ("{n + 1:.2f}", "{n + 1:.2f}", "Assign it"),
        ("{n == 5}", "{n == 5}", "Assign it"),
        ("{n=}", "{n=}", "A variable is a name"),
        ("{d[n + 1]}", "{d[n + 1]}", "Assign it"),
        ("{a b}", "{a b}", "A variable is a name"),
        ("awk {print $1}", "{print $1}", "{{print $1}}"),
        ("{1..3}", "{1..3}", "{{1..3}}"),
        ("{not json: 1}", "{not json: 1}", "double quotes"),
        ("{'k': 1}", "{'k': 1}", "double quotes"),
        ("{n: 1}", "{n: 1}", "double quotes"),
        ("{k: {n}}", "{k: {n}}", "double quotes"),
        ('{"k": 1,}', '{"k": 1,}', "It is no JSON"),
        ('{"k"}', '{"k"}', "It is no JSON"),
        ('{"k": {"j": {s.upper()}}}', "{s.upper()}", "x = s.upper()"),
        ('{"k": "{s.upper()}"}', "{s.upper()}", "x = s.upper()"),
        ("{a", "{a", "{{"),
        ("x {", "{", "{{"),
        ("a}", "a}", "}}"),
        ("}{", "}", "}}"),
        ('{"k": 1', '{"k": 1', "{{"),
    ],
)
def test_what_is_neither_a_variable_nor_json_is_an_error(token, named, advice):
    with pytest.raises(UsageError) as caught:
        expand(token, NAMES)
    assert caught.value.message.startswith(named)
    assert advice in caught.value.hint


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (pd.DataFrame({"x": [1]}), "DataFrame"),
        (pd.Series([1]), "Series"),
        (np.arange(3), "ndarray"),
        (object(), "object"),
        (len, "builtin_function_or_method"),
        (int, "type"),
        ({1, 2}, "set"),
    ],
)
def test_a_value_that_is_no_text_is_passed_whole_and_in_no_text(value, kind):
    assert expand("{value}", {"value": value}) is value
    for token in ("--app={value}", '{"k": [{value}]}'):
        with pytest.raises(UsageError, match=rf"\{{value\}} is a {kind}, which is no text"):
            expand(token, {"value": value})


@pytest.mark.parametrize("token", ["{words:.2f}", "{a:d}", "{d:>5}"])
def test_a_format_that_a_value_does_not_have(token):
    with pytest.raises(UsageError, match="has no format"):
        expand(token, NAMES)


def test_json_has_no_nan():
    with pytest.raises(UsageError, match="can not be JSON"):
        expand('{"k": {d}}', {"d": {"x": float("nan")}})


def test_the_value_of_a_variable_is_not_told():
    with pytest.raises(UsageError) as caught:
        expand("{d[key]}", {"d": {}, "key": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
@pytest.mark.parametrize("token", ["{cell}", "--app={cell}", "{cell:.2f}", "{cell!r}"])
def test_a_missing_value_is_an_error(token, missing):
    with pytest.raises(UsageError, match=r"\{cell.*\} has no value"):
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
