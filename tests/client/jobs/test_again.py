"""The line that buys the same once more: no option is lost, and every face reads it back as it was."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
from dataclasses import replace

import pytest
from helpers.jobs import APP, DATASET, ME, OTHER_POOL, POOL, held
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab import errors
from iexec_lab.client.jobs.again import Wish, elsewhere, quoted, run_again, to_wish
from iexec_lab.client.jobs.detached import typed
from iexec_lab.client.matching.run_options import RunOptions
from iexec_lab.client.options import declared
from iexec_lab.commands import parser, tree
from iexec_lab.notebook.cells import split
from iexec_lab.notebook.variables import expand
from iexec_lab.protocol.tags import encode_tag
from iexec_lab.python_calls import in_python

PARAMS = {
    "iexec_args": """it's "quoted" {x} $HOME `id` !1 \\n end.""",
    "iexec_input_files": ["https://a.example/b?c=1&d=2", "https://e.example/f"],
    "iexec_secrets": {"1": "login", "2": "other"},
    "iexec_result_encryption": True,
    "iexec_result_storage_provider": "dropbox",
    "iexec_result_storage_proxy": "https://proxy.example",
    "iexec_developer_logger": True,
}


def everything():
    made = held(params=json.dumps(PARAMS), dataset=DATASET, tasks=50).deal
    tag = encode_tag(["tee", "scone"])
    return replace(made, trust=5, category=2, tag=tag, callback=POOL, beneficiary=OTHER_POOL)


WISH = Wish(named_workerpool=True, app_price=0, workerpool_price=150_000_000, use_voucher=True)


def read(words):
    """What a command understands, by the names of its options."""
    command, taken = tree.find(words)
    given = vars(parser.parse(command, words[taken:]))
    return {
        name: given[name] for name in ("app", *declared(RunOptions)) if given.get(name) not in (None, False)
    }


def test_no_option_that_changes_what_is_bought_is_lost():
    step = run_again(everything(), WISH)
    assert step.says == "Run it again"
    assert read(shlex.split(step.line)) == {
        "app": APP,
        "dataset": DATASET,
        "workerpool": POOL,
        "args": PARAMS["iexec_args"],
        "input_files": ",".join(PARAMS["iexec_input_files"]),
        "secret": ["1=login", "2=other"],
        "category": 2,
        "tag": "tee,scone",
        "trust": 5,
        "storage_provider": "dropbox",
        "encrypt_result": True,
        "callback": POOL,
        "beneficiary": OTHER_POOL,
        "params": '{"iexec_developer_logger":true}',
        "app_price": ["0.0", "RLC"],
        "workerpool_price": ["0.15", "RLC"],
        "volume": 50,
        "use_voucher": True,
    }


def test_what_is_usual_is_not_said():
    usual = {"iexec_result_storage_provider": "ipfs", "iexec_result_storage_proxy": "https://x"}
    made = held(params=json.dumps(usual), tasks=1).deal
    assert run_again(made).line == f"app run {APP}"
    assert run_again(replace(made, beneficiary=made.requester, trust=1)).line == f"app run {APP}"
    assert (
        run_again(replace(made, params='{"bulk_cid":"Qm1"}', bot_size=7)).line == f"app run {APP} --bulk Qm1"
    )
    assert ME not in run_again(made).line


def test_what_the_run_was_asked_for():
    assert (
        to_wish({"workerpool": POOL, "workerpool_price": "0.15 RLC", "app_price": 0, "use_voucher": True})
        == WISH
    )
    assert to_wish({}) == Wish()


def test_another_workerpool_has_a_price_of_its_own():
    line = run_again(held(tasks=1).deal, WISH).line
    assert elsewhere(run_again(held(tasks=1).deal, WISH)).line == (
        f"app run {APP} --app-price 0.0 RLC --use-voucher --workerpool <address>"
    )
    assert "--workerpool-price 0.15 RLC" in line


@pytest.mark.parametrize("args", ["a\nb", "a\x1bb", "\u202eabc", "x" * 121])
def test_what_no_line_can_have_is_left_out_and_that_is_said(args):
    step = run_again(held(params=json.dumps({"iexec_args": args}), tasks=1).deal)
    assert step == ("Run it again, with the options that it had", f"app run {APP}")


HOSTILE = [
    *("it's", 'a "b"', "{x}", "{{x}}", "$HOME", "`id`", "!!", "\\", "a\\'b"),
    *("--args", "-", "*", "~", "a.", "x;", "#no", "?", "a=b", "="),
]
CHARS = st.characters(exclude_categories=["C", "Zl", "Zp"])
TEXTS = st.text(CHARS, min_size=1, max_size=40).filter(str.isprintable)


def understood(args):
    """The arguments as a notebook, a shell's words and a Python program have them from their lines."""
    line = run_again(held(params=json.dumps({"iexec_args": args}), tasks=1).deal).line
    notebook = [expand(word, {}) for word in split(line.replace("{", "{{").replace("}", "}}"))[0]]
    call = ast.parse(in_python(f"iexec-lab {line}"), mode="eval").body
    assert isinstance(call, ast.Call)
    python = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    return [read(notebook).get("args"), read(shlex.split(line)).get("args"), python.get("args")]


@pytest.mark.parametrize("args", HOSTILE)
def test_hostile_arguments_come_back_as_they_were(args):
    assert understood(args) == [args] * 3


@given(TEXTS)
def test_any_arguments_come_back_as_they_were(args):
    assert understood(args) == [args] * 3


def test_a_real_shell_reads_them():
    line = " ".join(map(quoted, HOSTILE))
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == HOSTILE


def test_in_a_notebook_braces_are_text(monkeypatch):
    monkeypatch.setattr("iexec_lab.client.jobs.detached.has_magic", lambda: True)
    monkeypatch.setattr(errors, "has_magic", lambda: True)
    assert typed("app run 0x --args '{x}'") == "%iexec app run 0x --args '{{x}}'"
