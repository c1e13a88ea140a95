"""Advice that names a line to type: ``iexec-lab ...`` in a terminal, ``%iexec ...`` in a notebook."""

from __future__ import annotations

import ast
import re

import pytest
from helpers.places import PACKAGE

from iexec_lab.commands import tree
from iexec_lab.errors import IexecError, in_notebook

PATHS = sorted({each.name for each in tree.walk()}, key=len, reverse=True)
LONG = [path for path in PATHS if " " in path]
COMMAND = re.compile(rf"(?<![\w-])({'|'.join(LONG)})(?![\w-])")


def texts(node):
    """The string literals in an expression; what an f-string fills in is ``{}``."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from texts(part.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def advice():
    """Where advice is written: (place, text)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            found = None
            if isinstance(node, ast.keyword) and node.arg == "hint":
                found = node.value
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [
                    each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "")
                    for each in targets
                ]
                found = (
                    node.value
                    if any("hint" in name.lower() or name == "_NO_WALLET" for name in names)
                    else None
                )
            elif isinstance(node, ast.FunctionDef) and re.search("hint|advice", node.name):
                found = ast.Module([each for each in ast.walk(node) if isinstance(each, ast.Return)], [])
            if found is not None:
                yield from (
                    (
                        f"{path.relative_to(PACKAGE)}:{node.lineno}"
                        if hasattr(node, "lineno")
                        else str(path),
                        text,
                    )
                    for text in texts(found)
                )


ADVICE = list(advice())


def test_every_line_to_type_says_what_to_type():
    """A command is named by the whole line, so that each face can show its own."""
    bare = [
        (place, text)
        for place, text in ADVICE
        for found in COMMAND.finditer(text)
        if not text[: found.start()].endswith("iexec-lab ")
    ]
    assert not bare
    assert len(ADVICE) > 150


WITHOUT_PROGRAM = re.compile(r"(?<!iexec-lab)(?<!iexec)(?<!form)(?<=[\w,.;:(]) $")
NAMES_ONLY = {
    "app run stops at this",  # a column of combinations
    "the first is what app run takes",
    "of orderbook dataset any --bulk-only",  # a value, not a line to type
    "Repositories of the images",
    "on other people's machines",  # the manual's page, with lines of its own
}


def sentences():
    """Every text of several words that is not a docstring, an example or a line by itself."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if "sandbox/services" in path.as_posix():
            continue
        source = path.read_text()
        if not any(each in source for each in LONG):  # to parse all modules takes seconds
            continue
        tree_ = ast.parse(source)
        left_out = {
            id(each)
            for node in ast.walk(tree_)
            if isinstance(node, ast.Expr) or (isinstance(node, ast.keyword) and node.arg == "example")
            for each in ast.walk(node)
            if not isinstance(node, ast.Expr) or isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree_):
            if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in left_out:
                yield from ((path.relative_to(PACKAGE).as_posix(), text) for text in texts(node))


def test_every_sentence_names_the_whole_line():
    """Remarks, notes and help as well: a notebook turns the program's name into its own."""
    bare = {
        (place, text)
        for place, text in sentences()
        for found in COMMAND.finditer(text)
        if WITHOUT_PROGRAM.search(text[: found.start()]) and not any(name in text for name in NAMES_ONLY)
    }
    assert not bare


def test_an_official_sentence_that_names_the_official_program_has_a_hint_of_ours():
    """Those sentences are kept word by word; what can be typed here stands below."""
    bare = []
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text()
        for node in ast.walk(ast.parse(source)) if '"iexec ' in source else ():
            if not isinstance(node, ast.Call) or not node.args:
                continue
            told = " ".join(texts(node.args[0]))
            if re.search(r'"iexec \w+', told) and "hint" not in {each.arg for each in node.keywords}:
                bare.append((path.name, told))
    assert not bare


def test_no_advice_is_written_for_one_face_only():
    """Except in the notebook's own modules, which no terminal uses."""
    shared = [each for each in ADVICE if not each[0].startswith("notebook/")]
    assert not [each for each in shared if "%iexec" in each[1] or re.search(r"\blab\.\w", each[1])]


@pytest.mark.parametrize(("place", "text"), [each for each in ADVICE if "iexec-lab " in each[1]])
def test_both_faces(place, text):
    error = IexecError("x", hint=text)
    terminal, notebook = error.lines()[-1], error._render_traceback_()[-1]
    assert "%iexec" not in terminal
    assert "iexec-lab " not in notebook
    assert notebook.count("%iexec ") == text.count("iexec-lab ")
    assert in_notebook(notebook) == notebook
