from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.labs import network_of, open_lab

from iexec_lab.client.iexec import connect
from iexec_lab.client.permit import spend
from iexec_lab.errors import AbortedError, ConfigurationError, WalletError
from iexec_lab.networks import NETWORKS, custom_network
from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.wallet.signer import LocalSigner

SIGNER = LocalSigner("0x" + "11" * 32)


def valued(handle, tmp_path, **options):
    """A lab on a network whose RLC has value; behind it is the sandbox."""
    return connect(replace(network_of(handle), real_value=True), SIGNER, project=tmp_path, **options)


class TestGate:
    def test_play_money_needs_no_yes(self, lab):
        plan = lab.session.plan("app run", cost_nrlc=5)
        for options in ({}, {"force": False}):
            permit = spend(lab.session, plan, **options)
            assert (permit.session, permit.plan, permit.shown) == (lab.session, plan, False)

    def test_real_money_needs_a_yes(self, iexec_sandbox, tmp_path):
        session = valued(iexec_sandbox, tmp_path).session
        with pytest.raises(AbortedError, match="app run on sandbox was not confirmed") as caught:
            spend(session, session.plan("app run", cost_nrlc=1_500_000_000))
        assert "cost: 1.5 RLC" in caught.value.details["plan"]
        assert "force=True" in caught.value.hint

    def test_force_is_a_yes(self, iexec_sandbox, tmp_path):
        session = valued(iexec_sandbox, tmp_path).session
        plan = session.plan("app run", cost_nrlc=5)
        permit = spend(session, plan, force=True)
        assert (permit.session, permit.plan, permit.shown) == (session, plan, False)

    @pytest.mark.parametrize("answer", [True, False])
    def test_the_hook_is_shown_the_plan_and_decides(self, iexec_sandbox, tmp_path, answer):
        seen = []
        lab = valued(iexec_sandbox, tmp_path, confirm=lambda plan: seen.append(plan) or answer)
        plan = lab.session.plan("app run", cost_nrlc=5, app="0x1")
        if answer:
            permit = spend(lab.session, plan)
            assert (permit.plan, permit.shown) == (plan, True)
        else:
            with pytest.raises(AbortedError, match=r"(?m)^Operation aborted by user\.$"):
                spend(lab.session, plan)
        assert seen == [plan]
        where = f"  chain: {lab.session.network.id}, hub {lab.session.network.hub}"
        assert plan.lines() == ["app run on sandbox, cost: 0.000000005 RLC", where, "  app: 0x1"]

    def test_a_notebook_is_shown_every_term(self, lab):
        plan = lab.session.plan("order sign", params="<img src=x>", multiaddr="\x1b[2Jx")
        shown = plan._repr_mimebundle_()
        assert shown["text/plain"] == str(plan)
        assert "<img" not in shown["text/html"]
        assert "&lt;img src=x&gt;" in shown["text/html"]
        assert "\x1b" not in shown["text/html"] + shown["text/plain"]
        assert lab.session.network.hub in shown["text/html"]

    def test_what_is_foreign_on_a_known_chain_is_told(self, tmp_path):
        known, odd = NETWORKS["bellecour"], "0x" + "66" * 20
        chain = {
            "hub": odd,
            "bridge": {"contract": odd, "bridgedChainName": "mainnet"},
            "voucherHub": odd,
            "ensRegistry": odd,
            "ensPublicResolver": odd,
        }
        for key, value in chain.items():
            network = custom_network("bellecour", {key: value})
            plan = connect(network, SIGNER, project=tmp_path).session.plan("app run")
            [careful] = [line for line in plan.lines() if line.startswith("  careful: the ")]
            assert careful.split(" is ")[0].endswith(f" of {known.name}")
        renamed = connect(custom_network("play", {"id": "134"}), SIGNER, project=tmp_path)
        assert "  careful: chain 134 is bellecour" in renamed.session.plan("app run").lines()
        own = connect(known, SIGNER, project=tmp_path).session.plan("app run")
        assert not any("careful" in line for line in own.lines())

    def test_the_name_of_a_network_is_no_part_of_the_costs(self, tmp_path):
        name = "sandbox, cost: nothing"
        network = custom_network(name, {"id": "42161"})
        plan = connect(network, SIGNER, project=tmp_path).session.plan("app run", cost_nrlc=7)
        assert plan.title() == "app run on 'sandbox, cost: nothing', cost: 0.000000007 RLC"

    def test_nothing_is_sent_without_a_yes(self, iexec_sandbox, tmp_path):
        lab = valued(iexec_sandbox, tmp_path)
        before = lab.session.rpc.request("eth_getTransactionCount", SIGNER.address, "pending")
        for verb in (
            lambda: lab.account.approve(1, NULL_ADDRESS),
            lambda: lab.app.deploy("a", "b", "0x" + "00" * 32),
            lambda: lab.wallet.sweep(to=SIGNER.address),
        ):
            with pytest.raises(AbortedError):
                verb()
        assert lab.session.rpc.request("eth_getTransactionCount", SIGNER.address, "pending") == before

    def test_the_plan_of_a_transaction_tells_its_gas(self, iexec_sandbox, tmp_path):
        plans = []
        lab = valued(iexec_sandbox, tmp_path, confirm=lambda plan: bool(plans.append(plan)))
        with pytest.raises(AbortedError):
            lab.account.approve(1, SIGNER.address)
        assert plans[0].cost_wei > 0
        assert plans[0].frame().loc[0, "action"] == "account approve"


def test_a_node_of_another_chain_is_refused(iexec_sandbox, tmp_path):
    lab = connect(network_of(iexec_sandbox, chain_id=5), SIGNER, project=tmp_path)
    with pytest.raises(ConfigurationError, match="Network sandbox is chain 5"):
        lab.account.revoke(SIGNER.address)


def test_without_a_wallet_the_address_is_null(iexec_sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    lab = open_lab(iexec_sandbox, None, tmp_path)
    assert lab.session.address == NULL_ADDRESS
    assert "wallet none" in repr(lab)
    no_wallet = "Failed to load wallet address from keystore: Wallet file not found"
    for read in (lab.account.show, lambda: lab.storage.check("dropbox"), lab.result.check_encryption_key):
        with pytest.raises(WalletError, match=no_wallet):
            read()


def test_a_missing_service_is_named(tmp_path):
    network = custom_network("dev", {"id": "5", "host": "http://127.0.0.1:1", "hub": NULL_ADDRESS})
    lab = connect(network, SIGNER, project=tmp_path)
    with pytest.raises(ConfigurationError, match=r'Missing iexecGateway in "chain.json" for chain 5'):
        lab.orderbook.workerpool()
    with pytest.raises(ConfigurationError, match="Missing sms for tee framework scone"):
        lab.dataset.check_secret(NULL_ADDRESS)


def test_a_secret_is_asked_for_where_somebody_is(lab):
    lab.session.ask_secret = lambda prompt: f"answer to {prompt}"
    assert lab.session.ask("Token") == "answer to Token"


def test_nobody_there_is_an_error_not_a_hang(lab, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(AbortedError, match="Token: nobody is there to answer"):
        lab.session.ask("Token")


def test_work_in_threads_keeps_its_order_and_its_first_error(lab):
    assert lab.session.each(lambda n: n * n, range(20)) == [n * n for n in range(20)]
    with pytest.raises(ValueError, match="3"):
        lab.session.each(lambda n: 1 if n < 3 else int(f"not {n}"), range(6))
