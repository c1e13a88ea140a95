"""The workflows of the manual, typed line by line into a terminal."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import zipfile

import pytest
from helpers.pseudo_terminal import on_terminal
from helpers.waiting import until

from iexec_lab.sandbox.control import Sandbox

PROGRAM = [sys.executable, "-m", "iexec_lab"]
HASH = re.compile(r"0x[0-9a-f]{64}")


class Shell:
    """Types lines of the manual; what each printed is the answer."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment

    def __call__(self, line, *, code=0):
        ran = self.type(line)
        assert ran.returncode == code, (line, ran.stdout, ran.stderr)
        assert "Traceback" not in ran.stderr
        return ran.stdout + ran.stderr

    def type(self, line):
        words = shlex.split(line)
        assert words.pop(0) == "iexec"
        return subprocess.run(
            [*PROGRAM, *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def begun(self, line):
        """A line about a task, once its scheduler has begun it: before, the chain knows no such task."""
        until(lambda: "No task found" not in self.type(line).stderr)
        return self(line)

    def hash(self, line):
        """The first hash that the line printed."""
        found = HASH.search(self(line))
        assert found, line
        return found[0]

    def deployed(self, kind):
        [address] = json.loads((self.folder / "deployed.json").read_text())[kind].values()
        return address

    def edit(self, noun, **values):
        path = self.folder / "iexec.json"
        content = json.loads(path.read_text())
        content[noun] |= values
        path.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def iexec_sandbox():
    """A sandbox of their own: the free orders of the manual must not surprise other tests."""
    with Sandbox() as handle:
        yield handle


@pytest.fixture
def iexec(tmp_path, monkeypatch, iexec_sandbox):
    """A terminal in an initialised project, connected to the sandbox with a wallet of its own."""
    name = iexec_sandbox.folder.name
    environment = {
        **os.environ,
        "IEXEC_LAB_STATE": str(iexec_sandbox.folder.parent),
        "HOME": str(tmp_path / "home"),
        "NO_COLOR": "1",
    }
    environment.pop("IEXEC_PRIVATE_KEY", None)
    folder = tmp_path / "my project"
    folder.mkdir()
    shell = Shell(folder, environment)
    monkeypatch.chdir(folder)
    shell("iexec init --unencrypted")
    shell(f"iexec connect sandbox:{name}")
    wallet = json.loads((folder / "wallet.json").read_text())["address"]
    iexec_sandbox.fund(wallet, rlc="500 RLC", ether="1 ether")
    return shell


def test_init_project(tmp_path, monkeypatch, iexec_sandbox):
    monkeypatch.chdir(tmp_path)
    environment = {"HOME": str(tmp_path / "home"), "IEXEC_LAB_STATE": str(iexec_sandbox.folder.parent)}
    screen, code = on_terminal([*PROGRAM, "init"], "pass word", "pass word", env=environment)
    assert code == 0, screen
    assert "pass word" not in screen
    assert {"iexec.json", "chain.json"} <= {path.name for path in tmp_path.iterdir()}
    [keystore] = (tmp_path / "home").rglob("UTC--*")
    address = f"0x{json.loads(keystore.read_text())['address']}"
    chain = f"sandbox:{iexec_sandbox.folder.name}"
    (tmp_path / "chain.json").write_text(
        json.dumps({"default": "mine", "chains": {"mine": iexec_sandbox.chain_json(8), chain: {}}})
    )
    screen, code = on_terminal([*PROGRAM, "wallet", "show"], env=environment)
    assert code == 0, screen
    assert address in screen.lower()
    screen, code = on_terminal([*PROGRAM, "storage", "init"], "pass word", env=environment)
    assert code == 0, screen
    assert "pass word" not in screen
    screen, code = on_terminal([*PROGRAM, "info"], env=environment)
    assert (code, iexec_sandbox.hub in screen) == (0, True)


def test_dapp_developers(iexec):
    iexec("iexec app count")
    iexec("iexec app init")
    iexec.edit("app", name=f"hello from {iexec.folder}")
    iexec("iexec app deploy")
    app = iexec.deployed("app")
    assert app in iexec("iexec app show")
    iexec("iexec account deposit 1 RLC")
    assert "Deal 0x" in iexec("iexec app run")
    assert "Deal 0x" in iexec(f"iexec app run {app}")
    assert "count:     0" in iexec(f"iexec orderbook app {app}")
    order = iexec.hash(f"iexec app publish {app}")
    assert order in iexec(f"iexec orderbook app {app}")
    assert "open" in iexec(f"iexec order show --app {order}")
    iexec(f"iexec order cancel --app {order}")
    assert "cancel" in iexec(f"iexec order cancel --app {order}")


def test_dataset_providers(iexec):
    iexec("iexec dataset init --tee")
    (iexec.folder / "datasets/original/myAwesomeDataset.file").write_text("1,2,3")
    (iexec.folder / "datasets/original/a folder").mkdir()
    (iexec.folder / "datasets/original/a folder/part.csv").write_text("4,5,6")
    iexec("iexec dataset encrypt")
    assert (iexec.folder / ".secrets/datasets/myAwesomeDataset.file.key").stat().st_mode & 0o77 == 0
    assert (iexec.folder / "datasets/encrypted/myAwesomeDataset.file.enc").is_file()
    assert (iexec.folder / "datasets/encrypted/a folder.zip.enc").is_file()
    iexec("iexec dataset count")
    iexec("iexec dataset init")
    iexec.edit("dataset", name=f"data in {iexec.folder}")
    iexec("iexec dataset deploy")
    dataset = iexec.deployed("dataset")
    assert dataset in iexec("iexec dataset show")
    iexec("iexec dataset push-secret")
    iexec(f"iexec orderbook dataset {dataset}")
    order = iexec.hash(f"iexec dataset publish {dataset} --tag tee --app-restrict {dataset}")
    assert "open" in iexec(f"iexec order show --dataset {order}")
    iexec(f"iexec order cancel --dataset {order}")


def test_workerpools(iexec):
    iexec("iexec workerpool count")
    iexec("iexec workerpool init")
    iexec.edit("workerpool", description=f"pool in {iexec.folder}")
    iexec("iexec workerpool deploy")
    pool = iexec.deployed("workerpool")
    assert pool in iexec("iexec workerpool show")
    iexec(f"iexec orderbook workerpool {pool} --category 0")
    order = iexec.hash("iexec workerpool publish")
    iexec(f"iexec order cancel --workerpool {order}")
    for kind in ("app", "dataset"):
        iexec(f"iexec {kind} init")
        iexec.edit(kind, name=f"{kind} in {iexec.folder}")
        iexec(f"iexec {kind} deploy")
    app, dataset = iexec.deployed("app"), iexec.deployed("dataset")
    apporder = iexec.hash("iexec app publish")
    datasetorder = iexec.hash("iexec dataset publish")
    request = iexec.hash(f"iexec app request-execution {app} --dataset {dataset} --category 0")
    assert request in iexec("iexec orderbook requester --category 0")
    assert apporder in iexec(f"iexec orderbook app {app}")
    assert datasetorder in iexec(f"iexec orderbook dataset {dataset}")
    iexec("iexec order init --workerpool")
    iexec("iexec order sign --workerpool")
    deal = iexec.hash(f"iexec order fill --request {request} --app {apporder} --dataset {datasetorder}")
    assert pool in iexec(f"iexec deal show {deal}")


def test_requesters(iexec, iexec_sandbox):
    iexec("iexec account show")
    iexec("iexec account deposit 200")
    iexec("iexec account deposit 10 RLC")
    assert "10.0000002 RLC" in iexec("iexec account show")
    iexec("iexec app init")
    iexec.edit("app", name=f"hello in {iexec.folder}")
    iexec("iexec app deploy")
    app = iexec.deployed("app")
    iexec("iexec result generate-encryption-keypair")
    iexec("iexec result push-encryption-key")
    iexec("iexec requester push-secret my-login --secret-value open-sesame")
    (iexec.folder / "input.txt").write_text("some input")
    place = re.search(r"/ipfs/\w+", iexec("iexec storage upload input.txt"))[0]
    options = f"--category 0 --input-files {iexec_sandbox.urls['ipfs_gateway']}{place} --secret 1=my-login"
    deal = iexec.hash(f'iexec app run {app} --args "hello world" {options} --encrypt-result')
    task = HASH.findall(iexec(f"iexec deal show {deal}").partition("tasks")[2])[0]
    iexec.begun(f"iexec task show {task}")
    assert "COMPLETED" in iexec(f"iexec task show {task} --watch")
    iexec(f"iexec task show {task} --download encryptedResults")
    iexec("iexec result decrypt")
    with zipfile.ZipFile(iexec.folder / "results.zip") as archive:
        assert "hello world" in archive.read("result.txt").decode()
    iexec("iexec app publish")
    request = iexec.hash("iexec app request-execution --args later")
    assert "deals" in iexec(f"iexec order show --request {request} --deals")


def test_workers(iexec):
    iexec("iexec account deposit 2000")
    iexec("iexec account show")
    iexec("iexec account withdraw 1000")
    assert "0.000001 RLC" in iexec("iexec account show")
    assert json.loads(iexec("iexec wallet show --raw"))["ok"] is True
