from __future__ import annotations

import json
import subprocess
import sys

import pytest
from helpers.answers import facts, official

import iexec_lab
from iexec_lab.client.iexec import IExec, connect
from iexec_lab.errors import ConfigurationError, IexecError, ValidationError, WalletError
from iexec_lab.wallet.signer import LocalSigner

SIGNER = LocalSigner("0x" + "11" * 32)


@pytest.fixture
def project(tmp_path, iexec_sandbox):
    chains = {
        "dev": {
            "id": str(iexec_sandbox.chain_id),
            "host": iexec_sandbox.urls["rpc"],
            "hub": iexec_sandbox.hub,
            "iexecGateway": iexec_sandbox.urls["market"],
            "sms": {"tdx": iexec_sandbox.urls["sms"]},
        },
        "bellecour": {},
    }
    (tmp_path / "chain.json").write_text(json.dumps({"default": "dev", "chains": chains}))
    return tmp_path


def test_built_in_networks_need_nothing(tmp_path):
    lab = connect("bellecour", SIGNER)
    assert (lab.network.name, lab.network.chain_id) == ("bellecour", 134)
    assert connect(42161, SIGNER).network.name == "arbitrum-mainnet"
    with pytest.raises(ConfigurationError, match="Unknown network nowhere"):
        connect("nowhere", SIGNER)


def test_a_project_s_default_chain(project, iexec_sandbox):
    lab = connect(None, SIGNER, project=project)
    assert (lab.network.name, lab.network.chain_id) == ("dev", iexec_sandbox.chain_id)
    assert len(lab.category.list()) >= 5
    assert connect("bellecour", SIGNER, project=project).network.chain_id == 134
    assert connect("mainnet", SIGNER, project=project).network.chain_id == 1
    with pytest.raises(IexecError, match=r'Missing "nowhere" chain in "chain.json"'):
        connect("nowhere", SIGNER, project=project)


def test_a_folder_without_chain_json_is_just_a_folder(tmp_path):
    lab = connect("arbitrum-mainnet", SIGNER, project=tmp_path)
    assert lab.network.chain_id == 42161
    assert lab.session.folder == tmp_path


def test_the_sandbox_comes_with_a_funded_wallet(monkeypatch, iexec_sandbox, tmp_path):
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    monkeypatch.setattr("iexec_lab.sandbox.control.find", lambda name: iexec_sandbox)
    lab = connect(project=tmp_path)
    assert lab.session.address == iexec_sandbox.users[0].address
    assert repr(lab) == (
        f"<IExec on sandbox (chain {iexec_sandbox.chain_id}, nothing names another one), "
        f"wallet {iexec_sandbox.users[0].address} (sandbox user)>"
    )
    assert lab.account.show().loc[0, "stake_nrlc"] > 0


def test_a_sandbox_of_one_s_own(monkeypatch, iexec_sandbox):
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    lab = connect(iexec_sandbox)
    assert (lab.network.name, lab.session.network.host) == ("sandbox", iexec_sandbox.urls["rpc"])
    assert lab.session.address == iexec_sandbox.users[0].address
    assert connect(iexec_sandbox, SIGNER).session.address == SIGNER.address


def test_what_is_no_network():
    with pytest.raises(ConfigurationError, match=r"Unknown network 1\.5"):
        connect(1.5, SIGNER)


def test_a_sandbox_that_does_not_run_is_started(monkeypatch, iexec_sandbox):
    started = []
    monkeypatch.setattr("iexec_lab.sandbox.control.find", lambda _name: None)
    monkeypatch.setattr("iexec_lab.sandbox.control.start", lambda name: started.append(name) or iexec_sandbox)
    assert connect("sandbox:mine", SIGNER).network.name == "sandbox:mine"
    assert started == ["mine"]


def test_nothing_is_asked_of_the_network_to_connect():
    from dataclasses import replace

    from iexec_lab.networks import NETWORKS

    lab = connect(replace(NETWORKS["bellecour"], host="http://127.0.0.1:1"), SIGNER)
    assert SIGNER.address in repr(lab)
    assert "<code" in lab._repr_html_()


def test_the_package_gives_connect_and_iexec():
    assert iexec_lab.connect is connect
    assert iexec_lab.IExec is IExec


def test_every_noun_is_an_attribute(lab):
    nouns = (
        *("account", "app", "category", "dataset", "deal", "ens", "hub", "network", "order", "orderbook"),
        *("requester", "result", "secrets", "storage", "task", "voucher", "wallet", "workerpool"),
    )
    assert all(getattr(lab, noun) is not None for noun in nouns)


def test_web3_is_a_door_to_everything_else(lab):
    assert lab.web3.eth.chain_id == lab.network.chain_id
    with pytest.raises(ValidationError, match="reached through several providers"):
        _ = connect("mainnet", SIGNER).web3


def test_web3_reaches_loopback_past_a_proxy(lab, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert lab.web3.eth.chain_id == lab.network.chain_id


def test_info(lab, iexec_sandbox):
    raw = official(lab, "network.show")
    assert raw["hubAddress"] == iexec_sandbox.hub
    assert raw["rlcAddress"] == iexec_sandbox.rlc
    assert raw["useNative"] is False
    assert raw["appRegistryAddress"] == iexec_sandbox.registries["app"]
    assert lab.info().attrs["single"]


def test_settings(lab, iexec_sandbox):
    settings = facts(lab, "network.settings")
    assert settings["iexecGateway"] == lab.network.setting("iexecGateway") == iexec_sandbox.urls["market"]
    assert settings["sms.default"] == lab.network.sms_url("tdx") == iexec_sandbox.urls["sms"]
    assert "voucherHub" not in settings
    assert list(lab.network.settings().columns) == ["name", "value"]
    with pytest.raises(ConfigurationError, match="voucherHubAddress option not set"):
        lab.network.setting("voucherHub")
    with pytest.raises(ConfigurationError, match="colour is not a setting"):
        lab.network.setting("colour")


def test_info_of_a_native_chain_has_no_token(native_lab):
    raw = facts(native_lab, "network.show")
    assert "rlcAddress" not in raw
    assert raw["useNative"] is True


def test_connecting_imports_nothing_heavy():
    code = (
        "import sys; from iexec_lab import connect; connect('bellecour', wallet_address='0x' + '11' * 20);"
        "print([m for m in ('web3', 'pandas', 'eth_account', 'IPython', 'ipywidgets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_wallet_that_is_not_there_is_told_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for wallet in (SIGNER.address, "missing.json"):
        with pytest.raises(WalletError, match="Wallet file not found"):
            connect("bellecour", wallet)
