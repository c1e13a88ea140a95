from __future__ import annotations

import pytest

from iexec_lab.commands.tree import walk
from iexec_lab.errors import IexecError, UsageError
from iexec_lab.notebook.cells import split
from iexec_lab.notebook.forms.opening import form
from iexec_lab.notebook.variables import expand

APP = "0x" + "ab" * 20


class Recorder:
    def __init__(self, answer=None):
        self.words = []
        self.answer = answer

    def __call__(self, words):
        self.words.append(list(words))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def no_execution(_words):
    raise AssertionError


@pytest.mark.parametrize("command", list(walk()), ids=lambda command: command.name)
def test_every_command_has_a_form_and_a_text_twin(command):
    made = form(command.name, no_execution)
    assert made.line.startswith(f"%iexec {command.name}")
    bundle = made._repr_mimebundle_()
    assert command.summary in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_what_is_typed_becomes_the_line():
    made = form("app run", no_execution, values={"app": APP, "args": "two words", "encrypt_result": True})
    assert made.line == f"%iexec app run {APP} --args 'two words' --encrypt-result"


def test_braces_that_were_typed_stay_braces_in_the_line():
    text = "the {word} it's {{x}} {'a': 1}"
    made = form("app run", no_execution, values={"args": text})
    [words] = split(made.line)
    assert [expand(word, {}) for word in words] == ["%iexec", "app", "run", "--args", text]


def test_units_are_chosen_and_kinds_of_orders_stand_together():
    assert form("wallet send-ether", no_execution).fields["unit"]._control.options[-1] == ("ether", "ether")
    assert form("account deposit", no_execution).fields["unit"]._control.options[-1] == ("RLC", "RLC")
    made = form("order sign", no_execution)
    assert {made._group(made.fields[kind]) for kind in ("app", "dataset", "workerpool", "request")} == {""}


def test_amounts_carry_their_unit():
    recorder = Recorder()
    made = form("app publish", recorder, values={"address": APP, "price": "1.5"})
    made.fields["price"]._unit.value = "RLC"
    made.run()
    assert recorder.words == [["app", "publish", APP, "--price", "1.5", "RLC"]]


def test_a_wrong_value_is_told_and_the_button_waits():
    made = form("app run", no_execution, values={"app": "0x12"})
    assert made._run.disabled
    assert "40 hexadecimal" in made.fields["app"]._labelled._note.value
    made.fields["app"].value = APP
    assert not made._run.disabled


@pytest.mark.parametrize(
    ("name", "field", "text"),
    [
        ("app run", "params", "{"),
        ("app run", "category", "x"),
        ("app run", "tag", "nonsense"),
        ("app run", "input_files", "ftp://x"),
        ("app publish", "price", "1,5"),
        ("account deposit", "amount", "-1"),
        ("deal show", "dealid", "0x12"),
    ],
)
def test_checks(name, field, text):
    made = form(name, no_execution)
    made.fields[field].value = text
    assert made._run.disabled


def test_needed_values_are_waited_for():
    assert form("deal show", no_execution)._run.disabled


def test_a_secret_is_run_but_never_shown_nor_kept():
    recorder = Recorder()
    made = form("requester push-secret", recorder, values={"name": "key", "secret_value": "hush"})
    assert "hush" not in made.line
    assert "•••" in made.line
    made.run()
    assert recorder.words[0][-2:] == ["--secret-value", "hush"]
    assert made.fields["secret_value"].value == ""


def test_the_cost_can_be_seen_first():
    recorder = Recorder()
    made = form("app run", recorder, values={"app": APP})
    made._buttons[1].click()
    assert recorder.words[0][-1] == "--dry-run"


def test_an_error_is_shown_in_short(capsys):
    made = form("app run", Recorder(IexecError("no stake", hint="deposit first")), values={"app": APP})
    made.run()
    assert "no stake" in capsys.readouterr().out
    assert made.value is None


def test_an_unknown_command_or_option_is_refused():
    with pytest.raises(UsageError, match="not a command"):
        form("app", no_execution)
    with pytest.raises(UsageError, match="no option"):
        form("app run", no_execution, values={"colour": "red"})
