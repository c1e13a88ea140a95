"""What a workerpool tells of completed tasks whose app never ran."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs import reports
from iexec_lab.client.jobs.reports import Report, find_reports
from iexec_lab.errors import WorkerpoolError

DEAL, TASK, POOL = "0x" + "22" * 32, "0x" + "11" * 32, "0x" + "33" * 20
FAILED = {"status": "DATA_DOWNLOAD_FAILED", "cause": "INPUT_FILES_DOWNLOAD_FAILED"}


@pytest.fixture
def ask(monkeypatch):
    """What is found when a workerpool tells these replicates; an error is raised."""

    def find(told):
        def task(_task_id):
            if isinstance(told, Exception):
                raise told
            return {"replicates": told}

        held = SimpleNamespace(deal=SimpleNamespace(workerpool=SimpleNamespace(pointer=POOL)))
        session = SimpleNamespace(
            wishes={},
            deals_seen={DEAL: held},
            network=SimpleNamespace(name="bellecour"),
            each=lambda work, items: [work(item) for item in items],
        )
        monkeypatch.setattr(reports, "workerpool_api", lambda _session, _pool: SimpleNamespace(task=task))
        monkeypatch.setattr(reports, "last_words", lambda *_known: ())
        return find_reports(session, [(TASK, DEAL)])

    return find


def test_a_worker_whose_result_was_taken_fetched_not_everything(ask):
    assert ask([{"status": "COMPLETED", "statusHistory": [FAILED]}]) == [Report(TASK, FAILED["cause"])]
    bare = {"status": FAILED["status"], "cause": None}
    assert ask([{"status": "COMPLETED", "statusHistory": [bare]}]) == [Report(TASK, FAILED["status"])]


@pytest.mark.parametrize(
    "told",
    [
        [],
        [{"status": "COMPLETED", "statusHistory": None}],
        [{"status": "FAILED", "statusHistory": [FAILED]}],  # another worker did it
        [{"status": "COMPLETED", "statusHistory": [{"status": "RESULT_UPLOAD_FAILED"}]}],
        WorkerpoolError("away"),
    ],
)
def test_nothing_is_said_of_what_went_well_or_is_not_known(ask, told):
    assert ask(told) == []


def test_a_workerpool_that_hangs_is_not_waited_for(monkeypatch):
    never = threading.Event()
    monkeypatch.setattr(reports, "PATIENCE", 0.01)
    session = SimpleNamespace(each=lambda _work, _items: [None][: never.wait(30)])
    assert find_reports(session, [(TASK, DEAL)]) == []
    never.set()
