from __future__ import annotations

import pytest
from helpers.answers import facts, official
from helpers.waiting import until

from iexec_lab.errors import (
    ApiError,
    CallError,
    IexecError,
    ObjectNotFoundError,
    OrderError,
    ValidationError,
)
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
    assert row["tasks"] == 2
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
    def market(**filters):
        return lab.deal.list(source="market", **filters)

    found = until(lambda: (deals := market())[deals["deal_id"] == job.deal_id], lambda frame: not frame.empty)
    row = found.iloc[0]
    assert row["app"] == hello
    assert (row["final_deadline"] - row["started_at"]).total_seconds() == 3000
    assert {name for name in found.columns if found[name].isna().all()} == {
        *("dataset", "dataset_owner", "datasetorder_hash", "callback"),  # what this deal does not have
        *("args", "input_files", "secrets", "bulk_cid"),
        *("completed", "claimed", "status", "sponsor", "log_index"),  # what the market does not know
    }
    assert found.attrs["source"] == "market"
    assert len(market(limit=1)) == 1
    assert len(lab.deal.list(page=0, page_size=10)) <= 10
    request = market(limit=1)["requestorder_hash"][0]
    assert len(market(requestorder_hash=request)) == 1
    assert set(market(app=hello)["app"]) == {hello}
    with pytest.raises(TypeError, match="no option 'colour'"):
        lab.deal.list(colour="red")
    for beyond in ({"since": "1d"}, {"status": "completed"}, {"tag": "tee"}, {"sort": "tasks"}):
        with pytest.raises(ValidationError, match=f"The market cannot look for {next(iter(beyond))}"):
            market(**beyond)


def test_the_history_knows_what_the_market_knows_and_more(lab, job):
    job.wait()
    market = until(
        lambda: (deals := lab.deal.list(source="market"))[deals["deal_id"] == job.deal_id],
        lambda frame: not frame.empty,
    )
    logs = (deals := lab.deal.list(source="logs"))[deals["deal_id"] == job.deal_id]
    assert list(market.columns) == list(logs.columns)
    for name in market.columns:
        if not market[name].isna().all():
            assert market[name].iloc[0] == logs[name].iloc[0], name
    assert logs[["completed", "claimed", "status"]].iloc[0].tolist() == [2, 0, "completed"]
    assert logs["sponsor"].iloc[0] == lab.session.address


def test_unknown(lab):
    with pytest.raises(ObjectNotFoundError, match="No deal found for id 0x00"):
        lab.deal.show("0x" + "00" * 32)
    with pytest.raises(ValidationError, match="0x12 is not a bytes32 hexstring"):
        lab.deal.show("0x12")


def test_an_id_of_something_else_is_told_what_it_is(lab, job, hello, iexec_sandbox):
    deal, task, transaction = job.deal_id, job.task_ids[0], job.tx_hashes[0]
    for read, word, said in (
        (lab.deal.show, task, f"This is a task, of deal {deal}: iexec-lab task show {task}"),
        (lab.task.show, deal, f"This is a deal: iexec-lab deal show {deal}"),
        (lab.deal.show, transaction, "This is the hash of a transaction."),
        (lab.deal.show, "0x" + "ab" * 32, "Is it of another network?"),
    ):
        with pytest.raises(ObjectNotFoundError) as caught:
            read(word)
        assert said in caught.value.hint
    sold = lab.orderbook.workerpool(iexec_sandbox.workerpool).iloc[0]["order_hash"]
    with pytest.raises(ObjectNotFoundError) as caught:
        lab.deal.show(sold)
    assert caught.value.hint == f"This is the hash of an order: iexec-lab order show --workerpool {sold}"
    with pytest.raises(ApiError) as caught:
        lab.order.show("apporder", sold)
    assert "order show --workerpool" in caught.value.hint
    assert caught.value.hint.endswith("Published ones: iexec-lab orderbook app any.")
    for verb in (lab.order.show, lab.order.unpublish):
        with pytest.raises(ValidationError) as wrong:
            verb("apporder", "xyz")
        assert "iexec-lab orderbook app any lists published ones." in wrong.value.hint


def test_an_address_of_something_else_is_told_what_it_is(lab, hello, iexec_sandbox):
    pool = iexec_sandbox.workerpool
    for address, said in (
        (pool, f"This is the address of a workerpool: iexec-lab workerpool show {pool}"),
        (lab.session.address, "There is no contract at this address: is it a wallet, or an app of another"),
        (iexec_sandbox.hub, "This is a contract of iExec itself."),
    ):
        for verb in (lab.app.show, lab.app.publish, lab.app.run):
            with pytest.raises(IexecError) as caught:
                verb(address)
            assert said in caught.value.hint
            assert ("iexec-lab app deploy" in caught.value.hint) == (address == lab.session.address)
    with pytest.raises(ValidationError, match="is not a valid uint256") as caught:
        lab.app.show("me/app:1")
    assert "where something is stored" in caught.value.hint
    with pytest.raises(ObjectNotFoundError) as caught:
        lab.app.show(10**6)
    assert "the first is number 0" in caught.value.hint


def test_a_category_that_does_not_exist(lab, hello):
    wrong = lab.session.hub.count_category() + 4  # other tests of this sandbox make some
    listed = f"There is no category {wrong}. Categories: 0 (XS), 1 (S), 2 (M), 3 (L), 4 (XL)"
    with pytest.raises(CallError, match="execution reverted") as caught:
        lab.category.show(wrong)
    assert listed in caught.value.hint
    with pytest.raises(OrderError, match=f"in category {wrong}") as caught:
        lab.app.run(hello, category=wrong)
    assert listed in caught.value.hint


def test_an_argument_that_no_verb_has(lab):
    for call, said in (
        (lambda: lab.app.run("0x", arg="x"), "run() has no option 'arg'; did you mean \"args\"?"),
        (lambda: lab.deal.claim("0x", froce=True), "claim() has no option 'froce'; did you mean \"force\"?"),
        (lambda: lab.account.deposit(1, untit="RLC"), 'did you mean "unit"?'),
        (lambda: lab.deal.show(dealId="0x"), 'did you mean "dealid"?'),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert said in str(caught.value)


def test_a_list_needs_no_node(lab, job, monkeypatch):
    until(lambda: lab.deal.list(source="market"), lambda frame: job.deal_id in set(frame["deal_id"]))

    def away(*_args):
        raise CallError("away")

    monkeypatch.setattr(lab.session, "together", away)
    assert lab.deal.list(limit=1, source="market")["final_deadline"].isna().all()
