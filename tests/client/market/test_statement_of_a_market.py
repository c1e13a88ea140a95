"""Statements of everybody in a market with months of history, against a ledger of raw logs."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd
import pytest
from helpers.labs import open_lab
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iexec_lab.wallet.signer import LocalSigner


@pytest.fixture(scope="module")
def lab(populated, tmp_path_factory):
    return open_lab(populated, LocalSigner.generate(), tmp_path_factory.mktemp("statements"))


@pytest.fixture(scope="module")
def statements(lab, ledger):
    """Address -> its whole statement, as the node's logs tell it."""
    return {who: lab.account.history(who, source="logs") for who in ledger.accounts}


def by_transaction(rows):
    """Changes of stake and locked by transaction, in order, without those that change nothing."""
    changes = defaultdict(lambda: [0, 0])
    for tx_hash, stake, locked in rows:
        changes[tx_hash][0] += stake
        changes[tx_hash][1] += locked
    return [(tx_hash, *change) for tx_hash, change in changes.items() if any(change)]


def test_everybodys_statement_is_that_of_the_ledger(statements, ledger):
    on_chain = dict(zip(ledger.accounts, ledger.on_chain(ledger.accounts), strict=True))
    assert len(on_chain) > 20
    for who, frame in statements.items():
        expected = by_transaction(
            (row["tx_hash"], row["stake_nrlc"], row["locked_nrlc"]) for row in ledger.statement(who)
        )
        found = by_transaction(
            zip(frame.tx_hash, frame.stake_change_nrlc, frame.locked_change_nrlc, strict=True)
        )
        assert found == expected, who
        assert (frame.stake_nrlc.iloc[-1], frame.locked_nrlc.iloc[-1]) == on_chain[who], who
        assert "remark" not in frame.attrs, frame.attrs
        assert not {"lock", "unlock", "reward", "seize"} & set(frame.cause), who


def test_both_sources_tell_the_same(statements, lab):
    busy = sorted(statements, key=lambda who: len(statements[who]))
    for who in (*busy[:2], *busy[len(busy) // 2 :][:3], *busy[-4:]):
        pd.testing.assert_frame_equal(statements[who], lab.account.history(who, source="subgraph"))


def test_causes_add_up_to_what_deals_say(statements, ledger):
    """Payments, refunds and rewards of every party, from the deals' prices and how their tasks ended."""
    expected = defaultdict(int)
    for deal in ledger.deals:
        app, data, pool = (deal[f"{kind}_price_nrlc"] for kind in ("app", "dataset", "workerpool"))
        payer, scheduler = deal["sponsor"], deal["workerpool_owner"]
        expected["deal_lock", payer] -= (app + data + pool) * deal["tasks"]
        expected["payment", payer] -= (app + data + pool) * deal["completed"]
        expected["refund", payer] += (app + data + pool) * deal["claimed"]
        expected["app_reward", deal["app_owner"]] += app * deal["completed"]
        if deal["dataset"]:
            expected["dataset_reward", deal["dataset_owner"]] += data * deal["completed"]
        expected["stake_seized", scheduler] -= pool * 30 // 100 * deal["claimed"]
    for (cause, who), amount in expected.items():
        frame = statements[who]
        mine = frame[(frame.cause == cause) & ((cause != "stake_seized") | (frame.role == "scheduler"))]
        assert sum(mine.amount_nrlc) == amount, (cause, who)
    found = defaultdict(int)
    for frame in statements.values():
        for cause, amount in zip(frame.cause, frame.amount_nrlc, strict=True):
            found[cause] += amount
    for kind in ("app_reward", "dataset_reward", "payment", "deal_lock", "refund"):
        assert found[kind] == sum(amount for (cause, _), amount in expected.items() if cause == kind), kind
    worked = found["worker_reward"] + found["scheduler_reward"]
    of_workers = sum(
        -amount
        for frame in statements.values()
        for cause, role, amount in zip(frame.cause, frame.role, frame.amount_nrlc, strict=True)
        if (cause, role) == ("stake_seized", "worker")
    )
    pools = sum(deal["workerpool_price_nrlc"] * deal["completed"] for deal in ledger.deals)
    assert worked == pools + of_workers
    assert found["kitty_reward"] == -found["kitty_out"]
    assert found["kitty_reward"] > 0
    assert found["transfer_in"] == -found["transfer_out"]


def test_every_movement_names_its_deal(statements, ledger):
    deals = {deal["deal_id"] for deal in ledger.deals}
    tasks = {task["task_id"] for task in ledger.tasks}
    for frame in statements.values():
        inside = frame[~frame.cause.isin(["deposit", "withdrawal", "transfer_in", "transfer_out"])]
        assert set(inside.deal_id) <= deals
        locks = inside.cause.isin(["deal_lock"]) | (
            (inside.cause == "stake_lock") & (inside.role == "scheduler")
        )
        assert set(inside.task_id[~locks]) <= tasks


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cuts_open_and_close_where_the_ledger_does(lab, ledger, data):
    who = data.draw(st.sampled_from(ledger.accounts))
    source = data.draw(st.sampled_from(["logs", "subgraph"]))
    blocks = st.integers(0, ledger.until + 1)
    since, until = sorted((data.draw(blocks), data.draw(blocks)))
    limit = data.draw(st.none() | st.integers(1, 20))
    frame = lab.account.history(who, since=f"#{since}", until=f"#{until}", limit=limit, source=source)
    rows = ledger.statement(who)

    def balance(end):
        before = [row for row in rows if row["block"] < end]
        return [sum(row[f"{name}_nrlc"] for row in before) for name in ("stake", "locked")]

    head = ledger.until
    end = until if until <= head else head + 1  # a block that is not there yet counts as the newest
    since = min(since, head)
    if len(frame):
        if until <= head:
            assert [frame.stake_nrlc.iloc[-1], frame.locked_nrlc.iloc[-1]] == balance(end)
        if frame.cause[0] == "balance_before" and limit is None:
            assert [frame.stake_nrlc[0], frame.locked_nrlc[0]] == balance(since)
        moved = frame[frame.cause != "balance_before"]
        assert limit is None or len(moved) <= limit
        assert all(since <= block for block in moved.block)
    elif until <= head:
        assert balance(end) == [0, 0]
