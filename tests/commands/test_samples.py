"""The sample files that the manual prints are files that can be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.official.parity import run_ours

SAMPLES = json.loads((Path(__file__).parent / "manual_samples.json").read_text())
WALLET = {"privateKey": "0x" + 31 * "00" + "07", "address": "0xd41c057fd1c78805AAC12B0A94a405c0461A6FBb"}


@pytest.fixture
def folder(tmp_path):
    for name, content in SAMPLES.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "wallet.json").write_text(json.dumps(WALLET))
    return tmp_path


@pytest.mark.parametrize("chain", ["", "dev", "dev-sidechain", "mainnet", "1", "bellecour", "134"])
def test_every_chain_of_the_sample(folder, chain):
    words = ["order", "init", "--app", *(["--chain", chain] if chain else [])]  # reads all, asks nobody
    ran = run_ours([*words, "--raw"], folder)
    assert (ran.code, ran.answer["ok"]) == (0, True), ran


def test_the_missing_side_of_a_bridge_matters_only_to_the_bridge(folder):
    ran = run_ours(
        ["wallet", "bridge-to-mainchain", "5", "--chain", "dev-sidechain", "--force", "--raw"], folder
    )
    assert ran.code == 1
    assert "bridge" in ran.answer["error"]["message"]


@pytest.mark.parametrize("kind", ["app", "dataset", "workerpool", "category"])
def test_what_the_sample_deploys(folder, kind, iexec_sandbox):
    chains = {"default": "sandbox", "chains": {"sandbox": iexec_sandbox.chain_json(8)}}
    (folder / "chain.json").write_text(json.dumps(chains))
    iexec_sandbox.fund(WALLET["address"], ether="1 ether")
    verb = "create" if kind == "category" else "deploy"
    ran = run_ours([kind, verb, "--raw"], folder)
    if kind == "category":
        assert "owner" in ran.answer["error"]["message"]  # everything else about it is right
    else:
        assert ran.code == 0, ran
        assert ran.answer["address"] in (folder / "deployed.json").read_text()


def test_orders_of_the_sample_are_read(folder, iexec_sandbox):
    chains = {"default": "sandbox", "chains": {"sandbox": {**iexec_sandbox.chain_json(8), "id": "42"}}}
    (folder / "chain.json").write_text(json.dumps(chains))
    ran = run_ours(["app", "show", "--raw"], folder)
    assert SAMPLES["deployed"]["app"]["42"] in ran.answer["error"]["message"]
    ran = run_ours(["order", "show", "--app", "--workerpool", "--dataset", "--raw"], folder)
    assert all("rder" in sentence for sentence in ran.answer["fail"])
    ran = run_ours(["order", "sign", "--raw"], folder)
    assert [sentence.split(":")[0] for sentence in ran.answer["fail"]] == [
        "apporder",
        "datasetorder",
        "workerpoolorder",
        "requestorder",
    ]
