"""The official CLI, unmodified, sells a secret on the sandbox; its other commands are in test_cli_parity."""

from __future__ import annotations

import json
import zipfile

from iexec_lab.services.ipfs import Ipfs


def edit(folder, noun, **values):
    path = folder / "iexec.json"
    content = json.loads(path.read_text())
    content[noun] |= values
    path.write_text(json.dumps(content))


def unique(folder, noun):
    """The same arguments twice would be the same address twice, which the registries refuse."""
    edit(folder, noun, name=f"{noun} of {folder}")


def deploy(official, noun):
    official(noun, "init")
    unique(official.folder, noun)
    return official(noun, "deploy")["address"]


def test_a_confidential_dataset_reaches_the_app(official, iexec_sandbox):
    (official.folder / "iexec.json").write_text("{}")
    official("dataset", "init", "--encrypted")
    (official.folder / "datasets" / "original" / "table.csv").write_text("a,b\n1,2\n")
    [file] = official("dataset", "encrypt", "--force")["encryptedFiles"]
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
