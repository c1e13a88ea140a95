"""Editors without a kernel, and IPython without Jedi, know what ``lab`` has."""

from __future__ import annotations

import ast
import re

import jedi
import pytest
from helpers.places import ROOT, TESTS
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import iexec_lab
from iexec_lab.client.iexec import IExec
from iexec_lab.client.nouns._table import NOUNS

OPEN = "from iexec_lab import connect\n\nlab = connect()\n"


def completions(line: str) -> set[str]:
    text = OPEN + line
    return {each.name for each in jedi.Script(text, project=jedi.Project(ROOT)).complete(4, len(line))}


def test_an_editor_knows_the_nouns_and_their_verbs():
    assert completions("lab.") >= {*NOUNS, "job", "jobs", "secrets"}
    assert completions("lab.app.") >= {"run", "deploy", "publish"}
    assert completions("lab.orderbook.") >= {"app", "dataset", "workerpool", "requester"}


def test_an_editor_knows_what_a_verb_gives():
    assert completions('lab.app.run("0x").') >= {"wait", "result", "why"}
    assert completions('lab.app.run("0x").wait().result().') >= {"text", "table", "save"}
    assert completions('lab.app.deploy("a", "b", "c").') >= {"startswith"}


@pytest.mark.parametrize(("line", "module"), [("lab.app.run", "app"), ("lab.orderbook.app", "orderbook")])
def test_go_to_source_leads_to_the_verb(line, module):
    [found] = jedi.Script(OPEN + line, project=jedi.Project(ROOT)).goto(4, len(line), follow_imports=True)
    assert found.module_path.name == f"{module}.py"
    assert found.name == line.rpartition(".")[2]


@pytest.mark.parametrize("use_jedi", [False, True])
def test_tab_in_ipython(use_jedi):
    shell = InteractiveShell.instance()
    shell.Completer.use_jedi = use_jedi
    shell.user_ns["lab"] = IExec(None)

    def offered(line):
        with provisionalcompleter():
            return {each.text.rpartition(".")[2] for each in shell.Completer.completions(line, len(line))}

    assert offered("lab.") >= set(NOUNS)
    assert "run" in offered("lab.app.ru")
    assert offered("lab.orderbook.w") >= {"workerpool"}
    assert any(each.startswith("encrypt_result") for each in offered("lab.app.run('0x', encr"))


@pytest.mark.parametrize("name", iexec_lab.__all__)
def test_every_public_name_is_there(name):
    assert getattr(iexec_lab, name).__name__ == name


def said(program: str) -> set[str]:
    """Calls and assignments of a program, whatever stands around them."""
    wanted = (ast.Call, ast.Assign)
    return {ast.unparse(node) for node in ast.walk(ast.parse(program)) if isinstance(node, wanted)}


def test_type_checkers_read_the_readme_too():
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    ours = said((TESTS / "typing" / "api.py").read_text())
    programs = [block for block in blocks if "%" not in block]
    assert len(programs) >= 2
    for block in programs:
        assert said(block) <= ours
