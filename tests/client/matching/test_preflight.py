from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers.labs import CHECKSUM, IMAGE

from iexec_lab.client.matching import preflight
from iexec_lab.errors import ConfigurationError, OrderError, ValidationError
from iexec_lab.networks import NETWORKS, TDX_TAG
from iexec_lab.protocol import (
    DROPBOX_TOKEN,
    NULL_ADDRESS,
    RESULT_ENCRYPTION_KEY,
    DatasetOrder,
    RequestOrder,
    WorkerpoolOrder,
    encode_tag,
)

SCONE = '{"framework":"SCONE","version":"v5","entrypoint":"x","heapSize":1,"fingerprint":"ab"}'


def tdx_only(lab):
    """The same sandbox under the rules of SDK 9."""
    lab.session.network = replace(
        lab.session.network, frameworks=("tdx",), default_tag=TDX_TAG, default_tee_framework="tdx"
    )
    return lab


@pytest.mark.parametrize(
    ("mrenclave", "framework"),
    [
        ("", "tdx"),
        (SCONE, "scone"),
        ("no json", None),
        ("[1]", None),
        ("{}", None),
        ('{"framework":5}', None),
    ],
)
def test_what_an_app_is_built_for(mrenclave, framework):
    assert preflight.app_framework(mrenclave) == framework


class TestApp:
    @pytest.fixture
    def scone_app(self, lab, unique):
        return lab.app.deploy(unique, IMAGE, CHECKSUM, mrenclave=SCONE)

    @pytest.mark.parametrize(
        ("tag", "good"), [("tee,scone", True), ("tee,gramine", False), ("tee,tdx", False), ("", False)]
    )
    def test_the_tag_names_what_the_app_is_built_for(self, lab, scone_app, tag, good):
        order = lab.order.create("apporder", app=scone_app, tag=tag)
        if good:
            preflight.check(lab.session, order)
        else:
            with pytest.raises(
                OrderError, match="App requirements check failed: Tag mismatch the TEE framework"
            ):
                preflight.check(lab.session, order)

    @pytest.mark.parametrize(("tag", "good"), [("", True), ("tee,tdx", True), ("tee,scone", False)])
    def test_an_app_without_mrenclave_is_for_tdx_or_no_enclave(self, lab, hello, tag, good):
        order = lab.order.create("apporder", app=hello, tag=tag)
        if good:
            preflight.check(lab.session, order)
        else:
            with pytest.raises(OrderError, match="Tag mismatch"):
                preflight.check(lab.session, order)

    def test_where_tdx_is_all_there_is_no_app_has_a_mrenclave(self, lab, scone_app, hello):
        session = tdx_only(lab).session
        preflight.check(session, lab.order.create("apporder", app=hello))
        with pytest.raises(
            OrderError, match=f"App {scone_app} has an MREnclave, which is no longer supported"
        ):
            preflight.check(session, lab.order.create("apporder", app=scone_app))


class TestTdxOnly:
    def test_every_order_says_tdx(self, lab, hello):
        tdx_only(lab)
        assert lab.order.create("apporder", app=hello).tag == TDX_TAG
        assert lab.order.create("datasetorder", dataset=hello, tag="tee").tag == TDX_TAG
        assert lab.order.sign("apporder", app=hello, tag="gpu").tag == TDX_TAG[:-3] + "109"

    def test_a_run_is_a_tdx_run(self, lab, hello):
        plan = tdx_only(lab).app.run(hello, dry_run=True, category=0)
        assert plan.plan.details["tag"] == "tee,tdx"
        assert plan.matches[0].request.tag == TDX_TAG

    def test_orders_of_other_times_make_no_deal(self, lab, hello):
        old = lab.order.sign("apporder", app=hello)
        pool = lab.orderbook.workerpool(category=0, max_tag="").iloc[-1]["order_hash"]
        request = lab.order.sign("requestorder", app=hello, category=0, skip_preflight_check=True)
        tdx_only(lab)
        with pytest.raises(
            OrderError, match=r"Resulting deal tag must have both \[tee\] and \[tdx\] tags active"
        ):
            lab.order.fill(old, pool, request)


class TestRequest:
    def test_nothing_needed_nothing_asked(self, lab, hello):
        lab.session.network = replace(lab.session.network, sms={})
        preflight.check(lab.session, lab.order.create("requestorder", app=hello, category=0))

    def test_where_there_is_no_service_to_ask(self, lab, hello):
        lab.session.network = replace(lab.session.network, sms={})
        params = {"iexec_secrets": {"1": "login"}}
        order = lab.order.create("requestorder", app=hello, category=0, tag="tee,tdx", params=params)
        with pytest.raises(ConfigurationError, match="Missing sms for tee framework tdx"):
            preflight.check(lab.session, order)

    def test_parameters_of_other_tools_are_checked_strictly(self, lab, hello):
        order = replace(lab.order.create("requestorder", app=hello, category=0), params='{"iexec_args":"x"}')
        with pytest.raises(OrderError, match="iexec_result_storage_provider is a required field"):
            preflight.check(lab.session, order)
        odd = replace(order, params='{"iexec_developer_logger":true,"iexec_result_storage_provider":"ipfs"}')
        with pytest.raises(OrderError, match='Unknown key "iexec_developer_logger" in params'):
            preflight.check(lab.session, odd)

    def test_dropbox_wants_the_requester_s_token(self, newcomer, hello):
        lab = newcomer()
        params = {"iexec_result_storage_provider": "dropbox"}
        order = lab.order.create("requestorder", app=hello, category=0, tag="tee,tdx", params=params)
        with pytest.raises(
            OrderError, match='Requester storage token is not set for selected provider "dropbox"'
        ):
            preflight.check(lab.session, order)
        lab.storage.init("dropbox", token="t")
        preflight.check(lab.session, order)


class Asked:
    """A session whose secret service knows what it is told to know, and notes what it is asked.

    Bellecour has no SMS of tdx: its default one is asked.
    """

    def __init__(self, *known, network="bellecour", **changes):
        self.known, self.asked, self.frameworks = known, [], []
        self.network = replace(NETWORKS[network], **changes)

    def sms(self, framework=None):
        self.frameworks.append(framework)
        return SimpleNamespace(
            has_dataset_secret=lambda dataset: self.has("dataset", dataset),
            has_web2=lambda owner, name: self.has(name, owner),
            has_requester=lambda owner, name: self.has(f"secret {name}", owner),
        )

    def has(self, *what):
        self.asked.append(what)
        return what[0] in self.known

    def together(self, *works):
        return [work() for work in works]


APP, DATASET, ME, YOU = (f"0x{digit * 40}" for digit in "1234")
TEE = encode_tag("tee,tdx")


def request(params, **values):
    told = {"iexec_result_storage_provider": "ipfs", **params}
    return RequestOrder(
        **{
            "app": APP,
            "requester": ME,
            "beneficiary": YOU,
            "category": 0,
            "tag": TEE,
            "params": json.dumps(told),
        }
        | values
    )


class TestSecrets:
    """What a request needs is asked for, where its framework keeps it, and nothing else is."""

    NEEDS = (  # parameters, fields of the order, what has to be there, what is said when it is not
        ({"iexec_result_encryption": True}, {}, (RESULT_ENCRYPTION_KEY, YOU), "Beneficiary result"),
        ({"iexec_result_storage_provider": "dropbox"}, {}, (DROPBOX_TOKEN, ME), "Requester storage token"),
        ({}, {"dataset": DATASET}, ("dataset", DATASET), f"Dataset encryption key is not .* {DATASET}"),
        ({"iexec_secrets": {"1": "a"}}, {}, ("secret a", ME), f'Requester secret "a" is not .* {ME}'),
    )  # fmt: skip

    @pytest.mark.parametrize(("params", "values", "wanted", "message"), NEEDS)
    def test_one(self, params, values, wanted, message):
        order = request(params, **values)
        session = Asked(wanted[0])
        preflight.check_request(session, order, order.tag)
        assert (session.asked, session.frameworks) == ([wanted], [None])
        with pytest.raises(OrderError, match=f"^{message}"):
            preflight.check_request(Asked(), order, order.tag)

    def test_several(self):
        params = {"iexec_secrets": {"1": "a", "2": "b"}, "iexec_result_encryption": True}
        with pytest.raises(OrderError, match=r'^Requester secret "b" is not set'):
            preflight.require(Asked("secret a", RESULT_ENCRYPTION_KEY), request(params))

    @pytest.mark.parametrize(
        ("params", "values"),
        [
            ({}, {}),
            ({"iexec_result_encryption": False}, {}),
            ({}, {"dataset": DATASET, "tag": encode_tag("")}),
            ({"iexec_args": "x"}, {}),
        ],
    )
    def test_none(self, params, values):
        session = Asked()
        preflight.require(session, request(params, **values))
        assert (session.asked, session.frameworks) == ([], [])

    def test_the_tag_of_the_deal_counts(self):
        """A dataset is opened in the enclave of the deal, also when the request alone names none."""
        order = request({}, dataset=DATASET, tag=encode_tag(""))
        with pytest.raises(OrderError, match="Dataset encryption key"):
            preflight.require(Asked(), order, tag=encode_tag("tee,scone"))
        session = Asked("dataset")
        preflight.require(session, order, tag=encode_tag("tee,scone"))
        assert session.frameworks == ["scone"]

    def test_the_two_sdks_rules_hold_each_on_its_networks(self):
        proxy = {"iexec_result_storage_proxy": "https://p.q"}
        preflight.require(Asked(), request(proxy))
        with pytest.raises(ValidationError, match=r'Unknown key "iexec_result_storage_proxy" in params'):
            preflight.require(Asked(network="arbitrum-mainnet"), request(proxy))


class TestDataset:
    ORDER = DatasetOrder(dataset=DATASET)

    def test_for_an_enclave_its_key_must_be_there(self):
        for tag, framework in ((TEE, None), (encode_tag("tee,scone"), "scone"), (encode_tag("tee"), None)):
            session = Asked("dataset")
            preflight.require(session, replace(self.ORDER, tag=tag))
            assert (session.asked, session.frameworks) == ([("dataset", DATASET)], [framework])
            with pytest.raises(OrderError, match=f"^Dataset encryption key is not set for dataset {DATASET}"):
                preflight.require(Asked(), replace(self.ORDER, tag=tag))
            with pytest.raises(
                OrderError, match=r"^Dataset requirements check failed: Dataset encryption"
            ) as caught:
                preflight.check(Asked(), self.ORDER, tag=tag)
            assert caught.value.hint == "Its owner has to run: iexec-lab dataset push-secret."
            assert "--skip-preflight-check" in caught.value.message

    def test_else_nobody_is_asked(self):
        session = Asked()
        preflight.require(session, self.ORDER)
        preflight.require(session, replace(self.ORDER, dataset=NULL_ADDRESS, tag=TEE))
        assert session.asked == []

    def test_a_workerpool_order_needs_nothing(self):
        session = Asked()
        preflight.check(session, WorkerpoolOrder(workerpool=APP, category=0, tag=TEE))
        assert session.asked == []


def test_a_run_where_nobody_keeps_secrets(lab, hello, unique):
    """Without any SMS a dataset is taken as open."""
    dataset = lab.dataset.deploy(unique, "/ipfs/QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ")
    lab.session.network = replace(lab.session.network, sms={})
    assert lab.app.run(hello, dataset=dataset, category=0, dry_run=True).plan.details["tag"] == "none"
