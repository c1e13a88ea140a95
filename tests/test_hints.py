"""Advice that names what to type: ``iexec-lab ...``, ``%iexec ...`` in a notebook, in a program a call."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from types import SimpleNamespace

import pytest
from helpers.places import PACKAGE

from iexec_lab import cli
from iexec_lab.client.iexec import IExec
from iexec_lab.client.jobs.detached import typed
from iexec_lab.commands import tree
from iexec_lab.errors import IexecError, in_notebook, in_terminal
from iexec_lab.python_calls import in_python

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


def shell(*magics):
    return SimpleNamespace(magics_manager=SimpleNamespace(magics={"line": dict.fromkeys(magics)}))


@pytest.mark.parametrize(
    ("ipython", "said"),
    [
        (None, 'lab.deal.show("0x12")'),
        (SimpleNamespace(get_ipython=lambda: None), 'lab.deal.show("0x12")'),
        (SimpleNamespace(get_ipython=lambda: shell("time")), 'lab.deal.show("0x12")'),  # not loaded
        (SimpleNamespace(get_ipython=lambda: shell("iexec")), "%iexec deal show 0x12"),
    ],
)
def test_a_command_as_it_is_typed_here(monkeypatch, ipython, said):
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert typed("deal show 0x12") == said
    error = IexecError("x", hint="This is a deal: iexec-lab deal show 0x12.")
    assert error.__notes__ == [f"  → This is a deal: {said}."]
    if ipython is not None and ipython.get_ipython() is not None:
        assert error._render_traceback_()[-1] == f"  → This is a deal: {said}."


def test_a_command_as_it_is_typed_in_a_terminal(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", None)
    with in_terminal():
        assert typed("deal show 0x12") == "iexec-lab deal show 0x12"
    assert cli.main(["deal", "show"]) == 1
    assert "iexec-lab deal show <dealid>" in capsys.readouterr().err
    assert typed("deal show 0x12").startswith("lab.")


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("task claim 0x97", 'lab.task.claim("0x97")'),
        ("task debug 0x97 --logs", 'lab.task.debug("0x97", logs=True)'),
        ("deal show 0x1 --watch", 'lab.job("0x1").wait()'),
        ("deal claim --all", "lab.deal.claim_all()"),
        ("account deposit 1.5 RLC", 'lab.account.deposit("1.5 RLC")'),
        ("account deposit 5", 'lab.account.deposit("5")'),
        (
            "app run 0x1 --args 'it'\"'\"'s $1 {x}.' --category 2",
            'lab.app.run("0x1", args="it\'s $1 {x}.", category=2)',
        ),
        ("app run 0x1 --workerpool-max-price 0.1 RLC", None),
        (
            "app run 0x1 --workerpool-price 0.1 RLC --force",
            'lab.app.run("0x1", workerpool_price="0.1 RLC", force=True)',
        ),
        ("category show 3", "lab.category.show(3)"),
        ("wallet send-RLC 2 RLC --to 0x1", 'lab.wallet.send_rlc("2 RLC", to="0x1")'),
        ("order cancel --app 0x1", 'lab.order.cancel(kind="app", order_hash="0x1")'),
        ("order show --dataset 0x1", 'lab.order.show("dataset", order_hash="0x1")'),
        ("order sign --app", None),
        ("orderbook dataset any --bulk-only", 'lab.orderbook.dataset("any", bulk_only=True)'),
        ("connect sandbox", 'connect("sandbox")'),
        ("costs --budget 5 RLC", 'lab.costs.budget = "5 RLC"'),
        ("history deals --since 7d", None),
        ("jobs --running", "lab.jobs(running=True)"),
        ("app deploy", "lab.app.deploy(...)"),
        ("app publish --price 1 RLC", 'lab.app.publish(..., price="1 RLC")'),
        ("sandbox forward 60", None),
        ("wallet create", None),
        ("init --skip-wallet", None),
    ],
)
def test_lines_and_calls(line, call):
    """A line that no verb takes stays one of a terminal."""
    assert in_python(f"Say: iexec-lab {line}. And on.") == f"Say: {call or f'iexec-lab {line}'}. And on."
    assert in_python(f"iexec-lab {line}") == (call or f"iexec-lab {line}")


def test_a_sentence_goes_on_behind_its_line():
    for text, said in (
        ("iexec-lab jobs lists your deals.", "lab.jobs() lists your deals."),
        (
            "Run iexec-lab app show, or iexec-lab deal list; then",
            "Run lab.app.show(...), or lab.deal.list(); then",
        ),
        ("iexec-lab deal show DEAL --watch waits for it", 'lab.job("DEAL").wait() waits for it'),
        ("everything else of iexec-lab runs without it", "everything else of iexec-lab runs without it"),
        ("iexec-lab", "iexec-lab"),
        ("iexec-lab 'unended", "iexec-lab 'unended"),
        ("iexec-lab app run --args 'unended", None),
    ):
        assert in_python(text) == (said or text)


CALL = re.compile(r"lab\.[\w.]+\([^()]*\)")


def test_every_call_of_an_advice_is_one_that_can_be_made():
    calls = [call for _, text in ADVICE for call in CALL.findall(in_python(text))]
    assert len(calls) > 25
    for call in calls:
        made = ast.parse(call, mode="eval").body
        at = IExec
        path = ast.unparse(made.func).split(".")[1:]
        for name in path[:-1]:
            at = inspect.signature(inspect.getattr_static(at, name).func, eval_str=False).return_annotation
        assert all(keyword.arg for keyword in made.keywords), call
