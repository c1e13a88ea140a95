"""A job: the deals of one run and their tasks. The chain remembers it, so it cannot be lost."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

from iexec_lab import doors
from iexec_lab.client.jobs.bulks import task_rows
from iexec_lab.client.jobs.detached import Detached, typed
from iexec_lab.client.jobs.doubts import Doubts
from iexec_lab.client.jobs.failures import failure
from iexec_lab.client.jobs.fetching import fetch, fetch_all
from iexec_lab.client.jobs.logs import logs_frame
from iexec_lab.client.jobs.lookout import Lookout
from iexec_lab.client.jobs.names import foresee_names, learn_names, used_by
from iexec_lab.client.jobs.polling import (
    foresee_first,
    read_deals,
    to_timeout,
    waiting,
    watch,
    watch_async,
)
from iexec_lab.client.jobs.reports import find_reports
from iexec_lab.client.jobs.shown import Shown
from iexec_lab.client.jobs.status import JobDeal, JobStatus, TaskRef
from iexec_lab.client.jobs.why import ask
from iexec_lab.client.options import takes
from iexec_lab.client.results.many import Results
from iexec_lab.client.results.result import Result
from iexec_lab.client.wait_options import WaitOptions
from iexec_lab.errors import IexecError, JobError, ObjectNotFoundError
from iexec_lab.ethereum.ahead import one_look

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Mapping, Sequence

    import pandas as pd

    from iexec_lab.client.jobs.doubts import Tell
    from iexec_lab.client.jobs.why import Trouble
    from iexec_lab.client.session import Session

    Progress = Callable[[JobStatus], None]

__all__ = ["Job", "JobStatus", "Result", "Results"]

_EACH, _LONGEST = 0.005, 2.0
"""Seconds between looks for each task that runs, and at most: of many tasks one more ends all the time."""


class Job(Shown):
    """Work that was paid for: wait for it, read its results, come back to it from anywhere.

        job = lab.app.run("0x...")
        job.wait()               # or: await job
        job.result().text()

    Args:
        session: Where the deals are.
        deal_ids: One deal or several.
        tx_hashes: The transactions that made them, as far as known.
        uses: Kind and address of what they use, as far as known: its names are read beside the tasks.

    Raises:
        ObjectNotFoundError: Once the deals are read: there is no such deal on the network.
    """

    def __init__(
        self,
        session: Session,
        deal_ids: Sequence[str],
        tx_hashes: Sequence[str | None] = (),
        uses: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__()
        self._uses = tuple(uses)
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
        with one_look():
            self._foresee()
            return self._see(self._lookout())

    def _lookout(self) -> Lookout:
        return Lookout(self._session, self._refs, self._last.tasks if self._last else ())

    def _see(self, lookout: Lookout) -> JobStatus:
        status = JobStatus(tuple(lookout.look()))
        learn_names(self._session, self._used())
        return self._saw(status)

    def _foresee(self) -> None:
        if "deals" not in vars(self):
            foresee_first(self._session, self.deal_ids)
        foresee_names(self._session, self._used())

    def _used(self) -> Sequence[tuple[str, str]]:
        return used_by(self._known_deals()) or self._uses

    def _look_on(self) -> None:
        doubts, began = self._doubts(tell=lambda _text: self._move()), time.monotonic()
        try:
            for pause in self._waiting(doubts, None, None, lambda status: status.ended):
                time.sleep(max(pause, self._pace(time.monotonic() - began)))
            if self._last is not None and self._last.failed:
                self._gone_wrong(failure(self._session, self._last.failed, doubts.troubles, job=self))
        except IexecError as error:
            self._remark = error.message
            self._move()

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

    def wait(
        self,
        timeout: float | None = None,
        *,
        fail_fast: bool = False,
        progress: Progress | None = None,
        tell: Tell | None = None,
    ) -> Job:
        """Wait until all tasks have ended; return the job itself.

        When no worker goes on with a task, or no scheduler begins it, the reason is told once.

        Args:
            timeout: Seconds to wait; None waits until the deadline of the deal.
            fail_fast: Stop waiting once no worker goes on with a task; by default another one is waited for.
            progress: Called with the status after each look.
            tell: Called with the reasons, once each; by default standard error has them.

        Raises:
            JobError: A task ended without a result; ``troubles`` say why. Or the timeout passed, or nobody
                goes on with a task: then the job goes on.
            Detached: Interrupted. The job goes on.
        """
        with self._in_sight(told=progress is not None):
            status, doubts = self._follow(timeout, fail_fast=fail_fast, progress=progress, tell=tell)
            self._require_results(status, doubts)
        return self

    def _require_results(self, status: JobStatus, doubts: Doubts) -> None:
        if status.failed:
            error = failure(self._session, status.failed, doubts.troubles, job=self)
            self._gone_wrong(error)
            raise error

    def _follow(
        self,
        timeout: float | None,
        *,
        fail_fast: bool,
        progress: Progress | None = None,
        tell: Tell | None = None,
        ended: Callable[[JobStatus], bool] = lambda status: status.ended,
    ) -> tuple[JobStatus, Doubts]:
        """Wait for the end, whatever it is; what was found out meanwhile."""
        doubts = self._doubts(fail_fast=fail_fast, tell=tell)
        # What has ended already needs no card: the results, or their error, say it.
        with nullcontext() if self.ended else self._in_sight(told=progress is not None):
            try:
                return watch(self._waiting(doubts, timeout, progress, ended), self._left()), doubts
            except JobError as error:
                doubts.explain(error, self)
                self._gone_wrong(error)
                raise

    def _doubts(self, *, fail_fast: bool = False, tell: Tell | None = None) -> Doubts:
        back, before = self._left().back, self._doubted
        said = self._teller(tell)
        self._doubted = Doubts(self._session, fail_fast=fail_fast, tell=said, back=back, after=before)
        return self._doubted

    def _waiting(
        self,
        doubts: Doubts,
        timeout: float | None,
        progress: Progress | None,
        ended: Callable[[JobStatus], bool],
    ) -> Generator[float, None, JobStatus]:
        lookout: Lookout | None = None

        def see() -> JobStatus:
            nonlocal lookout
            with self._telling_absence(), one_look():
                if lookout is None:  # the deals are read with the patience of a look
                    self._foresee()
                    lookout = self._lookout()
                return self._see(lookout)

        return waiting(
            self._session,
            see,
            ended,
            what=f"The tasks of deal {self.deal_id}",
            left=self._left(),
            timeout=to_timeout(timeout),
            progress=progress,
            doubt=lambda status: doubts.consider(status.tasks),
            least=lambda status: min(_LONGEST, _EACH * (status.total - status.done)),
        )

    def __await__(self) -> Generator[Any, None, Job]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Job:
        def steps() -> Generator[float, None, Job]:  # in threads, whatever asks somebody
            doubts = self._doubts()
            try:
                status = yield from self._waiting(doubts, None, None, lambda status: status.ended)
            except JobError as error:
                doubts.explain(error, self)
                self._gone_wrong(error)
                raise
            self._require_results(status, doubts)
            return self

        with self._in_sight():
            return await watch_async(steps(), self._left())

    def _line(self) -> str:
        return f"deal show {self.deal_id} --watch"

    def _left(self) -> Detached:
        return Detached("Detached; the job goes on.", self._line(), f"Reattach: {typed(self._line())}", self)

    @takes(WaitOptions)
    def result(
        self,
        index: int = 0,
        *,
        wait: bool = True,
        verify: bool = True,
        key: str | os.PathLike[str] | None = None,
        **options: Unpack[WaitOptions],
    ) -> Result:
        """The result of one task, downloaded, checked, and decrypted where we hold the key.

        Args:
            index: Place of the task in the job, from 0.
            wait: Wait for the task first.
            verify: Refuse content whose hash is not the one on chain.
            key: File of the private key of an encrypted result (default: the project's).
            **options: Those of ``WaitOptions``.

        Raises:
            JobError: The task failed, ran out of time, or is not done; ``troubles`` say why.
            ObjectNotFoundError: The job has no task of that index.
            IpfsError: The gateway was not reached, or served other content.
            CryptoError: The key does not open it.
            Detached: Interrupted while waiting. The job goes on.
        """
        known: Mapping[str, Trouble] = {}
        with one_look():
            self._foresee()
            self._ref(index)
            if wait:
                _, doubts = self._follow(**options, ended=lambda status: status.tasks[index].ended)
                known = doubts.troubles
            view = self.status().tasks[index]
        with doors.progress("Downloading") as step:
            told = lambda done, total: step.update("", done, total, doors.BYTES)  # noqa: E731
            return fetch(self, view, known, index=index, verify=verify, key=key, progress=told)

    @takes(WaitOptions)
    def results(
        self,
        *,
        wait: bool = True,
        verify: bool = True,
        partial: bool = False,
        key: str | os.PathLike[str] | None = None,
        **options: Unpack[WaitOptions],
    ) -> Results:
        """The results of all tasks, downloaded in parallel: a sequence that a notebook draws as a table.

        Args:
            wait: Wait for the tasks first.
            verify: As for ``result``.
            partial: Give what there is: a task without a result, or with one that cannot be opened, has its
                place and says why. By default that is an error.
            key: As for ``result``.
            **options: Those of ``WaitOptions``.

        Raises:
            JobError: One of the tasks failed, ran out of time, or is not done; ``troubles`` say why.
            IpfsError: The gateway was not reached, or served other content.
            CryptoError: The key does not open one.
        """
        known: Mapping[str, Trouble] = {}
        if wait:
            known = self._follow(**options)[1].troubles
        others = f"job.results({'' if wait else 'wait=False, '}partial=True)"
        return fetch_all(self, known, partial=partial, others=others, verify=verify, key=key)

    def logs(self, index: int | None = None) -> pd.DataFrame:
        """What the app wrote on each worker; only the requester may read it.

        Args:
            index: Place of one task in the job, from 0; None takes all.

        Returns:
            DataFrame, one row per worker of a task: ``task_id``, ``task_index``, ``status``, ``worker``,
                ``stdout``, ``stderr``. It draws itself as logs.

        Raises:
            JobError: The wallet is not the requester.
            ObjectNotFoundError: The job has no task of that index.
            WorkerpoolError: The scheduler was not reached.
        """
        if index is not None:
            self._ref(index)
        views = self.status().tasks
        return logs_frame(self._session, views if index is None else [views[index]], self.deals)

    def why(self, index: int | None = None) -> str | None:
        """Why a task has no result, in a sentence, as the chain and the workerpool tell it.

        Args:
            index: Place of the task in the job, from 0; None takes the first that failed, or else the first
                that has not ended.

        Returns:
            None for a task that completed with its app's result, or that a worker still works on.

        Raises:
            ObjectNotFoundError: The job has no task of that index.
        """
        if index is not None:
            self._ref(index)
        views = self.status().tasks if index is None else [self.status().tasks[index]]
        without = [view for view in views if not view.completed]
        without.sort(key=lambda view: not view.ended)
        if without:
            return ask(self._session, without[0]).sentence()
        reports = find_reports(self._session, [(view.task_id, view.deal_id) for view in views])
        return reports[0].sentence() if reports else None

    def _ref(self, index: int) -> TaskRef:
        if not 0 <= index < len(self._refs):
            raise ObjectNotFoundError("task", f"{index} of job {self.deal_id}", self._session.network.id)
        return self._refs[index]

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
