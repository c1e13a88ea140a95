"""``%iexec`` on the sandbox: values one can go on with, a connection that lasts, jobs that come back."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab import Job, Result, connect
from iexec_lab.errors import BudgetError, ConfigurationError, IexecError, JobError


@pytest.fixture
def shell(tmp_path, monkeypatch, iexec_sandbox):
    """A shell in an empty folder; ``sandbox`` of the tests is found under its own name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IEXEC_LAB_STATE", str(iexec_sandbox.folder.parent))
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    (tmp_path / "iexec.json").write_text("{}")
    created = InteractiveShell()
    created.extension_manager.load_extension("iexec_lab")
    created.user_ns["market"] = f"sandbox:{iexec_sandbox.folder.name}"
    yield created
    created.extension_manager.unload_extension("iexec_lab")


@pytest.fixture
def do(shell):
    """Runs a cell and gives its value; a failure of the cell is raised."""

    def run(code):
        result = shell.run_cell(code)
        result.raise_error()
        return result.result

    return run


@pytest.fixture
def app(do, shell):
    do("%iexec connect {market}")
    do("%iexec app init")
    config = json.loads(Path("iexec.json").read_text())
    config["app"]["name"] = f"notebook {time.time_ns()}"
    Path("iexec.json").write_text(json.dumps(config))
    return do("app = %iexec app deploy\napp")


def test_the_connection_lasts_and_is_the_folder_s_default(do, shell, tmp_path):
    lab = do("%iexec connect {market}")
    assert lab.network.name == shell.user_ns["market"]
    assert do("%iexec connect") is lab
    assert do("%iexec wallet show")["address"][0] == lab.session.address
    market = shell.user_ns["market"]
    assert json.loads((tmp_path / "chain.json").read_text()) == {"default": market, "chains": {market: {}}}


def test_a_failed_connect_changes_nothing(do, shell):
    lab = do("%iexec connect {market}")
    with pytest.raises(Exception, match="nowhere"):
        do("%iexec connect nowhere")
    assert do("%iexec connect") is lab


def test_a_lab_of_python_can_be_connected(do, shell):
    shell.user_ns["mine"] = connect(shell.user_ns["market"])
    assert do("%iexec connect {mine}") is shell.user_ns["mine"]
    assert do("%iexec account show")["stake_nrlc"][0] > 0


def test_chain_json_of_the_folder_is_the_default(do, shell, tmp_path):
    market = shell.user_ns["market"]
    (tmp_path / "chain.json").write_text(json.dumps({"default": market, "chains": {market: {}}}))
    assert do("%iexec connect").network.name == market


def test_default_chain_is_used_before_anything_else_is_known(do, shell):
    do(f"%config IexecMagics.default_chain = {shell.user_ns['market']!r}")
    assert do("%iexec category count") >= 5


def test_values(do, app):
    assert app.startswith("0x")
    shown = do("%iexec app show {app}")
    assert isinstance(shown, pd.DataFrame)
    assert (len(shown), shown["address"][0]) == (1, app)
    book = do("%iexec orderbook workerpool --category 0")
    assert (book["category"] == 0).all()
    assert do("%iexec app count") >= 1
    assert do("%iexec category count") >= 5
    assert do("%iexec app check-secret {app}") is False
    assert do("order = %iexec app publish --price 2\norder").startswith("0x")
    assert do("%iexec orderbook app {app}")["app_price_nrlc"][0] == 2


def test_funding_gives_a_row(do, app, shell):
    address = do("%iexec wallet show")["address"][0]
    funded = do("%iexec sandbox fund --rlc 2 RLC --ether 3 wei")
    assert funded.to_dict("records") == [
        {"address": address, "rlc": 2.0, "rlc_nrlc": 2_000_000_000, "ether_wei": 3}
    ]
    assert funded.attrs["kind"] == "funding"
    assert do("%iexec orderbook workerpool --wide").attrs["wide"]
    assert "wide" not in do("%iexec orderbook workerpool").attrs


def test_run_gives_a_job_and_download_a_result(do, app, shell):
    shell.user_ns["who"] = "two words"
    job = do('job = %iexec app run {app} --args "{who}"\njob')
    assert isinstance(job, Job)
    assert do("%iexec app run {app} --watch").done
    result = do("%%iexec app run -o result\n# comments and variables are fine\n--args '{who}'\n--download\n")
    assert result is None
    assert isinstance(shell.user_ns["result"], Result)
    assert "two words" in shell.user_ns["result"].text()
    job.wait()
    assert do("%iexec deal show {job.deal_id}")["deal_id"][0] == job.deal_id
    shown = do("%iexec task show {job.task_ids[0]}")
    assert shown["status"][0] == "COMPLETED"
    kept = do("%iexec task show {job.task_ids[0]} --download kept")
    assert isinstance(kept, Result)
    assert (kept.task_id, kept.status) == (job.task_ids[0], "COMPLETED")
    data, _ = shell.display_formatter.format(kept)
    assert data["text/plain"].startswith(f"Result of task {job.task_ids[0]}: 3 files")
    assert "two words" in data["text/html"]
    both = do("%iexec app run {app} --volume 2 --watch --download")
    assert [result.task_index for result in both] == [0, 1]
    assert len(both.frame("computed.json", typ="series")) >= 2
    assert shell.display_formatter.format(both)[0]["text/plain"].startswith("Results of 2 tasks\n")


def test_costs_of_the_session_outlive_a_new_connection_and_its_budget_holds(do, app, shell):
    job = do("job = %iexec app run {app} --watch\njob")
    do("%iexec connect --new-wallet")
    costs = do("%iexec costs")
    assert list(costs.frame().what) == ["app deploy", "app run"]
    assert costs.total()["paid_nrlc"] == 100_000_000
    assert job.deal_id in costs._repr_mimebundle_()["text/plain"]
    jobs = do("%iexec jobs")
    assert dict(zip(jobs.deal_id, jobs.wallet_is, strict=True))[job.deal_id] == "noted here"
    do("%iexec connect {market}")
    do("%iexec costs --budget 0.05 RLC")  # from now on
    with pytest.raises(BudgetError, match="would pass"):
        do("%iexec app run {app}")
    with pytest.raises(BudgetError, match="would pass"):
        connect(shell.user_ns["market"]).app.run(app)
    do("%iexec costs --budget none")
    costs.budget = "0.15 RLC"
    with pytest.raises(BudgetError, match="would pass"):
        do("%iexec app run {app}")


def test_a_dry_run_gives_the_plan(do, app):
    plan = do("%iexec app run --dry-run")
    assert isinstance(plan, pd.DataFrame)
    assert plan["cost_nrlc"][0] == 100_000_000


def test_jobs_of_the_wallet(do, app):
    assert isinstance(do("%iexec jobs"), pd.DataFrame)


def test_objects_can_be_given_as_parameters(do, app, shell):
    shell.user_ns["params"] = {"iexec_args": "from a dict"}
    job = do("job = %iexec app run {app} --params {params} --watch\njob")
    assert "from a dict" in job.result().text()
    assert do('%iexec app run {app} --params \'{"iexec_args": "from JSON"}\' --watch').done


def test_a_failed_task_raises_and_keeps_the_job(do, app, shell, iexec_sandbox, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/app.py").write_text("raise SystemExit(3)")
    name = iexec_sandbox.folder.name
    do(f"%iexec sandbox app add me/bad-{time.time_ns()} ./bad --name {name} -o added")
    config = json.loads((tmp_path / "iexec.json").read_text())
    config["app"] |= {"name": f"bad {time.time_ns()}", "multiaddr": shell.user_ns["added"]["image"]}
    (tmp_path / "iexec.json").write_text(json.dumps(config))
    do("%iexec app deploy")
    do("job = %iexec app run")
    iexec_sandbox.forward(4000)
    with pytest.raises(JobError, match="did not complete") as caught:
        do("%iexec deal show {job.deal_id} --watch")
    assert caught.value.job.deal_id == shell.user_ns["job"].deal_id
    assert "task debug" in caught.value.hint


def test_several_orders_in_one_command(do, app):
    do("%iexec order init --app --workerpool")
    with pytest.raises(IexecError, match="Failed to sign datasetorder, workerpoolorder"):
        do("%iexec order sign --workerpool --dataset")
    signed = do("%iexec order sign --app")
    assert signed.app == app
    assert do("%iexec order publish --app").startswith("0x")


def test_seen_ids_are_remembered_for_completion(do, app, shell):
    magics = shell.magics_manager.registry["IexecMagics"]
    assert magics.seen.of("app")[0] == app


def test_what_was_connected_is_used_by_commands_without_options_only(do, shell):
    do("%iexec connect {market}")
    with pytest.raises(ConfigurationError):
        do("%iexec app show --chain sandbox-that-is-not-there")
