from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers.answers import facts, official
from helpers.labs import CHECKSUM, IMAGE

from iexec_lab.client.nouns._run import RunPlan
from iexec_lab.crypto import encrypt_dataset, generate_dataset_key
from iexec_lab.errors import AbortedError, BalanceError, JobError, OrderError, ValidationError
from iexec_lab.protocol import encode_tag, has_tag, tee_framework


@pytest.fixture(scope="module")
def offered(iexec_sandbox, tmp_path_factory):
    """An app of the second user that anybody may run: 3 nRLC a task without, 5 with an enclave."""
    from helpers.labs import open_lab

    from iexec_lab.wallet.signer import LocalSigner

    owner = open_lab(
        iexec_sandbox, LocalSigner(iexec_sandbox.users[1].key), tmp_path_factory.mktemp("seller")
    )
    app = owner.app.deploy("offered", IMAGE, CHECKSUM)
    owner.app.publish(app, price=3)
    owner.app.publish(app, price=5, tag="tee,tdx")
    return app


@pytest.fixture
def confidential(lab, unique, tmp_path):
    """``confidential(publish=...)``: an encrypted dataset of the first user, its key in the SMS."""

    def make(**options):
        source, encrypted = tmp_path / "data.txt", tmp_path / "data.enc"
        source.write_text("secret content")
        key = generate_dataset_key()
        made = encrypt_dataset(source, encrypted, key)
        cid = lab.session.ipfs.add(encrypted)
        dataset = lab.dataset.deploy(unique, f"/ipfs/{cid}", made.checksum)
        lab.dataset.push_secret(dataset, secret_value=key)
        if options:
            lab.dataset.publish(dataset, **options)
        return dataset

    return make


class TestPlan:
    def test_a_dry_run_signs_nothing(self, lab, offered):
        plan = lab.app.run(offered, dry_run=True, args="x")
        assert isinstance(plan, RunPlan)
        assert all(match.request.signature is None for match in plan.matches)
        assert plan.plan.cost_nrlc == 100_000_003
        row = plan.frame().iloc[0]
        assert (row["app_price_nrlc"], row["workerpool_price_nrlc"], row["tasks"]) == (3, 10**8, 1)
        assert row["deadline_seconds"] == 3000
        assert row["tag"] == ""

    def test_the_gate_shows_the_whole_cost(self, lab, offered):
        plans = []
        lab.session.confirm = lambda plan: bool(plans.append(plan))
        with pytest.raises(AbortedError):
            lab.app.run(offered, volume=2)
        assert plans[0].cost_nrlc == 200_000_006
        assert "app run on sandbox, cost: 0.200000006 RLC" in str(plans[0])


class TestServed:
    def test_a_workerpool_that_nobody_serves_is_told_before_anything_is_paid(
        self, lab, hello, idle_pool, capsys, monkeypatch
    ):
        said = f"nobody seems to serve workerpool {idle_pool}: Compass knows no API of it"
        plan = lab.app.run(hello, workerpool=idle_pool, dry_run=True)
        assert plan.remarks == (said,)
        assert plan.plan.details["notes"] == said
        assert capsys.readouterr() == ("", "")
        told = []

        def pay(*_):
            told.append("paid")
            return SimpleNamespace(deal_ids=[])

        monkeypatch.setattr("iexec_lab.client.nouns.app.carry_out", pay)
        lab.app.run(hello, workerpool=idle_pool, tell=told.append)
        assert told == [said, "paid"]
        lab.app.run(hello, workerpool=idle_pool)
        assert capsys.readouterr() == ("", f"{said}\n")

    def test_one_that_is_served_is_asked_about_once(self, lab, hello, monkeypatch):
        assert lab.app.run(hello, dry_run=True).remarks == ()
        monkeypatch.setattr("iexec_lab.client.matching.served.Compass", None)
        assert lab.app.run(hello, dry_run=True).remarks == ()


class TestWait:
    def test_its_options_are_for_a_run_that_is_waited_for(self, lab, hello):
        with pytest.raises(ValidationError, match="timeout is for a run that is waited for"):
            lab.app.run(hello, timeout=5)
        with pytest.raises(ValidationError, match="fail_fast is for a run that is waited for"):
            lab.app.run(hello, fail_fast=True)
        with pytest.raises(ValidationError, match="timeout cannot be soon"):
            lab.app.run(hello, timeout="soon", watch=True)

    def test_they_reach_the_wait(self, lab, hello, idle_pool):
        with pytest.raises(JobError, match=r"did not end within 0.2 seconds; the job goes on") as caught:
            lab.app.run(hello, workerpool=idle_pool, watch=True, timeout=0.2, tell=lambda _text: None)
        assert caught.value.job.status().counts == {"UNSET": 1}


class TestOrders:
    def test_own_apps_are_free(self, lab, hello):
        assert lab.app.run(hello, dry_run=True).plan.cost_nrlc == 10**8

    def test_limits_are_kept(self, lab, offered):
        with pytest.raises(OrderError, match="No order of the workerpool within your price") as caught:
            lab.app.run(offered, category=0, workerpool_price="0.09 RLC")
        assert caught.value.details == {"cheapest": "0.1 RLC", "limit": "0.09 RLC"}
        with pytest.raises(OrderError, match="No order of the app within your price"):
            lab.app.run(offered, category=0, app_price=2)

    def test_nobody_sells_the_app(self, lab, other, unique):
        app = other.app.deploy(unique, IMAGE, CHECKSUM)
        with pytest.raises(OrderError, match=f"No order available for app {app}"):
            lab.app.run(app)

    def test_what_is_not_there(self, lab, offered):
        stranger = lab.session.address
        with pytest.raises(OrderError, match=f"No app deployed at address {stranger}"):
            lab.app.run(stranger)
        with pytest.raises(OrderError, match=f"No dataset deployed at address {stranger}"):
            lab.app.run(offered, dataset=stranger)
        with pytest.raises(OrderError, match=f"No workerpool deployed at address {stranger}"):
            lab.app.run(offered, workerpool=stranger)

    def test_a_category_of_its_own(self, lab, offered, iexec_sandbox):
        plan = lab.app.run(offered, category=2, workerpool=iexec_sandbox.workerpool, dry_run=True)
        assert plan.plan.details["category"] == 2
        with pytest.raises(OrderError, match="available in category 77"):
            lab.app.run(offered, category=77)

    def test_more_trust_than_anybody_offers(self, lab, offered):
        with pytest.raises(
            OrderError, match=r"(?m)^No workerpoolorder matching your conditions currently available$"
        ):
            lab.app.run(offered, trust=10**6)

    def test_a_stale_order_is_passed_over(self, lab, other, unique, monkeypatch):
        app = other.app.deploy(unique, IMAGE, CHECKSUM)
        cheap, dear = other.order.sign("apporder", app=app), other.order.sign("apporder", app=app, appprice=9)
        entries = [{"order": order.to_json()} for order in (cheap, dear)]
        other.order.cancel(cheap)
        market = lab.session.market
        real = market.orderbook_all

        def book(kind, **filters):
            page = real(kind, **filters)
            return replace(page, orders=entries) if kind == "apporder" else page

        monkeypatch.setattr(market, "orderbook_all", book)
        assert lab.app.run(app, dry_run=True).matches[0].app.salt == dear.salt

    def test_entries_that_are_no_orders_are_left_out(self, lab, offered, monkeypatch):
        market = lab.session.market
        real = market.orderbook_all

        def book(kind, **filters):
            page = real(kind, **filters)
            return replace(page, orders=[{"order": {"app": 5}}, {"order": None}, *page.orders])

        monkeypatch.setattr(market, "orderbook_all", book)
        assert lab.app.run(offered, dry_run=True)

    def test_tasks_are_spread_over_several_orders(self, lab, newcomer, hello, unique):
        seller = newcomer(nrlc=10**9)
        seller.account.deposit("1 RLC")
        pool = seller.workerpool.deploy(unique)
        for price in (2, 1):
            seller.workerpool.publish(pool, category=3, volume=2, price=price)
        plan = lab.app.run(hello, workerpool=pool, volume=3, dry_run=True)
        assert [(match.workerpool.price, match.request.volume) for match in plan.matches] == [(1, 2), (2, 1)]
        assert plan.plan.cost_nrlc == 4
        job = lab.app.run(hello, workerpool=pool, volume=3)
        assert (len(job.deal_ids), job.volume, job.cost["total_nrlc"]) == (2, 3, 4)
        with pytest.raises(OrderError, match="The market has room for 1 of 2 tasks"):
            lab.app.run(hello, workerpool=pool, volume=2)

    def test_own_everything_costs_nothing(self, lab, hello, unique):
        pool = lab.workerpool.deploy(unique)
        dataset = lab.dataset.deploy(unique, "/ipfs/QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ")
        job = lab.app.run(hello, workerpool=pool, dataset=dataset, category=1)
        deal = facts(lab, "deal.show", job.deal_id)["deal"]
        assert job.cost["total_nrlc"] == 0
        assert (deal["workerpool"]["pointer"], deal["dataset"]["pointer"], deal["category"]) == (
            pool,
            dataset,
            "1",
        )

    def test_the_account_must_hold_the_price(self, newcomer, offered):
        with pytest.raises(
            BalanceError, match=r"Cost per task \(100000003\) is greater than requester account stake"
        ):
            newcomer().app.run(offered)


class TestEnclave:
    def test_nothing_asked_nothing_added(self, lab, offered):
        assert lab.app.run(offered, dry_run=True).matches[0].request.tag == encode_tag("")

    def test_an_encrypted_result_asks_for_one(self, lab, offered):
        plan = lab.app.run(offered, encrypt_result=True, dry_run=True, skip_preflight_check=True)
        assert tee_framework(plan.matches[0].request.tag) == "tdx"
        assert plan.matches[0].app.price == 5
        assert plan.plan.details["notes"] == "tag tee,tdx: the result is encrypted"

    def test_secrets_ask_for_one(self, lab, offered):
        plan = lab.app.run(offered, secret=["1=login"], dry_run=True, skip_preflight_check=True)
        assert plan.plan.details["tag"] == "tee,tdx"
        assert json.loads(plan.matches[0].request.params)["iexec_secrets"] == {"1": "login"}

    def test_a_confidential_dataset_asks_for_one(self, lab, offered, confidential):
        plan = lab.app.run(offered, dataset=confidential(), dry_run=True)
        assert plan.plan.details["tag"] == "tee,tdx"
        assert "the dataset is confidential" in plan.plan.details["notes"]

    def test_a_tee_order_of_a_dataset_asks_for_one(self, other, offered, confidential):
        dataset = confidential(tag="tee")
        plan = other.app.run(offered, dataset=dataset, dry_run=True)
        assert has_tag(plan.matches[0].dataset.tag, "tee")
        assert plan.plan.details["tag"] == "tee,tdx"

    def test_an_app_that_can_not_is_said_so(self, lab, other, unique):
        app = other.app.deploy(unique, IMAGE, CHECKSUM)
        other.app.publish(app)
        with pytest.raises(OrderError, match=f"No order available for app {app}") as caught:
            lab.app.run(app, encrypt_result=True, skip_preflight_check=True)
        assert "needs the tag tee,tdx" in caught.value.hint

    def test_an_app_built_for_scone_runs_in_scone(self, lab, unique):
        enclave = {
            "framework": "SCONE",
            "version": "v5",
            "entrypoint": "x",
            "heapSize": 1,
            "fingerprint": "ab",
        }
        app = lab.app.deploy(unique, IMAGE, CHECKSUM, mrenclave=enclave)
        plan = lab.app.run(app, dry_run=True)
        assert plan.plan.details["tag"] == "tee,scone"

    @pytest.mark.parametrize("tag", ["tee,scone", "tee,gramine"])
    def test_a_framework_that_ones_own_app_is_not_built_for(self, lab, unique, tag):
        app = lab.app.deploy(unique, IMAGE, CHECKSUM)
        with pytest.raises(OrderError, match="Tag mismatch the TEE framework specified by app"):
            lab.app.run(app, tag=tag)
        plan = lab.app.run(app, tag=tag, skip_preflight_check=True, dry_run=True)
        [match] = plan.matches
        assert match.app.tag == match.request.tag == encode_tag(tag)

    def test_missing_secrets_are_told_before_anything_is_paid(self, lab, offered):
        with pytest.raises(OrderError, match='Requester secret "nope" is not set for requester'):
            lab.app.run(offered, secret={1: "nope"})


class TestOptions:
    def test_options_become_params(self, lab, hello):
        plan = lab.app.run(
            hello,
            args="a b",
            input_files="https://a.b/c.txt,https://d.e/f",
            params='{"iexec_args":"replaced"}',
            dry_run=True,
        )
        params = json.loads(plan.matches[0].request.params)
        assert params["iexec_args"] == "a b"
        assert params["iexec_input_files"] == ["https://a.b/c.txt", "https://d.e/f"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"secret": ["bad"]}, "'bad' is not a valid secret mapping syntax"),
            ({"secret": ["0=a"]}, "requester secret mapping keys must be strictly positive integers"),
            ({"storage_provider": "dropbox"}, "is not supported for non TEE tasks"),
            ({"input_files": ["foo"]}, 'iexec_input_files\\[0\\] "foo" is not a valid URL'),
            ({"tag": "foo"}, "Unknown tag foo"),
            ({"volume": 0}, "(?s)volume must be greater than or equal to 1.* → It is the number of tasks"),
            ({"callback": "here"}, "here is not a valid ethereum address"),
        ],
    )
    def test_options_that_can_not_be_right(self, lab, hello, options, message):
        with pytest.raises(ValidationError, match=message):
            lab.app.run(hello, **options)

    def test_beneficiary_and_callback(self, lab, other, hello, iexec_sandbox):
        job = lab.app.run(hello, beneficiary=other.session.address, callback=iexec_sandbox.hub)
        deal = facts(lab, "deal.show", job.deal_id)["deal"]
        assert (deal["beneficiary"], deal["callback"]) == (other.session.address, iexec_sandbox.hub)

    def test_raw_lists_the_deals(self, lab, hello):
        raw = official(lab, "app.run", hello)
        assert set(raw["deals"][0]) == {"dealid", "volume", "txHash"}
        assert "tasks" not in raw


class TestRequestExecution:
    def test_more_than_the_account_holds(self, lab, offered):
        with pytest.raises(BalanceError, match="Not enough RLC on your account"):
            lab.app.request_execution(offered, workerpool_price="1000000 RLC")

    def test_a_request_waits_for_somebody_to_fill_it(self, lab, other, offered):
        order_hash = lab.app.request_execution(
            offered, app_price=3, workerpool_price="0.2 RLC", args="hi", tag="gpu", volume=2
        )
        shown = facts(lab, "order.show", "requestorder", order_hash)["order"]
        assert (shown["volume"], shown["tag"]) == (2, encode_tag("gpu"))
        lab.order.unpublish("requestorder", order_hash)

    @pytest.mark.parametrize("price", [7, "no price"])
    def test_without_a_dataset_its_price_means_nothing(self, lab, offered, price):
        order_hash = lab.app.request_execution(
            offered, app_price=3, workerpool_price="0.2 RLC", dataset_price=price
        )
        assert facts(lab, "order.show", "requestorder", order_hash)["order"]["datasetmaxprice"] == 0
        lab.order.unpublish("requestorder", order_hash)
