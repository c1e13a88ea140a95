"""One task from its initialisation to its end.

A loop that looks at the chain and does what comes next, so that it may be stopped anywhere and started again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iexec_lab.errors import ChainError, TransactionError
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.sandbox.chain.clock import DeadlineError
from iexec_lab.sandbox.state.tasks import iso_date
from iexec_lab.sandbox.work.execution import Assignment
from iexec_lab.sandbox.work.results import FaultError
from iexec_lab.sandbox.work.worker import ACTIVE, COMPLETED, FAILED, SETTLED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from iexec_lab.protocol import Contribution, Task
    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.chain.clock import Clock
    from iexec_lab.sandbox.state.tasks import ReplicateRow, TasksStore
    from iexec_lab.sandbox.work.deal import DealTerms
    from iexec_lab.sandbox.work.execution import Executor
    from iexec_lab.sandbox.work.worker import Workers

    Contributions = Mapping[str, Contribution]

log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5
_CONTRIBUTED, _PROVED = 1, 2
"""Statuses of a contribution on chain."""


class Crew:
    """The accounts that work, each task going to those that were given least."""

    def __init__(self, workers: Iterable[Account]) -> None:
        self._workers = {worker.address: worker for worker in workers}
        self._given = Counter(dict.fromkeys(self._workers, 0))

    def __len__(self) -> int:
        return len(self._workers)

    def choose(self, count: int, taken: Collection[str]) -> list[Account]:
        """At most ``count`` workers that are not ``taken``."""
        free = sorted(set(self._workers) - set(taken), key=lambda address: (self._given[address], address))
        self._given.update(free[:count])
        return [self._workers[address] for address in free[:count]]

    def account(self, address: str) -> Account | None:
        return self._workers.get(address)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all tasks of a workerpool share."""

    clock: Clock
    store: TasksStore
    workers: Workers
    executor: Executor
    crew: Crew


class TaskLoop:
    """Drives the task at ``index`` of a deal whose workerpool belongs to ``owner``."""

    def __init__(self, terms: DealTerms, index: int, task: str, owner: Account, shop: Workshop) -> None:
        self._terms = terms
        self._index = index
        self._owner = owner
        self._task = task
        self._shop = shop
        self._clock = shop.clock
        self._store = shop.store
        self._workers = shop.workers

    async def run(self) -> None:
        """Work on the task until it is over."""
        while not self._over():
            try:
                await self._step(*await self._look())
            except DeadlineError:
                continue
            except (ChainError, sqlite3.OperationalError) as error:  # the latter for a full disk
                log.warning("task %s: %s", self._task, error)
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:
                log.exception("task %s is given up", self._task)
                self._fail("RUNNING_FAILED")
        await asyncio.to_thread(self._shop.executor.forget, self._task)

    async def _look(self) -> tuple[Task, Contributions]:
        """The task on chain, and what the workers who were given it contributed."""
        workers = [row.worker for row in self._store.replicates(self._task)]
        return await self._workers.view(self._task, workers)

    def _over(self) -> bool:
        row = self._store.task(self._task)
        return row is None or row.status in {"COMPLETED", "FAILED"}

    async def _step(self, on_chain: Task, contributions: Contributions) -> None:
        now = self._clock.now()
        if on_chain.status == COMPLETED:
            self._completed(on_chain.results.decode(errors="replace"))
        elif on_chain.status == FAILED or now >= on_chain.final_deadline:
            self._fail("FINAL_DEADLINE_REACHED")
        elif on_chain.status == ACTIVE and now >= on_chain.contribution_deadline:
            self._fail("CONTRIBUTION_TIMEOUT", "CONTRIBUTION_TIMEOUT")
        elif on_chain.status == ACTIVE:
            await self._clock.before(on_chain.contribution_deadline, self._get_contributions(on_chain))
        elif on_chain.reveal_counter == 0 and now >= on_chain.reveal_deadline:
            await self._reopen()
        else:
            await self._clock.before(on_chain.final_deadline, self._finish(on_chain, contributions))

    # -- until consensus ----------------------------------------------------------------------------------

    async def _get_contributions(self, on_chain: Task) -> None:
        replicates = self._store.replicates(self._task)
        waiting = [
            row.worker
            for row in replicates
            if row.status not in SETTLED and row.worker not in on_chain.contributors
        ]
        works = [self._assign(account) for worker in waiting if (account := self._shop.crew.account(worker))]
        for worker in waiting:  # the sandbox was stopped while they were at it
            self._store.replicate_status(self._task, worker, "RECOVERING")
        if not works:
            works = self._engage(replicates, on_chain.contributors)
        if works:
            outcomes = await asyncio.gather(*map(self._workers.work, works), return_exceptions=True)
            for failure in filter(None, outcomes):
                raise failure
        elif self._all_failed_early(replicates):
            self._fail("RUNNING_FAILED")
        else:
            await asyncio.Event().wait()  # nobody else can contribute: until the deadline

    def _engage(self, replicates: Sequence[ReplicateRow], contributors: Sequence[str]) -> list[Assignment]:
        """More workers: enough for consensus at first, then one at a time while those so far disagree.

        Who failed is not replaced when nobody contributed: the app would fail again.
        """
        wanted = agreeing_workers(self._terms.deal.trust) if not replicates else int(bool(contributors))
        chosen = self._shop.crew.choose(wanted, [row.worker for row in replicates])
        for worker in chosen:
            self._store.replicate_status(self._task, worker.address, "CREATED")
        return [self._assign(worker) for worker in chosen]

    def _assign(self, worker: Account) -> Assignment:
        return Assignment(self._terms, self._index, self._task, worker, self._owner)

    def _all_failed_early(self, replicates: Sequence[ReplicateRow]) -> bool:
        """A TEE task is given up when every worker failed before it had computed."""
        return self._terms.tee and not any(
            update.status == "COMPUTED"
            for row in replicates
            for update in self._store.history(self._task, row.worker)
        )

    async def _reopen(self) -> None:
        self._store.task_status(self._task, "REOPENING")
        self._settle("REVEAL_TIMEOUT")
        try:
            await self._workers.send(self._owner, HUB.reopen, bytes.fromhex(self._task[2:]))
        except TransactionError:
            self._store.task_status(self._task, "REOPEN_FAILED", "FAILED")
            return
        self._store.task_status(self._task, "REOPENED", consensus=None, revealDeadline=None)

    # -- from consensus on --------------------------------------------------------------------------------

    async def _finish(self, on_chain: Task, contributions: Contributions) -> None:
        self._store.advance(
            self._task,
            "CONSENSUS_REACHED",
            consensus=on_chain.consensus_value,
            revealDeadline=iso_date(on_chain.reveal_deadline),
        )
        revealed, missing = await self._reveal(on_chain, contributions)
        if not revealed:
            await self._clock.until(on_chain.reveal_deadline)
            return
        self._store.advance(self._task, "AT_LEAST_ONE_REVEALED")
        link = await self._upload(revealed)
        if missing:
            await self._clock.until(on_chain.reveal_deadline)
        if link:
            await self._finalize(revealed, link)

    async def _reveal(self, on_chain: Task, contributions: Contributions) -> tuple[list[str], bool]:
        """Workers who have revealed, and whether one who should have did not."""
        winners, revealed = [], []
        for worker, contribution in contributions.items():
            if contribution.status == _PROVED:
                revealed.append(worker)
                self._store.advance(self._task, "REVEALED", worker=worker)
            elif contribution.status == _CONTRIBUTED and contribution.result_hash == on_chain.consensus_value:
                winners.append(worker)
            elif not self._settled(worker):
                self._store.replicate_status(self._task, worker, "ABORTED", cause="CONSENSUS_REACHED")
        accounts = [self._shop.crew.account(worker) for worker in winners if not self._settled(worker)]
        works = [self._assign(account) for account in accounts if account]
        done = await asyncio.gather(*map(self._workers.reveal, works))
        revealed += [
            work.worker.address for work, was_revealed in zip(works, done, strict=True) if was_revealed
        ]
        return revealed, len(revealed) < on_chain.winner_counter

    async def _upload(self, revealed: Sequence[str]) -> str | None:
        """Let one of those who revealed upload the result; the link, or None when no archive is left."""
        for worker in revealed:
            replicate = self._store.replicate(self._task, worker)
            account = self._shop.crew.account(worker)
            if replicate is None or account is None:
                continue
            work = self._assign(account)
            link: str | None = replicate.facts.get("resultLink")
            if link is None and not self._shop.executor.has_result(work):
                continue
            self._store.advance(self._task, "RESULT_UPLOADING", uploadingWorkerWalletAddress=worker)
            self._store.advance(self._task, "RESULT_UPLOAD_REQUESTED", "RESULT_UPLOADING", worker=worker)
            try:
                link = link or await self._shop.executor.upload(work)
            except FaultError as fault:
                log.warning("task %s: %s", self._task, fault)
                self._store.replicate_status(
                    self._task, worker, "RESULT_UPLOAD_FAILED", "ABORTED", cause=fault.cause
                )
                continue
            self._store.advance(self._task, "RESULT_UPLOADED", worker=worker, resultLink=link)
            self._store.advance(self._task, "RESULT_UPLOADED")
            return link
        self._fail("RESULT_UPLOAD_TIMEOUT", "RESULT_LINK_MISSING")
        return None

    async def _finalize(self, revealed: Sequence[str], link: str) -> None:
        rows = [row for row in self._store.replicates(self._task) if row.worker in revealed]
        callback = next((data for row in rows if (data := row.facts.get("chainCallbackData"))), "0x")
        self._store.advance(self._task, "FINALIZING")
        try:
            arguments = bytes.fromhex(self._task[2:]), link.encode(), bytes.fromhex(callback[2:])
            await self._workers.send(self._owner, HUB.finalize, *arguments)
        except TransactionError as error:
            log.warning("task %s is not finalised: %s", self._task, error)
            if (await self._look())[0].status != COMPLETED:
                self._fail("FINALIZE_FAILED", "CHAIN_RECEIPT_NOT_VALID")
            return
        self._completed(link)

    # -- the end ------------------------------------------------------------------------------------------

    def _completed(self, link: str) -> None:
        data = None
        for row in self._store.replicates(self._task):
            data = row.facts.get("chainCallbackData") or data
            if row.status in SETTLED:
                continue
            if row.status.startswith("CONTRIBUTE_AND_FINALIZE"):
                self._store.advance(self._task, "CONTRIBUTE_AND_FINALIZE_DONE", worker=row.worker)
            if "digest" in row.facts:
                self._store.advance(self._task, "COMPLETING", "COMPLETED", worker=row.worker)
            else:
                self._store.replicate_status(self._task, row.worker, "ABORTED", cause="CONSENSUS_REACHED")
        self._store.advance(self._task, "FINALIZED", "COMPLETED", resultLink=link, chainCallbackData=data)

    def _fail(self, status: str, cause: str | None = None) -> None:
        """The task is over without a result; ``cause`` is what replicates still at work are told."""
        self._settle(cause)
        self._store.task_status(self._task, status, "FAILED")

    def _settle(self, cause: str | None) -> None:
        for row in self._store.replicates(self._task):
            if row.status not in SETTLED:
                self._store.replicate_status(self._task, row.worker, "ABORTED", cause=cause)

    def _settled(self, worker: str) -> bool:
        row = self._store.replicate(self._task, worker)
        return row is not None and row.status in SETTLED


def agreeing_workers(trust: int) -> int:
    """How many new workers have to agree: n with 2^n > trust - 1, at least one."""
    return max(1, (max(trust, 1) - 1).bit_length())
