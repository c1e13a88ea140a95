"""Advice that names a line to type: ``iexec-lab ...`` in a terminal, ``%iexec ...`` in a notebook."""

from __future__ import annotations

import ast
import re

import pytest
from helpers.places import PACKAGE

from iexec_lab.commands import tree
from iexec_lab.errors import IexecError, in_notebook

PATHS = sorted({each.name for each in tree.walk()}, key=len, reverse=True)
COMMAND = re.compile(rf"(?<![\w-])({'|'.join(path for path in PATHS if ' ' in path)})(?![\w-])")


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
