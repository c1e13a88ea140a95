from __future__ import annotations

import json
import sys

import pytest
from helpers.strategies import JSON
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import javascript
from iexec_lab.protocol.javascript import dumps, loads, print_value, to_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "x"]}, '{"b":1,"a":[true,null,"x"]}'),
        ({"2": "b", "x": 0, "1": "a", "01": 0}, '{"1":"a","2":"b","x":0,"01":0}'),
        ({2: "b", 1: "a"}, '{"1":"a","2":"b"}'),
        ({"4294967295": 0, "4294967294": 1}, '{"4294967294":1,"4294967295":0}'),
        ([1.0, 1.5, 1e21, 1e-7, float("nan")], "[1,1.5,1e+21,1e-7,null]"),
        ("\u00e9\u2028/\x7f", '"\u00e9\u2028/\x7f"'),
        ('\x00\b\f\n\r\t"\\', '"\\u0000\\b\\f\\n\\r\\t\\"\\\\"'),
        ("\ud800x", '"\\ud800x"'),
        ("\U0001f98a", '"\U0001f98a"'),
    ],
)
def test_json_as_javascript_writes_it(value, text):
    assert dumps(value) == text


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "", "{'a':1}", "[1,]", "[" * 100_000])
def test_what_javascript_does_not_read(text):
    with pytest.raises(ValueError, match=r"JSON|Expecting|Illegal|Infinity|property"):
        loads(text)


def test_nesting_is_counted_outside_of_strings():
    assert loads('["' + "[" * 1000 + '\\""]') == ["[" * 1000 + '"']
    assert loads("[" * 200 + "]" * 200)
    assert loads("[" + ",".join(["[]"] * 1000) + "]") == [[]] * 1000
    with pytest.raises(ValueError, match="nested too deep"):
        loads("[" * 201 + "]" * 201)


@pytest.mark.parametrize(
    "text",
    ["[" * 99_000, '{"":' * 99_000, '["\\\\",' * 1000, '[1,"' + '\\\\\\"[' * 300 + '",' + "[" * 201],
    ids=["lists", "objects", "escapes", "strings"],
)
def test_no_nesting_overflows_the_stack(text):
    # In a notebook that has imported web3, whose libraries lift the limit.
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        for form in (text, text.encode()):
            with pytest.raises(ValueError, match="nested too deep"):
                loads(form)
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("piece", ["[],", "{},", '"a",', '"[",', '"],[",'])
def test_no_text_becomes_a_hundred_times_its_size(piece):
    with pytest.raises(ValueError, match="too many values"):
        loads("[" + piece * 4_500_000 + "1]")


def test_marks_in_strings_do_not_count():
    assert len(loads(json.dumps(['[]{},\\"' * 1_000_000]))[0]) == 7_000_000


@given(JSON)
def test_what_json_is_stays_so_in_bytes(value):
    text = dumps(value)
    assert loads(text.encode()) == loads(text) == json.loads(text)


def test_what_python_writes_can_be_asked_for():
    assert loads(b"[Infinity]", numbers_only=False) == [float("inf")]


def test_what_has_no_json_form():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for value in (object(), {1, 2}, deep):
        with pytest.raises(ValidationError):
            dumps(value)
    assert to_text(deep) == "..."
    assert print_value(deep).count("\n") == 40


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    )
)
def test_other_readers_understand_it(value):
    assert json.loads(dumps(value)) == value


@given(JSON)
def test_everything_can_be_shown(value):
    assert isinstance(to_text(value), str)
    assert isinstance(print_value(value), str)


def test_values_in_sentences():
    assert to_text(["a", None, 1.5]) == "a,,1.5"
    assert to_text({"a": 1}) == "[object Object]"
    assert to_text(b"\x01") == "0x01"
    assert print_value(["a", 1]) == '[\n  "\\"a\\"",\n  "1"\n]'
    assert print_value(["a"], quotes=False) == '[\n  "a"\n]'


def test_json_of_too_many_values_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(javascript, "_MAX_MARKS", 12)
    for count in (11, 12):  # commas and brackets: 12 and 13
        text = f"[{','.join('1' * count)}]"
        if count == 11:
            assert len(loads(text)) == count
        else:
            with pytest.raises(ValueError, match="JSON has too many values"):
                loads(text)
    # Text counts where brackets are in it, which would have to be looked at.
    assert loads(json.dumps(["["] * 6)) == ["["] * 6
    with pytest.raises(ValueError, match="JSON has too many values"):
        loads(json.dumps(["["] * 7))
    assert loads(json.dumps(["a"] * 11)) == ["a"] * 11
    assert loads('"' + "," * 100 + '"') == "," * 100  # in text they are no values


def test_json_is_nested_so_deep():
    assert loads("[" * 200 + "]" * 200)
    with pytest.raises(ValueError, match="JSON is nested too deep"):
        loads("[" * 201 + "]" * 201)
    wide = "[" + ",".join(["[]"] * 300) + "]"
    assert len(loads(wide)) == 300
