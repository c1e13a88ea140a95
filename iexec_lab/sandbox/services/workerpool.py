"""The default workerpool: what its scheduler tells the world over HTTP, and the wiring of what works behind.

Routes, shapes and statuses are those of iExec core 9.3; its routes for workers are left out, since our
workers live in the same process.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from aiohttp import web

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import to_address
from iexec_lab.sandbox.chain.clock import Clock
from iexec_lab.sandbox.ending import end
from iexec_lab.sandbox.services._cors import answer_preflights
from iexec_lab.sandbox.services._login import is_proof, login_challenge
from iexec_lab.sandbox.services._signatures import is_by_r_and_s
from iexec_lab.sandbox.services._spring import answer_as_spring, bad_request
from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.sandbox.state.blobs import BlobStore
from iexec_lab.sandbox.state.secrets import SecretStore
from iexec_lab.sandbox.state.tasks import TasksStore, iso_date
from iexec_lab.sandbox.work.app_process import AppSupervisor
from iexec_lab.sandbox.work.execution import Executor
from iexec_lab.sandbox.work.inputs import InputFetcher
from iexec_lab.sandbox.work.runtime import Runtime
from iexec_lab.sandbox.work.scheduler import Scheduler
from iexec_lab.sandbox.work.standing_orders import StandingOrders
from iexec_lab.sandbox.work.task_loop import Crew, Workshop
from iexec_lab.sandbox.work.worker import Workers
from iexec_lab.services.auth import WORKERPOOL

if TYPE_CHECKING:
    from pathlib import Path

    from iexec_lab.sandbox.context import Context
    from iexec_lab.sandbox.state.tasks import ReplicateRow, TaskRow

VERSION = "9.3.0-sandbox"
PARALLEL_TASKS = "IEXEC_LAB_PARALLEL_TASKS"
"""Environment variable: how many apps run at the same time instead of one a core."""
CHALLENGE_SECONDS = 3600
_FINAL_LOOKS = 500
"""How often, 20 ms apart, a read looks whether a task that is being finalised is over."""
_FINALIZING = frozenset(
    {"FINALIZING", "FINALIZED", "CONTRIBUTE_AND_FINALIZE_ONGOING", "CONTRIBUTE_AND_FINALIZE_DONE"}
)
_TASK_FACTS = (
    "maxExecutionTime",
    "tag",
    "dappType",
    "dappName",
    "commandLine",
    "initializationBlockNumber",
    "currentStatus",
    "trust",
    "uploadingWorkerWalletAddress",
    "consensus",
    "contributionDeadline",
    "revealDeadline",
    "finalDeadline",
    "resultLink",
    "chainCallbackData",
)
_REPLICATE_FACTS = ("resultLink", "chainCallbackData", "contributionHash", "appLogs", "appExitCode")


def apps_of(folder: Path) -> Apps:
    """The register of app folders of the sandbox with this state folder, running or not."""
    return Apps(folder / "apps")


async def create(context: Context) -> web.Application:
    """The API; scheduler, workers and standing orders run as long as it does."""
    home = context.folder / "workerpool"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)  # decrypted datasets lie there while a task runs
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(Clock(context.chain))
        store = TasksStore(home / "tasks.db", clock.now)
        stack.callback(store.close)
        secrets = SecretStore(context.folder / "sms")
        stack.callback(secrets.close)
        supervisor = await stack.enter_async_context(AppSupervisor())
        runtime = Runtime(supervisor, apps_of(context.folder), home / "cache")
        blobs = BlobStore(context.folder / "ipfs")
        inputs = InputFetcher(context.chain, context.hub, blobs, secrets)
        executor = Executor(runtime, inputs, secrets, blobs, store, home / "work")
        slots = parallel_tasks()
        workers = Workers(context.chain, context.hub, clock, store, executor, secrets, slots)
        shop = Workshop(clock, store, workers, executor, Crew(context.accounts.workers))
        scheduler = Scheduler(context, shop)
        orders = StandingOrders(context, trust=2 ** len(shop.crew))
        await orders.publish_at_start()
        for work in (scheduler.run(), orders.keep(scheduler.categories_changed)):
            stack.push_async_callback(end, asyncio.create_task(work))
        app = web.Application()
        answer_preflights(app, "GET")
        answer_as_spring(app)
        _Api(context, shop, slots).add_to(app)
        running = stack.pop_all()

        async def close(_: web.Application) -> None:
            await running.aclose()

        app.on_cleanup.append(close)
        return app


def parallel_tasks() -> int:
    """Apps that may run at the same time: one a core unless the environment says otherwise."""
    asked = os.environ.get(PARALLEL_TASKS, "")
    return max(1, int(asked)) if asked.isdecimal() else os.cpu_count() or 1


class _Api:
    def __init__(self, context: Context, shop: Workshop, slots: int) -> None:
        self._context = context
        self._shop = shop
        self._store = shop.store
        self._slots = slots
        self._url = context.urls["workerpool"]
        self._challenges: dict[str, tuple[float, dict[str, Any]]] = {}

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/version", self._version)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/tasks/logs/challenge", self._challenge)
        app.router.add_get("/tasks/{task}", self._task)
        app.router.add_get("/tasks/{task}/logs", self._logs)
        app.router.add_get("/tasks/{task}/replicates/{worker}", self._replicate)
        app.router.add_get("/tasks/{task}/replicates/{worker}/logs", self._replicate_logs)

    async def _version(self, _: web.Request) -> web.Response:
        return web.Response(text=VERSION)

    async def _metrics(self, _: web.Request) -> web.Response:
        block = await self._context.chain.rpc("eth_getBlockByNumber", "latest", False)
        busy = self._shop.workers.busy
        return web.json_response(
            {
                "aliveWorkers": len(self._shop.crew),
                "aliveComputingCpu": busy,
                "aliveRegisteredCpu": self._slots,
                "aliveComputingGpu": 0,
                "aliveRegisteredGpu": 0,
                "aliveAvailableCpu": self._slots - busy,
                "aliveTotalCpu": self._slots,
                "aliveAvailableGpu": 0,
                "aliveTotalGpu": 0,
                "currentTaskStatusesCount": self._store.status_counts(),
                "latestBlockMetric": {
                    "blockNumber": int(block["number"], 16),
                    "blockHash": block["hash"],
                    "blockTimestamp": iso_date(int(block["timestamp"], 16)),
                },
                "dealEventsCount": self._store.counter("deal_events"),
                "dealsCount": self._store.counter("deals"),
                "replayDealsCount": 0,
                "latestBlockNumberWithDeal": self._store.counter("latest_block_with_deal"),
            }
        )

    async def _task(self, request: web.Request) -> web.Response:
        task = request.match_info["task"].lower()
        await self._finalised(task)
        row = self._store.task(task)
        if row is None:
            raise web.HTTPNotFound(text="")
        return web.json_response(self._task_model(row))

    async def _replicate(self, request: web.Request) -> web.Response:
        await self._finalised(request.match_info["task"].lower())
        row = self._store.replicate(request.match_info["task"].lower(), _worker(request))
        if row is None:
            raise web.HTTPNotFound(text="")
        return web.json_response(self._replicate_model(row))

    async def _finalised(self, task: str) -> None:
        """Wait for a task about to be over: who saw it COMPLETED on chain expects no less from us."""
        for _ in range(_FINAL_LOOKS):
            if not self._store.is_in(task, _FINALIZING):
                return
            await asyncio.sleep(0.02)

    def _task_model(self, row: TaskRow) -> dict[str, Any]:
        facts = {**self._store.deal_facts(row.deal), **row.facts, "currentStatus": row.status}
        return {
            "chainTaskId": row.id,
            "replicates": [self._replicate_model(replicate) for replicate in self._store.replicates(row.id)],
            **{name: facts.get(name) for name in _TASK_FACTS},
            "dateStatusList": [
                {"date": iso_date(update.date), "status": update.status}
                for update in self._store.history(row.id)
            ],
        }

    def _replicate_model(self, row: ReplicateRow) -> dict[str, Any]:
        here = f"{self._url}/tasks/{row.task}/replicates/{row.worker}"
        facts = dict(row.facts)
        if any(logs.worker == row.worker for logs in self._store.logs(row.task)):
            facts["appLogs"] = f"{here}/logs"
        return {
            "self": here,
            "chainTaskId": row.task,
            "walletAddress": row.worker,
            "currentStatus": row.status,
            "statusUpdateList": [
                {
                    "status": update.status,
                    "date": iso_date(update.date),
                    **({"cause": update.cause} if update.cause else {}),
                }
                for update in self._store.history(row.task, row.worker)
            ],
            **{name: facts[name] for name in _REPLICATE_FACTS if facts.get(name) is not None},
        }

    # -- logs, for the requester only ---------------------------------------------------------------------

    async def _challenge(self, request: web.Request) -> web.Response:
        try:
            address = to_address(request.query["address"])
        except (KeyError, ValidationError):
            raise bad_request(request) from None
        made, challenge = self._challenges.get(address, (float("-inf"), {}))
        if time.monotonic() - made > CHALLENGE_SECONDS:
            # It comes bare, and its chain id is a number.
            text = base64.b64encode(os.urandom(32)).decode()
            challenge = login_challenge(WORKERPOOL, self._context.chain_id, text)
            self._challenges[address] = time.monotonic(), challenge
        return web.json_response(challenge)

    async def _logs(self, request: web.Request) -> web.Response:
        task = self._authorised_task(request)
        logs = [
            {"walletAddress": log.worker, "stdout": log.stdout, "stderr": log.stderr}
            for log in self._store.logs(task)
        ]
        if not logs:
            raise web.HTTPNotFound(text="")
        return web.json_response({"chainTaskId": task, "computeLogsList": logs})

    async def _replicate_logs(self, request: web.Request) -> web.Response:
        task, worker = self._authorised_task(request), _worker(request)
        for log in self._store.logs(task):
            if log.worker == worker:
                return web.json_response(
                    {"walletAddress": log.worker, "stdout": log.stdout, "stderr": log.stderr}
                )
        raise web.HTTPNotFound(text="")

    def _authorised_task(self, request: web.Request) -> str:
        """The task of a request for logs, once its sender has proved to be the deal's requester."""
        task = request.match_info["task"].lower()
        parts = request.headers.get("Authorization", "").split("_")
        try:
            digest, signature, wallet = parts
            address = to_address(wallet)
        except ValueError:  # ValidationError is one
            raise web.HTTPUnauthorized(text="") from None
        if address != self._store.requester(task):  # nobody is the requester of an unknown task
            raise web.HTTPForbidden(text="")
        made, challenge = self._challenges.get(address, (float("-inf"), {}))
        expired = time.monotonic() - made > CHALLENGE_SECONDS
        if expired or not is_proof(challenge, digest, signature, address, is_by_r_and_s):
            raise web.HTTPUnauthorized(text="")
        return task


def _worker(request: web.Request) -> str:
    try:
        return to_address(request.match_info["worker"])
    except ValidationError:
        raise web.HTTPNotFound(text="") from None
