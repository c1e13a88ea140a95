from __future__ import annotations

import html

import ipywidgets as widgets
import pytest

from iexec_lab.commands.tree import walk
from iexec_lab.errors import IexecError, UsageError
from iexec_lab.notebook.cells import split
from iexec_lab.notebook.drawing import stage
from iexec_lab.notebook.forms.fields import help_of
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


def test_what_has_several_lines_can_be_copied_into_a_cell():
    made = form("app run", no_execution, values={"params": '{"iexec_args":\n  "a b"}'})
    assert made.line == """%iexec app run --params '{"iexec_args":   "a b"}'"""
    made.fields["params"].value = ""
    made.fields["args"].value = "one\ntwo"
    assert made.line == "%%iexec\napp run --args 'one\ntwo'"
    assert split(made.line)[-1] == ["app", "run", "--args", "one\ntwo"]


@pytest.mark.parametrize("command", list(walk()), ids=lambda command: command.name)
def test_a_form_has_something_in_sight_and_says_lines_as_they_are_typed_here(command):
    made = form(command.name, no_execution)
    if hasattr(made, "fields"):
        assert "iexec-lab " not in str(made.box.children[1].value)
        fold, _fields = made._folds.get("more", (None, []))
        others = [field for field in made.fields.values() if field.box and not made._group(field)]
        assert fold is None or others or made.drafts or fold.is_open


@pytest.mark.parametrize("name", ["account show", "connect"])
def test_an_interrupt_is_told_and_stays_in_the_notebook(name, tmp_path):
    def stopped(_words):
        raise KeyboardInterrupt

    made = form(name, stopped, folder=tmp_path)
    (getattr(made, "run", None) or made.go)()
    assert "It was interrupted" in repr(made.trace)
    assert "running" not in repr(made.trace)


def test_optional_values_are_ticked_and_perhaps_filled_in():
    made = form("order unpublish", no_execution)
    made.fields["app"]._switch.control.value = True
    assert made.line == "%iexec order unpublish --app"
    made.fields["app"]._control.value = "0x12"
    assert made._run.disabled
    made.fields["app"]._control.value = "0x" + "ab" * 32
    assert made.line == f"%iexec order unpublish --app 0x{'ab' * 32}"
    made.fields["app"].value = False
    assert made.line == "%iexec order unpublish"


def test_a_value_that_looks_like_an_option_stays_one():
    made = form("app run", no_execution, values={"args": "--verbose"})
    assert made.line == "%iexec app run --args=--verbose"


def test_nothing_is_cut_and_what_is_needed_is_said():
    made = form("account approve", no_execution)
    labels = {field.label for field in made.fields.values()}
    assert {"Amount", "Spender", "Wallet file", "Keystore folder"} <= labels
    for field in made.fields.values():
        if field.box is not None:
            assert help_of(field.item) in html.unescape(field._labelled._note.value)
            assert "…" not in field._labelled.control.description
    assert "Amount is missing" in made._waits.value


def test_groups_open_where_something_is_filled_in():
    made = form("app run", no_execution, values={"gas_price": "2 gwei"})
    assert {title: fold.is_open for title, (fold, _) in made._folds.items()} == {
        "more": False,
        "wallet": False,
        "network": True,
    }
    made.fields["trust"].value = "x"
    assert made._folds["more"][0].is_open


def test_a_proposal_that_is_chosen_becomes_its_value_and_is_explained():
    made = form("app run", no_execution)
    field = made.fields["app"]
    field.propose({APP: "my <app>, yours"})
    [shown] = [option for option in field._control.options if option.startswith(APP)]
    field._control.value = shown
    assert field.value == APP
    assert "my &lt;app&gt;, yours" in field._labelled._note.value


def test_letters_of_an_address_that_do_not_fit_are_told():
    made = form("app run", no_execution, values={"app": "0x70997970C51812dc3A010C7d01b50e0d17dc79c8"})
    assert "is a letter wrong?" in made.fields["app"]._labelled._note.value
    assert not made._run.disabled  # the official tools take it


def test_before_a_run_the_page_is_the_form_to_read_and_afterwards_what_was_run():
    made = form("app run", Recorder("0x1"), values={"app": APP, "args": "<b>"})
    made.trace.describe(made.text(), made.html())
    assert "&lt;b&gt;" in made.trace.html()
    made.run()
    assert made.trace.text() == f"{made.line}\n0x1"


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
    recorder = Recorder("stored")
    made = form("requester push-secret", recorder, values={"name": "key", "secret_value": "hush"})
    assert "hush" not in made.line
    assert "•••" in made.line
    made.run()
    assert recorder.words[0][-2:] == ["--secret-value", "hush"]
    assert made.fields["secret_value"].value == ""
    kept = [str(widgets.Widget.get_manager_state()), made.trace.text(), made.trace.html(), made.html()]
    assert "hush" not in "".join([*kept, repr(made)])


def test_a_secret_that_is_typed_is_not_in_the_state_before_the_run():
    made = form("requester push-secret", no_execution, values={"name": "key"})
    made.fields["secret_value"]._control.value = "hush"  # as the page sends it
    assert "hush" not in str(widgets.Widget.get_manager_state())
    assert not made._run.disabled


def test_the_cost_can_be_seen_first():
    recorder = Recorder()
    made = form("app run", recorder, values={"app": APP})
    made._cost.button.click()
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


def test_what_a_line_is_doing_moves_in_the_form_while_it_works():
    seen = []

    def work(_words):
        shown = stage.show(Bar("10 %"))
        shown.update(Bar("90 %"))
        seen.append(str([each.value for each in made._moving.box.children]))

    made = form("sandbox populate", work)
    made.run()
    assert seen == ["['90 %']"]
    assert made._moving.box.children == ()


class Bar:
    def __init__(self, text):
        self.text = text

    def _repr_mimebundle_(self):
        return {"text/html": self.text}


@pytest.mark.parametrize("name", ["app run", "deal claim", "account deposit"])
def test_the_button_that_acts_stands_last(name):
    assert form(name, no_execution)._buttons[-1].button_style == "primary"


def test_what_is_ticked_stands_below_what_is_typed():
    made = form("task show", no_execution)
    labels = [getattr(box, "label", "Download") for box in made.box.children[2].children]
    assert labels[:3] == ["Task (needed)", "Timeout", "Beneficiary keystore folder"]
    assert set(labels[4:]) == {"Watch", "Fail fast", "Download", "Decrypt", "Details"}
