"""The workflows of the manual, typed line by line into cells."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from helpers.waiting import until
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab import cli, connect
from iexec_lab.notebook.drawing.objects import to_text
from iexec_lab.sandbox.control import Sandbox


@pytest.fixture(scope="module")
def iexec_sandbox():
    """A sandbox of their own: the free orders of the manual must not surprise other tests."""
    with Sandbox() as handle:
        yield handle


@pytest.fixture
def cell(tmp_path, monkeypatch, iexec_sandbox):
    """Runs a line in a cell of a notebook that is connected to the sandbox; its value."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IEXEC_LAB_STATE", str(iexec_sandbox.folder.parent))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    (tmp_path / "home").mkdir()
    shell = InteractiveShell()
    shell.extension_manager.load_extension("iexec_lab")

    def run(code):
        printed = StringIO()
        with redirect_stdout(printed), redirect_stderr(printed):
            result = shell.run_cell(code)
        assert result.success, (code, result.error_in_exec, printed.getvalue())
        run.printed = printed.getvalue()
        return result.result

    run("%iexec init --unencrypted")
    run(f"%iexec connect sandbox:{iexec_sandbox.folder.name}")
    wallet = json.loads(Path("wallet.json").read_text())["address"]
    iexec_sandbox.fund(wallet, rlc="500 RLC", ether="1 ether")
    yield run
    shell.extension_manager.unload_extension("iexec_lab")


def rename(kind, key="name"):
    content = json.loads(Path("iexec.json").read_text())
    content[kind][key] = f"{kind} in {Path.cwd()}"
    Path("iexec.json").write_text(json.dumps(content))


def test_dapp_developers(cell):
    assert cell("%iexec app count") == 0
    cell("%iexec app init")
    rename("app")
    cell("app = %iexec app deploy")
    assert cell("%iexec app deploy") == cell("app")
    assert cell("%iexec app show").loc[0, "name"] == f"app in {Path.cwd()}"
    cell("%iexec account deposit 1 RLC")
    cell("job = %iexec app run {app}")
    assert cell("job.wait().status().counts") == {"COMPLETED": 1}
    assert len(cell("%iexec orderbook app {app}")) == 0
    cell("order = %iexec app publish {app}")
    assert cell("%iexec orderbook app {app}").loc[0, "order_hash"] == cell("order")
    assert cell("%iexec order show --app").loc[0, "order_hash"] == cell("order")
    assert cell("%iexec order show --app {order} --deals").loc[0, "deals"] == []
    assert "deals" not in cell("%iexec order show --app {order}")
    for _ in range(2):
        cell("%iexec order cancel --app")


def test_what_has_to_be_known_is_told_in_the_cell(cell):
    def printed(line):
        cell(line)
        return cell.printed

    cell("%iexec dataset init --encrypted")
    Path("datasets/original/table.csv").write_text(f"{Path.cwd()}")
    said = printed("made = %iexec dataset encrypt")
    assert "Next: %iexec storage upload datasets/encrypted/table.csv.enc fills in multiaddr." in said
    assert "%iexec dataset deploy" in printed("%iexec storage upload datasets/encrypted/table.csv.enc;")
    assert printed("data = %iexec dataset deploy").count("\n") == 1  # nothing is amiss
    cell("%iexec dataset publish {data} --app-restrict {data}")
    assert "--app any lists them" in printed("book = %iexec orderbook dataset {data}")


def test_what_was_edited_is_kept_and_older_orders_are_told(cell):
    for _ in range(2):
        cell("%iexec app init --tee")
        cell("%iexec app init")
    rename("app")
    cell("%iexec app init;")
    assert "has your own app, which is kept" in cell.printed
    cell("%iexec app deploy")
    cell("first = %iexec app publish --price 1 RLC")
    assert "still open" not in cell.printed
    cell("%iexec app publish --price 2 RLC;")
    said, first = cell.printed, cell("first")
    assert f"Order {first} at 1.0 RLC is still open, for the same buyers" in said
    assert f"%iexec order cancel --app {first}" in said
    cell("%iexec order init --app;")
    edited = json.loads(Path("iexec.json").read_text())
    edited["order"]["apporder"]["appprice"] = "5"
    Path("iexec.json").write_text(json.dumps(edited))
    assert cell("%iexec order init --app")["appprice"] == "5"


def test_dataset_providers(cell):
    cell("%iexec dataset init --encrypted")
    Path("datasets/original/myAwesomeDataset.file").write_text("1,2,3")
    assert len(cell("%iexec dataset encrypt")) == 1
    assert cell("%iexec dataset count") == 0
    cell("%iexec dataset init")
    rename("dataset")
    cell("dataset = %iexec dataset deploy")
    cell("%iexec dataset show")
    for _ in range(2):
        cell("%iexec dataset push-secret")
    cell("order = %iexec dataset publish {dataset} --tag tee --app-restrict {dataset}")
    cell("%iexec orderbook dataset {dataset}")
    cell("%iexec order show --dataset {order}")
    cell("%iexec order cancel --dataset {order}")


def test_files_are_sold_and_used_together(cell):
    for name in ("one.csv", "two.csv"):
        Path(name).write_text(f"{name} in {Path.cwd()}")
        cell(f"sold = %iexec dataset publish-file {name} --volume 9007199254740991")
        assert cell("sold.loc[0, 'done']").endswith("published")
    assert cell("%iexec dataset publish-file two.csv --volume 9007199254740991").loc[0, "done"] == ""
    cell("book = %iexec orderbook dataset any --bulk-only")
    cell("book = book.sort_values('published_at').tail(2)")
    cell("bulk = %iexec dataset prepare-bulk {book} --max-dataset-per-task 1")
    assert cell("bulk")["volume"] == 2
    assert cell("%iexec dataset prepare-bulk {book.order_hash} --max-dataset-per-task 1") == cell("bulk")
    cell("%iexec app init")
    rename("app")
    cell("app = %iexec app deploy")
    cell("%iexec account deposit 1 RLC")
    cell("job = %iexec app run {app} --bulk {bulk} --watch")
    assert cell("[list(each) for each in job.tasks.datasets] == [[name] for name in book.dataset]")


def test_workerpools(cell):
    for kind, key in (("workerpool", "description"), ("app", "name")):
        cell(f"%iexec {kind} init")
        rename(kind, key)
        cell(f"{kind} = %iexec {kind} deploy")
    cell("%iexec workerpool show")
    cell("order = %iexec workerpool publish")
    assert len(cell("%iexec orderbook workerpool {workerpool} --category 0")) == 1
    cell("%iexec order cancel --workerpool {order}")  # nobody works for it, and it is the cheapest
    cell("app_order = %iexec app publish")
    cell("request = %iexec app request-execution {app} --category 0")
    assert cell("request") in set(cell("%iexec orderbook requester --category 0")["order_hash"])
    cell("%iexec order init --workerpool")
    cell("signed = %iexec order sign --workerpool")  # not published: another one was published last
    assert cell("%iexec order show --workerpool").loc[0, "status"] == "canceled"
    assert "AppOrder" not in (drawn := to_text(cell("signed")))
    assert re.search(r"^signed: +yes$", drawn, re.MULTILINE)
    assert cell("signed").signature not in drawn
    cell("job = %iexec order fill --request {request} --app {app_order}")
    shown = cell("%iexec deal show {job.deal_id}")
    assert shown.loc[0, "workerpool"] == cell("workerpool")
    assert shown.loc[0, "task_ids"] == cell("job.task_ids")
    until(lambda: cell("%iexec order show --request --deals").loc[0, "deals"] == [cell("job.deal_id")])


def test_requesters_and_workers(cell):
    cell("%iexec account show")
    cell("%iexec account deposit 200")
    cell("%iexec account deposit 1 RLC")
    cell("%iexec app init")
    rename("app")
    cell("app = %iexec app deploy")
    for _ in range(2):
        cell("%iexec result generate-encryption-keypair")
        cell("%iexec result push-encryption-key")
    cell('job = %iexec app run {app} --args "hello world" --category 0 --encrypt-result')
    cell("task = job.task_ids[0]")
    cell("%iexec task show {task}")
    cell("%iexec task show {task} --watch")
    cell("%iexec task show {task} --download encryptedResults")
    for _ in range(2):
        cell("result = %iexec result decrypt")
    assert "hello world" in cell("result.text('result.txt')")
    cell("%iexec account withdraw 1000")


def test_every_face_of_a_folder_has_the_same_network_and_wallet(cell, capsys):
    address = json.loads(Path("wallet.json").read_text())["address"]
    name = json.loads(Path("chain.json").read_text())["default"]
    assert name.startswith("sandbox:")
    assert cell("%iexec connect").session.address == address
    for lab in (connect(), connect(name)):
        assert (lab.network.name, lab.session.address) == (name, address)
    capsys.readouterr()
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"Network {name} (chain 65535): the default of chain.json." in out
    assert f"Wallet {address}: wallet.json." in out
    mine = cell(f"%iexec connect {name} --new-wallet").session.address
    assert connect().session.address == connect(name).session.address == mine != address
    assert cell(f"%iexec connect {name}").session.address == address


def test_init_again_and_in_another_folder(cell, monkeypatch, tmp_path):
    wallet = Path("wallet.json").read_text()
    cell("%iexec app init")
    rename("app")
    edited = Path("iexec.json").read_text()
    app = cell("%iexec app deploy")
    for line in ("init", "init --unencrypted", "init --skip-wallet"):
        assert cell(f"%iexec {line}") is None
    assert cell("%iexec wallet create --unencrypted") == json.loads(wallet)["address"]
    assert (Path("wallet.json").read_text(), Path("iexec.json").read_text()) == (wallet, edited)
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    for name, text in (("wallet.json", wallet), ("iexec.json", edited)):
        Path(name).write_text(text)
    assert cell("%iexec app deploy") == app
    assert json.loads(Path("deployed.json").read_text()) == {"app": {"65535": app}}


def test_a_network_that_is_away_leaves_everything_as_it_is(cell):
    chains = json.loads(Path("chain.json").read_text())
    chains["chains"]["away"] = {"id": "7", "host": "http://127.0.0.1:1", "hub": "0x" + "11" * 20}
    Path("chain.json").write_text(json.dumps(chains))
    name = cell("%iexec connect").network.name
    assert f"Nothing changed: {name} is still used." in cell(
        """
        from iexec_lab.errors import IexecError
        try:
            get_ipython().run_line_magic("iexec", "connect away")
        except IexecError as error:
            said = error.hint
        said"""
    )
    assert cell("%iexec connect").network.name == name
    assert json.loads(Path("chain.json").read_text()) == chains
