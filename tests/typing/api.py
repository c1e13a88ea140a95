"""Programs of users, as type checkers read them: ``make lint`` runs mypy and pyright on them, both strict.

Nothing here is executed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import assert_type

import pandas as pd

from iexec_lab import IExec, Job, JobStatus, Plan, Result, ResultFile, Results, RunPlan, Sandbox, connect
from iexec_lab.errors import IexecError, OrderError
from iexec_lab.plots import Picture
from iexec_lab.protocol import AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder
from iexec_lab.sandbox.control import Handle

# -- the README ---------------------------------------------------------------------------------------------

lab = connect("sandbox")
assert_type(lab, IExec)
job = lab.app.run("0x...", args="hello")
assert_type(job, Job)
job.wait()
assert_type(job.result().text("stdout.txt"), str)
assert_type(lab.orderbook.workerpool(category=0), pd.DataFrame)

with Sandbox() as sandbox:
    assert_type(sandbox, Handle)
    lab = connect(sandbox)

# -- runs ---------------------------------------------------------------------------------------------------

assert_type(lab.app.run("0x...", dry_run=True), RunPlan)
assert_type(lab.app.run("0x...", dry_run=True).frame(), pd.DataFrame)
assert_type(lab.app.run("0x...", dry_run="--dry" in sys.argv), Job | RunPlan)
assert_type(lab.app.run("0x...", volume=3, secret={1: "a"}, app_price="1 RLC", watch=True), Job)
assert_type(lab.app.request_execution("0x...", category=1), str)
assert_type(lab.job("0x...").why(), str | None)
assert_type(lab.job(["0x...", "0x..."]).status(), JobStatus)
assert_type(job.results(), Results)
assert_type(job.results()[0], Result)
assert_type(job.results(partial=True, key="key.pem")[1:], Results)
assert_type(job.results().frame("table.csv", sep=";"), pd.DataFrame)
assert_type([result.error for result in job.results(partial=True).failed], list[IexecError | None])
assert_type(job.result()["table.csv"], ResultFile)
assert_type(job.result()["table.csv"].frame(), pd.DataFrame)
assert_type(job.result()["table.csv"].bytes, bytes)
assert_type(job.result().frame(), pd.DataFrame)
assert_type(job.result().save("folder"), Path)
assert_type(job.result().decrypt(Path("key")), Result)
assert_type(list(job.result()), list[str])
assert_type(job.tasks, pd.DataFrame)
assert_type(lab.jobs(), pd.DataFrame)


async def later() -> Result:
    """A job can be awaited."""
    return (await lab.app.run("0x...")).result()


def told(status: JobStatus) -> None:
    """A callback of ``wait``."""
    print(status.done, status.total)


job.wait(60, progress=told)


def cheap(plan: Plan) -> bool:
    """An answer of ours to the question of ``connect``."""
    return plan.cost_nrlc < 1_000_000_000


assert_type(connect(confirm=cheap), IExec)

# -- the market ---------------------------------------------------------------------------------------------

assert_type(lab.orderbook.app(dataset="any", limit=5), pd.DataFrame)
assert_type(lab.orderbook.dataset(bulk_only=True), pd.DataFrame)
assert_type(lab.orderbook.requester(max_trust=1), pd.DataFrame)
assert_type(lab.app.deploy("name", "image:1", "0x..."), str)
assert_type(lab.app.show("0x..."), pd.DataFrame)
assert_type(lab.app.publish("0x...", price="0.1 RLC"), str)
assert_type(lab.dataset.encrypt(), pd.DataFrame)
assert_type(lab.deal.show("0x..."), pd.DataFrame)
assert_type(lab.deal.list(app="0x...", category=0, limit=5), pd.DataFrame)
assert_type(lab.deal.task_ids("0x..."), list[str])
assert_type(lab.deal.list(all=True, since="7d"), pd.DataFrame)
assert_type(lab.deal.show("0x...", details=True), pd.DataFrame)
assert_type(lab.orderbook.match("0x..."), pd.DataFrame)
assert_type(lab.account.history(), pd.DataFrame)
assert_type(lab.history.deals("30d", to="history/"), pd.DataFrame)
assert_type(lab.history.per_workerpool("30d"), pd.DataFrame)
assert_type(lab.plot.prices(category=0), Picture)
assert_type(lab.search("0x..."), pd.DataFrame)
assert_type(lab.task.result("0x..."), Result)
assert_type(lab.account.deposit("1 RLC"), pd.DataFrame)
assert_type(lab.account.allowance("0x..."), int)
assert_type(lab.wallet.show(), pd.DataFrame)
assert_type(lab.category.list(), pd.DataFrame)
assert_type(lab.network.chain_id, int)
assert_type(lab.ens.lookup("0x..."), str | None)
assert_type(lab.storage.upload("file"), str)
assert_type(lab.secrets.check_secret("name"), bool)

order = lab.order.create("app", app="0x...", appprice="1 RLC")
assert_type(order, AppOrder | DatasetOrder | WorkerpoolOrder | RequestOrder)
assert_type(lab.order.fill(order, order, order), Job)

try:
    lab.app.run("0x...")
except OrderError as error:
    assert_type(error.hint, str | None)
except IexecError as error:
    assert_type(error.message, str)
