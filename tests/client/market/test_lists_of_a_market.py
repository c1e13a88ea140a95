"""Lists and pages of a market of many participants, from both sources, against a ledger from raw logs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from helpers.answers import official
from helpers.labs import open_lab

from iexec_lab.cli import main
from iexec_lab.client.market.book_filters import DatasetFilters, WorkerpoolFilters
from iexec_lab.client.market.filters import AssetListFilters, DealListFilters, TaskListFilters
from iexec_lab.client.market.own_filters import AccessFilters, StatementFilters
from iexec_lab.client.market.past_filters import PastDeals
from iexec_lab.client.options import declared
from iexec_lab.errors import IexecError
from iexec_lab.wallet.signer import LocalSigner

SOURCES = ("subgraph", "logs")
REST = ("dataset", "workerpool", "requester")
ZERO = "0x" + "00" * 20


@pytest.fixture(scope="module")
def lab(populated, tmp_path_factory):
    return open_lab(populated, LocalSigner.generate(), tmp_path_factory.mktemp("look"))


@pytest.fixture(scope="module")
def now(lab):
    return lab.session.hub.now()


@pytest.fixture(scope="module", params=SOURCES)
def source(request, ledger):
    return request.param


def seconds(column):
    return [None if pd.isna(each) else int(each.timestamp()) for each in column]


def plain(column):
    if str(column.dtype).startswith("datetime"):
        return seconds(column)
    return [None if not isinstance(each, list) and pd.isna(each) else each for each in column]


def moves_of(ledger):
    """Transfers of resources; an approval, which each of them clears, looks the same to the ledger."""
    return {address: [move for move in moves if move[-1] != ZERO] for address, moves in ledger.owners.items()}


def newest(rows, moment):
    return sorted(rows, key=lambda row: (row[moment], row["block"], row.get("log_index", 0)), reverse=True)


def status(deal, now):
    if deal["completed"] == deal["tasks"]:
        return "completed"
    if deal["completed"] + deal["claimed"] == deal["tasks"]:
        return "failed"
    return "claimable" if now >= deal["final_deadline"] else "running"


PARTIES = (
    *("requester", "beneficiary", "app", "dataset", "workerpool", "sponsor"),
    *("app_owner", "dataset_owner", "workerpool_owner"),
)
HASHES = ("apporder_hash", "datasetorder_hash", "workerpoolorder_hash", "requestorder_hash")
EQUAL = (
    *("deal_id", "started_at", *PARTIES, *HASHES, "app_price_nrlc", "dataset_price_nrlc"),
    *("workerpool_price_nrlc", "category", "trust", "params", "bulk", "first_index", "tasks", "completed"),
    *("claimed", "worker_stake_nrlc", "scheduler_reward_ratio", "final_deadline", "block", "log_index"),
    "tx_hash",
)


def test_deals_of_everybody(lab, ledger, source, now):
    found = lab.deal.list(all=True, limit=None, source=source)
    expected = newest(ledger.deals, "started_at")
    assert found.attrs["total"] == len(expected)
    for name in EQUAL:
        assert plain(found[name]) == [row[name] for row in expected], name
    assert list(found["tag_hex"]) == [row["tag"] for row in expected]
    assert list(found["status"]) == [status(row, now) for row in expected]
    assert {"completed", "failed", "claimable"} <= set(found["status"])


def test_both_sources_give_equal_lists(lab, ledger):
    assert ledger.deals
    for lists in (lab.deal.list, lab.task.list):
        one, other = (lists(all=True, limit=None, source=source) for source in SOURCES)
        pd.testing.assert_frame_equal(one, other)
    for noun in (lab.app, lab.dataset, lab.workerpool):
        one, other = (noun.list(limit=None, source=source) for source in SOURCES)
        pd.testing.assert_frame_equal(one, other)


def test_every_filter_of_deals(lab, ledger, source, now):
    deals = newest(ledger.deals, "started_at")

    def same(expected, **filters):
        found = lab.deal.list(limit=None, source=source, **filters)
        assert list(found["deal_id"]) == [row["deal_id"] for row in expected], filters
        return expected

    for name in (*PARTIES, *HASHES):
        values = Counter(row[name] for row in deals if row[name])
        for wanted, count in (values.most_common(1)[0], values.most_common()[-1]):
            assert len(same([row for row in deals if row[name] == wanted], **{name: wanted})) == count
    for category in {row["category"] for row in deals}:
        same([row for row in deals if row["category"] == category], all=True, category=category)
    for tag in {row["tag"] for row in deals}:
        same([row for row in deals if row["tag"] == tag], all=True, tag=tag)
        bits = int(tag, 16)
        same([row for row in deals if int(row["tag"], 16) & bits == bits], all=True, require_tag=tag)
    for word in ("running", "completed", "claimable", "failed"):
        same([row for row in deals if status(row, now) == word], all=True, status=word)
    assert same([row for row in deals if row["bulk"]], all=True, bulk=True)
    first, last = deals[len(deals) // 2], deals[len(deals) // 5]
    same(
        [row for row in deals if first["block"] <= row["block"] < last["block"]],
        all=True,
        since=f"#{first['block']}",
        until=last["block"],
    )
    month = [row for row in deals if row["started_at"] >= now - 30 * 86_400]
    assert 0 < len(month) < len(deals)
    same(month, all=True, since="30d")
    # together
    pool = Counter(row["workerpool"] for row in month).most_common(1)[0][0]
    same(
        [row for row in month if row["workerpool"] == pool and status(row, now) == "completed"],
        all=True,
        since="30d",
        workerpool=pool,
        status="completed",
    )


def late(task, now):
    return task["status"] in {"ACTIVE", "REVEALING"} and now >= task["final_deadline"]


def test_tasks_of_everybody(lab, ledger, source, now):
    found = lab.task.list(all=True, limit=None, source=source)
    assert len(found) == len(ledger.tasks)
    rows = found.set_index("task_id")
    for task in ledger.tasks:
        row = rows.loc[task["task_id"]]
        assert row["status"] == ("TIMEOUT" if late(task, now) else task["status"])
        for name in ("initialized_at", "contributed_at", "revealed_at", "finalized_at", "claimed_at"):
            assert (None if pd.isna(row[name]) else int(row[name].timestamp())) == task[name], name
        for name in ("reward_nrlc", "seized_nrlc", "deal_id", "task_index", "app", "workerpool", "category"):
            assert row[name] == task[name], name
        assert sorted(row["workers"]) == sorted(task["workers"])
        assert (None if pd.isna(row["execution_seconds"]) else row["execution_seconds"]) == task[
            "execution_seconds"
        ]
    for one, two in pairwise(found["initialized_at"]):
        assert one >= two


def test_every_filter_of_tasks(lab, ledger, source, now):
    tasks, deals = ledger.tasks, {row["deal_id"]: row for row in ledger.deals}

    def same(holds, **filters):
        found = lab.task.list(limit=None, source=source, **filters)
        expected = {task["task_id"] for task in tasks if holds(task)}
        assert set(found["task_id"]) == expected, filters
        assert len(found) == len(expected)
        return expected

    for name in ("app", "workerpool", "requester"):
        wanted = Counter(task[name] for task in tasks).most_common(1)[0][0]
        assert same(lambda task, name=name, wanted=wanted: task[name] == wanted, **{name: wanted})
    data = next(row["dataset"] for row in ledger.deals if row["dataset"] and row["completed"])
    assert same(lambda task: deals[task["deal_id"]]["dataset"] == data, dataset=data)
    worker = Counter(each for task in tasks for each in task["workers"]).most_common(1)[0][0]
    assert same(lambda task: worker in task["workers"], worker=worker)
    deal = Counter(task["deal_id"] for task in tasks).most_common(1)[0][0]
    assert same(lambda task: task["deal_id"] == deal, deal=deal)
    for category in {task["category"] for task in tasks}:
        assert same(lambda task, category=category: task["category"] == category, all=True, category=category)
    assert same(lambda task: late(task, now), all=True, late=True)
    assert same(lambda task: late(task, now), all=True, status="timeout")
    assert same(lambda task: task["status"] == "COMPLETED", all=True, status="completed")
    assert same(lambda task: task["status"] == "FAILED", all=True, status="claimed")
    assert same(
        lambda task: task["initialized_at"] >= now - 20 * 86_400 and task["status"] == "COMPLETED",
        all=True,
        since="20d",
        status="completed",
    )


@pytest.mark.parametrize("kind", ["app", "dataset", "workerpool"])
def test_assets(lab, ledger, populated, source, kind, now):
    noun = getattr(lab, kind)
    found = noun.list(limit=None, source=source)
    theirs = {
        address: moves
        for address, moves in moves_of(ledger).items()
        if lab.session.hub.is_registered(kind, [address])[0]
    }
    assert set(found["address"]) == set(theirs)
    used, last = defaultdict(int), {}
    for deal in ledger.deals:
        used[deal[kind]] += deal["tasks"]
        last[deal[kind]] = deal["started_at"]
    rows = found.set_index("address")
    for address, moves in theirs.items():
        row = rows.loc[address]
        assert row["owner"] == moves[-1][-1]
        assert row["transfers"] == len(moves) - 1
        assert row["usage_count"] == used[address]
        assert (None if pd.isna(row["last_used"]) else int(row["last_used"].timestamp())) == last.get(address)
    owner = rows["owner"].iloc[0]
    assert set(noun.list(owner=owner, source=source)["owner"]) == {owner}
    text = "description" if kind == "workerpool" else "name"
    some = found[text].iloc[0]
    with_it = noun.list(name=some.upper(), limit=None, source=source)
    assert set(with_it["address"]) == set(found[found[text].str.contains(some, regex=False)]["address"])
    recent = {address for address, time in last.items() if time >= now - 14 * 86_400} & set(theirs)
    pertinent = noun.list(sort="pertinent", limit=None, source=source)
    assert set(pertinent["address"]) == recent == set(noun.list(used_since="14d", source=source)["address"])
    assert list(pertinent["usage_count"]) == sorted((used[each] for each in recent), reverse=True)
    oldest = noun.list(sort="oldest", limit=3, source=source)
    assert list(oldest["address"]) == list(found["address"][::-1][:3])


def test_a_deal_and_what_belongs_to_it(lab, ledger, source, now):
    for deal in (
        max(ledger.deals, key=lambda row: row["completed"]),
        max(ledger.deals, key=lambda row: row["claimed"]),
        next(row for row in ledger.deals if row["bulk"]),
    ):
        events = lab.deal.events(deal["deal_id"], source=source)
        tasks = {task["task_id"] for task in ledger.tasks if task["deal_id"] == deal["deal_id"]}
        expected = [
            event
            for event in ledger.events
            if event.args.get("deal") == deal["deal_id"] or event.args.get("task") in tasks
            if event.name != "DealSponsored"
        ]
        assert [(e.block, e.log_index, e.name, e.tx_hash) for e in expected] == list(
            events[["block", "log_index", "event", "tx_hash"]].itertuples(index=False, name=None)
        )
        assert seconds(events["happened_at"]) == [event.at for event in expected]
        amounts = sum(event["amount"] for event in expected if event.name == "Reward")
        assert sum(events[events["event"] == "Reward"]["amount_nrlc"]) == amounts
        request = deal["requestorder_hash"]
        others = lab.deal.deals(deal["deal_id"], source=source)
        assert set(others["deal_id"]) == {
            row["deal_id"] for row in ledger.deals if row["requestorder_hash"] == request
        } - {deal["deal_id"]}


def test_the_pages(lab, ledger, now):
    deal = max(ledger.deals, key=lambda row: row["completed"])
    page = lab.deal.show(deal["deal_id"], details=True).iloc[0]
    assert page["status"] == status(deal, now)
    for name in ("completed", "claimed", "bulk", *HASHES, "block", "tx_hash"):
        assert (None if pd.isna(page[name]) else page[name]) == deal[name], name
    assert page["app_name"] == lab.app.show(deal["app"])["name"][0]
    assert page["workerpool_description"] == lab.workerpool.show(deal["workerpool"])["description"][0]
    assert page["category_name"] == lab.category.show(deal["category"])["name"][0]
    assert page["task_price_nrlc"] == sum(
        deal[f"{kind}_price_nrlc"] for kind in ("app", "dataset", "workerpool")
    )
    tasks = {task["task_id"]: task for task in ledger.tasks if task["deal_id"] == deal["deal_id"]}
    frame = lab.deal.tasks(deal["deal_id"], details=True)
    assert len(frame) == deal["tasks"]
    for row in frame.to_dict("records"):
        task = tasks[row["task_id"]]
        assert row["execution_seconds"] == task["execution_seconds"]
        assert (row["reward_nrlc"], row["seized_nrlc"]) == (task["reward_nrlc"], task["seized_nrlc"])
        assert sorted(row["workers"]) == sorted(task["workers"])
        shown = lab.task.show(row["task_id"], details=True).iloc[0]
        assert shown["finalized_at"] == row["finalized_at"]
        assert shown["finalized_at"].timestamp() == task["finalized_at"]
        assert shown["beneficiary"] == deal["beneficiary"]
        done = lab.task.contributions(row["task_id"])
        assert sorted(done["worker"]) == sorted(task["workers"])
        assert set(done["task_status"]) == {"COMPLETED"}
    pool = deal["workerpool"]
    theirs = [row for row in ledger.deals if row["workerpool"] == pool]
    page = lab.workerpool.show(pool, details=True).iloc[0]
    sums = {name: sum(row[name] for row in theirs) for name in ("tasks", "completed", "claimed")}
    assert page["deals"] == len(theirs)
    assert {name: page[name] for name in sums} == sums
    assert page["success_percent"] == pytest.approx(
        100 * sums["completed"] / (sums["completed"] + sums["claimed"])
    )
    assert set(lab.workerpool.deals(pool, limit=None)["deal_id"]) == {row["deal_id"] for row in theirs}
    app = lab.app.show(deal["app"], details=True).iloc[0]
    assert app["usage_count"] == sum(row["tasks"] for row in ledger.deals if row["app"] == deal["app"])
    assert app["open_orders"] == len(lab.orderbook.app(deal["app"], **dict.fromkeys(REST, "any")))


def test_the_page_of_an_account(lab, ledger):
    worker = Counter(each for task in ledger.tasks for each in task["workers"]).most_common(1)[0][0]
    requester = Counter(deal["requester"] for deal in ledger.deals).most_common(1)[0][0]
    for address in (worker, requester):
        page = lab.account.show(address, details=True).iloc[0]
        named = Counter(event.name for event in ledger.events if event.args.get("worker") == address)
        assert page["contributions"] == named["TaskContribute"]
        assert page["accurate"] == named["AccurateContribution"]
        assert page["faulty"] == named["FaultyContribution"]
        assert page["score"] == lab.session.hub.view_scores([address])[0]
        assert page["deals"] == sum(deal["requester"] == address for deal in ledger.deals)
        assert page["beneficiary_deals"] == sum(deal["beneficiary"] == address for deal in ledger.deals)
        assert page["tasks"] == sum(task["requester"] == address for task in ledger.tasks)
        for kind in ("app", "dataset", "workerpool"):
            assert page[f"{kind}s"] == len(getattr(lab, kind).list(owner=address, limit=None))
    work = lab.account.contributions(worker, limit=None)
    assert sorted(work["task_id"]) == sorted(
        event["task"] for event in ledger.named("TaskContribute") if event["worker"] == worker
    )
    assert set(work["status"]) <= {"CONTRIBUTED", "PROVED", "REJECTED"}


def test_the_bulks_that_had_a_dataset(lab, ledger, source):
    bulks = [deal for deal in newest(ledger.deals, "started_at") if deal["bulk"]]
    had = {
        deal["deal_id"]: {each for some in lab.deal.tasks(deal["deal_id"])["datasets"] for each in some or ()}
        for deal in bulks
    }
    datasets = set().union(*had.values())
    assert datasets
    for dataset in [*datasets][:3]:
        found = lab.dataset.deals(dataset, bulk=True, source=source)
        assert list(found["deal_id"]) == [each for each in had if dataset in had[each]]
        assert "remark" not in found.attrs
    direct = next(deal["dataset"] for deal in ledger.deals if deal["dataset"])
    found = lab.dataset.deals(direct, limit=None, source=source)
    assert set(found["deal_id"]) == {row["deal_id"] for row in ledger.deals if row["dataset"] == direct}
    alone = next(each for each in lab.dataset.list(limit=None)["address"] if each not in datasets)
    assert lab.dataset.deals(alone, bulk=True, source=source).empty


@pytest.mark.parametrize("kind", ["app", "dataset", "workerpool"])
def test_who_owned_an_asset(lab, ledger, source, kind):
    moves = moves_of(ledger)
    theirs = [each for each in moves if lab.session.hub.is_registered(kind, [each])[0]]
    address = max(theirs, key=lambda each: len(moves[each]))
    found = getattr(lab, kind).transfers(address, source=source)
    assert list(found["to"]) == [owner for *_, owner in moves[address]]
    assert list(found["block"]) == [block for block, *_ in moves[address]]
    assert pd.isna(found["from_"][0])


def test_the_line_says_what_python_says(lab, populated, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    here = populated.chain_json()
    (tmp_path / "chain.json").write_text(json.dumps({"default": "here", "chains": {"here": here}}))
    for line, verb, values in (
        ("deal list --all --status completed --limit 5", "deal.list", {"all": True, "status": "completed"}),
        ("task list --all --late --limit 5", "task.list", {"all": True, "late": True}),
        ("app list --sort usage_count --ascending --limit 5", "app.list", {"sort": "usage_count"}),
        ("dataset list --since 200d --limit 5", "dataset.list", {"since": "200d"}),
        ("workerpool list --name pool --limit 5", "workerpool.list", {"name": "pool"}),
    ):
        assert main([*line.split(), "--raw"]) == 0
        said = json.loads(capsys.readouterr().out)
        more = {"ascending": True} if "ascending" in line else {}
        assert said == {"ok": True, **official(lab, verb, limit=5, **values, **more)}
        assert main(line.split()) == 0
        shown = capsys.readouterr().out.splitlines()
        rows = len(said[f"{line.split()[0]}s"])
        assert len(shown) == (2 + rows if rows else 1)


def test_filters_with_several_values(lab, source):
    everything = lab.deal.list(all=True, limit=None, source=source)
    two = list(everything.app.value_counts().index[:2])
    for several in (two, set(two), tuple(two), pd.Series(two), np.array(two, dtype=object)):
        found = lab.deal.list(app=several, limit=None, source=source)
        assert list(found.deal_id) == list(everything[everything.app.isin(two)].deal_id)
    ended = lab.deal.list(all=True, status=["completed", "failed"], limit=None, source=source)
    assert set(ended.status) == {"completed", "failed"}
    assert len(ended) == int(everything.status.isin(["completed", "failed"]).sum())
    small = lab.deal.list(all=True, category=[0, 1], limit=None, source=source)
    assert len(small) == int(everything.category.isin([0, 1]).sum())
    assert lab.deal.list(all=True, category="xs", source=source).category.isin([0]).all()


STRANGE = [
    *([], {"a": 1}, [{}], b"\x01", float("nan"), 1.5, np.float64("nan"), np.array([[1]]), np.array([{}])),
    *(pd.NaT, pd.NA, pd.Series(["0x12"]), object(), 1 + 2j),
]


def test_no_value_of_a_filter_is_a_bare_error(lab):
    asked = [
        (lab.deal.list, declared(DealListFilters)),
        (lab.task.list, declared(TaskListFilters)),
        (lab.app.list, declared(AssetListFilters)),
        (lab.order.list, declared(AccessFilters)),
        (lab.orderbook.workerpool, declared(WorkerpoolFilters)),
        (lab.orderbook.dataset, declared(DatasetFilters)),
        (lab.history.deals, declared(PastDeals)),
        (lab.account.history, declared(StatementFilters)),
    ]
    for verb, names in asked:
        for name in {*names} - {
            "to",
            "engine",
            "progress",
            *(each for each in names if names[each].kind == "flag"),
        }:
            for value in STRANGE:
                with suppress(IexecError):
                    verb(**{"limit": 1, name: value})
