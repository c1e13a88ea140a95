"""A workerpool of this test's own on a running sandbox: stopped anywhere, cheated, too late."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

import pytest
from helpers.sandbox.buyer import TDX, Buyer

from iexec_lab.ethereum.contracts import HUB, WORKERPOOL_REGISTRY
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, WorkerpoolOrder, to_address
from iexec_lab.sandbox.chain.accounts import Account, Accounts
from iexec_lab.sandbox.chain.client import Chain
from iexec_lab.sandbox.chain.clock import Clock
from iexec_lab.sandbox.context import Context
from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.sandbox.state.blobs import BlobStore
from iexec_lab.sandbox.state.secrets import SecretStore
from iexec_lab.sandbox.state.tasks import TasksStore
from iexec_lab.sandbox.work.app_process import AppSupervisor
from iexec_lab.sandbox.work.execution import Executor
from iexec_lab.sandbox.work.inputs import InputFetcher
from iexec_lab.sandbox.work.runtime import Runtime
from iexec_lab.sandbox.work.scheduler import Scheduler
from iexec_lab.sandbox.work.task_loop import Crew, Workshop
from iexec_lab.sandbox.work.worker import Workers
from iexec_lab.wallet.signer import LocalSigner

CATEGORY_SECONDS = 60


@pytest.fixture(scope="module")
def buyer(iexec_sandbox):
    return Buyer(iexec_sandbox, user=2)


@pytest.fixture(scope="module")
def category(buyer):
    return buyer.category(CATEGORY_SECONDS)


class CrashError(BaseException):
    """The sandbox is killed, as far as this test can do that to itself."""


class Room(NamedTuple):
    """What is left of a disk."""

    free: int


class FragileStore(TasksStore):
    """Dies once when a status is written, before or after it is on disk; or finds no room for it, once."""

    crash_at = None
    crash_after = False
    full_at = None

    def _append(self, task, worker, given, cause):
        if self.full_at in given:
            self.full_at = None
            raise sqlite3.OperationalError("database or disk is full")
        fatal = self.crash_at is not None and self.crash_at in {(bool(worker), status) for status in given}
        super()._append(task, worker, given, cause)
        if fatal:
            self.crash_at = None
            self.crashed.set()
            if self.crash_after:
                self._db.commit()
            raise CrashError


class LazyWorkers(Workers):
    """Workers that forget to reveal, ``forgetful`` times, and may believe that somebody was first."""

    forgetful = 0
    pessimistic = False

    async def view(self, task, workers=()):
        on_chain, contributions = await super().view(task, workers)
        if self.pessimistic and not workers:
            on_chain = replace(on_chain, contributors=(NULL_ADDRESS,))
        return on_chain, contributions

    async def reveal(self, work):
        if self.forgetful:
            self.forgetful -= 1
            return False
        return await super().reveal(work)


class Pool:
    """The parts of a workerpool; ``crash`` and ``restart`` as often as wanted."""

    def __init__(self, context, shop):
        self.context = context
        self.shop = shop
        self.store = shop.store
        self.workers = shop.workers
        self._running = None

    def start(self):
        self._running = asyncio.create_task(Scheduler(self.context, self.shop).run())

    async def stop(self):
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def until(self, task, *wanted, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            row = self.store.task(task)
            if row and row.status in wanted:
                return row
            await asyncio.sleep(0.005)
        raise AssertionError(f"{task} is {row}, {self.store.history(task)}, {self.store.replicates(task)}")

    def history(self, task):
        return [update.status for update in self.store.history(task)]


@pytest.fixture
def open_pool(buyer, tmp_path):
    @asynccontextmanager
    async def opened():
        people = [_person(buyer, f"{tmp_path}{number}") for number in range(4)]
        owner, *crew = people
        accounts = Accounts(owner, owner, owner, workers=tuple(crew), users=())
        async with AsyncExitStack() as stack:
            chain = await stack.enter_async_context(Chain(buyer.handle.urls["rpc"], buyer.handle.chain_id))
            clock = await stack.enter_async_context(Clock(chain))
            supervisor = await stack.enter_async_context(AppSupervisor())
            store = FragileStore(tmp_path / "tasks.db", clock.now)
            store.crashed = asyncio.Event()
            store.set_counter("next_block", chain.head.number + 1)
            secrets, blobs = SecretStore(tmp_path / "sms"), BlobStore(buyer.handle.folder / "ipfs")
            runtime = Runtime(
                supervisor, Apps(buyer.handle.folder / "apps"), tmp_path / "cache", isolated=False
            )
            inputs = InputFetcher(chain, buyer.handle.hub, blobs, secrets)
            executor = Executor(runtime, inputs, secrets, blobs, store, tmp_path / "work")
            workers = LazyWorkers(chain, buyer.handle.hub, clock, store, executor, secrets, 2)
            context = Context(
                folder=tmp_path,
                chain_id=buyer.handle.chain_id,
                native=False,
                hub=buyer.handle.hub,
                rlc=buyer.handle.rlc,
                registries=buyer.handle.registries,
                workerpool=_workerpool(buyer, owner),
                domain=buyer.domain,
                chain=chain,
                accounts=accounts,
                urls=buyer.handle.urls,
                stop=asyncio.Event(),
            )
            pool = Pool(context, Workshop(clock, store, workers, executor, Crew(crew)))
            pool.start()
            try:
                yield pool
            finally:
                await pool.stop()
                store.close()
                secrets.close()

    return opened


def _person(buyer, seed):
    """An account nobody else uses, with coins."""
    from iexec_lab.protocol import keccak

    key = keccak(f"{seed} {time.time_ns()}".encode())
    account = Account(LocalSigner(key).address, key)
    buyer.handle.fund(account.address, ether="1 ether")
    return account


def _workerpool(buyer, owner):
    registry = buyer.handle.registries["workerpool"]
    arguments = owner.address, "a pool"
    address = to_address(buyer.call(registry, WORKERPOOL_REGISTRY.predictWorkerpool, *arguments))
    buyer.send(registry, WORKERPOOL_REGISTRY.createWorkerpool.encode(*arguments), account=owner)
    return address


def _offer(buyer, pool, category, tag=NULL_BYTES32, trust=8):
    order = WorkerpoolOrder(
        workerpool=pool.context.workerpool,
        workerpoolprice=0,
        volume=100,
        tag=tag,
        category=category,
        trust=trust,
        apprestrict=NULL_ADDRESS,
        datasetrestrict=NULL_ADDRESS,
        requesterrestrict=NULL_ADDRESS,
    )
    return order.sign(buyer.domain, pool.context.accounts.scheduler.signer)


def _buy(buyer, pool, category, *, tag=NULL_BYTES32, image="iexechub/python-hello-world:8.0.4", **options):
    app = buyer.deploy_app(image)
    order = _offer(buyer, pool, category, tag)
    (task,) = buyer.tasks(buyer.match(app, tag=tag, category=category, workerpool_order=order, **options))
    return task


POINTS = [
    (False, "INITIALIZING"),
    (False, "INITIALIZED"),
    (True, "CREATED"),
    (True, "STARTED"),
    (True, "COMPUTING"),
    (True, "COMPUTED"),
    (True, "CONTRIBUTING"),
    (True, "CONTRIBUTED"),
    (False, "CONSENSUS_REACHED"),
    (True, "REVEALING"),
    (True, "REVEALED"),
    (False, "RESULT_UPLOADING"),
    (True, "RESULT_UPLOADED"),
    (False, "FINALIZING"),
    (False, "FINALIZED"),
]
TEE_POINTS = [
    (True, "COMPUTED"),
    (True, "CONTRIBUTE_AND_FINALIZE_ONGOING"),
    (True, "CONTRIBUTE_AND_FINALIZE_DONE"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("tag", "point"),
    [(NULL_BYTES32, point) for point in POINTS] + [(TDX, point) for point in TEE_POINTS],
    ids=lambda value: value[1] if isinstance(value, tuple) else "tee" if value == TDX else "standard",
)
def test_a_task_is_finished_after_a_crash_anywhere(buyer, open_pool, category, tag, point, after):
    async def main():
        async with open_pool() as pool:
            pool.store.crash_at, pool.store.crash_after = point, after
            task = _buy(buyer, pool, category, tag=tag)
            await asyncio.wait_for(pool.store.crashed.wait(), 120)
            await pool.stop()
            pool.start()
            await pool.until(task, "COMPLETED")
            on_chain = buyer.task(task)
            assert on_chain.status_name(0) == "COMPLETED"
            assert len(on_chain.contributors) == 1
            assert b"Hello" in buyer.files(task)["result.txt"]
            assert pool.history(task)[-2:] == ["FINALIZED", "COMPLETED"]
            assert len(set(pool.history(task))) == len(pool.history(task))
            (replicate,) = pool.store.replicates(task)
            assert replicate.status == "COMPLETED"
            assert replicate.facts["resultLink"] == on_chain.results.decode()

    asyncio.run(main())


def test_a_result_nobody_revealed_is_opened_again_for_others(buyer, open_pool, category):
    async def main():
        async with open_pool() as pool:
            pool.workers.forgetful = 1
            task = _buy(buyer, pool, category)
            await pool.until(task, "CONSENSUS_REACHED")
            buyer.forward(2 * CATEGORY_SECONDS + 1)
            await pool.until(task, "COMPLETED")
            assert pool.history(task)[4:9] == [
                "CONSENSUS_REACHED",
                "REOPENING",
                "REOPENED",
                "RUNNING",
                "CONSENSUS_REACHED",
            ]
            first, second = pool.store.replicates(task)
            assert (first.status, second.status) == ("ABORTED", "COMPLETED")
            assert pool.store.history(task, first.worker)[-1].cause == "REVEAL_TIMEOUT"
            assert len(buyer.task(task).contributors) == 2

    asyncio.run(main())


def test_a_tee_task_that_somebody_contributed_to_goes_the_long_way(buyer, open_pool, category):
    async def main():
        async with open_pool() as pool:
            pool.workers.forgetful = 1
            pool.workers.pessimistic = True
            task = _buy(buyer, pool, category, tag=TDX)
            await pool.until(task, "CONSENSUS_REACHED")
            pool.workers.pessimistic = False
            buyer.forward(2 * CATEGORY_SECONDS + 1)
            await pool.until(task, "COMPLETED")
            assert "RESULT_UPLOADED" in pool.history(task)
            assert len(buyer.task(task).contributors) == 2
            assert b"Hello" in buyer.files(task)["result.txt"]

    asyncio.run(main())


def test_what_a_killed_sandbox_left_of_finished_tasks_is_swept_away(buyer, open_pool, category, tmp_path):
    async def main():
        async with open_pool() as pool:
            await pool.stop()
            left = tmp_path / "work" / ("ab" * 32)
            (left / "worker").mkdir(parents=True)
            pool.start()
            await pool.until(_buy(buyer, pool, category), "COMPLETED")
            assert not left.exists()

    asyncio.run(main())


def test_a_task_nobody_ever_reveals_ends_with_its_deadlines(buyer, open_pool, category):
    async def main():
        async with open_pool() as pool:
            pool.workers.forgetful = 9
            task = _buy(buyer, pool, category)
            await pool.until(task, "CONSENSUS_REACHED")
            buyer.forward(10 * CATEGORY_SECONDS)
            await pool.until(task, "FAILED")
            assert pool.history(task)[-2:] == ["FINAL_DEADLINE_REACHED", "FAILED"]
            buyer.send(buyer.handle.hub, HUB.claim.encode(bytes.fromhex(task[2:])))

    asyncio.run(main())


def test_one_of_several_who_does_not_reveal_only_delays(buyer, open_pool, category):
    async def main():
        async with open_pool() as pool:
            pool.workers.forgetful = 1
            task = _buy(buyer, pool, category, trust=3)
            await pool.until(task, "RESULT_UPLOADED")
            buyer.forward(2 * CATEGORY_SECONDS + 1)
            await pool.until(task, "COMPLETED")
            assert buyer.task(task).reveal_counter == 1
            assert buyer.task(task).winner_counter == 2

    asyncio.run(main())


def test_a_deal_that_was_made_while_nobody_was_there_is_taken(buyer, open_pool, category):
    async def main():
        async with open_pool() as pool:
            await pool.stop()
            task = _buy(buyer, pool, category)
            assert pool.store.task(task) is None
            pool.start()
            await pool.until(task, "COMPLETED")
            _check_result(buyer, pool, task)

    asyncio.run(main())


def test_a_deal_whose_time_is_over_is_left_alone(buyer, open_pool, category):
    async def main():
        async with open_pool() as pool:
            await pool.stop()
            late = _buy(buyer, pool, category)
            buyer.forward(7 * CATEGORY_SECONDS)
            task = _buy(buyer, pool, category)
            pool.start()
            await pool.until(task, "COMPLETED")
            assert pool.store.task(late) is None
            assert buyer.task(late).status == 0

    asyncio.run(main())


def test_a_task_that_was_claimed_meanwhile_is_failed(buyer, open_pool, category):
    async def main():
        async with open_pool() as pool:
            pool.store.crash_at = (True, "COMPUTED")
            task = _buy(buyer, pool, category)
            await asyncio.wait_for(pool.store.crashed.wait(), 120)
            await pool.stop()
            buyer.forward(10 * CATEGORY_SECONDS)
            buyer.send(buyer.handle.hub, HUB.claim.encode(bytes.fromhex(task[2:])))
            pool.start()
            await pool.until(task, "FAILED")
            assert pool.history(task)[-1] == "FAILED"
            assert not {"CONSENSUS_REACHED", "COMPLETED"} & set(pool.history(task))
            on_chain = buyer.task(task)
            assert (on_chain.status_name(0), on_chain.contributors) == ("FAILED", ())
            assert [replicate.status for replicate in pool.store.replicates(task)] == ["ABORTED"]

    asyncio.run(main())


def test_workers_without_stake_do_not_start(buyer, open_pool, category):
    async def main():
        async with open_pool() as pool:
            owner = pool.context.accounts.scheduler
            buyer.handle.fund(owner.address, rlc="10 RLC")
            _stake(buyer, owner, 10**10)
            order = replace(_offer(buyer, pool, category), workerpoolprice=10**9, signature=None)
            app = buyer.deploy_app("iexechub/python-hello-world:8.0.4")
            order = order.sign(buyer.domain, owner.signer)
            (task,) = buyer.tasks(buyer.match(app, category=category, workerpool_order=order))
            await pool.until(task, "RUNNING")
            while pool.store.replicates(task)[0].status != "ABORTED":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            history = pool.store.history(task, pool.store.replicates(task)[0].worker)
            assert [(update.status, update.cause) for update in history[2:]] == [
                ("START_FAILED", "STAKE_TOO_LOW"),
                ("ABORTED", None),
            ]

    asyncio.run(main())


def _stake(buyer, account, amount):
    from iexec_lab.ethereum.contracts import RLC

    call = RLC.approveAndCall.encode(buyer.handle.hub, amount, b"")
    buyer.send(buyer.handle.rlc, call, account=account)


def test_a_result_that_got_lost_is_a_failed_upload(buyer, open_pool, category):
    async def main():
        async with open_pool() as pool:
            pool.store.crash_at, pool.store.crash_after = (True, "CONTRIBUTED"), True
            task = _buy(buyer, pool, category)
            await asyncio.wait_for(pool.store.crashed.wait(), 120)
            await pool.stop()
            pool.shop.executor.forget(task)
            pool.start()
            await pool.until(task, "FAILED")
            assert pool.history(task)[-2:] == ["RESULT_UPLOAD_TIMEOUT", "FAILED"]

    asyncio.run(main())


@pytest.mark.parametrize("tag", [NULL_BYTES32, TDX], ids=["standard", "tee"])
def test_a_result_the_disk_has_no_room_for(buyer, open_pool, category, tag, monkeypatch):
    async def main():
        async with open_pool() as pool:
            monkeypatch.setattr("iexec_lab.sandbox.work.execution.shutil.disk_usage", lambda _: Room(0))
            task = _buy(buyer, pool, category, tag=tag)
            await pool.until(task, "FAILED")
            (replicate,) = pool.store.replicates(task)
            failed = pool.store.history(task, replicate.worker)[-2]
            assert failed.cause == "POST_COMPUTE_IPFS_UPLOAD_FAILED"
            if tag == NULL_BYTES32:
                assert failed.status == "RESULT_UPLOAD_FAILED"
                assert pool.history(task)[-3:] == ["RESULT_UPLOADING", "RESULT_UPLOAD_TIMEOUT", "FAILED"]
            else:
                assert failed.status == "COMPUTE_FAILED"
                assert pool.history(task)[-2:] == ["RUNNING_FAILED", "FAILED"]

    asyncio.run(main())


@pytest.mark.parametrize("point", ["RUNNING", "CONSENSUS_REACHED", "FINALIZED"])
def test_a_disk_that_was_full_for_a_while_only_delays(buyer, open_pool, category, point):
    async def main():
        async with open_pool() as pool:
            pool.store.full_at = point
            task = _buy(buyer, pool, category)
            await pool.until(task, "COMPLETED")
            assert pool.store.full_at is None
            _check_result(buyer, pool, task)

    asyncio.run(main())


def _check_result(buyer, pool, task):
    """One worker did the task, once, and its result is the one that the chain names."""
    on_chain = buyer.task(task)
    assert on_chain.status_name(0) == "COMPLETED"
    assert len(on_chain.contributors) == 1
    assert b"Hello" in buyer.files(task)["result.txt"]
    assert pool.history(task)[-2:] == ["FINALIZED", "COMPLETED"]
    assert len(set(pool.history(task))) == len(pool.history(task))
    (replicate,) = pool.store.replicates(task)
    assert (replicate.status, replicate.worker) == ("COMPLETED", on_chain.contributors[0])
    assert replicate.facts["resultLink"] == on_chain.results.decode()


class TestCrew:
    ACCOUNTS = tuple(Account(f"0x{digit * 40}", b"") for digit in "1234")

    def chosen(self, crew, count, *taken):
        return "".join(
            account.address[2] for account in crew.choose(count, [f"0x{each * 40}" for each in taken])
        )

    def test_who_was_given_least_comes_first(self):
        crew = Crew(self.ACCOUNTS)
        assert len(crew) == 4
        assert self.chosen(crew, 2) == "12"
        assert self.chosen(crew, 1) == "3"
        assert self.chosen(crew, 2) == "41"
        assert self.chosen(crew, 4) == "2341"

    def test_who_is_taken_is_passed_over(self):
        crew = Crew(self.ACCOUNTS)
        assert self.chosen(crew, 2, "1", "3") == "24"
        assert self.chosen(crew, 3, "1", "2", "3") == "4"
        assert self.chosen(crew, 1, "1", "2", "3", "4") == ""
        assert self.chosen(crew, 0) == ""
        assert self.chosen(crew, 4) == "1324"

    def test_accounts_by_address(self):
        crew = Crew(self.ACCOUNTS)
        assert crew.account(self.ACCOUNTS[2].address) is self.ACCOUNTS[2]
        assert crew.account("0x" + "9" * 40) is None
