from __future__ import annotations

import pytest
from helpers.answers import facts, official
from helpers.waiting import until

from iexec_lab.errors import CallError, ObjectNotFoundError, ValidationError
from iexec_lab.protocol import task_id


@pytest.fixture
def job(lab, hello):
    return lab.app.run(hello, volume=2)


def test_show_is_the_official_json(lab, job):
    deal = official(lab, "deal.show", job.deal_id)["deal"]
    assert list(deal) == [
        *("dealid", "app", "dataset", "workerpool", "trust", "category", "tag", "requester", "beneficiary"),
        *("callback", "params", "startTime", "botFirst", "botSize", "workerStake", "schedulerRewardRatio"),
        *("sponsor", "finalTime", "deadlineReached", "tasks"),
    ]
    assert int(deal["finalTime"]) - int(deal["startTime"]) == 3000
    assert deal["deadlineReached"] is False
    assert (
        deal["tasks"] == [task_id(job.deal_id, index) for index in range(2)] == lab.deal.task_ids(job.deal_id)
    )


def test_show_as_a_row(lab, job):
    row = lab.deal.show(job.deal_id).iloc[0]
    assert row["workerpool_price_nrlc"] == 10**8
    assert row["size"] == 2
    assert row["requester"] == lab.session.address
    assert (row["final_deadline"] - row["started_at"]).total_seconds() == 3000


def test_watch_counts_the_tasks(lab, job):
    raw = facts(lab, "deal.show", job.deal_id, watch=True)
    assert (raw["tasksCount"], raw["completedTasksCount"], raw["failedTasksCount"]) == (2, 2, 0)
    assert [task["statusName"] for task in raw["tasks"]] == ["COMPLETED"] * 2


def test_tasks_as_a_frame(lab, job):
    job.wait()
    assert list(lab.deal.tasks(job.deal_id)["status"]) == ["COMPLETED"] * 2


def test_observe_tells_each_change(lab, job):
    seen = list(lab.deal.observe(job.deal_id))
    assert seen[-1].ended
    assert len(seen) == len({tuple(sorted(status.counts.items())) for status in seen})


def test_list(lab, job, hello):
    found = until(
        lambda: (deals := lab.deal.list())[deals["deal_id"] == job.deal_id], lambda frame: not frame.empty
    )
    row = found.iloc[0]
    assert row["app"] == hello
    assert (row["final_deadline"] - row["started_at"]).total_seconds() == 3000
    assert {name for name in found.columns if found[name].isna().all()} == {
        *("dataset", "dataset_owner", "callback")  # what this deal does not have
    }
    assert len(lab.deal.list(limit=1)) == 1
    assert len(lab.deal.list(page=0, page_size=10)) <= 10
    request = facts(lab, "deal.list", limit=1).deals[0]["requestHash"]
    assert len(lab.deal.list(requestorder_hash=request)) == 1
    assert set(lab.deal.list(app=hello)["app"]) == {hello}
    with pytest.raises(ValidationError, match="no filter colour"):
        lab.deal.list(colour="red")


def test_unknown(lab):
    with pytest.raises(ObjectNotFoundError, match="No deal found for id 0x00"):
        lab.deal.show("0x" + "00" * 32)
    with pytest.raises(ValidationError, match="0x12 is not a bytes32 hexstring"):
        lab.deal.show("0x12")


def test_a_list_needs_no_node(lab, job, monkeypatch):
    until(lab.deal.list, lambda frame: job.deal_id in set(frame["deal_id"]))

    def away(*_args):
        raise CallError("away")

    monkeypatch.setattr(lab.session, "together", away)
    assert lab.deal.list(limit=1)["final_deadline"].isna().all()
