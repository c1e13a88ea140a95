"""A whole project from the terminal: deploy, sell, run, follow, download. Lines are those of the manual."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import suppress
from zipfile import ZipFile

import pytest
from helpers.answers import facts
from helpers.waiting import until

from iexec_lab.client.iexec import connect
from iexec_lab.client.jobs.why import cause
from iexec_lab.errors import ObjectNotFoundError, ProjectError
from iexec_lab.project import Project
from iexec_lab.wallet.signer import LocalSigner

NOBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def app(iexec):
    """A deployed app of ours, so that every test has its own."""
    iexec("app init")
    config = json.loads((iexec.folder / "iexec.json").read_text())
    config["app"]["name"] = f"hello {iexec.folder.name} {time.time_ns()}"
    (iexec.folder / "iexec.json").write_text(json.dumps(config))
    return iexec("app deploy")["address"]


def test_init_deploy_show_count(iexec, app):
    shown = iexec("app show")
    assert shown["address"] == app
    assert shown["app"]["owner"] == iexec.user
    assert iexec(f"app show {app}") == shown
    assert int(iexec("app count")["count"]) >= 1
    assert json.loads((iexec.folder / "deployed.json").read_text()) == {"app": {"65535": app}}
    assert iexec.fails("app deploy") == f"App already deployed at address {app}"
    (iexec.folder / "deployed.json").unlink()
    out, err = iexec.text("app deploy")
    assert (app in out, "deployed already" in err) == (True, True)
    assert json.loads((iexec.folder / "deployed.json").read_text()) == {"app": {"65535": app}}
    assert iexec("app count --user 0x000000000000000000000000000000000000dEaD")["count"] == "0"


def test_deploying_what_is_not_complete(iexec):
    iexec("dataset init")
    (iexec.folder / "iexec.json").write_text('{"dataset": {"name": "x"}, "app": 5}')
    assert iexec.fails("dataset deploy") == "owner is a required field"
    nobody = {"workerpool": {"owner": f"0x{0:040x}", "description": "x"}}
    (iexec.folder / "iexec.json").write_text(json.dumps(nobody))
    assert "The owner (in iexec.json" in iexec.text("workerpool deploy", 1)[1]
    (iexec.folder / "iexec.json").write_text('{"dataset": {"name": "x"}, "app": 5}')
    assert iexec.fails("app deploy") == "ValidationError: app must be a `object` type in iexec.json"
    assert iexec.fails("workerpool deploy").startswith('Missing workerpool in "iexec.json".')


def test_nothing_is_deployed_that_could_not_be_noted(iexec, monkeypatch):
    iexec("workerpool init")
    (iexec.folder / "deployed.json").write_text('{"workerpool": []}')
    before = iexec("workerpool count")
    message = "ValidationError: workerpool must be a `object` type in deployed.json"
    assert iexec.fails("workerpool deploy") == message
    assert iexec("workerpool count") == before

    def full(*_):
        raise ProjectError("Cannot write deployed.json: No space left on device")

    (iexec.folder / "deployed.json").unlink()
    owned = {"owner": iexec.user, "description": f"{iexec.folder.name} {time.time_ns()}"}
    (iexec.folder / "iexec.json").write_text(json.dumps({"workerpool": owned}))
    monkeypatch.setattr(Project, "save_deployed", full)
    lost = re.fullmatch(r"Deployed workerpool (0x\w{40}), but: Cannot.*", iexec.fails("workerpool deploy"))
    assert iexec(f"workerpool show {lost[1]}")["workerpool"]["owner"] == iexec.user


@pytest.mark.parametrize("kind", ["app", "dataset", "workerpool"])
def test_show_without_deployment(iexec, kind):
    message = f'Missing {kind}Address and no {kind} found in "deployed.json" for chain 65535'
    assert iexec.fails(f"{kind} show") == message
    assert iexec.fails(f"{kind} publish --force") == message


def test_publish_and_unpublish(iexec, app):
    published = iexec("app publish --price 0.5 RLC --volume 7")["orderHash"]
    [order] = iexec(f"orderbook app {app}")["appOrders"]
    assert (order["orderHash"], int(order["price"]), order["remaining"]) == (published, 500_000_000, 7)
    assert published in iexec.text("order show --app")[0]
    assert 'Missing "orders.json"' in iexec.fails("order show --app")
    assert iexec("app unpublish") == {"ok": True, "unpublished": published}
    assert "no open apporder published" in iexec.fails("app unpublish")
    assert "No apporder of this wallet is left" in iexec.text("app unpublish")[1]
    assert iexec(f"orderbook app {app}") == {"ok": True, "count": 0, "appOrders": []}
    iexec("app publish")
    iexec("app publish --price 1")
    assert len(iexec("app unpublish --all")["unpublished"]) == 2


def test_transfer(iexec, app):
    assert iexec.fails(f"app transfer {app}") == "Missing --to option"
    given = iexec(f"app transfer {app} --to {NOBODY}")
    assert (given["address"], given["to"]) == (app, NOBODY)
    assert iexec("app show")["app"]["owner"] == NOBODY
    assert iexec.fails(f"app transfer {app} --to {NOBODY}") == "Only app owner can transfer app ownership"
    assert f"{NOBODY} owns app {app} already" in iexec.text(f"app transfer {app} --to {NOBODY}")[1]
    assert "Only app owner" in iexec.text(f"app transfer {app} --to {app}", 1)[1]


def test_run_and_watch_and_download(iexec, app):
    answer = iexec('app run --args "from the terminal" --watch')
    assert list(answer) == ["ok", "deals", "tasks"]
    [task] = answer["tasks"]
    assert task["statusName"] == "COMPLETED"
    deal = answer["deals"][0]["dealid"]
    assert iexec(f"deal show {deal}")["deal"]["tasks"] == [task["taskid"]]
    watched = iexec(f"deal show {deal} --watch")
    assert (watched["tasksCount"], watched["completedTasksCount"], watched["failedTasksCount"]) == (1, 1, 0)

    shown = iexec(f"task show {task['taskid']} --watch --download out")
    assert shown["resultPath"] == str(iexec.folder / "out.zip")
    with ZipFile(iexec.folder / "out.zip") as result:
        assert any("from the terminal" in result.read(name).decode() for name in result.namelist())
    iexec(f"task show {task['taskid']} --download")
    assert (iexec.folder / f"{task['taskid']}.zip").is_file()
    assert iexec.fails(f"task claim {task['taskid']}") == "Cannot claim a task having status COMPLETED"


def test_run_can_download_by_itself(iexec, app):
    answer = iexec("app run --download kept.zip")
    assert answer["resultPaths"] == [str(iexec.folder / "kept.zip")]
    out, _ = iexec.text("app run --volume 2 --download many")
    assert "results in many-0.zip, many-1.zip" in out
    assert (iexec.folder / "many-1.zip").is_file()


def test_without_watch_the_deal_is_named_and_the_jobs_know_it(iexec, app):
    (iexec.folder / "slow").mkdir()
    out, err = iexec.text("app run")
    deal = out.split()[2]
    assert f"iexec-lab deal show {deal} --watch waits for it." in err
    iexec(f"deal show {deal} --watch")
    assert iexec("jobs")["ok"] is True


def test_a_budget_of_the_folder_holds_in_every_line_and_is_told(iexec, app):
    out, _ = iexec.text("costs --budget 0.15 RLC")
    assert "Budget of this folder: 0.15 RLC, 0.15 RLC left." in out
    deal = iexec("app run --watch")["deals"][0]["dealid"]
    assert iexec.fails("app run --force") == "app run would pass the budget of 0.15 RLC"
    assert "Raise it: iexec-lab costs --budget" in iexec.text("app run", 1)[1]
    answer = iexec("costs")
    assert (answer["budget"], answer["used"]) == ("150000000", "100000000")
    [row] = [row for row in answer["costs"] if row["dealid"] == deal]
    assert (row["paid"], row["locked"], row["state"], row["ended"]) == ("100000000", "0", "ended", 1)
    assert answer["total"]["paid_nrlc"] == "100000000"
    assert int(answer["total"]["gas_wei"]) > 0
    assert "Costs of this folder" in iexec.text("costs")[0]
    assert deal in iexec.text("jobs")[0]
    assert deal not in iexec.text("jobs --running")[0]
    assert "This folder has no budget." in iexec.text("costs --budget none")[0]
    iexec("app run --watch")
    assert "much" in iexec.fails("costs --budget much")


def test_a_dry_run_signs_nothing(iexec, app):
    before = iexec("account show")
    plan = iexec("app run --dry-run")
    assert plan["action"] == "app run"
    assert plan["cost_nrlc"] == "100000000"
    assert iexec("account show") == before
    out, _ = iexec.text("app run --dry-run")
    assert "Nothing was signed." in out
    assert "cost: 0.1 RLC" in out


def test_errors_of_a_run(iexec, app):
    assert iexec.fails(f"app run {NOBODY}") == f"No app deployed at address {NOBODY}"
    assert "not a valid ethereum address" in iexec.fails("app run 0x12")
    assert iexec.fails("app run --dataset deployed").startswith("No dataset found")
    assert "x is not a valid uint256" in iexec.fails("app run --category x")


def test_a_request_waits_on_the_market(iexec, app):
    assert "No apporder published" in iexec.fails("app request-execution --args later")
    iexec("app publish")
    request = iexec("app request-execution --args later --workerpool-price 5 nRLC --category 4")["orderHash"]
    [order] = iexec(f"orderbook requester {iexec.user} --category 4")["requestOrders"]
    assert order["orderHash"] == request
    shown = iexec(f"order show --request {request} --deals")["requestorder"]
    assert shown["deals"]["count"] == 0
    assert iexec(f"order unpublish --request {request}")["requestorder"] == {"orderHash": request}


def end_when_given_up(handle, app):
    """A thread that sets the clock past the deadline once no worker goes on with the only task of an app."""
    lab = connect(handle, LocalSigner(handle.users[3].key))

    def given_up():
        for deal in facts(lab, "deal.list", app=app).rows():
            [task] = lab.deal.task_ids(deal["deal_id"])
            with suppress(ObjectNotFoundError):  # not begun
                found = facts(lab, "task.debug", task, logs=True)
                if cause(found.get("offchainData", {}).get("replicates", [])) and found.get("appLogs"):
                    return True
        return False

    def work():
        try:
            until(given_up)
        finally:
            handle.forward(4000)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_failed_task_ends_the_watch_with_exit_code_1(iexec, iexec_sandbox):
    (iexec.folder / "bad").mkdir()
    (iexec.folder / "bad/app.py").write_text("import sys; print('oh'); sys.exit(3)")
    name = iexec_sandbox.folder.name
    iexec(f"sandbox app add me/bad ./bad --name {name}")
    assert "me/bad" in [row["image"] for row in iexec(f"sandbox app list --name {name}")["apps"]]
    app = {
        "owner": iexec.user,
        "name": "bad",
        "type": "DOCKER",
        "multiaddr": "me/bad:1",
        "checksum": "0x" + 64 * "1",
    }
    (iexec.folder / "iexec.json").write_text(json.dumps({"app": app}))
    end = end_when_given_up(iexec_sandbox, iexec("app deploy")["address"])
    _, err = iexec.text("app run --watch --raw", 1)
    end.join()
    answer = json.loads(err.splitlines()[-1])  # what hangs may be told before
    assert list(answer) == ["ok", "deals", "tasks", "failedTasks"]
    [task] = answer["failedTasks"]
    assert task["statusName"] == "TIMEOUT"

    deal = answer["deals"][0]["dealid"]
    watched = iexec(f"deal show {deal} --watch")  # shown is what was asked for: ok, as in the official CLI
    assert (watched["ok"], watched["failedTasksCount"]) == (True, 1)
    shown = iexec(f"task show {task['taskid']} --watch --download")
    assert shown["claimable"] is True
    assert "resultPath" not in shown
    for line in (f"task show {task['taskid']} --watch", f"deal show {deal} --watch"):
        _, err = iexec.text(line)
        assert f"✖ task 0 ({task['taskid']}): TIMEOUT" in err
        assert f"See why: iexec-lab task debug {task['taskid']} --logs" in err
        assert f"iexec-lab deal claim {deal}" in err
    debug = iexec(f"task debug {task['taskid']} --logs")
    assert debug["appLogs"][0]["stdout"] == "oh\n"
    claimed = iexec(f"deal claim {deal}")
    assert claimed["claimed"] == {"0": task["taskid"]}
    assert iexec(f"task show {task['taskid']}")["task"]["statusName"] == "FAILED"
    assert iexec.fails(f"deal claim {deal}") == "Nothing to claim"


def test_workerpool_and_category(iexec):
    iexec("workerpool init")
    (iexec.folder / "iexec.json").write_text(
        json.dumps({"workerpool": {"owner": iexec.user, "description": f"pool {time.time_ns()}"}})
    )
    pool = iexec("workerpool deploy")["address"]
    assert iexec("workerpool show")["workerpool"]["owner"] == iexec.user
    order = iexec("workerpool publish --category 2 --price 1 RLC --volume 3 --trust 0")["orderHash"]
    [listed] = iexec(f"orderbook workerpool {pool} --category 2")["workerpoolOrders"]
    assert listed["orderHash"] == order
    iexec("workerpool unpublish")
    assert iexec("category show 0")["category"]["workClockTimeRef"] == "300"
    assert int(iexec("category count")["count"]) >= 5
    iexec("category init")
    assert "category" in iexec.fails("category create")


def test_orderbook_limits_and_tells_the_rest(iexec):
    answer = iexec("orderbook workerpool --limit 2")
    assert len(answer["workerpoolOrders"]) == 2
    assert answer["count"] > 2
    _, err = iexec.text("orderbook workerpool --limit 2")
    assert f"{answer['count'] - 2} more" in err
    wide, _ = iexec.text("orderbook workerpool --limit 2 --wide")
    pools = {order["workerpool"] for order in answer["workerpoolOrders"]}
    assert sum(any(pool in line for pool in pools) for line in wide.splitlines()) == 2
    assert all(
        any(order["orderHash"] in line and order["workerpool"] in line for line in wide.splitlines())
        for order in answer["workerpoolOrders"]
    )


def test_sandbox_clock_and_funds(iexec, iexec_sandbox):
    name = iexec_sandbox.folder.name
    before = int(iexec("wallet show")["balance"]["nRLC"])
    funded = iexec(f"sandbox fund --rlc 2 RLC --ether 1 --name {name}")
    assert funded == {"ok": True, "address": iexec.user, "nRLC": "2000000000", "wei": "1"}
    assert int(iexec("wallet show")["balance"]["nRLC"]) == before + 2_000_000_000
    assert iexec(f"sandbox forward 10 --name {name}") == {"ok": True, "seconds": "10"}
    status = iexec(f"sandbox status --name {name}")
    assert status["urls"]["rpc"] == iexec_sandbox.urls["rpc"]
    assert iexec(f"sandbox start --name {name}")["pid"] == status["pid"]
    assert iexec(f"sandbox start --chain-id 65535 --name {name}")["pid"] == status["pid"]


@pytest.mark.parametrize("other", ["--native", "--chain-id 7", "--preset bellecour", "--port-base 1"])
def test_a_sandbox_that_runs_is_not_taken_for_another_one(iexec, iexec_sandbox, other):
    message = iexec.fails(f"sandbox start {other} --name {iexec_sandbox.folder.name}")
    assert message.endswith("is already running, but not as asked for")


def test_sandbox_that_does_not_run(iexec):
    assert iexec("sandbox status --name other") == {"ok": True, "name": "other", "running": False}
    assert iexec("sandbox stop --name other")["stopped"] is False
    assert iexec.fails("sandbox fund --name other") == 'Sandbox "other" is not running'
    assert "not a name" in iexec.fails("sandbox status --name ../x")


def test_the_chain_entry_of_the_status_works_in_chain_json(iexec, iexec_sandbox):
    chain = iexec(f"sandbox status --name {iexec_sandbox.folder.name}")["chain"]
    (iexec.folder / "chain.json").write_text(json.dumps({"default": "lab", "chains": {"lab": chain}}))
    assert iexec("info")["hubAddress"] == iexec_sandbox.hub
    assert iexec("info --chain lab")["host"] == iexec_sandbox.urls["rpc"]


def test_connect_becomes_the_default_of_chain_json(iexec, iexec_sandbox):
    (iexec.folder / "chain.json").unlink()
    name = f"sandbox:{iexec_sandbox.folder.name}"
    answer = iexec(f"connect {name}")
    assert answer["network"] == name
    assert answer["wallet"] == iexec.user
    assert json.loads((iexec.folder / "chain.json").read_text()) == {"default": name, "chains": {name: {}}}
    assert iexec("info")["hubAddress"] == iexec_sandbox.hub
    assert iexec("connect")["network"] == name
    assert iexec.fails("connect nowhere") == 'Missing "nowhere" chain in "chain.json"'


def test_a_terminal_keeps_no_wallet_for_the_next_line(iexec):
    for flag in ("--new-wallet", "--browser-wallet"):
        assert "a terminal would forget the wallet" in iexec.fails(f"connect {flag}")
    assert "exclude each other" in iexec.fails("connect --new-wallet --browser-wallet")


def test_connect_tells_of_a_wallet_that_is_not_there(iexec):
    for option in ("--wallet-file missing.json", "--wallet-address 0x" + 40 * "1"):
        assert "Wallet file not found" in iexec.fails(f"connect {option}")


def test_what_is_computed_from_the_book(iexec):
    depth = iexec("orderbook depth workerpool --category 0")
    assert depth["levels"][0]["price"] == "100000000"
    assert iexec("orderbook simulate 3 --category 0")["fills"][0]["cost"] == "300000000"
    assert iexec("orderbook best")["orders"][0]["side"] == "ask"
    assert {row["category"] for row in iexec("orderbook spread")["categories"]} >= {0, 1}
    out, _ = iexec.text("orderbook depth --category 0")
    assert "0.1 RLC" in out
    out, err = iexec.text("orderbook workerpool --category 99")
    assert "There is no category 99." in err


def test_all_combinations_of_an_app(iexec, app):
    found = iexec("orderbook match --limit 1 --category 0")
    assert found["combinations"][0]["fits"] is True
    assert found["combinations"][0]["app"] == app
