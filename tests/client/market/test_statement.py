"""Statements of everybody in a small story, compared with what raw logs and the hub say."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from helpers.answers import official
from helpers.labs import CHECKSUM, IMAGE, forward, fund, open_lab

from iexec_lab.errors import ValidationError
from iexec_lab.ethereum.contracts import EVENTS, HUB
from iexec_lab.protocol import NULL_ADDRESS, to_address
from iexec_lab.spelling import in_rlc
from iexec_lab.wallet.signer import LocalSigner


@dataclass
class Story:
    handle: Any
    owner: Any
    requester: Any
    pool_owner: Any
    done: Any
    late: Any

    @property
    def hub(self):
        return self.owner.session.network.hub

    def who(self, name):
        return getattr(self, name).session.address


def newcomer(handle, folder, nrlc):
    signer = LocalSigner.generate()
    fund(handle, signer.address, nrlc=nrlc, wei=10**18)
    return open_lab(handle, signer, folder)


@pytest.fixture(scope="module")
def story(iexec_sandbox, tmp_path_factory):
    """A deal that ends, one that is claimed, a gift of stake, a withdrawal to somebody else."""
    folder = tmp_path_factory.mktemp("story")
    owner, requester, pool_owner = (newcomer(iexec_sandbox, folder, 10**10) for _ in range(3))
    app = owner.app.deploy("statement", IMAGE, CHECKSUM)
    owner.app.publish(app, price=10, volume=10)
    requester.account.deposit("1 RLC")
    done = requester.app.run(app, args="x")
    done.wait()
    pool_owner.account.deposit(1000)
    pool = pool_owner.workerpool.deploy("idle")
    pool_owner.workerpool.publish(pool, price=100, category=4, volume=1)
    late = requester.app.run(app, workerpool=pool, category=4)
    forward(iexec_sandbox, 36_000 * 10 + 1)
    requester.deal.claim(late.deal_id)
    hub = owner.session.network.hub
    requester.session.sender.send(hub, HUB.transfer.encode(owner.session.address, 7))
    owner.session.sender.send(hub, HUB.withdrawTo.encode(3, pool_owner.session.address))
    return Story(iexec_sandbox, owner, requester, pool_owner, done, late)


def balances(lab):
    """(stake, locked) of everybody, folded from raw logs without any code of the statement."""
    logs = lab.session.rpc.request(
        "eth_getLogs", {"address": lab.session.network.hub, "fromBlock": "0x0", "toBlock": "latest"}
    )
    stake, locked = defaultdict(int), defaultdict(int)
    for log in logs:
        data = bytes.fromhex(log["data"][2:])
        if log["topics"][0] == EVENTS.Transfer.topic:
            amount = int.from_bytes(data, "big")
            stake[to_address("0x" + log["topics"][1][-40:])] -= amount
            stake[to_address("0x" + log["topics"][2][-40:])] += amount
        signs = {EVENTS.Lock.topic: 1, EVENTS.Unlock.topic: -1, EVENTS.Seize.topic: -1}
        if log["topics"][0] in signs:
            who, amount = to_address(data[12:32]), int.from_bytes(data[32:64], "big")
            locked[who] += signs[log["topics"][0]] * amount
    del stake[NULL_ADDRESS]
    return {who: (stake[who], locked[who]) for who in {*stake, *locked}}


def test_everybodys_statement_ends_at_what_raw_logs_and_the_hub_say(story):
    lab = story.owner
    expected = balances(lab)
    assert len(expected) > 8
    parties = {story.who(name) for name in ("owner", "requester", "pool_owner")}
    for who, (stake, locked) in expected.items():
        frame = lab.account.history(who, source="logs")
        if who in parties:
            pd.testing.assert_frame_equal(frame, lab.account.history(who, source="subgraph"))
        shown = lab.session.hub.view_account(who)
        assert (shown.stake, shown.locked) == (stake, locked)
        assert "remark" not in frame.attrs
        assert "left_out" not in frame.attrs
        if stake or locked or len(frame):
            last = frame.iloc[-1]
            assert (last.stake_nrlc, last.locked_nrlc) == (stake, locked), who
        assert sum(frame.stake_change_nrlc) == stake
        assert sum(frame.locked_change_nrlc) == locked
        assert frame.block.is_monotonic_increasing


def test_the_payer(story):
    frame = story.requester.account.history()
    price = 10 + story.requester.session.hub.view_deal(story.done.deal_id).workerpool.price
    rows = [*zip(frame.cause, frame.amount_nrlc, frame.stake_nrlc, frame.locked_nrlc, strict=True)]
    left = 10**9 - price
    assert rows == [
        ("deposit", 10**9, 10**9, 0),
        ("deal_lock", -price, left, price),
        ("payment", -price, left, 0),
        ("deal_lock", -110, left - 110, 110),
        ("refund", 110, left, 0),
        ("transfer_out", -7, left - 7, 0),
    ]
    assert frame.deal_id.dropna().tolist() == [*[story.done.deal_id] * 2, *[story.late.deal_id] * 2]
    assert set(frame.role.dropna()) == {"requester"}
    assert frame.task_id.dropna().tolist() == [
        *story.requester.deal.task_ids(story.done.deal_id),
        *story.requester.deal.task_ids(story.late.deal_id),
    ]
    assert frame.counterparty.iloc[-1] == story.who("owner")
    assert frame.happened_at.is_monotonic_increasing


def test_the_owner_of_the_app_and_the_idle_scheduler(story):
    owner = story.owner.account.history()
    assert owner.cause.tolist() == ["app_reward", "transfer_in", "withdrawal"]
    assert owner.amount_nrlc.tolist() == [10, 7, -3]
    assert owner.counterparty.tolist() == [
        story.who("requester"),
        story.who("requester"),
        story.who("pool_owner"),
    ]
    pool = story.pool_owner.account.history()
    assert pool.cause.tolist() == ["deposit", "stake_lock", "stake_seized"]
    assert pool.amount_nrlc.tolist() == [1000, -30, -30]
    assert pool.role.dropna().tolist() == ["scheduler", "scheduler"]


def test_scheduler_worker_and_kitty(story):
    lab = story.owner
    deal = lab.session.hub.view_deal(story.done.deal_id)
    [task] = lab.session.hub.view_tasks(lab.deal.task_ids(story.done.deal_id))
    scheduler = lab.account.history(deal.workerpool.owner)
    mine = scheduler[scheduler.deal_id == story.done.deal_id]
    assert mine.cause.tolist() == ["stake_lock", "stake_unlock", "scheduler_reward"]
    worker = lab.account.history(task.contributors[0])
    mine = worker[worker.deal_id == story.done.deal_id]
    assert mine.cause.tolist() == ["stake_lock", "stake_unlock", "worker_reward"]
    kitty = to_address(lab.session.hub._one(HUB.kitty_address))
    gained = lab.account.history(kitty)
    assert "kitty_in" in gained[gained.deal_id == story.late.deal_id].cause.tolist()
    paid = [*mine.amount_nrlc[-1:], *scheduler[scheduler.deal_id == story.done.deal_id].amount_nrlc[-1:]]
    assert sum(paid) == deal.workerpool.price


def test_every_cut_opens_with_what_was_before(story):
    whole = story.requester.account.history()
    blocks = whole.block.tolist()
    for place in range(1, len(whole)):
        cut = story.requester.account.history(since=int(blocks[place]))
        first = blocks.index(blocks[place])
        assert cut.cause[0] == "balance_before"
        assert (cut.stake_nrlc[0], cut.locked_nrlc[0]) == (
            whole.stake_nrlc[first - 1],
            whole.locked_nrlc[first - 1],
        )
        assert cut.tx_hash.tolist()[1:] == whole.tx_hash.tolist()[first:]
        until = story.requester.account.history(until=f"#{blocks[place]}")
        assert until.tx_hash.tolist() == whole.tx_hash.tolist()[:first]
        newest = story.requester.account.history(limit=place)
        assert newest.stake_nrlc.tolist() == whole.stake_nrlc.tolist()[-place - 1 :]
    assert story.requester.account.history(since=int(blocks[0])).cause[0] == "deposit"
    after = story.requester.account.history(since=int(blocks[-1]) + 1)
    assert after.cause.tolist() == ["balance_before"]
    assert after.stake_nrlc[0] == whole.stake_nrlc.iloc[-1]


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        ("payment", ["payment"]),
        ("lock", ["deal_lock", "deal_lock"]),
        ("refund, deposit", ["deposit", "refund"]),
        (["transfer-out"], ["transfer_out"]),
        ("reward", []),
    ],
)
def test_causes_can_be_chosen(story, cause, found):
    assert story.requester.account.history(cause=cause).cause.tolist() == found


@pytest.mark.parametrize("wrong", [{"cause": "luck"}, {"limit": -1}, {"limit": True}, {"since": "soon"}])
def test_what_makes_no_sense_is_refused(lab, wrong):
    with pytest.raises(ValidationError):
        lab.account.history(**wrong)


def test_an_account_that_nobody_used_has_an_empty_statement(newcomer):
    frame = newcomer().account.history()
    assert len(frame) == 0
    assert "remark" not in frame.attrs


def test_the_json_says_where_it_ends(story):
    raw = official(story.requester, "account.history", limit=1)
    assert raw["address"] == story.who("requester")
    assert raw["balance"]["stake"] == raw["movements"][-1]["stake"]
    assert raw["unexplained"] == {"stake": "0", "locked": "0"}
    assert raw["count"] == 6
    assert [row["cause"] for row in raw["movements"]] == ["balance_before", "transfer_out"]


def test_a_source_that_leaves_something_out_is_told(story, monkeypatch):
    from iexec_lab.client.market import money

    whole = money._from_logs

    def without_one(*query):
        return [
            page.pick([place for place, name in enumerate(page["event"]) if name != "Seize"])
            for page in whole(*query)
        ]

    monkeypatch.setattr(money, "_from_logs", without_one)
    frame = story.requester.account.history(source="logs")
    price = 10 + story.requester.session.hub.view_deal(story.done.deal_id).workerpool.price
    assert (
        f"the hub shows {in_rlc(price)} less locked than these movements add up to" in frame.attrs["remark"]
    )


def test_without_receipts_the_amounts_are_the_same(story, monkeypatch):
    from iexec_lab.client.market import causes

    whole = story.requester.account.history()
    monkeypatch.setattr(causes, "_transactions", lambda _session, _hashes: {})
    bare = story.requester.account.history()
    assert bare.stake_nrlc.tolist() == whole.stake_nrlc.tolist()
    assert bare.cause.tolist() == ["deposit", "lock", "seize", "lock", "unlock", "transfer_out"]


def test_a_native_chain(native_lab):
    """Coins leave a native hub without an event: who got them is not told, and not guessed."""
    native_lab.account.deposit(50)
    native_lab.session.sender.send(
        native_lab.session.network.hub, HUB.withdrawTo.encode(20, LocalSigner.generate().address)
    )
    frame = native_lab.account.history(limit=2)
    assert frame.cause.tolist() == ["balance_before", "deposit", "withdrawal"]
    assert frame.counterparty.isna().tolist() == [True, False, True]
    assert "remark" not in frame.attrs
    assert frame.stake_nrlc.iloc[-1] == native_lab.account.show().loc[0, "stake_nrlc"]
