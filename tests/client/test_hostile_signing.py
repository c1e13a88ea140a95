"""Services and nodes that try to get a signature which is good for something else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import requests
from eth_abi import encode
from helpers.faulty_server import FaultyServer, Reply, json_reply
from helpers.labs import CHECKSUM, IMAGE, network_of
from helpers.spending_verbs import Recorder

from iexec_lab.client.iexec import connect
from iexec_lab.errors import ConfigurationError, SignatureError, TransactionError
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.networks import NETWORKS, custom_network
from iexec_lab.protocol import RequestOrder
from iexec_lab.wallet.signer import LocalSigner

ARBITRUM = NETWORKS["arbitrum-mainnet"]
NULL = "0x" + "00" * 20


def order_as_challenge(lab):
    """A request of the wallet that gives away nine tenths of its stake, as typed data."""
    order = RequestOrder(
        app=NULL, appmaxprice=0, dataset=NULL, datasetmaxprice=0, workerpool=NULL,
        workerpoolmaxprice=9 * 10**10, requester=lab.session.address, volume=1, tag="0x" + "00" * 32,
        category=0, trust=0, beneficiary=NULL, callback=NULL, params="{}",
    )  # fmt: skip
    signed = order.sign(lab.session.domain, LocalSigner(lab.session.signer._key.export_key()))
    types, message = signed.typed_data()
    return {
        "types": types,
        "domain": lab.session.domain.to_json(),
        "primaryType": "RequestOrder",
        "message": message,
    }


@pytest.fixture
def victim(iexec_sandbox, tmp_path):
    """``victim(**network)``: a lab of a wallet that writes down what it signs."""
    signer = Recorder()
    signer._key = LocalSigner(iexec_sandbox.users[2].key)
    signer.address = signer._key.address

    def make(**changes):
        return connect(replace(network_of(iexec_sandbox), **changes), signer, project=tmp_path)

    return make


@pytest.fixture
def app(victim, unique):
    """An app of the victim."""
    return victim().app.deploy(unique, IMAGE, CHECKSUM)


@pytest.fixture
def hostile(victim):
    """A service that answers every challenge with an order; compass says that it is any workerpool's API."""
    challenge = order_as_challenge(victim())

    def answer(request):
        if "/workerpools/" in request.path:
            return json_reply({"apiUrl": server.url})
        return json_reply(challenge)

    with FaultyServer(answer=answer) as server:
        yield server


def refused(lab, hostile, work):
    lab.session.signer.forget()
    with pytest.raises(SignatureError) as caught:
        work()
    assert lab.session.signer.nothing
    assert hostile.url in caught.value.details["service"]
    assert not any("authorization" in map(str.lower, each.headers) for each in hostile.requests)
    assert {each.method for each in hostile.requests} == {"GET"}


def test_the_api_of_a_workerpool_that_wants_an_order(victim, hostile, app):
    job = victim().app.run(app, category=0)
    lab = victim(compass=hostile.url)
    job = lab.job(job.deal_id)
    refused(lab, hostile, job.logs)
    refused(lab, hostile, lambda: job.logs(0))


def test_a_market_that_wants_an_order(victim, hostile, app):
    honest = victim()
    order = honest.order.sign("app", app=app)
    lab = victim(market=hostile.url)
    refused(lab, hostile, lambda: lab.order.publish(order, skip_preflight_check=True))
    refused(lab, hostile, lambda: lab.order.unpublish("app", "0x" + "11" * 32))
    refused(lab, hostile, lambda: lab.app.unpublish(app))


def test_a_result_proxy_that_wants_an_order(victim, hostile):
    lab = victim(result_proxy=hostile.url)
    refused(lab, hostile, lambda: lab.storage.init(force_update=True))


TOKEN_SELECTOR = "0x" + HUB.token.selector.hex()


class LyingNode:
    """The sandbox's node, but for what it says of its chain, its hub and the price of gas."""

    def __init__(self, url, *, chain_id=None, domain=None, tip=None, silent=False, token=None):
        self.url, self.chain_id, self.domain, self.tip, self.silent = url, chain_id, domain, tip, silent
        self.token = token
        self.selector = "0x" + HUB.domain.selector.hex()

    def __call__(self, request):
        asked = request.json()
        answers = requests.post(self.url, json=asked, timeout=30).json()
        for question, answer in zip(*map(listed, (asked, answers)), strict=True):
            if question["method"] == "eth_chainId" and self.chain_id is not None:
                answer["result"] = hex(self.chain_id)
            elif question["method"] == "eth_maxPriorityFeePerGas" and self.tip is not None:
                answer["result"] = hex(self.tip)
            elif question["method"] == "eth_gasPrice" and self.silent:
                answer["result"] = None
            elif question["method"] == "eth_call" and question["params"][0]["data"] == self.selector:
                self.lie(answer)
            elif (
                self.token
                and question["method"] == "eth_call"
                and question["params"][0]["data"] == TOKEN_SELECTOR
            ):
                answer["result"] = "0x" + self.token[2:].lower().rjust(64, "0")
        return Reply(200, json.dumps(answers).encode())

    def lie(self, answer):
        if self.domain is not None:
            kinds = ["string", "string", "uint256", "address"]
            answer["result"] = "0x" + (bytes(31) + b"\x20" + encode(kinds, self.domain)).hex()


def listed(value):
    return value if isinstance(value, list) else [value]


OF_ARBITRUM = ("iExecODB", "5.0.0", ARBITRUM.id, ARBITRUM.hub)


@pytest.mark.parametrize(
    ("chain_id", "domain"),
    [
        (None, OF_ARBITRUM),  # a foreign node whose domain() answers Arbitrum's
        (ARBITRUM.id, OF_ARBITRUM),  # Arbitrum's own node under another id
        (ARBITRUM.id, None),
        (None, ("iExecODB", "5.0.0", 65535, ARBITRUM.hub)),
        (None, ("another", "5.0.0", 65535, NULL)),
    ],
)
def test_a_node_that_is_not_where_chain_json_says(victim, iexec_sandbox, app, chain_id, domain):
    honest = victim()
    app_order = honest.order.create("request", app=app, appmaxprice=1, category=0)
    node = LyingNode(network_of(iexec_sandbox).host, chain_id=chain_id, domain=domain)
    with FaultyServer(answer=node) as server:
        lab = victim(host=server.url)
        lab.session.signer.forget()
        works = [
            lambda: lab.order.sign(app_order, skip_preflight_check=True, force=True),
            lambda: lab.app.run(app, force=True),
        ]
        if chain_id is not None:  # all that a transaction is good for
            works.append(lambda: lab.account.approve(1, app, force=True))
        for work in works:
            with pytest.raises(ConfigurationError, match=r"is on another|another signing domain"):
                work()
    assert lab.session.signer.nothing


def test_gas_that_is_far_dearer_than_was_shown_is_not_paid(victim, iexec_sandbox, app):
    node = LyingNode(network_of(iexec_sandbox).host, tip=10**15)
    with FaultyServer(answer=node) as server:
        lab = victim(host=server.url, real_value=True)
        lab.session.confirm = lambda _: True
        lab.session.signer.forget()
        with pytest.raises(TransactionError, match="far more than was shown"):
            lab.account.approve(1, app)
        assert lab.session.signer.nothing
        node.tip = 10**9
        assert lab.account.approve(1, app).loc[0, "amount_nrlc"] == 1


def test_a_price_of_gas_that_was_not_known_is_told_and_has_a_limit(victim, iexec_sandbox, app):
    node, seen = LyingNode(network_of(iexec_sandbox).host, tip=10**15, silent=True), []
    with FaultyServer(answer=node) as server:
        lab = victim(host=server.url, real_value=True)
        lab.session.confirm = lambda plan: seen.append(plan.title()) or True
        lab.session.signer.forget()
        with pytest.raises(TransactionError, match="far more than was shown"):
            lab.account.approve(1, app)
        assert seen == ["account approve on sandbox, cost: gas of an unknown price"]
        assert lab.session.signer.nothing
        node.tip = 10**9
        assert lab.account.approve(1, app).loc[0, "amount_nrlc"] == 1


def test_a_node_can_not_name_another_token_where_it_is_known(victim, iexec_sandbox):
    honest = victim()
    other = "0x" + "de" * 20  # dollars of the victim, say
    node = LyingNode(network_of(iexec_sandbox).host, token=other)
    with FaultyServer(answer=node) as server:
        lab = victim(host=server.url, real_value=True, rlc=honest.session.token)
        lab.session.signer.forget()
        for work in (
            lambda: lab.wallet.send_rlc(1, "nRLC", to="0x" + "12" * 20, force=True),
            lambda: lab.account.deposit(1, force=True),
            lambda: lab.wallet.sweep("0x" + "12" * 20, force=True),
        ):
            with pytest.raises(ConfigurationError, match="names another") as caught:
                work()
            assert caught.value.details["the node says"].lower() == other
        assert lab.session.signer.nothing


def test_a_sweep_pays_the_price_of_gas_that_was_shown(newcomer, iexec_sandbox):
    node = LyingNode(network_of(iexec_sandbox).host, tip=10**9)
    target = LocalSigner.generate().address
    with FaultyServer(answer=node) as server:
        lab = newcomer(nrlc=5)
        network = replace(network_of(iexec_sandbox), host=server.url, real_value=True)
        lab = connect(network, lab.session.signer, project=lab.session.folder)
        seen = []

        def agree(plan):
            seen.append(plan.details["gas_price_wei"])
            node.tip = 10**12  # a fifth of all there is
            return True

        lab.session.confirm = agree
        swept = lab.wallet.sweep(target)
        receipt = lab.session.rpc.request("eth_getTransactionReceipt", swept.loc[0, "coin_tx_hash"])
    assert int(receipt["effectiveGasPrice"], 16) <= seen[0] < 10**12
    assert swept.loc[0, "amount_wei"] > 99 * 10**16


def test_the_domain_of_orders_is_never_the_nodes_word(tmp_path):
    network = custom_network("mine", {"id": "1337", "hub": ARBITRUM.hub, "host": "http://127.0.0.1:1"})
    domain = connect(network, LocalSigner.generate(), project=tmp_path).session.domain
    assert (domain.chain_id, domain.verifying_contract) == (1337, ARBITRUM.hub)
    assert network.real_value is False
