"""Datasets, result keys, secrets and storage tokens from the terminal."""

from __future__ import annotations

import json
import os
import stat
import time
import zipfile

import pytest

from iexec_lab.crypto import decrypt_dataset, file_checksum
from iexec_lab.services.market import Market


def test_encrypt_deploy_and_share_a_dataset(iexec):
    assert (
        "iexec dataset init" in iexec.fails("dataset encrypt")
        or "dataset init" in iexec.text("dataset encrypt", 1)[1]
    )
    iexec("dataset init --encrypted")
    keys = iexec.folder / ".secrets/datasets"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    (iexec.folder / "datasets/original/data.csv").write_text("a,b\n1,2\n")
    answer = iexec("dataset encrypt")
    assert list(answer) == ["ok", "encryptedDatasetFolderPath", "secretPath", "encryptedFiles"]
    [made] = answer["encryptedFiles"]
    assert stat.S_IMODE((keys / "data.csv.key").stat().st_mode) == 0o600
    assert (keys / "dataset.key").read_text() == (keys / "data.csv.key").read_text()
    decrypt_dataset(made["encrypted"], iexec.folder / "back.csv", (keys / "data.csv.key").read_text())
    assert (iexec.folder / "back.csv").read_text() == "a,b\n1,2\n"
    assert "Nobody is there to answer" in iexec.fails("dataset encrypt")
    key = (keys / "data.csv.key").read_text()
    original = iexec.folder / "datasets/original/data.csv"
    original.write_bytes(original.read_bytes())  # copied again, as in a cell that runs again
    (iexec.folder / "datasets/original/a.csv").write_text("new")
    out, _ = iexec.text("dataset encrypt")
    assert "Encrypted 1 file(s). 1 had not changed and kept their keys" in out
    assert made["checksum"] in out
    assert (keys / "data.csv.key").read_text() == key == (keys / "dataset.key").read_text()
    (iexec.folder / "datasets/original/a.csv").unlink()
    assert iexec("dataset encrypt --force")["encryptedFiles"][0]["checksum"] != made["checksum"]

    config = json.loads((iexec.folder / "iexec.json").read_text())
    config["dataset"] |= {"name": f"mine {time.time_ns()}", "checksum": made["checksum"]}
    (iexec.folder / "iexec.json").write_text(json.dumps(config))
    dataset = iexec("dataset deploy")["address"]
    assert iexec("dataset check-secret") == {"ok": True, "isSecretSet": False}
    assert iexec("dataset push-secret") == {"ok": True}
    assert iexec(f"dataset check-secret {dataset}") == {"ok": True, "isSecretSet": True}
    assert iexec.fails("dataset push-secret") == f"Secret already exists for {dataset} and can't be updated"
    assert "is stored already" in iexec.text("dataset push-secret")[1]
    order = iexec("dataset publish --tag tee,tdx --price 1 nRLC")["orderHash"]
    assert iexec(f"orderbook dataset {dataset}")["datasetOrders"][0]["orderHash"] == order


def test_what_was_encrypted_is_what_is_deployed(iexec, monkeypatch):
    """No JSON is edited by hand; the sample's file is never deployed as ours."""
    iexec("dataset init --encrypted")
    name = f"table {time.time_ns()}.csv"
    (iexec.folder / "datasets/original" / name).write_text("a,b\n1,2\n")
    assert "has its checksum. Next: iexec-lab storage upload 'data" in iexec.text("dataset encrypt")[1]
    _, err = iexec.text("dataset deploy", 1)
    assert "checksum of its own, but still the sample's multiaddr" in err
    assert "storage upload" in err
    file = f"datasets/encrypted/{name}.enc"
    assert "Next: iexec-lab dataset deploy." in iexec.text(f"storage upload '{file}'")[1]
    assert iexec.text("dataset deploy")[1] == ""
    shown = iexec("dataset show")["dataset"]
    assert shown["datasetName"] == name
    assert shown["datasetChecksum"] == file_checksum(iexec.folder / file)
    iexec("dataset push-secret")
    iexec(f"dataset publish --tag tee --requester-restrict {iexec.user}")
    dataset = iexec("dataset show")["address"]
    err = iexec.text(f"orderbook dataset {dataset}")[1]
    assert "1 more order is not listed: restricted to a requester. --requester any lists them" in err
    assert f"For this wallet: 1, with --requester {iexec.user}." in err
    monkeypatch.delattr(Market, "orderbook")  # the remark's own request
    assert iexec.text(f"orderbook dataset {dataset} --quiet")[1] == ""
    assert iexec(f"orderbook dataset {dataset}")["count"] == 0


def test_a_file_is_sold_with_one_line(iexec):
    (iexec.folder / "table.csv").write_text(f"{time.time_ns()}")
    line = "dataset publish-file table.csv --price 1 nRLC --tag tee,tdx"
    plan = iexec(f"{line} --dry-run")
    assert (plan["action"], plan["datasetprice_nrlc"]) == ("dataset publish-file", "1")
    out, err = iexec.text(line)
    key = iexec.folder / ".secrets/datasets/table.csv.key"
    assert f"Keep its key, which nobody can make again: {key}" in err
    assert key.read_text() not in out + err
    again = iexec(line)
    assert (again["done"], again["price"], again["key"]) == ([], "1", str(key))
    assert again["orderHash"] in out
    assert iexec("dataset show")["address"] == again["address"]
    (iexec.folder / "iexec.json").unlink()
    (iexec.folder / "deployed.json").unlink()
    assert iexec(line)["done"] == []
    assert not (iexec.folder / "deployed.json").exists()


def test_a_sample_and_another_owner_are_told_before_they_are_deployed(iexec):
    somebody = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
    iexec("workerpool init")
    config = json.loads((iexec.folder / "iexec.json").read_text())
    config["workerpool"] = {"owner": somebody, "description": f"pool {time.time_ns()}"}
    (iexec.folder / "iexec.json").write_text(json.dumps(config))
    out, err = iexec.text("workerpool deploy")
    assert f"The owner in iexec.json is {somebody}, not this wallet ({iexec.user})" in err
    assert "Deployed workerpool" in out


def test_folders_by_option(iexec):
    options = "--dataset-keystoredir k --original-dataset-dir o --encrypted-dataset-dir e"
    iexec(f"dataset init --tee {options}")
    (iexec.folder / "o/x").write_bytes(b"x")
    iexec(f"dataset encrypt {options}")
    assert (iexec.folder / "k/x.key").is_file()
    assert (iexec.folder / "e/x.enc").is_file()


def test_result_keys(iexec):
    made = iexec("result generate-encryption-keypair")
    assert made["privateKeyFile"] == f"{iexec.user}_key"
    private = iexec.folder / ".secrets/beneficiary" / made["privateKeyFile"]
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    kept = private.read_text()
    assert "already exists, replace it" in iexec.fails("result generate-keys")
    assert "is here already and is kept" in iexec.text("result generate-keys")[1]
    assert private.read_text() == kept
    iexec("result push-encryption-key --force-update")
    assert iexec("result check-encryption-key") == {"ok": True, "isEncryptionKeySet": True}
    assert iexec(f"result check-secret {iexec.user}")["isEncryptionKeySet"] is True
    assert "already exists" in iexec.fails("result push-secret")
    assert iexec("result push-encryption-key --force-update") == {
        "ok": True,
        "isPushed": True,
        "isUpdated": True,
    }


def test_encrypted_results_are_decrypted(iexec):
    iexec("result generate-encryption-keypair")
    iexec("result push-encryption-key --force-update")
    iexec("app init")
    config = json.loads((iexec.folder / "iexec.json").read_text())
    config["app"]["name"] = f"secret {time.time_ns()}"
    (iexec.folder / "iexec.json").write_text(json.dumps(config))
    iexec("app deploy")
    ran = iexec("app run --tag tee,tdx --encrypt-result --args hidden --watch")
    task = ran["tasks"][0]["taskid"]
    iexec(f"task show {task} --download encryptedResults")
    assert "hidden" not in (iexec.folder / "encryptedResults.zip").read_text(errors="replace")
    assert iexec("result decrypt")["resultsPath"] == str(iexec.folder / "results.zip")
    assert "already exists" in iexec.fails("result decrypt encryptedResults.zip")
    iexec("result decrypt encryptedResults.zip --force")
    iexec(f"task show {task} --download clear --decrypt")
    assert (iexec.folder / "clear.zip").is_file()
    assert (iexec.folder / "clear.zip").stat().st_size == (iexec.folder / "results.zip").stat().st_size


def test_requester_and_app_secrets(iexec):
    name = f"s{time.time_ns()}"
    assert iexec(f"requester check-secret {name}") == {"ok": True, "isSet": False, "name": name}
    assert iexec(f"requester push-secret {name} --secret-value v") == {
        "ok": True,
        "isPushed": True,
        "name": name,
    }
    assert iexec(f"requester check-secret {name} {iexec.user}")["isSet"] is True
    assert iexec.fails(f"requester push-secret {name} --secret-value v") == (
        f'Secret "{name}" already exists for {iexec.user}'
    )
    assert "Nobody is there to answer" in iexec.fails(f"requester push-secret {name}x")


@pytest.mark.parametrize("value", ["v", "-dashed"])
def test_secret_values_are_never_printed(iexec, value):
    name = f"n{time.time_ns()}"
    out, err = iexec.text(f"requester push-secret {name} --secret-value {value}")
    assert value not in (out + err).replace(name, "").split()


def test_storage(iexec):
    assert iexec("storage init dropbox --token t --force-update")["isInitialized"] is True
    assert iexec("storage check dropbox") == {"ok": True, "isInitialized": True}
    assert "already initialized" in iexec.fails("storage init dropbox --token t")
    assert iexec("storage init dropbox --token t2 --force-update")["isUpdated"] is True
    assert iexec.fails("storage check floppy") == (
        '"floppy" is not a valid storage provider, use one of the supported providers (dropbox, ipfs)'
    )


def test_downloads_of_encrypted_results_are_for_their_owner_only(iexec):
    iexec("result generate-encryption-keypair")
    iexec("result push-encryption-key --force-update")
    iexec("app init")
    described = json.loads((iexec.folder / "iexec.json").read_text())
    described["app"]["name"] = f"sealed {iexec.folder}"
    (iexec.folder / "iexec.json").write_text(json.dumps(described))
    iexec("app deploy")
    before = os.umask(0)  # nothing but the program itself keeps others out
    try:
        line = "app run --tag tee,tdx --encrypt-result --args sealed --download opened"
        run = iexec(line)
        task = run["deals"][0]["tasks"][0] if "tasks" not in run else run["tasks"][0]["taskid"]
        iexec(f"task show {task} --download again --decrypt")
    finally:
        os.umask(before)
    for name in ("opened.zip", "again.zip"):
        path = iexec.folder / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with zipfile.ZipFile(path) as archive:
            assert b"sealed" in archive.read("result.txt")
    assert list(iexec.folder.rglob("*.part")) == []
