"""What a voucher pays of a deal, and what of it the plan shows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from iexec_lab.client.matching import sponsor as vouchers
from iexec_lab.client.matching.check import Match
from iexec_lab.client.matching.send import fill_plan
from iexec_lab.client.matching.sponsor import Sponsor
from iexec_lab.errors import BalanceError, ConfigurationError, OrderError
from iexec_lab.ethereum.contracts import VOUCHER, VOUCHER_HUB
from iexec_lab.networks import NETWORKS
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_DATASET_ORDER,
    AppOrder,
    DatasetOrder,
    RequestOrder,
    WorkerpoolOrder,
    to_address,
)

APP, DATASET, POOL, ME, OTHER, TICKET = (to_address(f"0x{digit * 40}") for digit in "123456")
MATCH = Match(
    AppOrder(app=APP, appprice=1),
    WorkerpoolOrder(workerpool=POOL, category=0, workerpoolprice=100),
    RequestOrder(app=APP, dataset=DATASET, requester=ME, beneficiary=ME, category=0, params="{}"),
    DatasetOrder(dataset=DATASET, datasetprice=10),
)
PLAIN = replace(MATCH, dataset=NULL_DATASET_ORDER, request=replace(MATCH.request, dataset=NULL_ADDRESS))
HUB = NETWORKS["arbitrum-mainnet"].hub


class Chain:
    """Answers the reads of a voucher from a table: function -> value, or what makes one of the arguments."""

    def __init__(self, monkeypatch, answers):
        self.answers, self.asked = dict(answers), []
        monkeypatch.setattr(vouchers, "read", self.read)

    def read(self, _rpc, calls):
        found = []
        for call in calls:
            self.asked.append((call.to, call.function.name, call.args))
            value = self.answers[call.function.name]
            found.append(value(*call.args) if callable(value) else value)
        return found


def session_of(now=0, stake=0, **more):
    network = replace(NETWORKS["arbitrum-mainnet"], voucher_hub=OTHER, unsupported=frozenset())
    return SimpleNamespace(
        network=network,
        rpc=None,
        address=ME,
        signer=SimpleNamespace(address=ME),
        to_address=to_address,
        hub=SimpleNamespace(
            now=lambda: now,
            view_account=lambda owner: SimpleNamespace(stake=stake if owner == ME else -1),
            categories=lambda numbers: {each: SimpleNamespace(work_clock_time_ref=300) for each in numbers},
        ),
        price_of=lambda gas: gas * 2,
        plan=lambda action, **terms: SimpleNamespace(action=action, **terms),
        **more,
    )


def sponsor(balance=10**6, expiration=100):
    return Sponsor(TICKET, OTHER, 3, balance, expiration)


class TestAmount:
    @pytest.mark.parametrize(
        ("eligible", "volume", "balance", "paid"),
        [
            ({APP, DATASET, POOL}, 1, 10**6, 111),
            ({APP, DATASET, POOL}, 3, 10**6, 333),
            ({POOL}, 3, 10**6, 300),
            ({APP, DATASET}, 2, 10**6, 22),
            (set(), 5, 10**6, 0),
            ({APP, DATASET, POOL}, 3, 332, 332),
            ({APP, DATASET, POOL}, 3, 0, 0),
        ],
    )
    def test_what_is_sponsored_as_far_as_it_goes(self, monkeypatch, eligible, volume, balance, paid):
        function = VOUCHER_HUB.isAssetEligibleToMatchOrdersSponsoring.name
        chain = Chain(monkeypatch, {function: lambda kind, asset: kind == 3 and asset in eligible})
        assert sponsor(balance).amount(session_of(), MATCH, volume) == paid
        assert chain.asked == [(OTHER, function, (3, asset)) for asset in (APP, DATASET, POOL)]
        chain.asked.clear()
        sponsor(balance).amount(session_of(), PLAIN, volume)
        assert [args for _, _, args in chain.asked] == [(3, APP), (3, POOL)]

    @pytest.mark.parametrize(("now", "paid"), [(0, 111), (99, 111), (100, 0), (101, 0)])
    def test_until_it_expires(self, monkeypatch, now, paid):
        Chain(monkeypatch, {VOUCHER_HUB.isAssetEligibleToMatchOrdersSponsoring.name: True})
        assert sponsor().amount(session_of(now), MATCH, 1) == paid


class TestCheck:
    def check(self, monkeypatch, balance, allowed):
        chain = Chain(
            monkeypatch,
            {VOUCHER_HUB.isAssetEligibleToMatchOrdersSponsoring.name: True, "allowance": allowed},
        )
        rest = sponsor(balance).check(session_of(), MATCH, 2)
        return rest, [(to, args) for to, name, args in chain.asked if name == "allowance"]

    def test_a_voucher_that_pays_all_needs_no_allowance(self, monkeypatch):
        assert self.check(monkeypatch, 222, 0) == (0, [])

    @pytest.mark.parametrize(("balance", "allowed", "rest"), [(221, 1, 1), (0, 222, 222), (100, 1000, 122)])
    def test_the_rest_must_be_allowed(self, monkeypatch, balance, allowed, rest):
        assert self.check(monkeypatch, balance, allowed) == (rest, [(HUB, (ME, TICKET))])

    @pytest.mark.parametrize(("balance", "allowed", "missing"), [(221, 0, 1), (0, 221, 1), (100, 22, 100)])
    def test_and_is_not(self, monkeypatch, balance, allowed, missing):
        with pytest.raises(BalanceError, match=f"approve an additional {missing} for") as caught:
            self.check(monkeypatch, balance, allowed)
        assert caught.value.hint == f"Run: iexec-lab account approve {222 - balance} {TICKET}."
        assert set(caught.value.details) == {"not sponsored", "allowed"}


class TestFind:
    ANSWERS = {  # noqa: RUF012
        VOUCHER_HUB.getVoucher.name: TICKET,
        VOUCHER_HUB.isVoucher.name: True,
        VOUCHER.owner.name: ME,
        VOUCHER.isAccountAuthorized.name: False,
        VOUCHER.getType.name: 3,
        VOUCHER.getBalance.name: 5,
        VOUCHER.getExpiration.name: 9,
    }

    def find(self, monkeypatch, address=None, **changes):
        chain = Chain(monkeypatch, self.ANSWERS | changes)
        return Sponsor.find(session_of(), address), [name for _, name, _ in chain.asked]

    def test_one_s_own(self, monkeypatch):
        found, asked = self.find(monkeypatch)
        assert found == Sponsor(TICKET, OTHER, 3, 5, 9)
        assert asked == ["getVoucher", "getType", "getBalance", "getExpiration"]

    def test_none(self, monkeypatch):
        with pytest.raises(OrderError, match=f"No voucher available for the requester {ME}") as caught:
            self.find(monkeypatch, getVoucher=NULL_ADDRESS)
        assert caught.value.hint == "Go on without --use-voucher."

    @pytest.mark.parametrize(
        "changes",
        [{}, {"isAccountAuthorized": True}, {"owner": OTHER, "isAccountAuthorized": True}],
    )
    def test_a_named_one_that_may_be_used(self, monkeypatch, changes):
        found, asked = self.find(monkeypatch, TICKET.lower(), **changes)
        assert found.address == TICKET
        assert asked[:3] == ["isVoucher", "owner", "isAccountAuthorized"]

    def test_a_named_one_of_somebody_else(self, monkeypatch):
        with pytest.raises(OrderError, match=f"Requester {ME} is not authorized by the voucher") as caught:
            self.find(monkeypatch, TICKET, owner=OTHER)
        assert caught.value.details == {"voucher": TICKET}

    def test_something_else(self, monkeypatch):
        with pytest.raises(OrderError, match=f"{TICKET} is not a voucher"):
            self.find(monkeypatch, TICKET, isVoucher=False)

    def test_where_there_are_none(self):
        session = session_of()
        session.network = NETWORKS["arbitrum-sepolia-testnet"]
        session.network = replace(session.network, unsupported=frozenset({"iExec Voucher"}), voucher_hub=None)
        for find in (Sponsor.find, lambda each: vouchers.find_voucher(each, ME)):
            with pytest.raises(ConfigurationError):
                find(session)


class TestPlan:
    def test_who_is_paid_and_what_is_left(self):
        plan = vars(fill_plan(session_of(stake=500), MATCH, 2, 222))
        assert plan.pop("signs") == MATCH.used
        assert plan == {
            "action": "order fill",
            "cost_nrlc": 222,
            "cost_wei": 1_500_000,
            "requester": ME,
            "app": APP,
            "dataset": DATASET,
            "workerpool": POOL,
            "app_price_nrlc": 1,
            "dataset_price_nrlc": 10,
            "workerpool_price_nrlc": 100,
            "tasks": 2,
            "deadline_seconds": 3000,
            "stake_left_nrlc": 278,
        }

    def test_without_a_dataset(self):
        plan = vars(fill_plan(session_of(stake=500), PLAIN, 1, 101))
        assert "dataset" not in plan
        assert "dataset_price_nrlc" not in plan

    def test_with_a_voucher(self):
        plan = fill_plan(session_of(stake=500), MATCH, 2, 22, sponsor())
        assert (plan.voucher, plan.sponsored_nrlc, plan.cost_nrlc) == (TICKET, 200, 22)
        assert plan.stake_left_nrlc == 478
        assert not hasattr(fill_plan(session_of(), MATCH, 2, 22), "voucher")

    def test_somebody_else_s_request_costs_us_nothing(self):
        foreign = replace(MATCH, request=replace(MATCH.request, requester=OTHER))
        plan = fill_plan(session_of(), foreign, 2, 222)
        assert (plan.cost_nrlc, plan.requester) == (0, OTHER)
        assert not hasattr(plan, "stake_left_nrlc")
