"""Lists of the whole market: every filter against the rows themselves, order, length, what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from helpers.answers import facts, official
from helpers.faulty_server import FaultyServer, json_reply
from helpers.graph_stub import GraphStub, Past, address, word

from iexec_lab.client.iexec import connect
from iexec_lab.client.market.filters import LISTS
from iexec_lab.client.options import declared
from iexec_lab.errors import CallError, SubgraphError, ValidationError
from iexec_lab.frames.decoded import PARAM_COLUMNS
from iexec_lab.networks import resolve_network
from iexec_lab.notebook.drawing.display import to_html
from iexec_lab.wallet.signer import LocalSigner

NUMBER = 60
TDX = "0x" + "00" * 31 + "09"
ME = LocalSigner.generate()


@pytest.fixture(scope="module")
def stub():
    past = Past(deals=NUMBER, tasks=3)
    mine = [row["deal"] for row in past.lists["ordersMatcheds"][::7]]
    for deal in mine:
        deal |= {"requester": {"id": ME.address.lower()}, "params": '{"bulk_cid":"Qm"}'}
        deal |= {"dataset": None, "datasetorder": None, "datasetPrice": "0"}
    for row in past.lists["taskInitializes"]:
        if row["task"]["deal"]["id"] in {deal["id"] for deal in mine}:
            row["task"]["deal"]["dataset"] = None
    with GraphStub(past) as stub:
        yield stub


@pytest.fixture(scope="module")
def lab(stub):
    network = replace(resolve_network("arbitrum-sepolia-testnet"), poco_subgraph=stub.url)
    return connect(network, ME)


@pytest.fixture(scope="module")
def deals(stub):
    """As they are listed: newest first."""
    rows = stub.past.lists["ordersMatcheds"]
    rows = sorted(rows, key=lambda row: (int(row["timestamp"]), int(row["id"].split("-")[1])), reverse=True)
    return [row["deal"] for row in rows]


@pytest.fixture(scope="module")
def tasks(stub):
    return [row["task"] for row in stub.past.lists["taskInitializes"]]


def now(stub):
    return stub.past.rows("", {})["_meta"]["block"]["timestamp"]


def status(deal, time):
    done, claimed, tasks = (
        int(deal[name]) for name in ("completedTasksCount", "claimedTasksCount", "botSize")
    )
    if done == tasks:
        return "completed"
    if done + claimed == tasks:
        return "failed"
    late = time >= int(deal["startTime"]) + 10 * int(deal["category"]["workClockTimeRef"])
    return "claimable" if late else "running"


OF_DEAL = {
    "app": address("app", 1),
    "dataset": address("dataset", 2),
    "workerpool": address("pool", 0),
    "beneficiary": address("requester", 3),
    "app_owner": address("owner", 2),
    "dataset_owner": address("seller"),
    "workerpool_owner": address("scheduler"),
    "sponsor": address("sponsor"),
    "apporder_hash": word("apporder", 4),
    "datasetorder_hash": word("datasetorder", 1),
    "workerpoolorder_hash": word("workerpoolorder", 6),
    "requestorder_hash": word("requestorder", 8),
}
THEIRS = {
    "app_owner": "appOwner",
    "dataset_owner": "datasetOwner",
    "workerpool_owner": "workerpoolOwner",
    **{f"{kind}_hash": kind for kind in ("apporder", "datasetorder", "workerpoolorder", "requestorder")},
}


@pytest.mark.parametrize("name", OF_DEAL)
def test_a_filter_of_deals_that_names_somebody(lab, deals, name):
    wanted, theirs = OF_DEAL[name], THEIRS.get(name, name)
    expected = [deal["id"] for deal in deals if (deal[theirs] or {"id": None})["id"] == wanted]
    assert 0 < len(expected) <= NUMBER
    found = lab.deal.list(**{name: wanted})
    assert list(found["deal_id"]) == expected
    assert found.attrs["total"] == len(expected)


OTHERS = {
    "category": (1, lambda deal, _: deal["category"]["id"] == "1"),
    "tag": (TDX, lambda deal, _: deal["tag"] == TDX),
    "require_tag": (["tee"], lambda deal, _: deal["tag"] == TDX),
    "bulk": (True, lambda deal, _: "bulk_cid" in deal["params"]),
    **{
        word: (word, lambda deal, time, word=word: status(deal, time) == word)
        for word in ("running", "completed", "claimable")
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_filter_of_deals_by_what_they_are(lab, stub, deals, name):
    value, holds = OTHERS[name]
    expected = [deal["id"] for deal in deals if holds(deal, now(stub))]
    assert 0 < len(expected) < NUMBER
    filters = {"status" if name == value else name: value}
    assert list(lab.deal.list(all=True, **filters)["deal_id"]) == expected
    mine = {deal["id"] for deal in deals if deal["requester"]["id"] == ME.address.lower()}
    assert list(lab.deal.list(**filters)["deal_id"]) == [each for each in expected if each in mine]


def test_ones_own_and_everybodys(lab, deals):
    mine = [deal["id"] for deal in deals if deal["requester"]["id"] == ME.address.lower()]
    assert list(lab.deal.list()["deal_id"]) == mine
    assert list(lab.deal.list(all=True)["deal_id"]) == [deal["id"] for deal in deals]
    somebody = deals[1]["requester"]["id"]
    assert set(lab.deal.list(somebody)["requester"].str.lower()) == {somebody}
    empty = lab.deal.list(all=True, until="2000-01-01")
    assert empty.empty
    assert list(empty.columns) == list(lab.deal.list(all=True).columns)


def test_since_and_until(lab, deals):
    times = [int(deal["startTime"]) for deal in deals]
    start, end = times[40], times[10]
    expected = [deal["id"] for deal, time in zip(deals, times, strict=True) if start <= time < end]
    dates = [datetime.fromtimestamp(time, UTC) for time in (start, end)]
    for since, until in (dates, [date.isoformat() for date in dates]):
        assert list(lab.deal.list(all=True, since=since, until=until)["deal_id"]) == expected
    with pytest.raises(ValidationError, match="since cannot be yesterday"):
        lab.deal.list(all=True, since="yesterday")


def test_a_list_says_when_it_was_cut(lab, deals):
    cut = lab.deal.list(all=True, limit=7)
    assert list(cut["deal_id"]) == [deal["id"] for deal in deals[:7]]
    assert "total" not in cut.attrs
    assert cut.attrs["remark"] == "more than 7: limit=70 shows more, limit=None all"
    assert "more than 7" in to_html(cut, 50, shorten=True)
    assert "more than 7" not in to_html(cut[cut.index > 3], 50, shorten=True)
    whole = lab.deal.list(all=True, limit=NUMBER)
    assert (whole.attrs["total"], "remark" in whole.attrs) == (NUMBER, False)
    for wrong in (-1, 0, True, "7", 1.5):
        with pytest.raises(ValidationError, match="limit cannot be"):
            lab.deal.list(limit=wrong)
    assert len(lab.deal.list(all=True, limit=np.int64(3))) == 3


def test_history_says_start_and_end(lab):
    for verb in (lab.history.deals, lab.history.tasks):
        with pytest.raises(TypeError, match='did you mean "start"'):
            verb(since="7d")
    with pytest.raises(ValidationError, match="until is not a filter") as caught:
        lab.history.per_day(until="7d")
    assert "end=" in caught.value.hint


@pytest.mark.parametrize("column", ["completed", "app_price_rlc", "app_price_nrlc", "task_price_nrlc"])
@pytest.mark.parametrize("ascending", [False, True])
def test_any_column_sorts(lab, column, ascending):
    values = sorted(lab.deal.list(all=True, limit=None)[column], reverse=not ascending)
    for limit in (None, 5):
        found = lab.deal.list(all=True, sort=column, ascending=ascending, limit=limit)
        assert list(found[column]) == values[:limit]
        assert found.attrs["total"] == NUMBER
        assert ("remark" in found.attrs) == (limit is not None)


def test_a_column_that_there_is_not(lab):
    with pytest.raises(ValidationError, match="A list of deals cannot be sorted by colour") as caught:
        lab.deal.list(sort="colour")
    assert "task_price_nrlc" in caught.value.hint


def test_oldest_first(lab, deals):
    found = lab.deal.list(all=True, sort="oldest", limit=5)
    assert list(found["deal_id"]) == [deal["id"] for deal in deals[::-1][:5]]


def test_what_one_task_costs_is_exact(lab):
    found = lab.deal.list(all=True)
    parts = ["app_price_nrlc", "dataset_price_nrlc", "workerpool_price_nrlc"]
    assert list(found["task_price_nrlc"]) == [
        sum(row) for row in found[parts].itertuples(index=False, name=None)
    ]


def test_tasks_have_their_times(lab, tasks, stub):
    found = lab.task.list(all=True, limit=None).set_index("task_id")
    assert len(found) == len(tasks)
    for task in tasks:
        row = found.loc[task["id"]]
        late = task["status"] == "ACTIVE" and now(stub) >= int(task["finalDeadline"])
        assert row["status"] == ("TIMEOUT" if late else task["status"])
        for step, column in (("Initialize", "initialized_at"), ("Finalize", "finalized_at")):
            times = [int(each["timestamp"]) for each in task["events"] if each["__typename"] == f"Task{step}"]
            assert pd.isna(row[column]) if not times else row[column].timestamp() == times[0]
        if task["status"] == "COMPLETED":
            assert row["execution_seconds"] == (row["finalized_at"] - row["initialized_at"]).total_seconds()
            assert row["reward_nrlc"] > 0
            assert row["seized_nrlc"] == 5 * 10**8


def test_the_filters_of_tasks(lab, tasks, deals):
    def ids(*args, **filters):
        return set(lab.task.list(*args, limit=None, **filters)["task_id"])

    def those(holds):
        found = {task["id"] for task in tasks if holds(task)}
        assert found
        return found

    def workers(task):
        return {event["worker"]["id"] for event in task["events"] if "worker" in event}

    late = those(lambda task: task["status"] == "ACTIVE") - ids(all=True, status="active")
    deal, worker, somebody = deals[3]["id"], address("worker", 2), tasks[5]["requester"]["id"]
    assert ids(all=True, late=True) == ids(all=True, status="timeout") == late
    assert ids(all=True, status="COMPLETED") == those(lambda task: task["status"] == "COMPLETED")
    assert ids(deal=deal) == those(lambda task: task["deal"]["id"] == deal)
    assert ids(worker=worker) == those(lambda task: worker in workers(task))
    assert ids(worker=worker, late=True) == set()
    for name in ("app", "dataset", "workerpool"):
        wanted = OF_DEAL[name]
        assert ids(**{name: wanted}) == those(
            lambda task, name=name, wanted=wanted: (task["deal"][name] or {"id": 0})["id"] == wanted
        )
    assert ids(all=True, category=2) == those(lambda task: task["deal"]["category"]["id"] == "2")
    assert ids(somebody) == those(lambda task: task["requester"]["id"] == somebody)
    with pytest.raises(ValidationError, match="No task has the status done") as caught:
        lab.task.list(status="done")
    assert "timeout" in caught.value.hint


def test_rows_that_cannot_be_believed_are_left_out_and_counted(lab, deals):
    first = deals[5]
    price, first["appPrice"] = first["appPrice"], "1e99"
    try:
        found = lab.deal.list(all=True)
        assert found.attrs["left_out"] == 1
        assert set(found["deal_id"]) == {deal["id"] for deal in deals} - {first["id"]}
    finally:
        first["appPrice"] = price


def test_the_json_of_a_list(lab, deals):
    found = official(lab, "deal.list", all=True, limit=2)
    assert list(found) == ["count", "deals", "hasMore", "source"]
    assert (found["count"], found["hasMore"], found["source"]) == (2, True, "subgraph")
    row = found["deals"][0]
    assert row["deal_id"] == deals[0]["id"]
    assert row["started_at"] == int(deals[0]["startTime"])
    assert row["app_price_nrlc"].isdecimal()
    frame = lab.deal.list(all=True, limit=2)
    made_of_others = {"tag", *PARAM_COLUMNS}
    assert set(row) == {name for name in frame.columns if not name.endswith("_rlc")} - made_of_others
    assert list(frame["args"]) == [json.loads(deal["params"]).get("iexec_args") for deal in deals[:2]]


def test_a_subgraph_that_is_down(lab, tmp_path):
    network = replace(lab.session.network, poco_subgraph="http://127.0.0.1:9/s")
    away = connect(network, ME, project=tmp_path, timeout=2)
    with pytest.raises(SubgraphError):
        away.deal.list(all=True, since="2025-01-01")  # the market could not answer this


def test_every_declared_filter_is_tried_here():
    tried = {*OF_DEAL, "category", "tag", "require_tag", "bulk", "status", "all"}
    general = {"since", "until", "limit", "sort", "ascending", "source"}
    assert set(declared(LISTS["deal"])) == tried | general
    of_task = {"all", "deal", "app", "dataset", "workerpool", "worker", "category", "status", "late"}
    assert set(declared(LISTS["task"])) == of_task | general


def test_associated_deals_are_the_others_of_the_request(lab, deals):
    held = deals[:3]
    before = [deal["requestorder"] for deal in held]
    for deal in held:
        deal["requestorder"] = {"id": word("shared")}
    try:
        found = facts(lab, "deal.deals", held[1]["id"])
        assert found.columns["deal_id"] == [held[0]["id"], held[2]["id"]]
        assert found.total == 2
        assert list(lab.deal.deals(held[1]["id"], limit=1)["deal_id"]) == [held[0]["id"]]
    finally:
        for deal, order in zip(held, before, strict=True):
            deal["requestorder"] = order


def test_a_node_that_gives_no_logs_is_told_with_what_helps(lab, tmp_path):
    block = {"number": "0x10", "timestamp": hex(1_760_000_000), "hash": "0x" + "11" * 32}
    known = {"eth_chainId": hex(421614), "eth_blockNumber": "0x10", "eth_getBlockByNumber": block}

    def of(each):
        reply = {"jsonrpc": "2.0", "id": each["id"]}
        if each["method"] in known:
            return {**reply, "result": known[each["method"]]}
        return {**reply, "error": {"code": -32601, "message": "eth_getLogs is not available"}}

    def answer(request):
        asked = request.json()
        return json_reply([of(each) for each in asked] if isinstance(asked, list) else of(asked))

    with FaultyServer(answer=answer) as node:
        network = replace(lab.session.network, poco_subgraph=None, host=node.url)
        with pytest.raises(CallError, match="eth_getLogs is not available") as caught:
            connect(network, ME, project=tmp_path).task.list(all=True)
    assert "Set pocoSubgraph, or another host" in caught.value.hint
