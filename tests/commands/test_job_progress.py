"""Why a task takes long."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs import why
from iexec_lab.commands import job_progress
from iexec_lab.commands.job_progress import Trouble
from iexec_lab.errors import ChainError, ObjectNotFoundError


@pytest.mark.parametrize("error", [ObjectNotFoundError("task", "0x1", 5), ChainError("the node is away")])
def test_a_question_that_fails_does_not_end_the_wait(monkeypatch, error):
    monkeypatch.setattr(job_progress, "_PATIENCE", 0)
    asked = []

    def ask(_session, view):
        asked.append(view)
        raise error

    monkeypatch.setattr(why, "ask_cause", ask)
    trouble = Trouble(SimpleNamespace(session=None))
    assert trouble.look("view") == trouble.look("view") == ""
    assert asked == ["view", "view"]


def test_the_cause_is_told_once_it_is_known(monkeypatch):
    monkeypatch.setattr(job_progress, "_PATIENCE", 0)
    answers = [None, "the app ended with exit code 3"]
    monkeypatch.setattr(why, "ask_cause", lambda _session, _view: answers.pop(0))
    trouble = Trouble(SimpleNamespace(session=None))
    assert trouble.look("view") == ""
    assert trouble.look("view").startswith("no worker goes on (the app ended with exit code 3; task debug")
    assert trouble.look("view") == trouble.text
