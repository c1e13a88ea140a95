"""The figures of a market of many participants, against a recomputation from raw logs."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from iexec_lab import connect
from iexec_lab.errors import ValidationError
from iexec_lab.history import stats


@pytest.fixture(scope="module")
def lab(populated):
    return connect(populated)


def cost(deal):
    return deal["app_price_nrlc"] + deal["dataset_price_nrlc"] + deal["workerpool_price_nrlc"]


def test_every_reward_on_chain_is_somebodys_earning(lab, ledger):
    earned, wanted = Counter(), Counter()
    found = lab.history.earnings()
    for account, amount in zip(found["account"], found["earned_nrlc"], strict=True):
        earned[account] += amount
    for event in ledger.named("Reward"):
        wanted[event["owner"]] += event["amount"]
    assert +earned == +wanted
    roles = Counter()
    for role, amount in zip(found["role"], found["earned_nrlc"], strict=True):
        roles[role] += amount
    assert roles["app_owner"] == sum(deal["app_price_nrlc"] * deal["completed"] for deal in ledger.deals)
    stakes = [event["amount"] for event in ledger.named("Seize")]
    paid = sum(cost(deal) * deal["completed"] for deal in ledger.deals)
    assert sum(found["lost_nrlc"]) <= sum(stakes) - paid  # what the kitty gives away is nobody's loss


def test_each_day_and_party_has_the_sums_of_the_chain(lab, ledger):
    days = lab.history.per_day()
    assert days["deals"].sum() == len(ledger.deals)
    assert sum(days["spent_nrlc"]) == sum(cost(deal) * deal["completed"] for deal in ledger.deals)
    assert sum(days["volume_nrlc"]) == sum(cost(deal) * deal["tasks"] for deal in ledger.deals)
    pools = defaultdict(int)
    for deal in ledger.deals:
        pools[deal["workerpool"]] += cost(deal) * deal["completed"]
    found = lab.history.per_workerpool()
    assert dict(zip(found["workerpool"], found["spent_nrlc"], strict=True)) == dict(pools)
    pool = found["workerpool"][0]
    one = lab.history.per_workerpool(workerpool=pool)
    assert list(one["spent_nrlc"]) == [pools[pool]]


def test_what_is_staked_is_the_hubs_total(lab, ledger):
    found = lab.history.staked()
    assert found["staked_nrlc"].iloc[-1] == ledger.totals["supply"]


def test_waits_success_and_shares(lab, ledger):
    waits = lab.history.match_to_result()
    assert waits["tasks"].sum() == sum(deal["completed"] for deal in ledger.deals)
    assert "left_out" not in waits.attrs
    rates = lab.history.success(by="category")
    assert rates["completed"].sum() == waits["tasks"].sum()
    owed = lab.history.late()
    assert owed["late"].sum() == rates["late"].sum()
    [shares] = lab.history.concentration(top=[1]).to_dict("records")
    assert shares["total"] == sum(lab.history.per_day()["spent_nrlc"])
    with pytest.raises(ValidationError, match="deals have no filter weather"):
        lab.history.per_day(weather="fine")


def test_pictures_read_what_they_need(lab, ledger):
    deals = lab.history.deals()
    drawn = [
        (lab.plot.deals(since=None), stats.per_day(deals)["deals"].sum()),
        (lab.plot.tasks(deals), sum(deal["tasks"] for deal in ledger.deals)),
        (lab.plot.tasks(since=None), len(ledger.tasks)),
    ]
    for picture, wanted in drawn:
        assert sum(int(row[1]) for row in picture.twin.rows) == wanted
    prices = lab.plot.prices(category=0, since=None, every="month").twin
    assert sum(int(row[-1]) for row in prices.rows) == sum(
        deal["tasks"] for deal in ledger.deals if deal["category"] == 0
    )
    assert lab.plot.earnings(since=None).twin.rows
    sides = {row[0] for row in lab.plot.depth().twin.rows}
    assert sides == {"for sale", "wanted"}
    big = max(ledger.deals, key=lambda deal: deal["tasks"])
    timeline = lab.plot.timeline(big["deal_id"])
    begun = [task for task in ledger.tasks if task["deal_id"] == big["deal_id"]]
    assert len(timeline.twin.rows) == len(begun)
    assert lab.plot.timeline(lab.job(big["deal_id"])).twin == timeline.twin
    assert timeline._repr_png_()
