"""Takes deals from the chain, initialises their tasks and drives them to their end."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ChainError, TransactionError
from iexec_lab.ethereum.contracts import EVENTS, HUB
from iexec_lab.protocol import Deal, Task, to_address
from iexec_lab.protocol.states import CONTRIBUTION_RATIO, FINAL_RATIO
from iexec_lab.sandbox.state.tasks import iso_date
from iexec_lab.sandbox.work.deal import load_terms
from iexec_lab.sandbox.work.task_loop import TaskLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.chain.client import Batch
    from iexec_lab.sandbox.context import Context
    from iexec_lab.sandbox.work.deal import DealTerms
    from iexec_lab.sandbox.work.task_loop import Workshop

log = logging.getLogger(__name__)

INITIALIZED_AT_ONCE = 50
"""Tasks of one transaction: 222,000 gas each (reference: PoCo 6.1.0), below the limit of 2^24 for all."""
_GAS = 16_000_000
_RETRY_SECONDS = 0.5


class Scheduler:
    """Serves the default workerpool, and those of everybody else whose key the sandbox has."""

    def __init__(self, context: Context, shop: Workshop) -> None:
        self._context = context
        self._chain = context.chain
        self._shop = shop
        self._store = shop.store
        self._owners = context.owners
        self._running: set[asyncio.Task[None]] = set()
        self.categories_changed = asyncio.Event()
        """Set when somebody created a category."""

    async def run(self) -> None:
        """Go on with what was not finished, then follow the chain; until cancelled."""
        try:
            await self._resume()
            while True:
                try:
                    await self._chain.follow(self._take, self._store.counter("next_block"))
                except (ChainError, sqlite3.OperationalError) as error:  # the latter for a full disk
                    log.warning("the scheduler waits: %s", error)
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _resume(self) -> None:
        left: dict[str, dict[int, str]] = {}
        unfinished = self._store.unfinished()
        for row in unfinished:
            left.setdefault(row.deal, {})[row.position] = row.id
        await asyncio.to_thread(self._shop.executor.sweep, [row.id for row in unfinished])
        for deal, tasks in left.items():
            terms = await load_terms(self._chain, self._context.hub, deal)
            if terms.deal.exists:
                self._start(terms, tasks)
            else:
                self._store.tasks_status(tasks.values(), "FAILED")

    async def _take(self, batch: Batch) -> None:
        hub = self._context.hub.lower()
        notices = []
        for entry in batch.logs:
            if entry["address"].lower() != hub:
                continue
            if EVENTS.CreateCategory.matches(entry):
                self.categories_changed.set()
            if EVENTS.SchedulerNotice.matches(entry):
                block = int(entry["blockNumber"], 16)
                notices.append((block, EVENTS.SchedulerNotice.decode(entry)))
        for deal, workerpool in await self._ours(notices):
            await self._take_deal(deal, workerpool)
        if notices:
            self._store.set_counter("latest_block_with_deal", block)
        self._store.set_counter("next_block", batch.to_block + 1)

    async def _ours(self, notices: Sequence[tuple[int, Mapping[str, Any]]]) -> list[tuple[str, str]]:
        """Deal id and workerpool of the deals that the sandbox can serve, by the owners in the deals."""
        views = await self._chain.calls(
            [(self._context.hub, HUB.viewDeal, (notice["dealid"],)) for _, notice in notices]
        )
        found = []
        for (block, notice), view in zip(notices, views, strict=True):
            workerpool, owner = to_address(notice["workerpool"]), Deal.from_abi(view).workerpool.owner
            if workerpool == self._context.workerpool or self._owners.serves(owner, block):
                found.append(("0x" + notice["dealid"].hex(), workerpool))
        return found

    async def _take_deal(self, deal_id: str, workerpool: str) -> None:
        """Remember a deal and start on it, unless it is not ours, too late, or TEE with trust above 1."""
        terms = await load_terms(self._chain, self._context.hub, deal_id)
        if workerpool == self._context.workerpool:
            self._store.set_counter("deal_events", self._store.counter("deal_events") + 1)
        deadline = terms.deal.start_time + CONTRIBUTION_RATIO * terms.time_limit
        if self._shop.clock.now() >= deadline or (terms.tee and terms.deal.trust > 1):
            log.info("deal %s is ignored", deal_id)
            return
        facts = {
            "maxExecutionTime": terms.time_limit * 1000,
            "tag": terms.deal.tag,
            "dappType": "DOCKER",
            "dappName": terms.image,
            "commandLine": terms.arguments,
            "trust": terms.deal.trust,
            "contributionDeadline": iso_date(deadline),
            "finalDeadline": iso_date(terms.deal.start_time + FINAL_RATIO * terms.time_limit),
        }
        tasks = terms.tasks()
        if self._store.add_deal(deal_id, terms.deal.requester, facts, tasks):
            self._start(terms, tasks)

    def _start(self, terms: DealTerms, tasks: Mapping[int, str]) -> None:
        self._spawn(self._initialise_and_drive(terms, tasks))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("the scheduler failed on a task", exc_info=error)

    async def _initialise_and_drive(self, terms: DealTerms, tasks: Mapping[int, str]) -> None:
        owner = self._owners.account(terms.deal.workerpool.owner)
        if owner is None:
            log.warning("the workerpool of this deal was given to somebody else")
            return
        indices = list(tasks)
        for start in range(0, len(indices), INITIALIZED_AT_ONCE):
            part = {index: tasks[index] for index in indices[start : start + INITIALIZED_AT_ONCE]}
            for task in part.values():
                self._store.advance(task, "INITIALIZING")
            for index in await self._initialise(terms, owner, part):
                self._spawn(TaskLoop(terms, index, tasks[index], owner, self._shop).run())

    async def _initialise(self, terms: DealTerms, owner: Account, tasks: Mapping[int, str]) -> list[int]:
        """Initialise what is not yet; the indices of the tasks that can be worked on."""
        while True:
            try:
                unset = await self._unset(tasks)
                block = await self._send_initialise(terms, owner, unset)
                failed = set(unset) if block is None else set()
                failed &= set(await self._unset({index: tasks[index] for index in failed}))
                break
            except ChainError as error:
                log.warning("deal %s is not initialised: %s", terms.id, error)
                await asyncio.sleep(_RETRY_SECONDS)
        for index, task in tasks.items():
            if index in failed:
                self._store.task_status(task, "INITIALIZE_FAILED", "FAILED")
            elif index in unset:
                self._store.advance(task, "INITIALIZED", initializationBlockNumber=block)
            else:
                self._store.advance(task, "INITIALIZED")
        return [index for index in tasks if index not in failed]

    async def _unset(self, tasks: Mapping[int, str]) -> list[int]:
        """Which of the tasks are not initialised on chain."""
        hub = self._context.hub
        views = await self._chain.calls(
            [(hub, HUB.viewTask, (bytes.fromhex(task[2:]),)) for task in tasks.values()]
        )
        return [index for index, view in zip(tasks, views, strict=True) if not Task.from_abi(view).exists]

    async def _send_initialise(self, terms: DealTerms, owner: Account, indices: Sequence[int]) -> int | None:
        """The block that initialised all, or None: somebody else may have been quicker with some."""
        if not indices:
            return None
        deal = bytes.fromhex(terms.id[2:])
        call = HUB.initializeArray.encode([deal] * len(indices), indices)
        try:
            receipt = await self._chain.send(owner, self._context.hub, call, gas=_GAS)
            return int(receipt["blockNumber"], 16)
        except TransactionError:
            for index in indices:
                with suppress(TransactionError):
                    await self._chain.send(owner, self._context.hub, HUB.initialize.encode(deal, index))
        return None
