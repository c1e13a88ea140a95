"""Dockerfiles are read as Docker reads them."""

from __future__ import annotations

import pytest

from iexec_lab.errors import ValidationError
from iexec_lab.sandbox.state.dockerfile import json_list, read


def lines(text):
    return [(one.name, one.text) for one in read(text).instructions]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from x\ncmd a b\n", [("FROM", "x"), ("CMD", "a b")]),
        ("\ufeffFROM x", [("FROM", "x")]),
        ("# comment\n\nFROM x\n  # another\n\tENV A=1\n", [("FROM", "x"), ("ENV", "A=1")]),
        ("FROM x\r\nWORKDIR /a\r\n", [("FROM", "x"), ("WORKDIR", "/a")]),
        ("FROM x\nRUN a \\\n  # inside\n\n  b \\ \n c\n", [("FROM", "x"), ("RUN", "a b c")]),
        ("FROM x\nCMD a \\", [("FROM", "x"), ("CMD", "a")]),
        ("# escape=`\nFROM x\nENV A=\\a `\n B=2\n", [("FROM", "x"), ("ENV", "A=\\a B=2")]),
        ("# syntax=docker/dockerfile:1\n# escape = `\nFROM x\nRUN a `\n b", [("FROM", "x"), ("RUN", "a b")]),
        ("FROM x\n# escape=`\nRUN a \\\n b", [("FROM", "x"), ("RUN", "a b")]),
        (
            "FROM x\nRUN <<EOF\nENTRYPOINT no\nEOF\nENTRYPOINT yes",
            [("FROM", "x"), ("RUN", "<<EOF"), ("ENTRYPOINT", "yes")],
        ),
        ('ENTRYPOINT\t[ "a" ]\nFROM x', [("ENTRYPOINT", '[ "a" ]'), ("FROM", "x")]),
    ],
)
def test_lines(text, found):
    assert lines(text) == found


def test_flags_and_documents():
    copy = read("FROM x\nCOPY --from=a --chown=1:1 <<-'A' <<B /dir/\n\t1\n\tA\n2\nB\n").instructions[1]
    assert copy.flags == {"from": "a", "chown": "1:1"}
    assert copy.documents == ("1\n", "2\n")
    assert copy.text == "<<-'A' <<B /dir/"


@pytest.mark.parametrize("text", ["", "# nothing", "CMD a", "FROM x\nFRUM y", "FROM x\nRUN a\n  b c"])
def test_what_is_no_dockerfile(text):
    with pytest.raises(ValidationError, match=r"no FROM|is no instruction"):
        read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A/${B}", "1/two words"),
        ("'$A' \"$A\"", "$A 1"),
        ("\\$A", "$A"),
        ("$NO-${NO}", "-"),
        ("${NO:-x$A}", "x1"),
        ("${E:-x} ${E-x}", "x "),
        ("${A:+yes} ${NO:+yes}", "yes "),
        ("${A:-no}", "1"),
        ('a\\ b"c d"', "a bc d"),
        ('"a\\"b\\c"', 'a"b\\c'),
        ("$ {A} $1", "$ {A} $1"),
    ],
)
def test_values(text, value):
    assert read("FROM x").value(text, {"A": "1", "B": "two words", "E": ""}) == value


def test_a_value_that_is_needed():
    with pytest.raises(ValidationError, match="needs a value for NO: say it"):
        read("FROM x").value("${NO:?say it}", {})


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("A=1 B='x y' C=\"$Z\" D=a\\ b", {"A": "1", "B": "x y", "C": "z", "D": "a b"}),
        ("A some words $Z", {"A": "some words z"}),
        ('A "quoted words"', {"A": "quoted words"}),
        ("A=", {"A": ""}),
        ("A=1=2", {"A": "1=2"}),
    ],
)
def test_both_forms_of_env(text, pairs):
    assert read("FROM x").pairs(text, {"Z": "z"}) == pairs


@pytest.mark.parametrize(
    ("text", "words"),
    [('["a", "b c"]', ["a", "b c"]), ("[]", []), ("['a']", None), ('["a"', None), ("a", None), ("[1]", None)],
)
def test_the_exec_form_is_json(text, words):
    assert json_list(text) == words
