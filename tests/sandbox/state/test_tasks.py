from __future__ import annotations

import pytest

from iexec_lab.sandbox.state.tasks import LOGS_KEPT, TasksStore, iso_date

DEAL, TASK, OTHER, WORKER = "0xdeal", "0xtask", "0xother", "0xWorker"


class Time:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def now():
    return Time()


@pytest.fixture
def store(tmp_path, now):
    store = TasksStore(tmp_path / "tasks.db", now)
    assert store.add_deal(DEAL, "0xRequester", {"trust": 1}, {0: TASK, 1: OTHER})
    yield store
    store.close()


def history(store, worker=""):
    return [update.status for update in store.history(TASK, worker)]


def test_a_deal_is_taken_once(store):
    assert not store.add_deal(DEAL, "0xSomebody", {}, {0: TASK})
    assert store.requester(TASK) == "0xRequester"
    assert store.deal_facts(DEAL) == {"trust": 1}
    assert store.counter("deals") == 1
    assert [(row.id, row.position, row.status) for row in store.unfinished()] == [
        (TASK, 0, "RECEIVED"),
        (OTHER, 1, "RECEIVED"),
    ]


def test_what_is_unknown(store):
    assert store.task("0x") is None
    assert store.requester("0x") is None
    assert store.replicate(TASK, WORKER) is None
    assert store.replicates(TASK) == store.logs(TASK) == []
    assert store.counter("anything") == 0


def test_facts_add_up_and_none_forgets(store):
    store.task_status(TASK, "RUNNING", a=1, b=2)
    store.task_status(TASK, "REOPENED", b=None, c=3)
    assert store.task(TASK).facts == {"a": 1, "c": 3}
    assert store.task(TASK).status == "REOPENED"


def test_advancing_does_not_go_back_or_stand_still(store):
    store.advance(TASK, "INITIALIZED", "RUNNING")
    store.advance(TASK, "INITIALIZING", "INITIALIZED", "RUNNING", "CONSENSUS_REACHED", fact=1)
    assert history(store) == ["RECEIVED", "INITIALIZED", "RUNNING", "CONSENSUS_REACHED"]
    assert store.task(TASK).facts == {"fact": 1}


def test_a_task_that_was_opened_again_advances_once_more(store):
    store.advance(TASK, "RUNNING", "CONSENSUS_REACHED")
    store.task_status(TASK, "REOPENING", "REOPENED")
    store.advance(TASK, "RUNNING", "CONSENSUS_REACHED")
    assert history(store)[-4:] == ["REOPENING", "REOPENED", "RUNNING", "CONSENSUS_REACHED"]


def test_nothing_follows_a_failure(store):
    store.task_status(TASK, "FAILED")
    store.advance(TASK, "COMPLETED")
    assert store.task(TASK).status == "FAILED"


def test_replicates_have_histories_of_their_own(store, now):
    store.replicate_status(TASK, WORKER, "CREATED")
    now.now += 1
    store.replicate_status(TASK, WORKER, "CONTRIBUTE_FAILED", "ABORTED", cause="WHY", appExitCode=0)
    assert [tuple(update) for update in store.history(TASK, WORKER)] == [
        ("CREATED", 1_000_000.0, None),
        ("CONTRIBUTE_FAILED", 1_000_001.0, "WHY"),
        ("ABORTED", 1_000_001.0, None),
    ]
    (row,) = store.replicates(TASK)
    assert (row.worker, row.status, row.facts) == (WORKER, "ABORTED", {"appExitCode": 0})
    assert history(store) == ["RECEIVED"]


def test_a_replicate_that_recovers_starts_again(store):
    store.replicate_status(TASK, WORKER, "CREATED", "STARTING", "STARTED")
    store.replicate_status(TASK, WORKER, "RECOVERING")
    store.advance(TASK, "STARTING", worker=WORKER)
    assert history(store, WORKER)[-2:] == ["RECOVERING", "STARTING"]


def test_logs_are_kept_for_three_days(store, now):
    store.save_logs(TASK, WORKER, "out", "err")
    now.now += LOGS_KEPT
    assert store.logs(TASK) == [(WORKER, "out", "err")]
    now.now += 1
    assert store.logs(TASK) == []
    store.save_logs(OTHER, WORKER, "", "")
    now.now -= 1
    assert store.logs(TASK) == []


def test_the_last_logs_of_a_worker_count(store):
    store.save_logs(TASK, WORKER, "first", "")
    store.save_logs(TASK, WORKER, "second", "")
    assert store.logs(TASK) == [(WORKER, "second", "")]


def test_everything_is_there_after_a_restart(store, tmp_path, now):
    store.task_status(TASK, "COMPLETED", resultLink="x")
    store.set_counter("next_block", 7)
    again = TasksStore(tmp_path / "tasks.db", now)
    assert again.task(TASK).facts == {"resultLink": "x"}
    assert [row.id for row in again.unfinished()] == [OTHER]
    assert again.counter("next_block") == 7
    assert again.status_counts() == {"COMPLETED": 1, "RECEIVED": 1}
    again.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00.000+00:00"), (1795354406.0, "2026-11-22T13:33:26.000+00:00")],
)
def test_dates(seconds, text):
    assert iso_date(seconds) == text
