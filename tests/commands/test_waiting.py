"""Why a task takes long."""

from __future__ import annotations

import pytest

from iexec_lab.commands.waiting import explain

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
