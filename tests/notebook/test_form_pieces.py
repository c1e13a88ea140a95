from __future__ import annotations

import asyncio

import ipywidgets as widgets
import pytest
from helpers.places import PACKAGE

from iexec_lab import markup
from iexec_lab.errors import IexecError
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.opening import form
from iexec_lab.notebook.forms.trace import Trace


def test_a_label_is_the_controls_own_and_the_help_stands_whole():
    field = pieces.labelled(widgets.Text(), "App price", "a <limit>; " * 20)
    assert field.control.description == "App price"
    assert "a &lt;limit&gt;; " * 20 in field._note.value
    field.tell("digits only")
    assert "digits only" in field._note.value
    assert "limit" not in field._note.value
    field.tell()
    assert "limit" in field._note.value


def test_a_secret_never_stays_in_the_state_of_a_widget():
    secret = pieces.Secret("Password")
    secret.control.value = "hush"  # as the page sends it
    assert secret.value == "hush"
    assert "hush" not in str(widgets.Widget.get_manager_state())
    assert "hush" not in repr(secret)
    assert "hush" not in str(vars(secret.control))
    secret.forget()
    assert secret.value == ""


def test_a_group_opens_and_says_so():
    fold = pieces.Fold("network", widgets.Text())
    assert not fold.is_open
    assert fold._inner.layout.display == "none"
    fold.open()
    assert fold._inner.layout.display == ""


def test_a_button_is_pressed_once_at_a_time():
    pressed = []

    def act():
        pressed.append(1)
        button.click()

    button = pieces.action("Go", "play", act)
    button.click()
    button.click()
    assert len(pressed) == 2


def test_a_cost_is_shown_and_said_to_be_old():
    told = []
    cost = pieces.money(lambda: told.append(1) or "7 nRLC", lambda plan: markup.element("b", plan))
    cost.button.click()
    assert "7 nRLC" in cost.box.value
    cost.stale()
    assert "7 nRLC" not in cost.box.value
    assert "changed" in cost.box.value


def test_a_cost_that_is_refused_says_why():
    def refuse():
        raise IexecError("no <stake>")

    cost = pieces.money(refuse, markup.html)
    cost.refresh()
    assert "no &lt;stake&gt;" in cost.box.value


def test_a_line_is_whole_and_escaped():
    line = pieces.line_box("%iexec app run <b>")
    assert "%iexec app run &lt;b&gt;" in line._shown.value
    assert line._copy.text == "%iexec app run <b>"


def test_a_trace_is_the_form_then_what_was_run():
    trace = Trace("the form", markup.element("p", "the form"))
    assert trace.text() == "the form"
    trace.tell("%iexec app run <x>", IexecError("no <stake>", hint="Deposit."))
    bundle = trace._repr_mimebundle_()
    for text in ("%iexec app run <x>", "no <stake>", "Deposit."):
        assert text in bundle["text/plain"]
        assert markup.html(text) in bundle["text/html"]
    assert "the form" not in bundle["text/plain"]


def test_a_trace_has_the_last_state_of_a_card_and_names_the_deal():
    class Job:
        deal_ids = ("0x" + "ab" * 32,)

        def __str__(self):
            return "the job"

    trace = Trace("", markup.Markup())
    run = trace.begin("%iexec app run")
    assert "running" in trace.text()
    for state in ("waiting", "revealing"):
        run.draw({"text/plain": state, "text/html": markup.element("b", state)})
    assert "revealing" in trace.html()
    run.end(Job(), ["said beside it"])
    later = trace.begin("%iexec app run again")
    run.draw({"text/plain": "completed", "text/html": markup.element("b", "completed")})
    later.end(None)
    for text in ("%iexec app run", Job.deal_ids[0], "completed", "%iexec app run again", "done"):
        assert text in trace.text()
        assert text in trace.html()
    assert "revealing" not in trace.text()


def test_a_card_stays_above_the_error_that_it_ended_with():
    trace = Trace("", markup.Markup())
    run = trace.begin("%iexec app run")
    run.draw({"text/plain": "1 failed", "text/html": markup.element("b", "1 failed")})
    run.end(IexecError("a task failed"))
    assert trace.text().index("1 failed") < trace.text().index("a task failed")
    assert "1 failed" in trace.html()


def test_old_runs_are_bounded():
    trace = Trace("", markup.Markup())
    for number in range(50):
        trace.tell(f"%iexec run {number}.", number)
    assert "run 49." in trace.text()
    assert "run 29." not in trace.text()


@pytest.mark.parametrize("rules", ["a{} </style><script>", "a\\3c"])
def test_a_style_sheet_is_ours(rules):
    with pytest.raises(ValueError, match="style sheet"):
        markup.sheet(rules)


def test_a_proposal_that_a_stranger_named_is_no_html():
    """ipywidgets 7 writes proposals into its page; a browser test of nbclassic shows it."""
    address = "0x" + "ab" * 20
    made = form("dataset show", lambda _words: None)
    made.fields["address"].propose({address: '"><img src=x onerror="ran=1">&quot;'})
    control = made.fields["address"]._control
    assert not set('"<>&') & set("".join(control.options))
    [shown] = [option for option in control.options if option.startswith(address)]
    control.value = shown  # as the page sends it
    assert made.fields["address"].value == address


def test_no_other_field_has_proposals_that_are_html():
    for module in (PACKAGE / "notebook").rglob("*.py"):
        assert "widgets.Combobox(" not in module.read_text().replace(
            "class Suggestions(widgets.Combobox)", ""
        )


def test_the_second_of_two_clicks_which_waited_meanwhile_is_not_done_too(monkeypatch):
    monkeypatch.setattr(pieces, "_SECOND_CLICK", 0.01, raising=False)
    done = []
    button = pieces.action("Pay", "play", lambda: done.append("paid"))

    async def as_in_a_kernel():
        button.click()
        button.click()  # the page sent it while the first was at work
        assert done == ["paid"]
        await asyncio.sleep(0.05)
        button.click()

    asyncio.run(as_in_a_kernel())
    assert done == ["paid", "paid"]
