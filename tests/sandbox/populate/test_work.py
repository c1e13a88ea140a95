"""The market that ``sandbox populate`` makes, against what the chain's raw logs and the market say."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from dataclasses import replace

import pytest
from helpers.labs import CHECKSUM, IMAGE, open_lab
from helpers.ledger import rpc
from helpers.populated import DEALS, ORDERS, SEED

from iexec_lab import cli
from iexec_lab.errors import ValidationError
from iexec_lab.sandbox.control import Sandbox
from iexec_lab.sandbox.populate.size import Size
from iexec_lab.wallet.signer import LocalSigner

DAY = 86_400
KINDS = ("apporder", "datasetorder", "workerpoolorder", "requestorder")


def book(sandbox, kind, **filters):
    """All open orders of a kind, as the market's API lists them."""
    found, page = [], 0
    while True:
        words = {"chainId": sandbox.chain_id, "pageSize": 1000, "pageIndex": page, **filters}
        query = "&".join(f"{name}={value}" for name, value in words.items())
        url = f"{sandbox.urls['market']}/{kind}s?{query}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=60) as answer:
            rows = json.load(answer)["orders"]
        found += rows
        if len(rows) < 1000:
            return found
        page += 1


@pytest.fixture(scope="module")
def orders(populated, population):
    """The open orders of the participants, by kind."""
    mine = {address for role in population.participants.values() for address in role}
    any_ = {"apporder": "app", "datasetorder": "dataset"}
    rows = {
        kind: book(populated, kind, **({any_[kind]: "any"} if kind in any_ else {}), **EVERYBODY[kind])
        for kind in KINDS
    }
    return {kind: [row for row in found if row["signer"] in mine] for kind, found in rows.items()}


EVERYBODY = {
    "apporder": {"dataset": "any", "workerpool": "any", "requester": "any"},
    "datasetorder": {"app": "any", "workerpool": "any", "requester": "any"},
    "workerpoolorder": {"app": "any", "dataset": "any", "requester": "any"},
    "requestorder": {"workerpool": "any"},
}
"""Filters that let orders with restrictions through."""


def test_balances_equal_logs(populated, ledger):
    balances = dict(zip(ledger.accounts, ledger.on_chain(ledger.accounts), strict=True))
    assert {address: ledger.balance(address) for address in ledger.accounts} == balances
    assert sum(sum(found) for found in balances.values()) == ledger.totals["supply"]
    assert ledger.totals["supply"] == hub_holds(populated)


def hub_holds(sandbox):
    """nRLC of the token that the hub has."""
    data = "0x70a08231" + sandbox.hub[2:].lower().rjust(64, "0")
    return int(rpc(sandbox.urls["rpc"], ("eth_call", [{"to": sandbox.rlc, "data": data}, "latest"]))[0], 16)


def test_participants_take_part(population, ledger):
    for role in ("app_owners", "dataset_owners", "schedulers", "workers", "requesters", "sponsors"):
        for address in population.participants[role]:
            assert ledger.statement(address)
    causes = Counter(row["cause"] for row in ledger.transfers)
    assert {"deposit", "withdrawal", "transfer", "lock", "unlock", "reward"} == set(causes)


def test_deals(population, ledger):
    deals = ledger.deals
    assert len(deals) == DEALS == population.deals["matched"]
    assert sum(deal["sponsored"] for deal in deals) == population.deals["sponsored"] >= 8
    assert sum(deal["bulk"] for deal in deals) == population.deals["bulk"] >= 4
    assert sum(deal["tasks"] for deal in deals) == population.tasks["total"]
    assert {deal["category"] for deal in deals} == {0, 1, 2, 3, 4}
    assert any(deal["first_index"] for deal in deals)
    assert any(0 < deal["completed"] < deal["tasks"] for deal in deals)
    assert any(deal["completed"] == deal["tasks"] > 1 for deal in deals)
    assert any(not deal["completed"] and not deal["claimed"] for deal in deals)
    assert any(deal["claimed"] for deal in deals)
    assert any(deal["dataset"] for deal in deals)
    assert any(int(deal["callback"], 16) for deal in deals)
    assert any(deal["beneficiary"] != deal["requester"] for deal in deals)
    assert len({deal["tag"] for deal in deals}) > 3


def test_tasks(population, ledger):
    statuses = Counter(task["status"] for task in ledger.tasks)
    assert statuses["COMPLETED"] == population.tasks["completed"]
    assert statuses["FAILED"] == population.tasks["failed"] > 0
    assert population.tasks["timeout"] > 0
    assert population.tasks["active"] + population.tasks.get("revealing", 0) > 0
    assert any(task["faulty"] and task["seized_nrlc"] for task in ledger.tasks)
    assert max(len(task["workers"]) for task in ledger.tasks) >= 3
    assert ledger.named("TaskReopen")


def test_history_spans_the_days(population, ledger, populated):
    started = [deal["started_at"] for deal in ledger.deals]
    assert population.ended - population.began == 90 * DAY
    assert max(started) - min(started) > 80 * DAY
    assert len({moment // (7 * DAY) for moment in started}) >= 6
    (block,) = rpc(populated.urls["rpc"], ("eth_getBlockByNumber", ["latest", False]))
    assert int(block["timestamp"], 16) >= population.ended


def test_market_lists_what_is_left(orders, population, ledger):
    assert sum(map(len, orders.values())) == ORDERS == population.orders["open"]
    assert all(len(found) > ORDERS // 10 for found in orders.values())
    for found in orders.values():
        for row in found:
            taken = ledger.consumed.get(row["orderHash"], 0)
            assert row["remaining"] == row["order"]["volume"] - taken > 0
            assert row["orderHash"] not in ledger.cancelled
    assert any(row["orderHash"] in ledger.consumed for row in orders["workerpoolorder"])
    assert len(ledger.cancelled) == population.orders["cancelled"] > 0
    days = {row["publicationTimestamp"][:10] for row in orders["workerpoolorder"]}
    assert len(days) > 5


def test_again_is_said_and_adds_nothing(populated, population, ledger):
    again = populated.populate(ORDERS, DEALS, SEED)
    assert again == replace(population, added=False)
    (newest,) = rpc(populated.urls["rpc"], ("eth_blockNumber", []))
    assert int(newest, 16) - ledger.until <= 1  # an idle chain has a block a minute


def test_command(populated, population, monkeypatch, capsys):
    monkeypatch.setenv("IEXEC_LAB_STATE", str(populated.folder.parent))
    line = f"sandbox populate --orders {ORDERS} --deals {DEALS} --name {populated.folder.name}"
    assert cli.main([*line.split(), "--raw"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, **population.to_json(), "added": False}
    assert cli.main(line.split()) == 0
    told = capsys.readouterr().out
    assert "has 300 open orders and 80 deals of 90 days. They were there already" in told
    assert cli.main(["sandbox", "populate", "--days", "0", "--name", populated.folder.name]) == 1
    assert repr(population) == "<Population of seed 1: 300 open orders, 80 deals, 90 days>"


@pytest.mark.sandbox
@pytest.mark.parametrize("native", [False, True])
def test_seed_decides_all(native):
    stories = []
    for _ in range(2 - native):
        with Sandbox(native=native) as sandbox:
            made = sandbox.populate(20, 14, seed=3, days=30)
            stories.append(told(sandbox, made))
    assert len(stories[0]) > 300
    assert stories[0] == stories[-1]


def told(sandbox, made):
    """All events since the market began, without what depends on when that was."""
    from helpers.ledger import Ledger

    ledger = Ledger.of(sandbox)
    balances = [ledger.balance(address) for address in ledger.accounts]
    assert balances == ledger.on_chain(ledger.accounts)
    assert made.tasks["completed"] > 0
    return [
        (event.at - made.began, event.name, event.args) for event in ledger.events if event.at >= made.began
    ]


@pytest.mark.sandbox
def test_what_the_book_offers_is_run_after_a_restart_too(tmp_path):
    folder = tmp_path / "state"
    with Sandbox(folder) as sandbox:
        made = sandbox.populate(20, 4, seed=3, days=30)
    kept = folder / "owners.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(kept.read_text())) == len(made.participants["schedulers"])
    with Sandbox(folder) as sandbox:
        lab = open_lab(sandbox, LocalSigner(sandbox.users[0].key), tmp_path)
        before = lab.deal.list(all=True).set_index("deal_id")["completed"]
        app = lab.app.deploy("hello", IMAGE, CHECKSUM)
        offered = lab.orderbook.workerpool()
        theirs = offered[offered["workerpool"] != sandbox.workerpool]
        job = lab.app.run(app, workerpool=theirs["workerpool"].iloc[0], args="you")
        job.wait(timeout=60)
        assert "you" in job.result().text("result.txt")
        after = lab.deal.list(all=True).set_index("deal_id")["completed"]
        assert before.equals(after[before.index])


@pytest.mark.sandbox
def test_killed_populate_goes_on():
    class StopError(Exception):
        pass

    def stop(_, done, __):
        if done >= 5:
            raise StopError

    with Sandbox() as sandbox:
        with pytest.raises(StopError):
            sandbox.populate(20, 14, seed=3, days=30, tell=stop)
        made = sandbox.populate(20, 14, seed=3, days=30)
        assert made.added
        assert len(book(sandbox, "workerpoolorder", **EVERYBODY["workerpoolorder"])) > 0
        story = told(sandbox, made)
    assert sum(name == "OrdersMatched" for _, name, _ in story) == 14


@pytest.mark.parametrize(
    "wrong", [{"orders": -1}, {"deals": 200_000}, {"days": 0}, {"seed": -1}, {"orders": True}, {"days": 1.5}]
)
def test_refuses_numbers_out_of_range(wrong):
    with pytest.raises(ValidationError):
        Size(**wrong)


def test_keys_are_not_shown():
    account = Size().account("worker")
    assert account.key.hex() not in repr(account) + str(account) + repr(account.signer)
