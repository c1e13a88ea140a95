from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.client.plan import Plan
from iexec_lab.commands.context import Context
from iexec_lab.errors import AbortedError
from iexec_lab.notebook.face import NotebookFace
from iexec_lab.wallet.gate import Place

PLACE = Place("arbitrum-mainnet", 42161, "0x098bFCb1E50ebcA0BaA92C12eA0c3F045A1aD9f0")
ROUTINE, OTHER = Plan("app deploy", PLACE, cost_wei=10**14), Plan("app run", PLACE, cost_nrlc=10**9)


class StdinNotImplementedError(RuntimeError):
    """As ipykernel raises it where a notebook is run by a program."""


@pytest.fixture
def ask(monkeypatch):
    """``ask(plan, answer)``: what the rule says in a notebook; an error is raised instead of an answer."""

    def asked(plan, answer, *, confirm=True, unattended=False):
        shown = []

        def read(_prompt):
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr("builtins.input", read)
        monkeypatch.setattr("IPython.display.display", shown.append)
        face = NotebookFace(SimpleNamespace(confirm=confirm, progress=False), kernel=True, draw=str)
        context = Context(face, unattended=unattended)
        return context._agrees(plan), len(shown)

    return asked


@pytest.mark.parametrize("plan", [ROUTINE, OTHER])
def test_a_person_is_shown_and_asked(ask, plan):
    assert ask(plan, "y") == (True, 1)
    assert ask(plan, "n") == (False, 1)


def test_a_notebook_run_by_a_program_does_only_what_is_routine(ask):
    assert ask(ROUTINE, StdinNotImplementedError()) == (True, 1)
    with pytest.raises(AbortedError, match="Nobody is there to answer"):
        ask(OTHER, StdinNotImplementedError())


def test_an_interrupted_question_is_no_yes(ask):
    for plan in (ROUTINE, OTHER):
        with pytest.raises(AbortedError, match="No answer"):
            ask(plan, EOFError())


def test_raw_asks_only_what_is_not_routine(ask):
    assert ask(ROUTINE, "n", unattended=True) == (True, 0)
    assert ask(OTHER, "n", unattended=True) == (False, 1)


def test_questions_can_be_switched_off(ask):
    assert ask(OTHER, "n", confirm=False) == (True, 0)


def test_a_warning_is_shown_by_the_cell(capsys):
    NotebookFace(SimpleNamespace(confirm=True, progress=False), kernel=True, draw=str).warn(
        "no worker goes on"
    )
    assert capsys.readouterr() == ("", "no worker goes on\n")
