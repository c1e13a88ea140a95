"""One project folder, in turn under the official CLI and ours: each goes on with what the other wrote."""

from __future__ import annotations

import json
import zipfile

import pytest
from helpers.official.parity import run_ours
from helpers.official.peer import VERSIONS, tee_tag
from helpers.official.tools import project

from iexec_lab.protocol import key_address
from iexec_lab.services.ipfs import Ipfs

PASSWORD = ("--password", "correct horse")


class Shared:
    """A folder with a funded wallet; ``ours`` and ``theirs`` run a command in it and give what it printed."""

    def __init__(self, version, folder, sandbox, account):
        self.folder = folder
        self.theirs = project(folder, sandbox, account, version=version)
        (folder / "iexec.json").write_text("{}")

    def ours(self, *words):
        ran = run_ours([*words, "--raw"], self.folder)
        assert ran.code == 0, (words, ran)
        answer = json.loads(ran.stdout)
        assert answer["ok"] is True
        return answer

    def edit(self, noun, **values):
        path = self.folder / "iexec.json"
        content = json.loads(path.read_text())
        content[noun] |= values
        path.write_text(json.dumps(content))


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def shared(version, tmp_path, iexec_sandbox):
    return Shared(version, tmp_path / "shared", iexec_sandbox, iexec_sandbox.users[3])


def test_wallets_of_either_are_opened_by_the_other(shared):
    (shared.folder / "wallet.json").unlink()
    store = ("--keystoredir", "keys", *PASSWORD)
    made = [shared.theirs("wallet", "create", *store), shared.ours("wallet", "create", *store)]
    for wallet, open_it in zip(made, (shared.ours, shared.theirs), strict=True):
        address = wallet["wallet"]["address"]
        shown = open_it("wallet", "show", "--wallet-address", address, *store, "--show-private-key")["wallet"]
        assert shown["address"].lower() == f"0x{address}"
        assert key_address(bytes.fromhex(shown["privateKey"][2:])) == shown["address"]


def test_a_project_is_begun_by_one_and_finished_by_the_other(shared, version, iexec_sandbox):
    """App by them and deployed by us, dataset by us and deployed by them; orders and secrets likewise."""
    name = f"shared {version} {iexec_sandbox.pid}"
    shared.theirs("app", "init", *(["--tee"] if version.startswith("8") else []))
    shared.edit("app", name=name)
    app = shared.ours("app", "deploy")["address"]
    assert shared.theirs("app", "show")["app"]["appName"] == name

    shared.ours("dataset", "init", "--encrypted")
    (shared.folder / "datasets" / "original" / "table.csv").write_text("a,b\n1,2\n")
    [file] = shared.theirs("dataset", "encrypt", "--force")["encryptedFiles"]
    cid = upload(iexec_sandbox, shared.folder / "datasets" / "encrypted" / "table.csv.enc")
    shared.edit("dataset", name=name, multiaddr=f"/ipfs/{cid}", checksum=file["checksum"])
    dataset = shared.theirs("dataset", "deploy")["address"]
    shared.ours("dataset", "push-secret")
    assert shared.theirs("dataset", "check-secret")["isSecretSet"] is True

    shared.theirs("order", "init", "--app", "--dataset", "--request")
    tag = tee_tag(version)
    content = json.loads((shared.folder / "iexec.json").read_text())
    for kind in ("apporder", "datasetorder"):
        content["order"][kind]["tag"] = tag
    content["order"]["requestorder"] |= {
        "tag": tag,
        "app": app,
        "dataset": dataset,
        "workerpoolmaxprice": "1 RLC",
    }
    (shared.folder / "iexec.json").write_text(json.dumps(content))
    assert set(shared.ours("order", "sign", "--app", "--dataset", "--force")) == {
        "ok",
        "apporder",
        "datasetorder",
    }
    shared.theirs("order", "sign", "--request", "--force")
    published = shared.theirs("order", "publish", "--app", "--force")["apporder"]["orderHash"]
    assert [entry["orderHash"] for entry in shared.ours("orderbook", "app", app)["appOrders"]] == [published]
    pools = shared.ours("orderbook", "workerpool", "--category", "0", "--tag", ",".join(tag))
    pool = pools["workerpoolOrders"][0]["orderHash"]
    filled = shared.ours("order", "fill", "--workerpool", pool, "--force")
    task = shared.theirs("deal", "show", filled["dealid"])["deal"]["tasks"][0]
    assert shared.ours("task", "show", task, "--watch")["task"]["statusName"] == "COMPLETED"
    shared.theirs("task", "show", task, "--download", "fromthem")
    with zipfile.ZipFile(shared.folder / "fromthem.zip") as archive:
        assert dataset in archive.read("result.txt").decode()
    assert (
        shared.ours("order", "unpublish", "--app", published, "--force")["apporder"]["orderHash"] == published
    )
    deployed = json.loads((shared.folder / "deployed.json").read_text())
    chain = str(iexec_sandbox.chain_id)
    assert deployed == {"app": {chain: app}, "dataset": {chain: dataset}}


def test_results_are_encrypted_for_one_and_opened_by_the_other(shared, version):
    """Key pair by them, pushed by us; run by us, opened by them."""
    shared.theirs("result", "generate-encryption-keypair", "--force")
    assert shared.ours("result", "push-encryption-key", "--force-update")["isPushed"] is True
    shared.ours("app", "init", *(["--tee"] if version.startswith("8") else []))
    shared.edit("app", name=f"sealed {version} {shared.folder}")
    app = shared.ours("app", "deploy")["address"]
    tag = ",".join(tee_tag(version))
    run = shared.ours(
        "app", "run", app, "--tag", tag, "--encrypt-result", "--args", "sealed", "--watch", "--force"
    )
    task = run["tasks"][0]["taskid"]
    shared.theirs("task", "show", task, "--download", "opened", "--decrypt")
    with zipfile.ZipFile(shared.folder / "opened.zip") as archive:
        assert "sealed" in archive.read("result.txt").decode()


def upload(sandbox, path):
    return Ipfs(sandbox.urls["ipfs_gateway"], sandbox.urls["ipfs_node"]).add(path)
