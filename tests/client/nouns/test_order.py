from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.answers import facts, official
from helpers.labs import CHECKSUM, IMAGE

from iexec_lab.commands.official_json import official_json
from iexec_lab.errors import ApiError, BalanceError, IexecError, OrderError, ValidationError
from iexec_lab.protocol import NULL_ADDRESS, AppOrder, encode_tag


@pytest.fixture
def pool_order(lab, iexec_sandbox):
    """Hash of a standing offer of the sandbox's pool."""
    book = lab.orderbook.workerpool(iexec_sandbox.workerpool, category=0, max_tag="")
    return book.loc[0, "order_hash"]


@pytest.fixture
def app_order(lab, hello):
    return lab.order.sign("apporder", app=hello, volume=5)


class TestCreate:
    def test_defaults_are_the_sdk_s(self, lab, hello):
        order = lab.order.create("apporder", app=hello)
        assert order == AppOrder(app=hello)
        assert official_json("order.create", order)["volume"] == "1"

    def test_short_names_and_amounts_with_units(self, lab, hello):
        assert lab.order.create("app", app=hello, appprice="1 RLC").appprice == 10**9

    def test_a_request_is_the_wallet_s_own(self, lab, hello):
        order = lab.order.create("requestorder", app=hello, category=0, params="--help")
        assert order.requester == order.beneficiary == lab.session.address
        assert order.params == '{"iexec_result_storage_provider":"ipfs","iexec_args":"--help"}'

    def test_an_unknown_kind(self, lab):
        with pytest.raises(ValidationError, match="taskorder is not a kind of order"):
            lab.order.create("taskorder")


class TestSign:
    def test_the_owner_s_signature_is_good(self, lab, app_order):
        assert app_order.signer(lab.session.domain) == lab.session.address
        assert lab.order.hash(app_order) == lab.order.hash(app_order.to_json())

    def test_two_signatures_are_two_orders(self, lab, hello):
        order = lab.order.create("apporder", app=hello)
        assert lab.order.hash(lab.order.sign(order)) != lab.order.hash(lab.order.sign(order))

    def test_others_can_not_sign(self, other, hello):
        with pytest.raises(OrderError, match="Invalid order signer, must be the resource owner"):
            other.order.sign("apporder", app=hello)

    def test_a_request_of_somebody_else(self, lab, other, hello):
        order = lab.order.create("requestorder", app=hello, category=0)
        with pytest.raises(OrderError, match="Invalid order signer, must be the requester"):
            other.order.sign(order)

    def test_the_resource_must_exist(self, lab):
        with pytest.raises(OrderError, match=f"No app deployed at address {NULL_ADDRESS}"):
            lab.order.sign("apporder", app=NULL_ADDRESS)

    def test_requirements_are_checked_first(self, lab, hello):
        params = {"iexec_args": "x", "iexec_result_encryption": True}
        values = {
            "app": hello,
            "category": 0,
            "tag": "tee,tdx",
            "beneficiary": NULL_ADDRESS,
            "params": params,
        }
        with pytest.raises(
            OrderError, match="Beneficiary result encryption key is not set in the SMS"
        ) as caught:
            lab.order.sign("requestorder", **values)
        assert "--skip-preflight-check" in caught.value.message
        assert lab.order.sign("requestorder", skip_preflight_check=True, **values).signature


class TestMarket:
    def test_publish_show_unpublish(self, lab, app_order):
        order_hash = lab.order.publish(app_order)
        shown = facts(lab, "order.show", "apporder", order_hash, deals=True)
        assert shown["order"]["sign"] == app_order.signature
        assert shown["deals"] == {"count": 0, "lastDeals": []}
        assert lab.order.show("app", order_hash).loc[0, "remaining"] == 5
        assert lab.order.unpublish("apporder", order_hash) == order_hash
        with pytest.raises(ApiError, match="apporder not found"):
            lab.order.show("apporder", order_hash)

    def test_last_and_all_by_kind(self, lab, unique):
        app = lab.app.deploy(unique, IMAGE, CHECKSUM)
        hashes = [lab.order.publish(lab.order.sign("apporder", app=app)) for _ in range(3)]
        assert lab.order.unpublish_last("apporder", app) == hashes[2]
        assert set(lab.order.unpublish_all("apporder", app)) == set(hashes[:2])


class TestCancel:
    def test_a_canceled_order_is_no_use(self, lab, app_order, pool_order):
        raw = official(lab, "order.cancel", app_order)
        assert set(raw) == {"txHash"}
        with pytest.raises(OrderError, match="apporder already canceled"):
            lab.order.cancel(app_order)
        with pytest.raises(OrderError, match="apporder is fully consumed"):
            lab.order.fill(app_order, pool_order, params={})

    def test_by_the_hash_of_a_published_one(self, lab, app_order):
        order_hash = lab.order.publish(app_order)
        lab.order.cancel(kind="app", order_hash=order_hash)
        with pytest.raises(OrderError, match="already canceled"):
            lab.order.cancel({"kind": "apporder", **app_order.to_json()})

    def test_somebody_else_s(self, other, app_order):
        with pytest.raises(IexecError) as caught:
            other.order.cancel(app_order)
        assert caught.value.hint == "This apporder is somebody else's: only who signed it can cancel it."


class TestFill:
    def test_orders_hashes_and_params_make_a_deal(self, lab, app_order, pool_order):
        job = lab.order.fill(app_order, pool_order, params={"iexec_args": "a b"})
        raw = official_json("order.fill", job)
        assert set(raw) == {"dealid", "volume", "txHash"}
        deal = facts(lab, "deal.show", job.deal_id)["deal"]
        assert '"iexec_args":"a b"' in deal["params"]
        assert (
            lab.order.estimate(
                app_order, pool_order, lab.order.sign("requestorder", **_request(app_order, 4))
            )["volume"][0]
            == 4
        )

    def test_the_request_decides_about_the_dataset(self, lab, app_order, pool_order):
        request = lab.order.sign("requestorder", **_request(app_order, 1, dataset=app_order.app))
        with pytest.raises(OrderError, match="Missing datasetorder"):
            lab.order.fill(app_order, pool_order, request)

    def test_somebody_else_may_fill_a_request(self, lab, other, app_order, pool_order):
        request = other.order.sign("requestorder", **_request(app_order, 1))
        job = lab.order.fill(app_order, pool_order, request)
        assert lab.session.hub.view_deal(job.deal_id).requester == other.session.address

    def test_the_requester_must_be_able_to_pay(self, newcomer, app_order, pool_order):
        poor = newcomer()
        with pytest.raises(BalanceError, match="is greater than requester account stake") as caught:
            poor.order.fill(app_order, pool_order, params={})
        assert caught.value.details["cost"] == "0.1 RLC"

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"app": "0x" + "12" * 20}, "app address mismatch between requestorder"),
            ({"category": 1}, r"category mismatch between requestorder \(1\) and workerpoolorder \(0\)"),
            ({"trust": 17}, r"workerpoolorder trust is too low \(expected 17, got 16\)"),
            ({"tag": encode_tag("gpu")}, r"Missing tags \[gpu\] in workerpoolorder"),
            ({"workerpoolmaxprice": 1}, r"workerpoolmaxprice too low \(expected 100000000, got 1\)"),
            ({"workerpool": "0x" + "12" * 20}, "workerpool address mismatch between requestorder"),
        ],
    )
    def test_orders_that_do_not_fit_say_why(self, lab, app_order, pool_order, change, message):
        unsigned = lab.order.create("requestorder", **_request(app_order, 1))
        request = replace(unsigned, **change).sign(lab.session.domain, lab.session.signer)
        with pytest.raises(OrderError, match=message):
            lab.order.fill(app_order, pool_order, request)

    def test_restrictions_are_checked_before_sending(self, lab, other, hello, pool_order):
        private = lab.order.sign("apporder", app=hello, requesterrestrict=other.session.address)
        with pytest.raises(OrderError, match=f"apporder is restricted to requester {other.session.address}"):
            lab.order.fill(private, pool_order, params={})

    def test_a_bad_signature(self, lab, app_order, pool_order):
        forged = replace(app_order, volume=10)
        with pytest.raises(OrderError, match="apporder invalid sign"):
            lab.order.fill(forged, pool_order, params={})

    def test_what_is_no_order(self, lab, app_order):
        with pytest.raises(OrderError, match="Invalid workerpoolorder hash"):
            lab.order.fill(app_order, "0x1234", params={})
        with pytest.raises(OrderError, match="Missing requestorder"):
            lab.order.fill(app_order, "0x1234")
        with pytest.raises(ValidationError, match="This is not an order"):
            lab.order.hash(5)


def _request(app_order, volume, **more):
    values = {"app": app_order.app, "workerpoolmaxprice": "1 RLC", "category": 0, "volume": volume}
    return {**values, "skip_preflight_check": True, "params": {"iexec_args": "x"}, **more}


def test_an_unsigned_order_is_refused_before_anybody_is_asked(lab, hello):
    asked = []
    lab.session.confirm = lambda plan: asked.append(plan) or True
    order = lab.order.create("app", app=hello)
    with pytest.raises(ValidationError, match="sign is a required field") as caught:
        lab.order.publish(order)
    assert caught.value.hint == "Sign the apporder first: iexec-lab order sign."
    assert asked == []
