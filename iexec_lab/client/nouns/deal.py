"""Deals: look at them and their tasks, list them, claim what nobody finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Unpack

from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.polling import look, look_again, looks, read_deals
from iexec_lab.client.jobs.status import JobDeal, JobStatus, TaskView, date
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.permit import Permit, spend
from iexec_lab.errors import JobError
from iexec_lab.ethereum.calls import latest_block
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.protocol import NULL_ADDRESS, to_bytes32
from iexec_lab.protocol.states import ACTIVE, REVEALING, UNSET
from iexec_lab.services.market import DealFilters, DealPage

CLAIM_GAS = 55_000
INITIALIZE_AND_CLAIM_GAS = 250_000
"""Gas that one task may take in claimArray and initializeAndClaimArray, as the official SDK estimates it."""


def _claim_rows(facts: dict[str, Any]) -> list[dict[str, Any]]:
    hashes = ", ".join(sent["txHash"] for sent in facts["transactions"])
    return [
        {"index": index, "task_id": task_id, "tx_hash": hashes} for index, task_id in facts["claimed"].items()
    ]


class Deals(Noun):
    """``lab.deal``: look at deals and their tasks, list them, claim what nobody finished."""

    _FRAMES: ClassVar = {
        "show": Frame("deal", one=lambda facts: {**facts, **facts["deal"]}),
        "tasks": Frame("task", lambda facts: facts),
        "claim": Frame("claim", _claim_rows),
        "list": Frame("deal", lambda page: page.deals),
    }

    def show(
        self, dealid: str, *, watch: bool = False, progress: Callable[[JobStatus], None] | None = None
    ) -> pd.DataFrame:
        """A deal as the hub knows it.

        Args:
            dealid: 32 bytes as 0x text.
            watch: Wait until all its tasks have ended.
            progress: Called with the status after each look, while waiting.

        Returns:
            DataFrame, one row: the terms, prices in nRLC (``app_price_nrlc`` ...), times in UTC, and
                ``tasks``, the list of task ids; with ``watch`` also how many ``completed`` and ``failed``.

        Raises:
            ObjectNotFoundError: No such deal.
        """
        return self._draw("show", self._fetch_show(dealid, watch=watch, progress=progress))

    def _fetch_show(
        self, dealid: str, *, watch: bool = False, progress: Callable[[JobStatus], None] | None = None
    ) -> dict[str, Any]:
        [held] = read_deals(self.session, [to_bytes32(dealid)])
        if not watch:
            return {"deal": _deal_json(held, self.session.hub.now())}
        job = Job(self.session, [held.deal_id]).wait(progress=progress)
        status = job.status()
        return {
            "tasksCount": status.total,
            "completedTasksCount": status.completed,
            "failedTasksCount": len(status.failed),
            "deal": _deal_json(held, status.tasks[0].now),
            "tasks": [view.to_json() for view in status.tasks],
            "failedTasks": [view.to_json() for view in status.failed],
        }

    def tasks(self, dealid: str) -> pd.DataFrame:
        """The tasks of a deal as they are now.

        Returns:
            DataFrame, one row per task: ``task_id``, ``index``, ``status``, ``location`` of the result ...

        Raises:
            ObjectNotFoundError: No such deal.
        """
        return self._draw("tasks", self._fetch_tasks(dealid))

    def _fetch_tasks(self, dealid: str) -> list[dict[str, Any]]:
        [held] = read_deals(self.session, [to_bytes32(dealid)])
        return [view.to_json() for view in look(self.session, held.refs())]

    def task_ids(self, dealid: str) -> list[str]:
        """Ids of the deal's tasks, by index.

        Raises:
            ObjectNotFoundError: No such deal.
            JobError: It has more than 100,000.
        """
        [held] = read_deals(self.session, [to_bytes32(dealid)])
        return held.task_ids()

    def observe(self, dealid: str) -> Iterator[JobStatus]:
        """The status of the deal's tasks after each change, until all have ended.

        Raises:
            ObjectNotFoundError: No such deal.
        """
        [held] = read_deals(self.session, [to_bytes32(dealid)])
        refs, last = held.refs(), None

        def see() -> JobStatus:
            views = look_again(self.session, refs, last.tasks) if last else look(self.session, refs)
            return JobStatus(tuple(views))

        for status in looks(self.session, see):
            if last is None or status.counts != last.counts:
                yield status
            if status.ended:
                return
            last = status

    def claim(self, dealid: str, *, force: bool = False) -> pd.DataFrame:
        """Get back the price of all tasks that nobody finished before the deadline.

        Returns:
            DataFrame, one row per task: ``index``, ``task_id``, ``tx_hash``.

        Raises:
            ObjectNotFoundError: No such deal.
            JobError: The deal still has time, or nothing is left to claim.
            AbortedError: It was not confirmed.
        """
        return self._draw("claim", self._fetch_claim(dealid, force=force))

    def _fetch_claim(self, dealid: str, *, force: bool = False) -> dict[str, Any]:
        session = self.session
        [held] = read_deals(session, [to_bytes32(dealid)])
        views = look(session, held.refs())
        if views[0].now < held.final_time:
            raise JobError(f"Cannot claim a deal before reaching the final time: {date(held.final_time)} UTC")
        started = [view for view in views if view.task.status in {ACTIVE, REVEALING}]
        unset = [view for view in views if view.task.status == UNSET]
        if not started and not unset:
            raise JobError("Nothing to claim")
        plan = session.plan(
            "deal claim", cost_wei=session.some_gas, deal=held.deal_id, tasks=len(started) + len(unset)
        )
        transactions = self._send(spend(session, plan, force=force), started, unset)
        claimed = {str(view.index): view.task_id for view in [*started, *unset]}
        return {"claimed": claimed, "transactions": transactions}

    def _send(self, permit: Permit, started: list[TaskView], unset: list[TaskView]) -> list[dict[str, str]]:
        """Send as few transactions as the block's gas limit allows."""
        limit = to_int(latest_block(self.session.rpc).get("gasLimit"))
        hub = self.session.network.hub
        calls = []
        for views in _chunks(started, limit // CLAIM_GAS):
            ids = [bytes.fromhex(view.task_id[2:]) for view in views]
            calls.append(("claimArray", HUB.claimArray.encode(ids)))
        for views in _chunks(unset, limit // INITIALIZE_AND_CLAIM_GAS):
            ids = [bytes.fromhex(view.deal_id[2:]) for view in views]
            data = HUB.initializeAndClaimArray.encode(ids, [view.index for view in views])
            calls.append(("initializeAndClaimArray", data))
        receipts = permit.send_many([(hub, data) for _, data in calls])
        return [
            {"txHash": receipt.tx_hash, "type": kind}
            for (kind, _), receipt in zip(calls, receipts, strict=True)
        ]

    def list(
        self,
        /,
        requester: str | None = None,
        *,
        limit: int | None = None,
        page: int | None = None,
        page_size: int = 20,
        **filters: Unpack[DealFilters],
    ) -> pd.DataFrame:
        """Deals that the market knows, newest first.

        Args:
            requester: Whose deals, an address (default: the wallet's, unless another filter is given).
            limit: How many of the newest; None for all.
            page: One page only, from 0.
            page_size: Its size, 10 to 1000.
            **filters: ``app``, ``dataset``, ``workerpool``, ``beneficiary``, ``category``, ``app_owner``,
                ``dataset_owner``, ``workerpool_owner``, ``apporder_hash``, ``datasetorder_hash``,
                ``workerpoolorder_hash``, ``requestorder_hash``; each must be met exactly.

        Returns:
            DataFrame, one row per deal, with the columns of ``show``.

        Raises:
            ValidationError: An unknown filter, or a value that it cannot have.
            MarketError: The market was not reached.
        """
        return self._draw(
            "list", self._fetch_list(requester, limit=limit, page=page, page_size=page_size, **filters)
        )

    def _fetch_list(
        self,
        /,
        requester: str | None = None,
        *,
        limit: int | None = None,
        page: int | None = None,
        page_size: int = 20,
        **filters: Any,
    ) -> DealPage:
        if requester is None and not filters and self.session.address != NULL_ADDRESS:
            requester = self.session.address
        market = self.session.market
        if page is not None:
            return market.deals(page=page, page_size=page_size, requester=requester, **filters)
        return market.deals_all(limit=limit, requester=requester, **filters)


def _deal_json(held: JobDeal, now: int) -> dict[str, Any]:
    return {
        "dealid": held.deal_id,
        **held.deal.to_json(),
        "finalTime": str(held.final_time),
        "deadlineReached": now >= held.final_time,
        "tasks": [] if held.too_many else held.task_ids(),
    }


def _chunks(views: list[TaskView], size: int) -> list[list[TaskView]]:
    step = max(size, 1)
    return [views[start : start + step] for start in range(0, len(views), step)]
