"""A job: the deals of one run and their tasks. The chain remembers it, so it cannot be lost."""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iexec_lab.client.jobs.bulks import task_rows
from iexec_lab.client.jobs.detached import Detached, detached_await, typed
from iexec_lab.client.jobs.download import fetch_result
from iexec_lab.client.jobs.logs import fetch_logs
from iexec_lab.client.jobs.polling import (
    foresee_first,
    look,
    look_again,
    out_of_sight,
    patiently,
    pauses,
    read_deals,
    watch,
)
from iexec_lab.client.jobs.result import Result
from iexec_lab.client.jobs.status import JobDeal, JobStatus, TaskRef
from iexec_lab.client.jobs.why import reason
from iexec_lab.errors import ChainError, ObjectNotFoundError
from iexec_lab.ethereum.ahead import one_look
from iexec_lab.services.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import pandas as pd

    from iexec_lab.client.session import Session

    Progress = Callable[[JobStatus], None]

__all__ = ["Job", "JobStatus", "Result"]


class Job:
    """Work that was paid for: wait for it, read its results, come back to it from anywhere.

        job = lab.app.run("0x...")
        job.wait()               # or: await job
        job.result().text()

    Args:
        session: Where the deals are.
        deal_ids: One deal or several.
        tx_hashes: The transactions that made them, as far as known.

    Raises:
        ObjectNotFoundError: Once the deals are read: there is no such deal on the network.
    """

    def __init__(
        self, session: Session, deal_ids: Sequence[str], tx_hashes: Sequence[str | None] = ()
    ) -> None:
        self._session = session
        self.deal_ids = tuple(deal_ids)
        self.tx_hashes = tuple(tx_hashes) or (None,) * len(self.deal_ids)
        self._last: JobStatus | None = None

    @property
    def deal_id(self) -> str:
        """The first deal, the only one unless the volume was spread over several workerpool orders."""
        return self.deal_ids[0]

    @cached_property
    def deals(self) -> tuple[JobDeal, ...]:
        """The deals as the hub knows them; read once."""
        return tuple(read_deals(self._session, self.deal_ids, self.tx_hashes))

    @cached_property
    def _refs(self) -> list[TaskRef]:
        return [ref for deal in self.deals for ref in deal.refs()]

    @property
    def task_ids(self) -> list[str]:
        """Ids of the tasks, by their place in the job."""
        return [ref.task_id for ref in self._refs]

    @property
    def volume(self) -> int:
        """Number of tasks."""
        return sum(deal.deal.bot_size for deal in self.deals)

    @property
    def cost(self) -> dict[str, int]:
        """What the tasks cost their requester when they all succeed, nRLC.

        Keys: ``app_nrlc``, ``dataset_nrlc``, ``workerpool_nrlc``, ``total_nrlc``.
        """
        parts = {
            f"{kind}_nrlc": sum(getattr(held.deal, kind).price * held.deal.bot_size for held in self.deals)
            for kind in ("app", "dataset", "workerpool")
        }
        return {**parts, "total_nrlc": sum(parts.values())}

    def status(self) -> JobStatus:
        """All tasks as they are now; one round trip."""
        last = self._last.tasks if self._last else ()
        with one_look():
            self._foresee()
            views = look_again(self._session, self._refs, last) if last else look(self._session, self._refs)
        self._last = JobStatus(tuple(views))
        return self._last

    def _foresee(self) -> None:
        if "deals" not in vars(self):
            foresee_first(self._session, self.deal_ids)

    @property
    def done(self) -> bool:
        """Whether all tasks have ended, successfully or not."""
        return (self._last is not None and self._last.ended) or self.status().ended

    @property
    def tasks(self) -> pd.DataFrame:
        """The tasks as they are now: a DataFrame, one row each, with ``status``, ``datasets`` ..."""
        from iexec_lab import frames

        rows = task_rows(self._session, self.deals, self.status().tasks)
        return frames.build("task", rows, **self._session.about())

    def wait(self, timeout: float | None = None, *, progress: Progress | None = None) -> Job:
        """Wait until all tasks have ended; return the job itself.

        A failed task is not an error here: ``result`` raises for it.

        Args:
            timeout: Seconds to wait; None waits until the deadline of the deal.
            progress: Called with the status after each look.

        Raises:
            JobError: The timeout passed. The job goes on.
            Detached: Interrupted. The job goes on.
        """
        self._watch(lambda status: status.ended, timeout, progress)
        return self

    def _watch(
        self, ended: Callable[[JobStatus], bool], timeout: float | None, progress: Progress | None
    ) -> JobStatus:
        return watch(
            self._session,
            self.status,
            ended,
            what="The tasks",
            left=self._left(),
            timeout=timeout,
            progress=progress,
        )

    def __await__(self) -> Generator[Any, None, Job]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Job:
        import asyncio

        try:
            for pause in pauses(self._session):
                if (await asyncio.to_thread(patiently, self.status)).ended:
                    break
                await asyncio.sleep(pause)
        except asyncio.CancelledError:
            raise detached_await()(str(self._left())) from None
        except ChainError as error:
            raise out_of_sight(error, self._left()) from error
        return self

    def _line(self) -> str:
        return f"deal show {self.deal_id} --watch"

    def _left(self) -> Detached:
        again = f'lab.job("{self.deal_id}").wait() or {typed(self._line())}'
        return Detached("Detached; the job goes on.", self._line(), f"Reattach: {again}")

    def result(self, index: int = 0, *, wait: bool = True, verify: bool = True) -> Result:
        """The result of one task, downloaded, checked, and decrypted where we hold the key.

        Args:
            index: Place of the task in the job, from 0.
            wait: Wait for the task first.
            verify: Refuse content whose hash is not the one on chain.

        Raises:
            JobError: The task failed, ran out of time, or is not done.
            ObjectNotFoundError: The job has no task of that index.
            IpfsError: The gateway was not reached, or served other content.
            Detached: Interrupted while waiting. The job goes on.
        """
        with one_look():
            self._foresee()
            self._ref(index)
            if wait:
                self._watch(lambda status: status.tasks[index].ended, None, None)
            view = self.status().tasks[index]
        return fetch_result(self._session, view, self._beneficiary(view.deal_id), verify=verify)

    def results(self, *, wait: bool = True, verify: bool = True) -> list[Result]:
        """The results of all tasks, downloaded in parallel.

        Args:
            wait: Wait for the tasks first.
            verify: As for ``result``.

        Raises:
            JobError: One of the tasks failed, ran out of time, or is not done.
            IpfsError: The gateway was not reached, or served other content.
        """
        if wait:
            self.wait()
        return self._session.each(
            lambda view: fetch_result(self._session, view, self._beneficiary(view.deal_id), verify=verify),
            self.status().tasks,
        )

    def logs(self, index: int | None = None) -> pd.DataFrame:
        """What the app wrote on each worker; only the requester may read it.

        Args:
            index: Place of one task in the job, from 0; None takes all.

        Returns:
            DataFrame, one row per worker of a task: ``task_id``, ``index``, ``worker``, ``stdout``,
                ``stderr``.

        Raises:
            JobError: The wallet is not the requester.
            ObjectNotFoundError: The job has no task of that index.
            WorkerpoolError: The scheduler was not reached.
        """
        from iexec_lab import frames

        chosen = self._refs if index is None else [self._ref(index)]
        entries = self._session.each(self._task_logs, chosen)
        rows = [row for found in entries for row in found]
        left_out = sum(found.left_out for found in entries)
        about = {**self._session.about(), **({"left_out": left_out} if left_out else {})}
        return frames.build("log", rows, **about)

    def why(self, index: int | None = None) -> str | None:
        """Why a task has no result, in a sentence, as the chain and the workerpool tell it.

        Args:
            index: Place of the task in the job, from 0; None takes the first that failed, or else the first
                that has not ended.

        Returns:
            None for a task that completed, or that a worker still works on.

        Raises:
            ObjectNotFoundError: The job has no task of that index.
        """
        if index is not None:
            self._ref(index)
        views = self.status().tasks if index is None else [self.status().tasks[index]]
        without = [view for view in views if not view.completed]
        without.sort(key=lambda view: not view.ended)
        return reason(self._session, without[0]) if without else None

    def _ref(self, index: int) -> TaskRef:
        if not 0 <= index < len(self._refs):
            raise ObjectNotFoundError("task", f"{index} of job {self.deal_id}", self._session.network.id)
        return self._refs[index]

    def _task_logs(self, ref: TaskRef) -> Rows:
        deal = next(held.deal for held in self.deals if held.deal_id == ref.deal_id)
        found = fetch_logs(self._session, ref.task_id, deal)
        rows = [{"taskid": ref.task_id, "index": ref.index, **entry} for entry in found]
        return Rows.of(rows, found.left_out)

    def _beneficiary(self, deal_id: str) -> str:
        return next(held.deal.beneficiary for held in self.deals if held.deal_id == deal_id)

    def to_json(self) -> dict[str, Any]:
        """The official JSON of ``app run``: deals, and the tasks once they were looked at."""
        shown: dict[str, Any] = {
            "deals": [
                {"dealid": held.deal_id, "volume": str(held.deal.bot_size), "txHash": held.tx_hash}
                for held in self.deals
            ]
        }
        if self._last is not None:
            shown["tasks"] = [view.to_json() for view in self._last.tasks]
            failed = [view.to_json() for view in self._last.failed]
            if failed:
                shown["failedTasks"] = failed
        return shown

    def __repr__(self) -> str:
        state = str(self._last) if self._last else "not looked at yet"
        return f"<Job {', '.join(self.deal_ids)} on {self._session.network.name}: {state}>"

    def _repr_html_(self) -> str:
        state = str(self._last) if self._last else "running"
        deals = ", ".join(f"<code>{html.escape(deal_id)}</code>" for deal_id in self.deal_ids)
        network = html.escape(self._session.network.name)
        return f"<div><b>Job</b> {deals}<br>on {network}: {html.escape(state)}</div>"
