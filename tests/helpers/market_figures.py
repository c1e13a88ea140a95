"""Run in the kernel of ``examples/market_analysis.ipynb`` after its last cell: its figures, from raw logs.

The names are the notebook's; the ledger uses no code of ours.
"""
# ruff: noqa: F821 -- the notebook has them

from fractions import Fraction

from helpers.ledger import Ledger

from iexec_lab.sandbox import control

ledger = Ledger.of(control.find())
[ours] = [deal for deal in ledger.deals if deal["deal_id"] == job.deal_id]
before = [deal for deal in ledger.deals if deal["block"] < ours["block"]]
"""Our own deal came last, after what the notebook computed with."""


def cost(deal):
    return deal["app_price_nrlc"] + deal["dataset_price_nrlc"] + deal["workerpool_price_nrlc"]


# what is open is what the chain has not consumed
used = ledger.consumed
assert len(book) > 500
for offer in book[book["workerpool"] != pool].itertuples():
    assert offer.volume - used.get(offer.order_hash, 0) == offer.remaining

# the volume that is filled is the cheapest of the book
offers = book[book["category"] == 0].sort_values("workerpool_price_rlc", kind="stable")
left, cheapest = 50, 0
for price, remaining in zip(offers["workerpool_price_nrlc"], offers["remaining"], strict=True):
    taken = min(left, remaining)
    cheapest, left = cheapest + taken * price, left - taken
assert left == 0
assert fill["cumulated_cost_nrlc"].iloc[-1] == cheapest
assert fill["taken"].sum() == 50

# combinations: the first that fits is the cheapest
fitting = combinations[combinations["fits"]]
assert fitting["task_price_nrlc"].iloc[0] == min(fitting["task_price_nrlc"])

# history
assert len(deals) == len(before)
assert len(tasks) == sum(task["deal_id"] != job.deal_id for task in ledger.tasks)
assert int(paid.sum()) == sum(deal["workerpool_price_nrlc"] * deal["tasks"] for deal in before)
spent = sum(cost(deal) * deal["completed"] for deal in before)
assert shares["total"][0] == spent
assert success["completed"].sum() == waits["tasks"].sum() == sum(deal["completed"] for deal in before)
for row in months.itertuples():
    prices = [
        deal["workerpool_price_nrlc"]
        for deal in sorted(before, key=lambda deal: (deal["block"], deal["log_index"]))
        if deal["category"] == 0 and (deal["started_at"] // 86400) >= row.starts_at.timestamp() // 86400
    ][: row.deals]
    assert [prices[0], max(prices), min(prices), prices[-1]] == [
        *(row.open_nrlc, row.high_nrlc, row.low_nrlc, row.close_nrlc)
    ]

# money
rewards = sum(event["amount"] for event in ledger.named("Reward") if event.block < ours["block"])
assert sum(earnings["earned_nrlc"]) == rewards
stake, locked = ledger.on_chain([busiest])[0]
last = statement.iloc[-1]
assert (last["stake_nrlc"], last["locked_nrlc"]) == (stake, locked)
assert sum(statement["stake_change_nrlc"]) == stake
assert sum(statement["locked_change_nrlc"]) == locked
ended = {deal["deal_id"]: deal for deal in before}
recent = [ended[deal_id] for deal_id in month["deal_id"]]
completed, claimed = (sum(deal[name] for deal in recent) for name in ("completed", "claimed"))
assert today["success, %"] == round(float(Fraction(100 * completed, completed + claimed)), 1)
print(f"{len(ledger.events)} events of the chain agree")  # noqa: T201
