from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ProjectError
from iexec_lab.project import jsonfile
from iexec_lab.project.json_edit import edit, replaced

ODD = """{
    "author" : "me",  "logo":1e3,
\t"app": { "name": "old" , "mine":[1,
 2] },
  "order": null
}
"""
NAMES = st.sampled_from(["app", "name", "0", "é", 'a"b', "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def test_only_the_value_changes():
    assert replaced(ODD, ("app", "name"), "new") == ODD.replace('"old"', '"new"')


def test_what_is_missing_is_added_as_its_neighbours_are():
    text = jsonfile.dumps({"app": {"name": "a"}})
    new = replaced(text, ("app", "type"), {"x": [1]})
    assert new == jsonfile.dumps({"app": {"name": "a", "type": {"x": [1]}}})
    assert replaced("{}", ("a", "b"), 1) == jsonfile.dumps({"a": {"b": 1}})
    assert replaced(ODD, ("order", "apporder"), {"volume": 1}).startswith(ODD[:-8])


@given(st.dictionaries(NAMES, JSON, max_size=4), st.lists(NAMES, min_size=1, max_size=3), JSON)
def test_it_is_what_a_change_of_the_object_gives(document, where, value):
    for indent in (None, 2, 4, "\t"):
        text = json.dumps(document, indent=indent)
        expected = json.loads(text)
        inner = expected
        try:
            for key in where[:-1]:
                if inner.get(key) is None or (not inner[key] and not isinstance(inner[key], dict)):
                    inner[key] = {}
                inner = inner[key]
            inner[where[-1]] = value
        except (AttributeError, TypeError):
            with pytest.raises(ProjectError):
                replaced(text, tuple(where), value)
            continue
        assert json.loads(replaced(text, tuple(where), value)) == expected


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, JSON, max_size=3), max_size=4), NAMES, NAMES, JSON)
def test_an_official_file_stays_one(document, part, key, value):
    text = jsonfile.dumps(document)
    document.setdefault(part, {})[key] = value
    if not any(name.isdecimal() for name in (part, key)):  # JavaScript lists numbers first
        assert replaced(text, (part, key), value) == jsonfile.dumps(document)


def test_a_mark_and_line_ends_stay(tmp_path):
    path = tmp_path / "iexec.json"
    path.write_bytes('\ufeff{\r\n  "a": 1,\r\n  "b": 2\r\n}\r\n'.encode())
    edit(path, lambda _document: {("a",): 3}, new={})
    assert path.read_bytes() == '\ufeff{\r\n  "a": 3,\r\n  "b": 2\r\n}\r\n'.encode()


def test_a_refused_change_and_none_leave_the_file(tmp_path):
    path = tmp_path / "iexec.json"
    path.write_text(ODD)
    before = path.stat().st_ino

    def refuse(_document):
        raise ProjectError("no")

    with pytest.raises(ProjectError, match="no"):
        edit(path, refuse, new={})
    edit(path, lambda _document: {}, new={})
    assert path.read_text() == ODD
    assert path.stat().st_ino == before


def test_two_at_once_lose_nothing(tmp_path):
    path = tmp_path / "iexec.json"
    path.write_text(jsonfile.dumps({"n": {}}))

    def add(number):
        edit(path, lambda _document: {("n", f"k{number}"): number}, new={})

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(json.loads(path.read_text())["n"].values()) == list(range(12))
