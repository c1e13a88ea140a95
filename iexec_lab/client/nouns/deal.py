"""Deals: look at them and their tasks, list them, claim what nobody finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from iexec_lab.client.jobs.bulks import task_rows
from iexec_lab.client.jobs.failures import failure
from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.lookout import Lookout
from iexec_lab.client.jobs.polling import foresee_first, foresee_now, look, looks, read_deals, to_timeout
from iexec_lab.client.jobs.running import find_deals
from iexec_lab.client.jobs.status import JobDeal, JobStatus, TaskView, date
from iexec_lab.client.jobs.why import too_early
from iexec_lab.client.live.follow import Stream
from iexec_lab.client.market.filters import ChildFilters, DealListFilters, EventFilters
from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.nouns._noun import Frame, Noun, detailed
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.options import takes, with_defaults
from iexec_lab.client.permit import Permit, spend
from iexec_lab.client.wait_options import WaitOptions
from iexec_lab.errors import JobError
from iexec_lab.ethereum.ahead import one_look
from iexec_lab.ethereum.calls import latest_block
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.protocol import NULL_ADDRESS, to_bytes32
from iexec_lab.services.market import DealFilters

if TYPE_CHECKING:
    from iexec_lab.client.market.listing import Listed

TaskRows = list[dict[str, Any]]
CLAIM_GAS = 55_000
INITIALIZE_AND_CLAIM_GAS = 250_000
"""Gas that one task may take in claimArray and initializeAndClaimArray, as the official SDK estimates it."""


def _claim_rows(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"deal_id": view.deal_id, "index": view.index, "task_id": view.task_id, "tx_hash": tx_hash}
        for view, tx_hash in facts["tasks"]
    ]


def _deal_row(facts: dict[str, Any]) -> dict[str, Any]:
    """A deal, what waiting counted of its tasks, or what the history knows of them."""
    known = facts.get("details", {})
    counts = {f"{name}TasksCount": known[name] for name in ("completed", "failed") if name in known}
    return {**counts, **facts, **facts["deal"]}


class Deals(Noun):
    """``lab.deal``: look at deals and their tasks, list them, claim what nobody finished."""

    _FRAMES: ClassVar = {
        "show": Frame(detailed("deal"), one=_deal_row),
        "tasks": Frame(detailed("task"), lambda facts: facts),
        "claim": Frame("claim", _claim_rows),
        "claim_all": Frame("claim", _claim_rows),
        "list": Frame("listed_deal"),
        "events": Frame("past_event"),
        "deals": Frame("listed_deal"),
    }

    @takes(WaitOptions)
    def show(
        self,
        dealid: str,
        *,
        watch: bool = False,
        details: bool = False,
        progress: Callable[[JobStatus], None] | None = None,
        tell: Callable[[str], None] | None = None,
        **options: Unpack[WaitOptions],
    ) -> pd.DataFrame:
        """A deal as the hub knows it.

        Args:
            dealid: 32 bytes as 0x text.
            watch: Wait until all its tasks have ended.
            details: Also names, ``status``, how many tasks are ``completed`` and ``claimed``, the hashes of
                its orders and its transaction, from the history.
            progress: Called with the status after each look, while waiting.
            tell: As for ``job.wait``.
            **options: Those of ``WaitOptions``.

        Returns:
            DataFrame, one row: the terms, prices in nRLC (``app_price_nrlc`` ...), times in UTC, and
                ``tasks`` (how many), their ``task_ids``; with ``watch`` also ``completed`` and ``failed``.

        Raises:
            ObjectNotFoundError: No such deal.
            JobError: As ``job.wait``, while waiting.
        """
        facts = self._fetch_show(
            dealid, watch=watch, details=details, progress=progress, tell=tell, **options
        )
        if watch and facts["failedTasks"]:
            job = Job(self.session, [facts["deal"]["dealid"]])
            raise failure(self.session, job.status().failed, job=job)
        return self._draw("show", facts)

    def _fetch_show(
        self,
        dealid: str,
        *,
        watch: bool = False,
        details: bool = False,
        progress: Callable[[JobStatus], None] | None = None,
        tell: Callable[[str], None] | None = None,
        timeout: float | None = None,
        fail_fast: bool = False,
    ) -> dict[str, Any]:
        to_timeout(timeout)
        with one_look():
            foresee_now(self.session)
            [held] = read_deals(self.session, [to_bytes32(dealid)])
            now = 0 if watch else self.session.hub.now()
        if not watch:
            shown: dict[str, Any] = {"deal": _deal_json(held, now)}
            return self._with_details(shown) if details else shown
        status, _ = Job(self.session, [held.deal_id])._follow(  # noqa: SLF001 - the end may be a failure
            timeout, fail_fast=fail_fast, progress=progress, tell=tell
        )
        shown = {
            "tasksCount": status.total,
            "completedTasksCount": status.completed,
            "failedTasksCount": len(status.failed),
            "deal": _deal_json(held, status.tasks[0].now),
            "tasks": [view.to_json() for view in status.tasks],
            "failedTasks": [view.to_json() for view in status.failed],
        }
        return self._with_details(shown) if details else shown

    def _with_details(self, shown: dict[str, Any]) -> dict[str, Any]:
        from iexec_lab.client.market.details import of_deal

        return {**shown, "details": of_deal(self.session, shown["deal"])}

    def tasks(self, dealid: str, *, details: bool = False) -> pd.DataFrame:
        """The tasks of a deal as they are now.

        Args:
            dealid: 32 bytes as 0x text.
            details: Also when each was initialised, contributed to, revealed, finalised or claimed, by whom,
                how long it took, and rewards and seizes, from the history.

        Returns:
            DataFrame, one row per task: ``task_id``, ``task_index``, ``status``, ``location`` of the result,
                ``datasets`` that it had ...

        Raises:
            ObjectNotFoundError: No such deal.
        """
        held, views = self._look(dealid)
        rows = task_rows(self.session, [held], views)
        return self._draw("tasks", self._timed(held, rows) if details else rows)

    def _fetch_tasks(self, dealid: str, *, details: bool = False) -> TaskRows:
        held, views = self._look(dealid)
        rows = [view.to_json() for view in views]
        return self._timed(held, rows) if details else rows

    def _timed(self, held: JobDeal, rows: TaskRows) -> TaskRows:
        from iexec_lab.client.market.details import of_tasks

        return of_tasks(self.session, held, rows)

    def _look(self, dealid: str) -> tuple[JobDeal, list[TaskView]]:
        wanted = to_bytes32(dealid)
        with one_look():
            foresee_first(self.session, [wanted])
            [held] = read_deals(self.session, [wanted])
            return held, look(self.session, held.refs())

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
        lookout, last = Lookout(self.session, held.refs()), None
        for status in looks(self.session, lambda: JobStatus(tuple(lookout.look()))):
            if last is None or status.counts != last.counts:
                yield status
            if status.ended:
                return
            last = status

    def claim(self, dealid: str, *, force: bool = False) -> pd.DataFrame:
        """Get back the price of all tasks that nobody finished before the deadline.

        Returns:
            DataFrame, one row per task: ``deal_id``, ``task_index``, ``task_id``, ``tx_hash``.

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
            raise JobError(
                f"Cannot claim a deal before reaching the final time: {date(held.final_time)} UTC",
                hint=too_early(session, views[0]),
            )
        late = [view for view in views if not view.settled]
        if not late:
            raise JobError("Nothing to claim")
        plan = session.plan("deal claim", cost_wei=session.some_gas, deal=held.deal_id, tasks=len(late))
        facts = self._send(spend(session, plan, force=force), late)
        return {"claimed": {str(view.index): view.task_id for view, _ in facts["tasks"]}, **facts}

    def claim_all(self, *, force: bool = False) -> pd.DataFrame:
        """Get back the price of all late tasks of all deals that the wallet paid for, as ``jobs`` shows them.

        Returns:
            DataFrame, one row per task: ``deal_id``, ``task_index``, ``task_id``, ``tx_hash``.

        Raises:
            WalletError: There is no wallet.
            JobError: Nothing is left to claim.
            MarketError: The market was not reached.
            AbortedError: It was not confirmed.
        """
        return self._draw("claim_all", self._fetch_claim_all(force=force))

    def _fetch_claim_all(self, *, force: bool = False) -> dict[str, Any]:
        session = self.session
        deals, _ = find_deals(session, session.own_address, None)
        claimable = [looked for looked in deals if looked.claimable]
        late = [view for looked in claimable for view in looked.late]
        if not late:
            raise JobError("Nothing to claim", hint="See all deals: iexec-lab jobs --all.")
        plan = session.plan(
            "deal claim",
            cost_wei=session.some_gas,
            deals=", ".join(looked.held.deal_id for looked in claimable),
            tasks=len(late),
            claimed_nrlc=sum(looked.claimable for looked in claimable),
        )
        facts = self._send(spend(session, plan, force=force), late)
        claimed: dict[str, dict[str, str]] = {}
        for view, _ in facts["tasks"]:
            claimed.setdefault(view.deal_id, {})[str(view.index)] = view.task_id
        return {"claimed": claimed, "amount": str(plan.details["claimed_nrlc"]), **facts}

    def _send(self, permit: Permit, late: Sequence[TaskView]) -> dict[str, Any]:
        """Send as few transactions as the block's gas limit allows: those sent, and the one of each task."""
        limit = to_int(latest_block(self.session.rpc).get("gasLimit"))
        hub = self.session.network.hub
        calls = []
        for views in _chunks([view for view in late if view.task.exists], limit // CLAIM_GAS):
            ids = [bytes.fromhex(view.task_id[2:]) for view in views]
            calls.append(("claimArray", HUB.claimArray.encode(ids), views))
        unset = [view for view in late if not view.task.exists]
        for views in _chunks(unset, limit // INITIALIZE_AND_CLAIM_GAS):
            ids = [bytes.fromhex(view.deal_id[2:]) for view in views]
            data = HUB.initializeAndClaimArray.encode(ids, [view.index for view in views])
            calls.append(("initializeAndClaimArray", data, views))
        receipts = permit.send_many([(hub, data) for _, data, _ in calls])
        sent = [*zip(calls, receipts, strict=True)]
        return {
            "transactions": [{"txHash": receipt.tx_hash, "type": kind} for (kind, _, _), receipt in sent],
            "tasks": [(view, receipt.tx_hash) for (_, _, views), receipt in sent for view in views],
        }

    @takes(DealListFilters)
    def list(
        self,
        /,
        requester: str | None = None,
        *,
        page: int | None = None,
        page_size: int = 20,
        **filters: Unpack[DealListFilters],
    ) -> pd.DataFrame:
        """Deals, newest first: the wallet's own, those of a filter that names somebody, or everybody's.

        They are read from the history: the network's subgraph, or the logs of its node. Where the network has
        no subgraph, the market answers what it can, and ``source="market"`` asks it anyway; it knows neither
        how tasks ended (``completed``, ``claimed``, ``status``) nor sponsors.

        Args:
            requester: Whose deals: address or ENS name (default: the wallet's, unless another account, asset
                or order is named, or ``all``).
            page: One page of the market only, from 0.
            page_size: Its size, 10 to 1000.
            **filters: Those of ``DealListFilters``.

        Returns:
            DataFrame, one row per deal: those of ``lab.history.deals``, ``status`` (running, completed,
                claimable or failed) and ``task_price_nrlc``. ``attrs`` has ``total`` where it is known.

        Raises:
            ValidationError: A filter has a value that it cannot have.
            SubgraphError, MarketError, CallError: The source was not reached.
        """
        return self._draw("list", self._fetch_list(requester, page=page, page_size=page_size, **filters))

    def _fetch_list(
        self,
        /,
        requester: str | None = None,
        *,
        page: int | None = None,
        page_size: int = 20,
        **filters: Any,
    ) -> Listed:
        from iexec_lab.client.market.deals import list_deals

        values = {**with_defaults(DealListFilters, filters), "requester": requester}
        return list_deals(self.session, values, page=page, page_size=page_size)

    def stream(
        self,
        /,
        requester: str | None = None,
        *,
        all: bool = False,  # noqa: A002 - the word of the command line
        timeout: float | None = None,
        every: float = 10.0,
        limit: int | None = 100,
        **filters: Unpack[DealFilters],
    ) -> Stream:
        """Deals as they are made, from the market's feed: ``for change in lab.deal.stream(app=...)``.

        Args:
            requester: As for ``list``.
            all: Those of everybody.
            timeout: Seconds after which it ends; None for never.
            every: Seconds between two looks where the market has no feed, and at how tasks went on.
            limit: How many of the newest ``stream.frame`` has; None for all.
            **filters: Those of the market: ``app``, ``dataset``, ``workerpool``, ``beneficiary``,
                ``category``, ``app_owner`` ..., ``apporder_hash`` ...; each must be met exactly.

        Returns:
            Stream of ``Change``; ``stream.frame`` is what ``list`` gives now.

        Raises:
            ValidationError: An unknown filter, or a value that it cannot have.
            MarketError: The market was not reached.
        """
        if requester is None and not filters and not all and self.session.address != NULL_ADDRESS:
            requester = self.session.address
        limit = to_limit(limit)
        wanted: dict[str, Any] = {"requester": requester, **filters}
        everybody = not any(wanted.values())
        from iexec_lab.client.market.deals import as_listed

        return Stream(
            self.session,
            "deal",
            wanted,
            timeout=timeout,
            every=every,
            limit=limit,
            listed=lambda rows: as_listed(self.session, rows),
            draw=lambda: self.list(requester, all=everybody, limit=limit, **filters),
        )

    @takes(EventFilters)
    def events(self, dealid: str, **filters: Unpack[EventFilters]) -> pd.DataFrame:
        """What happened to a deal and its tasks, in the order of the chain.

        Args:
            dealid: 32 bytes as 0x text.
            **filters: Those of ``EventFilters``.

        Returns:
            DataFrame, one row per event: ``happened_at``, ``event``, ``task_id``, ``account`` (worker,
                workerpool or payer), ``amount_nrlc``, ``tx_hash`` ...

        Raises:
            ObjectNotFoundError: No such deal.
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("events", self._fetch_events(dealid, **filters))

    def _fetch_events(self, dealid: str, *, source: str | None = None) -> Listed:
        from iexec_lab.client.market.happened import deal_events

        return deal_events(self.session, dealid, source)

    @takes(ChildFilters)
    def deals(self, dealid: str, **filters: Unpack[ChildFilters]) -> pd.DataFrame:
        """The other deals of the same request order.

        Args:
            dealid: 32 bytes as 0x text.
            **filters: Those of ``ChildFilters``.

        Returns:
            DataFrame, one row per deal, as from ``list``.

        Raises:
            ObjectNotFoundError: The history has no such deal.
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("deals", self._fetch_deals(dealid, **filters))

    def _fetch_deals(self, dealid: str, **filters: Any) -> Listed:
        from iexec_lab.client.market.deals import associated

        return associated(self.session, to_bytes32(dealid), with_defaults(ChildFilters, filters))


def _deal_json(held: JobDeal, now: int) -> dict[str, Any]:
    return {
        "dealid": held.deal_id,
        **held.deal.to_json(),
        "finalTime": str(held.final_time),
        "deadlineReached": now >= held.final_time,
        "tasks": [] if held.too_many else held.task_ids(),
    }


def _chunks(views: Sequence[TaskView], size: int) -> Sequence[Sequence[TaskView]]:
    step = max(size, 1)
    return [views[start : start + step] for start in range(0, len(views), step)]
