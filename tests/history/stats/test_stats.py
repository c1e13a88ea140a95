from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pandas as pd
import pytest
from helpers.past_frames import START, deal_rows, deals, frame, tasks_and_rewards, who

from iexec_lab.errors import ValidationError
from iexec_lab.history import stats

HUGE = 2**255
NOW = datetime.fromtimestamp(START + 10**9, UTC)
OF_DEALS = {
    "per_day": stats.per_day,
    "per_app": stats.per_app,
    "per_workerpool": stats.per_workerpool,
    "per_requester": stats.per_requester,
    "payers": lambda found: stats.per(found, "payer"),
    "categories": lambda found: stats.per(found, "category"),
    "prices": stats.prices,
    "success": stats.success,
    "late": lambda found: stats.late(found, now=NOW),
    "earnings": stats.earnings,
}


def cost(row):
    return row["app_price_nrlc"] + row["dataset_price_nrlc"] + row["workerpool_price_nrlc"]


def total(rows, key):
    sums = defaultdict(Counter)
    for row in rows:
        paid = cost(row) * row["completed"]
        sums[key(row)] += Counter(
            deals=1,
            tasks=row["tasks"],
            completed=row["completed"],
            failed=row["claimed"],
            volume_nrlc=cost(row) * row["tasks"],
            spent_nrlc=paid,
            sponsored_nrlc=paid if row["sponsor"] not in {None, row["requester"]} else 0,
        )
    return sums


@pytest.mark.parametrize("by", ["app", "dataset", "workerpool", "requester", "payer", "category"])
def test_each_party_has_its_sums(by):
    rows = deal_rows(120)
    key = {"payer": lambda row: row["sponsor"] or row["requester"]}.get(by, lambda row: row[by])
    wanted = total(rows, key)
    wanted.pop(None, None)
    found = stats.per(deals(120), by)
    assert set(found[by]) == set(wanted)
    for row in found.to_dict("records"):
        assert {name: row[name] for name in wanted[row[by]]} == wanted[row[by]]
        assert row["unfinished"] == row["tasks"] - row["completed"] - row["failed"]
        assert row["spent_rlc"] == row["spent_nrlc"] / 10**9
    spent = list(found["spent_nrlc"])
    assert spent == sorted(spent, reverse=True)


@pytest.mark.parametrize(
    ("every", "name"), [("hour", "%Y-%m-%d %H"), ("day", "%Y-%m-%d"), ("week", "%G-%V"), ("month", "%Y-%m")]
)
def test_each_period_has_its_sums_and_none_is_left_out(every, name):
    rows = deal_rows(60)
    wanted = total(rows, lambda row: datetime.fromtimestamp(row["started_at"], UTC).strftime(name))
    found = stats.per_day(deals(60), every=every)
    starts = list(found["starts_at"])
    assert starts[0] <= pd.Timestamp(rows[0]["started_at"], unit="s", tz="UTC")
    steps = {after - before for before, after in pairwise(starts)}
    assert len(steps) <= (1 if every != "month" else 3)
    for row in found.to_dict("records"):
        sums = wanted.pop(row["starts_at"].strftime(name), Counter())
        assert all(row[column] == sums[column] for column in ("deals", "tasks", "spent_nrlc", "volume_nrlc"))
    assert not wanted


def test_a_week_begins_on_monday():
    assert {at.weekday() for at in stats.per_day(deals(60), every="week")["starts_at"]} == {0}


@pytest.mark.parametrize("name", OF_DEALS)
def test_nothing_gives_the_same_columns(name):
    empty, full = (OF_DEALS[name](deals(count)) for count in (0, 30))
    assert len(empty) == 0
    assert len(full)
    assert list(empty.columns) == list(full.columns)
    assert list(empty.dtypes) == list(full.dtypes)
    assert full.attrs["chain"] == "made-up"
    assert set(full.attrs) == {"kind", "chain", "fetched_at"}


def test_sums_that_no_machine_integer_holds():
    rows = deal_rows(3, app_price_nrlc=HUGE, tasks=2, completed=2, claimed=0, app=who("0a", 1))
    [row] = stats.per_app(frame("past_deal", rows)).to_dict("records")
    assert row["spent_nrlc"] == sum(2 * cost(row) for row in rows)
    assert row["spent_nrlc"] > 6 * HUGE


@pytest.mark.parametrize("name", ["per_day", "per_requester", "payers", "prices", "late", "earnings"])
@pytest.mark.parametrize("as_text", [False, True])
def test_dask_says_the_same(name, as_text):
    dask = pytest.importorskip("dask")
    dd = pytest.importorskip("dask.dataframe")
    plain = deals(50).drop(columns=["callback", "beneficiary"])
    with dask.config.set({"dataframe.convert-string": as_text, "scheduler": "synchronous"}):
        found, wanted = (OF_DEALS[name](each) for each in (dd.from_pandas(plain, npartitions=3), plain))
    found.attrs = wanted.attrs = {}
    pd.testing.assert_frame_equal(found, wanted)


def test_open_high_low_close():
    rows = deal_rows(4, category=7, started_at=START)
    for row, price, tasks in zip(rows, (30, 50, 10, 40), (1, 1, 5, 1), strict=True):
        row |= {"workerpool_price_nrlc": price, "tasks": tasks}
    rows.append(deal_rows(1, category=8, started_at=START + 86_400)[0])
    shuffled = [rows[place] for place in (3, 0, 4, 2, 1)]
    found = stats.prices(frame("past_deal", shuffled))
    assert list(found["category"]) == [7, 8]
    first = found.iloc[0]
    names = [f"{name}_nrlc" for name in ("open", "high", "low", "close", "average", "median")]
    assert [first[name] for name in names] == [30, 50, 10, 40, (30 + 50 + 50 + 40) // 8, 10]
    assert (first["deals"], first["tasks"], first["volume_nrlc"]) == (4, 8, 170)
    assert list(stats.prices(frame("past_deal", shuffled), category=8)["deals"]) == [1]
    assert stats.prices(frame("past_deal", rows[:1]), of="task")["open_nrlc"][0] == cost(rows[0])


def test_how_long_people_waited():
    rows = deal_rows(30)
    tasks, _ = tasks_and_rewards(rows)
    begun = {row["deal_id"]: row["started_at"] for row in rows}
    waits = defaultdict(list)
    for task in tasks.to_dict("records"):
        if not pd.isna(task["finalized_at"]):
            waits[task["workerpool"]].append(int(task["finalized_at"].timestamp()) - begun[task["deal_id"]])
    found = stats.match_to_result(frame("past_deal", rows), tasks, quantiles=[0.5])
    assert {row["workerpool"]: row["tasks"] for row in found.to_dict("records")} == {
        pool: len(each) for pool, each in waits.items()
    }
    for row in found.to_dict("records"):
        mine = pd.Series(waits[row["workerpool"]])
        shown = (row["fastest_seconds"], row["p50_seconds"], row["slowest_seconds"])
        assert shown == (mine.min(), mine.median(), mine.max())
    some = stats.match_to_result(frame("past_deal", rows[:20]), tasks)
    assert some.attrs["left_out"] == sum(map(len, waits.values())) - some["tasks"].sum()


def test_success_and_what_can_be_claimed():
    rows = deal_rows(40)
    late = stats.late(deals(40), now=NOW)
    unfinished = [row for row in rows if row["tasks"] > row["completed"] + row["claimed"]]
    assert set(late["deal_id"]) == {row["deal_id"] for row in unfinished}
    owed = sum(cost(row) * (row["tasks"] - row["completed"] - row["claimed"]) for row in unfinished)
    assert sum(late["claimable_nrlc"]) == owed
    rates = stats.success(deals(40), now=NOW)
    assert (rates["running"] == 0).all()
    assert (rates["success_rate"] + rates["failure_rate"]).round(9).eq(1).all()
    earlier = stats.success(deals(40), now=datetime.fromtimestamp(START - 1, UTC))
    assert (earlier["late"] == 0).all()
    assert earlier["running"].sum() == rates["late"].sum()


def test_earnings_are_the_rewards_on_chain():
    rows = deal_rows(60)
    tasks, events = tasks_and_rewards(rows)
    found = stats.earnings(frame("past_deal", rows), tasks, events)
    rewards = events[events["event"] == "Reward"]
    assert sum(found["earned_nrlc"]) == sum(rewards["amount_nrlc"])
    by_account = Counter()
    for account, amount in zip(rewards["account"], rewards["amount_nrlc"], strict=True):
        by_account[account] += amount
    earned = Counter()
    for account, amount in zip(found["account"], found["earned_nrlc"], strict=True):
        earned[account] += amount
    assert +earned == +by_account
    roles = {row["account"][2:4].lower(): row["role"] for row in found.to_dict("records")}
    assert roles == {
        "01": "app_owner",
        "02": "dataset_owner",
        "03": "workerpool_owner",
        "04": "worker",
        "ff": "other",
    }
    seized = events[
        (events["event"] == "Seize")
        & ~events["account"].isin({row["sponsor"] or row["requester"] for row in rows})
    ]
    assert sum(found["lost_nrlc"]) == sum(seized["amount_nrlc"])


def test_an_owner_who_works_too_has_two_roles():
    rows = deal_rows(1, dataset=None, tasks=1, completed=1, claimed=0, workerpool_price_nrlc=100)
    one = rows[0]
    owner = one["workerpool_owner"]
    one |= {
        "dataset_owner": None,
        "dataset_price_nrlc": 0,
        "app_price_nrlc": 5,
        "requester": owner,
        "sponsor": None,
    }
    task = {"task_id": "0x01", "deal_id": one["deal_id"], "status": "COMPLETED", "workers": [owner]}
    moves = [
        ("Seize", owner, 105),
        ("Reward", one["app_owner"], 5),
        ("Reward", owner, 99),
        ("Reward", owner, 1),
    ]
    moves.append(("Reward", owner, 7))  # from the kitty
    events = [
        {"event": event, "task_id": "0x01", "account": account, "amount_nrlc": amount, "log_index": place}
        for place, (event, account, amount) in enumerate(moves)
    ]
    found = stats.earnings(frame("past_deal", rows), frame("past_task", [task]), frame("past_event", events))
    roles = {
        row["role"]: (row["account"], row["tasks"], row["earned_nrlc"], row["lost_nrlc"])
        for row in found.to_dict("records")
    }
    assert roles == {
        "worker": (owner, 1, 99, 0),
        "workerpool_owner": (owner, 1, 8, 0),
        "app_owner": (one["app_owner"], 1, 5, 0),
    }


def test_shares():
    parties = pd.DataFrame({"who": list("abcd"), "spent_nrlc": [HUGE, HUGE, 2 * HUGE, 0]})
    [row] = stats.concentration(parties, top=[1, 3]).to_dict("records")
    assert (row["parties"], row["total"]) == (4, 4 * HUGE)
    assert (row["top_1_share"], row["top_3_share"]) == (0.5, 1.0)
    assert row["herfindahl"] == float(Fraction(1 + 1 + 4, 16))
    # Mean difference over twice the mean, by its definition.
    values = [1, 1, 2, 0]
    gini = Fraction(sum(abs(one - other) for one in values for other in values), 2 * 4 * sum(values))
    assert row["gini"] == float(gini)
    alike = stats.concentration(pd.DataFrame({"tasks": [3, 3, 3]}), "tasks")
    assert alike["gini"][0] == 0
    assert alike["herfindahl"][0] == pytest.approx(1 / 3)


def test_what_is_staked_in_all():
    one, other, day = who("0e", 1), who("0e", 2), 86_400
    rows = [
        {"happened_at": START, "from_": None, "to": one, "amount_nrlc": HUGE},
        {"happened_at": START, "from_": one, "to": other, "amount_nrlc": 7},
        {"happened_at": START + 3 * day, "from_": other, "to": None, "amount_nrlc": 5},
    ]
    moved = frame("past_transfer", rows)
    found = stats.staked(moved)
    assert list(found["staked_nrlc"]) == [HUGE, HUGE, HUGE, HUGE - 5]
    assert list(found["withdrawn_nrlc"]) == [0, 0, 0, 5]
    assert list(stats.staked(moved.iloc[2:], before=6)["staked_nrlc"]) == [1]
    with pytest.raises(ValidationError, match="More was withdrawn") as caught:
        stats.staked(moved.iloc[2:])
    assert caught.value.details == {"missing_nrlc": 5}


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda: stats.per_day(7), "int is no DataFrame"),
        (lambda: stats.per_day(pd.DataFrame({"x": [1]})), "has no column started_at"),
        (lambda: stats.per_day(deals(1), every="year"), "year is no period"),
        (lambda: stats.per(deals(1), "weather"), "not counted by weather"),
        (lambda: stats.prices(deals(1), of="gas"), "gas has no price"),
        (lambda: stats.match_to_result(deals(1), deals(1), quantiles=[2]), "between 0 and 1"),
        (lambda: stats.concentration(pd.DataFrame({"tasks": [-1]}), "tasks"), "not negative"),
        (lambda: stats.concentration(pd.DataFrame({"tasks": [1.5]}), "tasks"), "1.5 is no whole number"),
        (lambda: stats.per_day(hours_apart(9 * 10**8), every="hour"), "More than 100,000 periods"),
    ],
)
def test_what_cannot_be_counted(act, told):
    with pytest.raises(ValidationError, match=told):
        act()


def hours_apart(seconds):
    rows = deal_rows(2)
    rows[1]["started_at"] = rows[0]["started_at"] + seconds
    return frame("past_deal", rows)
