"""Tasks: look at them, wait for them, take their results and logs, claim the late ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from iexec_lab import doors
from iexec_lab.client.jobs.bulks import task_rows
from iexec_lab.client.jobs.failures import failure
from iexec_lab.client.jobs.logs import fetch_logs, log_rows, workerpool_api
from iexec_lab.client.jobs.one_task import (
    check_claimable,
    decrypt_download,
    looker,
    not_begun,
    wait_for,
)
from iexec_lab.client.jobs.polling import another_task, foresee_now, looks, read_deals, seen, to_timeout
from iexec_lab.client.jobs.status import JobDeal, TaskRef, TaskView
from iexec_lab.client.jobs.story import TaskStory
from iexec_lab.client.market.filters import EventFilters, TaskListFilters
from iexec_lab.client.nouns._noun import Frame, Noun, detailed
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.options import takes, with_defaults
from iexec_lab.client.permit import send
from iexec_lab.client.results.download import beneficiary_key_file as find_key_file
from iexec_lab.client.results.download import (
    check_downloadable,
    download_result,
    fetch_result,
    origin,
    targets,
)
from iexec_lab.client.results.result import Result
from iexec_lab.client.wait_options import WaitOptions
from iexec_lab.errors import JobError, ServiceError
from iexec_lab.ethereum.ahead import one_look
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol import task_id as id_of_task
from iexec_lab.protocol import to_bytes32
from iexec_lab.services.rows import Rows

if TYPE_CHECKING:
    from iexec_lab.client.market.listing import Listed


def _details_of(facts: dict[str, Any]) -> dict[str, Any]:
    """The details of ``task show``, where there are any, as columns of the task."""
    details = facts.get("details")
    return {"details": details, "datasets": details["datasets"]} if details else {}


class Tasks(Noun):
    """``lab.task``: look at tasks, wait for them, take results and logs, claim the late ones.

    A task is named by its id, 32 bytes as 0x text. One that no scheduler has initialised yet is known only if
    its deal was made or read in this session.
    """

    _FRAMES: ClassVar = {
        "show": Frame(
            detailed("task"),
            one=lambda facts: {**facts["task"], **_details_of(facts)},
        ),
        "list": Frame("past_task"),
        "events": Frame("past_event"),
        "contributions": Frame("contribution"),
        "wait": Frame("task", one=lambda facts: facts["task"]),
        "logs": Frame("log", lambda rows: rows),
        "claim": Frame("receipt"),
    }

    @takes(WaitOptions)
    def show(
        self,
        taskid: str,
        *,
        watch: bool = False,
        download: bool | str = False,
        decrypt: bool = False,
        beneficiary_keystoredir: str | None = None,
        beneficiary_key_file: str | None = None,
        details: bool = False,
        progress: Callable[[TaskView], None] | None = None,
        tell: Callable[[str], None] | None = None,
        **options: Unpack[WaitOptions],
    ) -> pd.DataFrame:
        """A task as it is on chain.

        Args:
            taskid: 32 bytes as 0x text.
            watch: Wait until it has ended.
            download: Store the result of a completed task in the project folder: as ``<taskid>.zip``, or
                under this name, or in this folder.
            decrypt: Decrypt what was downloaded.
            beneficiary_keystoredir: Folder of the beneficiary's key (default: ``.secrets/beneficiary``).
            beneficiary_key_file: Name of the key's file in it (default: the beneficiary's).
            details: Also when it was initialised, contributed to, revealed, finalised or claimed, by whom,
                how long it took, rewards and seizes, and its datasets, from the history.
            progress: Called with the task after each look, while waiting.
            tell: As for ``job.wait``.
            **options: Those of ``WaitOptions``.

        Returns:
            DataFrame, one row: ``status``, deadlines in UTC, ``storage`` and ``location`` of the result ...

        Raises:
            ObjectNotFoundError: No such task.
            JobError: As ``wait``, while waiting; its result cannot be downloaded, or the key is missing.
            IpfsError: The gateway was not reached, or served other content.
            CryptoError: The result cannot be decrypted or written.
        """
        facts = self._fetch_show(
            taskid,
            watch=watch,
            download=download,
            decrypt=decrypt,
            beneficiary_keystoredir=beneficiary_keystoredir,
            beneficiary_key_file=beneficiary_key_file,
            details=details,
            progress=progress,
            tell=tell,
            **options,
        )
        if watch:
            self._require_result(facts)
        return self._draw("show", facts)

    def _fetch_show(
        self,
        taskid: str,
        *,
        watch: bool = False,
        download: bool | str = False,
        decrypt: bool = False,
        beneficiary_keystoredir: str | None = None,
        beneficiary_key_file: str | None = None,
        details: bool = False,
        progress: Callable[[TaskView], None] | None = None,
        tell: Callable[[str], None] | None = None,
        timeout: float | None = None,
        fail_fast: bool = False,
    ) -> dict[str, Any]:
        to_timeout(timeout)
        if watch:
            view = wait_for(
                self.session, self._look(taskid), timeout, fail_fast=fail_fast, progress=progress, tell=tell
            )
        else:
            view = self._look(taskid)
        shown: dict[str, Any] = {"task": view.to_json(), "claimable": view.status == "TIMEOUT"}
        if download and view.completed:
            [target] = targets(self.session.folder, download, [view.task_id])
            path = download_result(self.session, view, target)
            if decrypt:
                beneficiary = self._deal(view.deal_id).deal.beneficiary
                key = find_key_file(self.session, beneficiary, beneficiary_keystoredir, beneficiary_key_file)
                decrypt_download(path, view, key)
            shown["resultPath"] = str(path.absolute())
        return {**shown, "details": self._details(view)} if details else shown

    def _details(self, view: TaskView) -> dict[str, Any]:
        from iexec_lab.client.market.details import of_tasks

        held = self._deal(view.deal_id)
        [row] = task_rows(self.session, [held], [view])
        [row] = of_tasks(self.session, held, [row])
        return {"datasets": row["datasets"], **row["details"]}

    @takes(TaskListFilters)
    def list(self, /, requester: str | None = None, **filters: Unpack[TaskListFilters]) -> pd.DataFrame:
        """Tasks that a scheduler has initialised, newest first, from the history.

        Args:
            requester: Who asked for them: address or ENS name (default: the wallet, unless another account,
                asset or deal is named, or ``all``).
            **filters: Those of ``TaskListFilters``.

        Returns:
            DataFrame, one row per task: ``status`` (TIMEOUT for one that nobody finished in time),
                ``initialized_at``, ``finalized_at`` ..., ``execution_seconds``, ``workers``, ``reward_nrlc``,
                ``seized_nrlc`` ... ``attrs`` has ``total`` where it is known.

        Raises:
            ValidationError: A filter has a value that it cannot have.
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("list", self._fetch_list(requester, **filters))

    def _fetch_list(self, /, requester: str | None = None, **filters: Any) -> Listed:
        from iexec_lab.client.market.listing import listed

        values = {**with_defaults(TaskListFilters, filters), "requester": requester}
        return listed(self.session, "task", values)

    @takes(EventFilters)
    def events(self, taskid: str, **filters: Unpack[EventFilters]) -> pd.DataFrame:
        """What happened to a task, in the order of the chain.

        Args:
            taskid: 32 bytes as 0x text.
            **filters: Those of ``EventFilters``.

        Returns:
            DataFrame, one row per event: ``happened_at``, ``event``, ``account``, ``amount_nrlc``,
                ``tx_hash`` ...

        Raises:
            ObjectNotFoundError: No such task.
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("events", self._fetch_events(taskid, **filters))

    def _fetch_events(self, taskid: str, *, source: str | None = None) -> Listed:
        from iexec_lab.client.market.happened import task_events

        view = self._look(taskid)
        return task_events(self.session, view.task_id, self._deal(view.deal_id).deal.start_time, source)

    @takes(EventFilters)
    def contributions(self, taskid: str, **filters: Unpack[EventFilters]) -> pd.DataFrame:
        """Who worked on a task: its contributions, newest first.

        Args:
            taskid: 32 bytes as 0x text.
            **filters: Those of ``EventFilters``.

        Returns:
            DataFrame, one row per contribution: ``worker``, ``status`` (CONTRIBUTED, PROVED or REJECTED),
                ``contributed_at``, the worker's ``score`` ...

        Raises:
            ObjectNotFoundError: No such task.
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("contributions", self._fetch_contributions(taskid, **filters))

    def _fetch_contributions(self, taskid: str, *, source: str | None = None) -> Listed:
        from iexec_lab.client.market.happened import task_contributions

        view = self._look(taskid)
        return task_contributions(
            self.session, view.task_id, self._deal(view.deal_id).deal.start_time, source
        )

    def observe(self, taskid: str) -> Iterator[TaskView]:
        """The task after each change, until its end.

        Raises:
            ObjectNotFoundError: No such task.
        """
        last = None
        for view in looks(self.session, looker(self.session, self._look(taskid))):
            if last is None or view.task != last.task or view.ended:
                yield view
            if view.ended:
                return
            last = view

    def wait(
        self,
        taskid: str,
        timeout: float | None = None,
        *,
        fail_fast: bool = False,
        progress: Callable[[TaskView], None] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> pd.DataFrame:
        """Wait until the task has ended.

        Args:
            taskid: 32 bytes as 0x text.
            timeout: As for ``job.wait``.
            fail_fast: As for ``job.wait``.
            progress: Called with the task after each look.
            tell: As for ``job.wait``.

        Returns:
            DataFrame, one row, as from ``show``.

        Raises:
            ObjectNotFoundError: No such task.
            JobError: It ended without a result; ``troubles`` say why. Or the timeout passed, or nobody goes
                on with it: then the task goes on.
            Detached: Interrupted. The task goes on.
        """
        facts = self._fetch_wait(taskid, timeout, fail_fast=fail_fast, progress=progress, tell=tell)
        self._require_result(facts)
        return self._draw("wait", facts)

    def _fetch_wait(
        self,
        taskid: str,
        timeout: float | None = None,
        *,
        fail_fast: bool = False,
        progress: Callable[[TaskView], None] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        view = wait_for(
            self.session, self._look(taskid), timeout, fail_fast=fail_fast, progress=progress, tell=tell
        )
        return {"task": view.to_json(), "claimable": view.status == "TIMEOUT"}

    def _require_result(self, facts: dict[str, Any]) -> None:
        """Raise the error of a task that ended without a result."""
        if facts["task"]["statusName"] != "COMPLETED":
            raise failure(self.session, [self._look(facts["task"]["taskid"])])

    def result(
        self,
        taskid: str,
        *,
        verify: bool = True,
        key: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Result:
        """The result of a finished task, downloaded, checked, and decrypted where we hold the key.

        Args:
            taskid: 32 bytes as 0x text.
            verify: Refuse content whose hash is not the one on chain.
            key: File of the private key of an encrypted result (default: the project's).
            progress: Called with bytes so far and bytes in total (None when unknown); by default a notebook
                shows it.

        Raises:
            ObjectNotFoundError: No such task.
            JobError: It has none.
            IpfsError: The gateway was not reached, or served other content.
            CryptoError: The key does not open it.
        """
        view = self._look(taskid)
        check_downloadable(view)
        beneficiary = self._deal(view.deal_id).deal.beneficiary
        with doors.progress("Downloading") as step:
            told = progress or (lambda done, total: step.update("bytes", done, total))
            return fetch_result(self.session, view, beneficiary, verify=verify, key=key, progress=told)

    def _kept(self, path: str, taskid: str) -> Result:
        """The result that was downloaded to a path, with what is known about its task."""
        view = self._look(taskid)
        known = origin(self.session, view, self._deal(view.deal_id).deal.beneficiary)
        return Result(path, task_id=view.task_id, origin=known)

    def logs(self, taskid: str) -> pd.DataFrame:
        """What the app wrote on each worker; the wallet must be the requester.

        Returns:
            DataFrame, one row per worker: ``task_id``, ``task_index``, ``status``, ``worker``, ``stdout``,
                ``stderr``. It draws itself as logs.

        Raises:
            ObjectNotFoundError: No such task.
            JobError: The wallet is not the requester.
            WorkerpoolError: The scheduler was not reached.
        """
        return self._draw("logs", self._fetch_logs(taskid))

    def _fetch_logs(self, taskid: str) -> Rows:
        view = self._look(taskid)
        return log_rows(self.session, view, self._deal(view.deal_id).deal)

    def debug(
        self, taskid: str, *, logs: bool = False, warn: Callable[[str], None] = lambda _text: None
    ) -> TaskStory:
        """The task on chain, the scheduler's account of it and, for the requester, the app's output.

        Args:
            taskid: 32 bytes as 0x text.
            logs: Ask for the app's output too.
            warn: Called with the reason when something off chain cannot be read; it is then left out.

        Returns:
            ``{"onchainData", "offchainData", "appLogs"}``, a dictionary in the forms of the official CLI. It
                draws itself as a story: the task, its workers, their logs.

        Raises:
            ObjectNotFoundError: No such task.
        """
        view = self._look(taskid)
        deal = self._deal(view.deal_id).deal
        shown = TaskStory({"onchainData": view.to_json()})
        try:
            shown["offchainData"] = workerpool_api(self.session, deal.workerpool.pointer).task(view.task_id)
        except ServiceError as error:
            warn(f"Failed to fetch off-chain data: {error.message}")
        if logs:
            try:
                shown["appLogs"] = fetch_logs(self.session, view.task_id, deal)
            except (ServiceError, JobError) as error:
                warn(f"Failed to fetch app logs: {error.message}")
        return shown

    def claim(self, taskid: str, *, force: bool = False) -> pd.DataFrame:
        """Get back the price of a task that nobody finished before its deadline.

        Returns:
            DataFrame, one row: ``tx_hash``.

        Raises:
            ObjectNotFoundError: No such task.
            JobError: It ended, or still has time.
            AbortedError: It was not confirmed.
        """
        return self._draw("claim", self._fetch_claim(taskid, force=force))

    def _fetch_claim(self, taskid: str, *, force: bool = False) -> dict[str, Any]:
        view = self._look(taskid)
        check_claimable(self.session, view)
        if view.task.exists:
            data = HUB.claim.encode(bytes.fromhex(view.task_id[2:]))
        else:
            data = HUB.initializeAndClaimArray.encode([bytes.fromhex(view.deal_id[2:])], [view.index])
        receipt = send(
            self.session,
            "task claim",
            self.session.network.hub,
            data,
            details={"task": view.task_id},
            force=force,
        )
        return {"txHash": receipt.tx_hash}

    def _look(self, taskid: str) -> TaskView:
        session, task_id = self.session, to_bytes32(taskid)
        with one_look():
            foresee_now(session)
            session.hub.foresee_terms()
            task = session.hub.view_task(task_id)
            if task.exists:
                if task_id != id_of_task(task.deal_id, task.index):
                    raise another_task(task_id, task)
                deal = self._deal(task.deal_id)
                ref = TaskRef(task_id, task.deal_id, task.index, deal.final_time)
            else:
                ref = not_begun(session, task_id)
            return seen(ref, task, session.hub.now())

    def _deal(self, deal_id: str) -> JobDeal:
        """A deal, read once: it never changes."""
        known = self.session.deals_seen.get(deal_id)
        return known or read_deals(self.session, [deal_id])[0]
