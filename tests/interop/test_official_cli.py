"""The official CLI, unmodified, does its whole story on the sandbox."""

from __future__ import annotations

import json
import zipfile

# A dataset without a key in the SMS can not be sold but by somebody who insists.
UNCHECKED = {"dataset": ["--skip-preflight-check"]}
TDX = "0x0000000000000000000000000000000000000000000000000000000000000009"


def edit(folder, noun, **values):
    path = folder / "iexec.json"
    content = json.loads(path.read_text())
    content[noun] |= values
    path.write_text(json.dumps(content))


def unique(folder, noun, key="name"):
    """The same arguments twice would be the same address twice, which the registries refuse."""
    edit(folder, noun, **{key: f"{noun} of {folder}"})


def deploy(official, noun, key="name"):
    official(noun, "init")
    unique(official.folder, noun, key)
    return official(noun, "deploy")["address"]


def test_init_and_info(official, iexec_sandbox):
    assert official("init", "--skip-wallet")["configFile"] == "iexec.json"
    (official.folder / "chain.json").write_text(
        json.dumps({"default": "sandbox", "chains": {"sandbox": iexec_sandbox.chain_json(version=9)}})
    )
    assert official("info")["hubAddress"] == iexec_sandbox.hub
    assert official("wallet", "show")["wallet"]["address"] == iexec_sandbox.users[1].address


def test_an_app_runs_and_its_result_is_downloaded(official, iexec_sandbox):
    (official.folder / "iexec.json").write_text("{}")
    app = deploy(official, "app")
    assert official("app", "show", app)["app"]["appName"].startswith("app of ")
    run = official("app", "run", app, "--args", "hello world", "--watch", "--force")
    [deal], [task] = run["deals"], run["tasks"]
    assert task["statusName"] == "COMPLETED"
    shown = official("deal", "show", deal["dealid"])["deal"]
    assert shown["tag"] == TDX
    assert shown["tasks"] == [task["taskid"]]
    download = official("task", "show", task["taskid"], "--download", "result")
    with zipfile.ZipFile(download["resultPath"]) as archive:
        assert "hello world" in archive.read("result.txt").decode()
        assert "computed.json" in archive.namelist()
    debug = official("task", "debug", task["taskid"], "--logs")
    assert debug["offchainData"]["task"]["status"] == "COMPLETED"
    assert debug["offchainData"]["replicates"][0]["exitCode"] == 0
    assert "hello world" in debug["appLogs"][0]["stdout"]


def test_orders_are_published_listed_and_unpublished(official):
    (official.folder / "iexec.json").write_text("{}")
    for noun in ("app", "dataset"):
        address = deploy(official, noun)
        order = official(
            noun, "publish", address, "--price", "3", "nRLC", "--force", *UNCHECKED.get(noun, ())
        )["orderHash"]
        book = official("orderbook", noun, address)
        assert [entry["orderHash"] for entry in book[f"{noun}Orders"]] == [order]
        assert book[f"{noun}Orders"][0]["price"] == 3
        assert official(noun, "unpublish", address, "--force")["unpublished"] == order
        assert official("orderbook", noun, address)["count"] == 0


def test_a_workerpool_is_deployed_and_sells(official):
    (official.folder / "iexec.json").write_text("{}")
    pool = deploy(official, "workerpool", "description")
    order = official("workerpool", "publish", pool, "--price", "1", "--force")["orderHash"]
    book = official("orderbook", "workerpool", pool, "--category", "0", "--tag", "tee,tdx")
    assert [entry["orderHash"] for entry in book["workerpoolOrders"]] == [order]
    assert official("workerpool", "unpublish", pool, "--force")["unpublished"] == order


def test_secrets_are_pushed_and_checked(official):
    (official.folder / "iexec.json").write_text("{}")
    app = deploy(official, "app")
    assert official("app", "check-secret", app)["isSecretSet"] is False
    official("app", "push-secret", app, "--secret-value", "open sesame")
    assert official("app", "check-secret", app)["isSecretSet"] is True
    again = official.run("app", "push-secret", app, "--secret-value", "other")
    assert again.exit_code == 1
    assert "already exists" in again.stderr

    name = official.folder.name.replace("_", "-")[:30] + "-key"
    assert official("requester", "check-secret", name)["isSet"] is False
    official("requester", "push-secret", name, "--secret-value", "s3cret")
    assert official("requester", "check-secret", name)["isSet"] is True


def test_a_confidential_dataset_reaches_the_app(official, iexec_sandbox):
    (official.folder / "iexec.json").write_text("{}")
    official("dataset", "init", "--encrypted")
    (official.folder / "datasets" / "original" / "table.csv").write_text("a,b\n1,2\n")
    [file] = official("dataset", "encrypt", "--force")["encryptedFiles"]
    from iexec_lab.services.ipfs import Ipfs

    ipfs = Ipfs(iexec_sandbox.urls["ipfs_gateway"], iexec_sandbox.urls["ipfs_node"])
    cid = ipfs.add(file["encrypted"])
    unique(official.folder, "dataset")
    edit(official.folder, "dataset", multiaddr=f"/ipfs/{cid}", checksum=file["checksum"])
    dataset = official("dataset", "deploy")["address"]
    official("dataset", "push-secret", dataset)
    assert official("dataset", "check-secret", dataset)["isSecretSet"] is True
    app = deploy(official, "app")
    run = official("app", "run", app, "--dataset", dataset, "--watch", "--force")
    assert run["tasks"][0]["statusName"] == "COMPLETED"
    download = official("task", "show", run["tasks"][0]["taskid"], "--download")
    with zipfile.ZipFile(download["resultPath"]) as archive:
        assert dataset in archive.read("result.txt").decode()
