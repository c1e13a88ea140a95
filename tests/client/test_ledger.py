"""What counts against a budget, who is refused, and what the folder remembers of it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from iexec_lab.client import ledger
from iexec_lab.client.iexec import connect
from iexec_lab.client.ledger import Facts, Ledger, Tracker, charge_of, fold, giving_back
from iexec_lab.client.plan import Plan
from iexec_lab.errors import BudgetError, ProjectError, ValidationError
from iexec_lab.project.notes import FolderNotes
from iexec_lab.project.spent import SPENT, SpentRecord
from iexec_lab.wallet.gate import Place

HUB = "0x" + "ab" * 20
ME = "0x1111111111111111111111111111111111111111"
PLACE = Place("sandbox", 65535, HUB, real_value=False)
HERE = ledger.place_of(PLACE)
HASH = "0x" + "12" * 32


def plan(cost=5, action="app run", **details):
    return Plan(action, PLACE, cost, 0, details)


@pytest.fixture
def book():
    return Ledger()


@pytest.fixture
def reserve(book, tmp_path):
    def do(cost=5, action="app run", *, request=None, **details):
        wanted = plan(cost, action, **details)
        return book.reserve(wanted, ME, tmp_path, charge_of(wanted, native=False), request)

    return do


@pytest.mark.parametrize(
    ("wanted", "charge"),
    [
        (plan(7), 7),
        (plan(7, sponsored_nrlc=3), 7),
        (plan(7, "account deposit", amount_nrlc=7), 0),
        (plan(0, "account withdraw", amount_nrlc=7), 0),
        (plan(0, "account approve", amount_nrlc=7, spender=ME), 7),
        (plan(0, "account revoke", amount_nrlc=0, spender=ME), 0),
        (plan(7, "wallet send-RLC"), 7),
        (plan(0, "deal claim"), 0),
        (plan(0, "app deploy"), 0),
        (Plan("wallet sweep", PLACE, 0, 3 * 10**9 + 1), 3),
    ],
)
def test_what_an_action_takes(wanted, charge):
    assert charge_of(wanted, native=wanted.action == "wallet sweep") == charge


class TestBudgets:
    def test_the_next_one_is_refused_when_it_would_pass_it(self, book, reserve):
        book.whole.budget = 12
        reserve(5)
        reserve(7)
        assert book.whole.used == 12
        with pytest.raises(BudgetError, match=r"app run would pass the budget of 0\.000000012 RLC") as caught:
            reserve(1)
        assert caught.value.details == {
            "it would cost": "0.000000001 RLC",
            "of the budget gone": "0.000000012 RLC",
            "left": "0.0 RLC",
        }
        assert len(book.whole.entries) == 2
        reserve(0, "app deploy")

    def test_blocks_stand_in_each_other(self, book, reserve):
        outer, inner = Tracker(budget=10), Tracker(budget=4)
        with book.block(outer):
            reserve(3)
            with book.block(inner):
                reserve(4)
                with pytest.raises(BudgetError, match=r"0\.000000004 RLC"):
                    reserve(1)
            reserve(3)
            with pytest.raises(BudgetError, match=r"0\.00000001 RLC"):
                reserve(1)
        reserve(100)
        assert (outer.used, inner.used, book.whole.used) == (10, 4, 110)

    def test_threads_do_not_spend_the_same_twice(self, book, reserve):
        book.whole.budget = 20
        start, refused = threading.Barrier(10), []

        def run():
            start.wait()
            try:
                reserve(5)
            except BudgetError:
                refused.append(1)

        threads = [threading.Thread(target=run) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(refused), book.whole.used) == (6, 20)

    def test_what_came_back_counts_no_more(self, book, reserve):
        book.whole.budget = 5
        entry = reserve(5)
        entry.facts = Facts(locked=1, paid=1, returned=3)
        assert book.whole.used == 2
        reserve(3)

    def test_a_request_is_counted_when_it_is_signed_not_again_when_it_is_filled(self, book, reserve):
        entry = reserve(8, "app request-execution")
        entry.requests.append(HASH)
        reserve(5, "order fill", request=HASH)
        assert book.whole.used == 8
        reserve(5, "order fill", request="0x" + "34" * 32)
        assert book.whole.used == 13

    def test_an_allowance_replaces_the_one_before_it(self, book, reserve):
        reserve(0, "account approve", amount_nrlc=9, spender=ME)
        reserve(0, "account approve", amount_nrlc=4, spender=ME)
        reserve(0, "account approve", amount_nrlc=2, spender=HUB)
        assert book.whole.used == 6
        reserve(0, "account revoke", amount_nrlc=0, spender=ME)
        assert book.whole.used == 2


def failing(work):
    """A verb that fails after some work."""
    with giving_back():
        work()
        raise KeyError


class TestGivingBack:
    def test_what_failed_before_anything_was_signed(self, book, reserve):
        with pytest.raises(KeyError):
            failing(lambda: reserve(5))
        assert book.whole.used == 0

    def test_not_what_was_sent(self, book, reserve):
        with pytest.raises(KeyError):
            failing(lambda: reserve(5).sent.update({HASH: None}))
        assert book.whole.used == 5

    @pytest.mark.parametrize(("action", "left"), [("app run", 0), ("app request-execution", 5)])
    def test_a_request_that_stands_binds_one_of_a_run_that_was_not_sent_does_not(
        self, book, reserve, action, left
    ):
        with pytest.raises(KeyError):
            failing(lambda: reserve(5, action).requests.append(HASH))
        assert book.whole.used == left

    def test_in_the_folder_too(self, book, reserve, tmp_path):
        with pytest.raises(KeyError):
            failing(lambda: ledger.note(reserve(5), plan(), tmp_path, request=HASH))
        assert ledger.entries_of(tmp_path, HERE) == []


class TestFolder:
    def test_each_step_is_there_before_the_next(self, reserve, tmp_path):
        entry = reserve(5)
        assert not (tmp_path / SPENT).exists()
        for step in ({"request": HASH}, {"tx": HASH}, {"tx": HASH}, {"deal": HASH}):
            assert ledger.note(entry, plan(), tmp_path, **step)
            [found] = ledger.entries_of(tmp_path, HERE)
            assert (found.signed, found.wallet, found.action) == (5, ME, "app run")
        assert (found.requests, list(found.sent), found.deals) == ([HASH], [HASH], [HASH])
        assert len(SpentRecord(tmp_path).lines()) == 4
        assert ledger.entries_of(tmp_path, "1:0x") == []

    def test_a_budget_holds_for_all_programs(self, reserve, tmp_path):
        FolderNotes(tmp_path).save_budget(HERE, 12, 0)
        reserve(5)
        code = (
            "import sys, pathlib; from iexec_lab.client.ledger import Ledger; "
            "from iexec_lab.client.plan import Plan; from iexec_lab.wallet.gate import Place; "
            f"Ledger().reserve(Plan('app run', Place('n', 65535, {HUB!r}), 5), {ME!r}, "
            "pathlib.Path(sys.argv[1]), 5, None)"
        )
        line = [sys.executable, "-c", code, str(tmp_path)]
        assert subprocess.run(line, check=False, capture_output=True).returncode == 0
        last = subprocess.run(line, check=False, capture_output=True, text=True)
        assert "BudgetError: app run would pass the budget of 0.000000012 RLC" in last.stderr
        with pytest.raises(BudgetError):
            reserve(3)
        reserve(2)

    def test_it_counts_from_the_moment_it_is_set(self, reserve, tmp_path):
        entry = reserve(5)
        ledger.note(entry, plan(), tmp_path, tx=HASH)
        FolderNotes(tmp_path).save_budget(HERE, 5, entry.at + 1)
        reserve(5)
        FolderNotes(tmp_path).save_budget(HERE, None, 0)
        reserve(100)

    def test_somewhere_else_another_budget_holds(self, reserve, tmp_path):
        FolderNotes(tmp_path).save_budget("1:0x", 0, 0)
        reserve(5)

    @pytest.mark.parametrize("value", [5, "5", {"nrlc": 5}, {"nrlc": "-5"}, {"nrlc": "9" * 90}, None, []])
    def test_a_budget_that_makes_no_sense_is_none(self, tmp_path, value):
        (tmp_path / ".iexec-lab.json").write_text(json.dumps({"budgets": {HERE: value}}))
        assert FolderNotes(tmp_path).budget(HERE) is None

    def test_a_budget_that_cannot_be_kept_is_an_error(self, tmp_path):
        (tmp_path / ".iexec-lab.json").write_text("{")
        with pytest.raises(ProjectError):
            FolderNotes(tmp_path).save_budget(HERE, 5, 0)


GOOD = {"id": "0" * 16, "place": HERE, "wallet": ME, "action": "app run", "at": 1, "signed": "5"}


@pytest.mark.parametrize(
    "change",
    [
        {"id": 7},
        {"id": "../../x"},
        {"place": "other"},
        {"wallet": "0x12"},
        {"wallet": None},
        {"action": ["app run"]},
        {"at": -1},
        {"at": True},
        {"at": 1 << 70},
        {"signed": 5},
        {"signed": "-5"},
        {"signed": "٣"},
        {"signed": "9" * 90},
        {"spender": "nobody"},
    ],
)
def test_entries_that_make_no_sense_are_left_out(change):
    assert fold([{**GOOD, **change}], HERE) == []


def test_steps_that_make_no_sense_are_left_out():
    bad = [{"tx": "0x12"}, {"deal": HASH.upper()}, {"request": [HASH]}, {"tx": None}, {"void": "yes"}]
    [entry] = fold([GOOD, *({"id": GOOD["id"], **step} for step in bad)], HERE)
    assert (entry.requests, entry.sent, entry.deals, entry.void) == ([], {}, [], False)
    many = [{"id": GOOD["id"], "deal": f"0x{n:064x}"} for n in range(2000)]
    [entry] = fold([GOOD, *many], HERE)
    assert len(entry.deals) == 1000
    assert fold([{"id": GOOD["id"], "deal": HASH}], HERE) == []
    [entry] = fold([{**GOOD, "action": "\x1b[31m" + "x" * 99}], HERE)
    assert "\x1b" not in entry.action
    assert len(entry.action) < 50


def test_amounts_of_budgets():
    costs = connect("arbitrum-mainnet").costs
    for value, nrlc in (("5 RLC", 5 * 10**9), (7, 7), (["1.5", "RLC"], 1_500_000_000), (None, None), (0, 0)):
        costs.budget = value
        assert costs.budget == nrlc
        assert costs(budget=value).budget == nrlc
    for wrong in ("5 ether", -1, 1.5, "much"):
        with pytest.raises(ValidationError):
            costs.budget = wrong
