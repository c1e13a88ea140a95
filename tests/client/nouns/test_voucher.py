from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.answers import official
from helpers.faulty_server import FaultyServer, json_reply
from helpers.scripted import answer, contract, forward, load, op, place, store

from iexec_lab.commands.official_json import fetch
from iexec_lab.errors import BalanceError, ConfigurationError, IexecError, OrderError
from iexec_lab.ethereum.contracts import HUB, VOUCHER, VOUCHER_HUB
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.protocol import NULL_ADDRESS

HUB_ADDRESS = "0x00000000000000000000000000000000000e5600"
VOUCHER_ADDRESS = "0x00000000000000000000000000000000000E5601"
GUEST = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
FAR = 4_000_000_000
ALLOWED = 1 << 200


@pytest.fixture
def subgraph():
    """A subgraph that knows one sponsored app and one guest."""
    voucher = {
        "voucherType": {"eligibleAssets": [{"type": "App", "id": GUEST.lower()}]},
        "authorizedAccounts": [{"id": GUEST.lower()}],
    }
    with FaultyServer(answer=lambda _request: json_reply({"data": {"voucher": voucher}})) as server:
        yield server


@pytest.fixture
def vouched(newcomer, subgraph):
    """``vouched(balance=..., expires=..., eligible=...)``: a lab whose wallet has a voucher, and no RLC."""

    def make(*, balance=10**9, expires=FAR, eligible=True, owner=None, has=True):
        lab = newcomer()
        session = lab.session
        session.network = replace(
            session.network,
            voucher_hub=HUB_ADDRESS,
            voucher_subgraph=f"{subgraph.url}/subgraphs/name/voucher",
            unsupported=frozenset(),
        )
        rpc = Rpc(session.network.host)
        eligibility = VOUCHER_HUB.isAssetEligibleToMatchOrdersSponsoring
        place(
            rpc,
            HUB_ADDRESS,
            contract(
                {
                    VOUCHER_HUB.getVoucher: answer("address", VOUCHER_ADDRESS if has else NULL_ADDRESS),
                    VOUCHER_HUB.isVoucher: answer("bool", True),
                    eligibility: answer("bool", eligible),
                }
            ),
        )
        place(
            rpc,
            VOUCHER_ADDRESS,
            contract(
                {
                    VOUCHER.owner: answer("address", owner or session.address),
                    VOUCHER.getType: answer("uint256", 3),
                    VOUCHER.getBalance: answer("uint256", balance),
                    VOUCHER.getExpiration: answer("uint256", expires),
                    VOUCHER.isAccountAuthorized: load(ALLOWED),
                    VOUCHER.authorizeAccount: store(ALLOWED, op(1)),
                    VOUCHER.unauthorizeAccount: store(ALLOWED, op(0)),
                    VOUCHER.matchOrders: forward(session.network.hub, HUB.sponsorMatchOrders),
                }
            ),
        )
        return lab

    return make


@pytest.fixture
def funded_voucher(lab):
    """The voucher contract holds staked RLC to pay deals with."""
    data = HUB.transfer.encode(VOUCHER_ADDRESS, 10**9)
    lab.session.sender.send(lab.session.network.hub, data)


class TestShow:
    def test_everything_about_it(self, vouched):
        lab = vouched()
        lab.account.approve(42, VOUCHER_ADDRESS)
        answer = fetch(lab, "voucher.show")
        assert answer.to_official_json() == {
            "owner": lab.session.address,
            "address": VOUCHER_ADDRESS,
            "type": "3",
            "balance": "1000000000",
            "expirationTimestamp": "4000000000",
            "allowanceAmount": "42",
            "sponsoredApps": [GUEST],
            "sponsoredDatasets": [],
            "sponsoredWorkerpools": [],
            "authorizedAccounts": [GUEST],
        }
        frame = answer.to_value()
        assert frame.loc[0, "balance_nrlc"] == 10**9
        assert frame.loc[0, "expires_at"].year == 2096

    def test_none(self, vouched):
        lab = vouched(has=False)
        with pytest.raises(IexecError, match=f"(?s)No Voucher found for address {lab.session.address}.* → "):
            lab.voucher.show()
        assert lab.voucher.address() is None

    def test_networks_without(self, lab):
        with pytest.raises(ConfigurationError, match=r"^iExec Voucher is not available on network sandbox"):
            lab.voucher.show()


def test_authorize_and_revoke(vouched):
    lab = vouched()
    with pytest.raises(IexecError, match=f"{GUEST} is not authorized"):
        lab.voucher.revoke(GUEST)
    assert set(official(lab, "voucher.authorize", GUEST)) == {"txHash"}
    with pytest.raises(IexecError, match=f"{GUEST} is already authorized"):
        lab.voucher.authorize(GUEST)
    lab.voucher.revoke(GUEST)


@pytest.mark.usefixtures("funded_voucher")
class TestRun:
    @pytest.fixture
    def app(self, lab, hello):
        """An app that anybody may run for 5 nRLC."""
        order_hash = lab.app.publish(hello, price=5)
        yield hello
        lab.order.unpublish("apporder", order_hash)

    def test_a_match_that_the_hub_did_not_log_is_no_deal(self, vouched, app):
        lab = vouched()
        before = lab.deal.list(limit=1)
        place(
            Rpc(lab.session.network.host),
            VOUCHER_ADDRESS,
            contract(
                {
                    VOUCHER.owner: answer("address", lab.session.address),
                    VOUCHER.getType: answer("uint256", 3),
                    VOUCHER.getBalance: answer("uint256", 10**9),
                    VOUCHER.getExpiration: answer("uint256", FAR),
                    VOUCHER.isAccountAuthorized: load(ALLOWED),
                    VOUCHER.matchOrders: op("STOP"),
                }
            ),
        )
        with pytest.raises(OrderError, match=r"(?m)^OrdersMatched not confirmed$") as caught:
            lab.app.run(app, category=0, use_voucher=True)
        assert caught.value.details["transaction"].startswith("0x")
        assert len(lab.deal.list(limit=1)) == len(before)

    def test_the_voucher_pays(self, vouched, app):
        lab = vouched()
        plan = lab.app.run(app, category=0, use_voucher=True, dry_run=True)
        assert plan.plan.cost_nrlc == 0
        assert plan.plan.details["sponsored_nrlc"] == 100_000_005
        job = lab.app.run(app, category=0, use_voucher=True)
        deal = lab.session.hub.view_deal(job.deal_id)
        assert (deal.sponsor, deal.requester) == (VOUCHER_ADDRESS, lab.session.address)

    def test_what_it_does_not_pay_must_be_allowed(self, vouched, app):
        lab = vouched(balance=100_000_000)
        with pytest.raises(BalanceError, match="Please approve an additional 5 for voucher usage") as caught:
            lab.app.run(app, category=0, use_voucher=True)
        assert f"account approve 5 {VOUCHER_ADDRESS}" in caught.value.hint
        lab.account.approve(5, VOUCHER_ADDRESS)
        plan = lab.app.run(app, category=0, use_voucher=True, dry_run=True)
        assert (plan.plan.cost_nrlc, plan.plan.details["sponsored_nrlc"]) == (5, 100_000_000)

    @pytest.mark.parametrize("why", [{"expires": 1}, {"eligible": False}, {"balance": 0}])
    def test_when_it_pays_nothing(self, vouched, app, why):
        lab = vouched(**why)
        with pytest.raises(BalanceError, match="Please approve an additional 100000005"):
            lab.app.run(app, category=0, use_voucher=True)

    def test_another_one_s_voucher(self, vouched, app):
        lab = vouched(owner=GUEST)
        with pytest.raises(OrderError, match="is not authorized by the voucher"):
            lab.app.run(app, category=0, voucher_address=VOUCHER_ADDRESS)
        lab.session.sender.send(VOUCHER_ADDRESS, VOUCHER.authorizeAccount.encode(lab.session.address))
        assert lab.app.run(app, category=0, voucher_address=VOUCHER_ADDRESS, dry_run=True)

    def test_no_voucher(self, vouched, app):
        with pytest.raises(OrderError, match="No voucher available for the requester"):
            vouched(has=False).app.run(app, use_voucher=True)

    def test_estimate(self, vouched, app):
        lab = vouched()
        book = lab.orderbook.workerpool(category=0, max_tag="")
        request = lab.order.sign(
            "requestorder",
            app=app,
            appmaxprice=5,
            workerpoolmaxprice="1 RLC",
            category=0,
            skip_preflight_check=True,
        )
        orders = lab.orderbook.app(app).loc[0, "order_hash"], book.iloc[-1]["order_hash"], request
        estimate = lab.order.estimate(*orders, use_voucher=True).iloc[0]
        assert estimate["cost_nrlc"] == estimate["sponsored_nrlc"] == estimate["task_cost_nrlc"]
