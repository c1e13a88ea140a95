"""Why a task takes long."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.commands import job_progress
from iexec_lab.commands.job_progress import Trouble, explain
from iexec_lab.errors import ChainError, ObjectNotFoundError

RUNNING = {"status": "COMPUTING", "exitCode": None, "statusHistory": []}
CRASHED = {"status": "ABORTED", "exitCode": 3, "statusHistory": []}
REFUSED = {
    "status": "ABORTED",
    "exitCode": 0,
    "statusHistory": [
        {"status": "COMPUTED"},
        {"status": "CONTRIBUTE_FAILED", "cause": "DETERMINISM_HASH_NOT_FOUND"},
        {"status": "ABORTED"},
    ],
}


@pytest.mark.parametrize("replicates", [[], [RUNNING], [CRASHED, RUNNING]])
def test_nothing_is_said_while_somebody_works(replicates):
    assert explain(replicates) == ""


def test_a_crashed_app_is_named():
    assert explain([CRASHED]).startswith("no worker goes on (the app ended with exit code 3; task debug")


def test_another_failure_is_named():
    assert "CONTRIBUTE_FAILED DETERMINISM_HASH_NOT_FOUND;" in explain([REFUSED])
    assert "(ABORTED;" in explain([{"status": "ABORTED"}])
    assert "(ABORTED;" in explain([{"status": "ABORTED", "statusHistory": None}])


@pytest.mark.parametrize("error", [ObjectNotFoundError("task", "0x1", 5), ChainError("the node is away")])
def test_a_question_that_fails_does_not_end_the_wait(monkeypatch, error):
    monkeypatch.setattr(job_progress, "_PATIENCE", 0)
    asked = []

    def debug(task_id):
        asked.append(task_id)
        raise error

    lab = SimpleNamespace(task=SimpleNamespace(debug=SimpleNamespace(plain=debug)))
    trouble = Trouble(lab)
    assert trouble.look("0x1") == trouble.look("0x1") == ""
    assert asked == ["0x1", "0x1"]
