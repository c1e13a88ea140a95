"""Tasks: look at them, wait for them, take their results and logs, claim the late ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Unpack

from iexec_lab.client.jobs.detached import Detached, typed
from iexec_lab.client.jobs.doubts import Doubts
from iexec_lab.client.jobs.download import (
    beneficiary_key_file,
    check_downloadable,
    download_result,
    fetch_result,
    read_key,
    targets,
)
from iexec_lab.client.jobs.failures import failure
from iexec_lab.client.jobs.logs import fetch_logs, workerpool_api
from iexec_lab.client.jobs.polling import (
    another_task,
    foresee_now,
    look,
    looks,
    read_deals,
    seen,
    to_timeout,
    waiting,
    watch,
)
from iexec_lab.client.jobs.result import Result
from iexec_lab.client.jobs.status import JobDeal, TaskRef, TaskView, date
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.options import takes
from iexec_lab.client.permit import send
from iexec_lab.client.wait_options import WaitOptions
from iexec_lab.client.what_is import not_found
from iexec_lab.errors import CryptoError, JobError, ServiceError
from iexec_lab.ethereum.ahead import one_look
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol import task_id as id_of_task
from iexec_lab.protocol import to_bytes32
from iexec_lab.protocol.states import COMPLETED, TASK_STATUSES, TIMEOUT
from iexec_lab.regular_files import is_file
from iexec_lab.services.rows import Rows

CLAIMABLE = {*TASK_STATUSES[:COMPLETED], TIMEOUT}


class Tasks(Noun):
    """``lab.task``: look at tasks, wait for them, take results and logs, claim the late ones.

    A task is named by its id, 32 bytes as 0x text. One that no scheduler has initialised yet is known only if
    its deal was made or read in this session.
    """

    _FRAMES: ClassVar = {
        "show": Frame("task", one=lambda facts: facts["task"]),
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
        progress: Callable[[TaskView], None] | None = None,
        tell: Callable[[str], None] | None = None,
        timeout: float | None = None,
        fail_fast: bool = False,
    ) -> dict[str, Any]:
        to_timeout(timeout)
        if watch:
            view = self._wait(taskid, timeout, fail_fast=fail_fast, progress=progress, tell=tell)
        else:
            view = self._look(taskid)
        shown: dict[str, Any] = {"task": view.to_json(), "claimable": view.status == "TIMEOUT"}
        if download and view.completed:
            [target] = targets(self.session.folder, download, [view.task_id])
            path = download_result(self.session, view, target)
            if decrypt:
                self._decrypt(path, view, beneficiary_keystoredir, beneficiary_key_file)
            shown["resultPath"] = str(path.absolute())
        return shown

    def observe(self, taskid: str) -> Iterator[TaskView]:
        """The task after each change, until its end.

        Raises:
            ObjectNotFoundError: No such task.
        """
        last = None
        for view in looks(self.session, self._looker(self._look(taskid))):
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
        view = self._wait(taskid, timeout, fail_fast=fail_fast, progress=progress, tell=tell)
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
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Result:
        """The result of a finished task, downloaded, checked, and decrypted where we hold the key.

        Args:
            taskid: 32 bytes as 0x text.
            verify: Refuse content whose hash is not the one on chain.
            progress: Called with bytes so far and bytes in total (None when unknown).

        Raises:
            ObjectNotFoundError: No such task.
            JobError: It has none.
            IpfsError: The gateway was not reached, or served other content.
        """
        view = self._look(taskid)
        check_downloadable(view)
        beneficiary = self._deal(view.deal_id).deal.beneficiary
        return fetch_result(self.session, view, beneficiary, verify=verify, progress=progress)

    def logs(self, taskid: str) -> pd.DataFrame:
        """What the app wrote on each worker; the wallet must be the requester.

        Returns:
            DataFrame, one row per worker: ``task_id``, ``task_index``, ``worker``, ``stdout``, ``stderr``.

        Raises:
            ObjectNotFoundError: No such task.
            JobError: The wallet is not the requester.
            WorkerpoolError: The scheduler was not reached.
        """
        return self._draw("logs", self._fetch_logs(taskid))

    def _fetch_logs(self, taskid: str) -> Rows:
        view = self._look(taskid)
        found = fetch_logs(self.session, view.task_id, self._deal(view.deal_id).deal)
        rows = [{"taskid": view.task_id, "index": view.index, **entry} for entry in found]
        return Rows.of(rows, found.left_out)

    def debug(
        self, taskid: str, *, logs: bool = False, warn: Callable[[str], None] = lambda _text: None
    ) -> dict[str, Any]:
        """The task on chain, the scheduler's account of it and, for the requester, the app's output.

        Args:
            taskid: 32 bytes as 0x text.
            logs: Ask for the app's output too.
            warn: Called with the reason when something off chain cannot be read; it is then left out.

        Returns:
            ``{"onchainData", "offchainData", "appLogs"}``, in the forms of the official CLI.

        Raises:
            ObjectNotFoundError: No such task.
        """
        view = self._look(taskid)
        deal = self._deal(view.deal_id).deal
        shown: dict[str, Any] = {"onchainData": view.to_json()}
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
        if view.status not in CLAIMABLE:
            raise JobError(f"Cannot claim a task having status {view.status}")
        if not view.timed_out:
            raise JobError(
                "Cannot claim a task before reaching the consensus deadline date: "
                f"{date(view.final_time)} UTC"
            )
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
                ref = self._not_begun(task_id)
            return seen(ref, task, session.hub.now())

    def _deal(self, deal_id: str) -> JobDeal:
        """A deal, read once: it never changes."""
        known = self.session.deals_seen.get(deal_id)
        return known or read_deals(self.session, [deal_id])[0]

    def _not_begun(self, task_id: str) -> TaskRef:
        """A task that no scheduler has initialised yet: its deal, not the hub, tells its id."""
        for deal in tuple(self.session.deals_seen.values()):
            for ref in [] if deal.too_many else deal.refs():
                if ref.task_id == task_id:
                    return ref
        raise not_found(self.session, "task", task_id)

    def _looker(self, view: TaskView) -> Callable[[], TaskView]:
        ref = TaskRef(view.task_id, view.deal_id, view.index, view.final_time)
        seen = [view]  # needs no further look
        return lambda: seen.pop() if seen else look(self.session, [ref])[0]

    def _wait(
        self,
        taskid: str,
        timeout: float | None,
        *,
        fail_fast: bool,
        progress: Callable[[TaskView], None] | None,
        tell: Callable[[str], None] | None,
    ) -> TaskView:
        line = f"task show {taskid} --watch"
        back = f"Come back: {typed(line)}"
        left = Detached("Detached; the task goes on.", line, back)
        doubts = Doubts(self.session, fail_fast=fail_fast, tell=tell, back=back)
        pauses = waiting(
            self.session,
            self._looker(self._look(taskid)),
            lambda seen: seen.ended,
            what=f"Task {taskid}",
            left=left,
            timeout=to_timeout(timeout),
            progress=progress,
            doubt=lambda view: doubts.consider([view]),
        )
        try:
            return watch(pauses, left)
        except JobError as error:
            doubts.explain(error)
            raise

    def _decrypt(self, path: Path, view: TaskView, folder: str | None, name: str | None) -> None:
        """Replace an encrypted zip by the decrypted one."""
        beneficiary = self._deal(view.deal_id).deal.beneficiary
        key = beneficiary_key_file(self.session, beneficiary, folder, name)
        if not is_file(key):
            raise JobError(
                f"Failed to load beneficiary key from {key}",
                hint="Give --beneficiary-keystoredir or --beneficiary-key-file.",
            )
        try:
            decrypted = Result(path).decrypt(read_key(key, "private"))
        except CryptoError as error:
            error.details |= {"deal": view.deal_id, "task": view.task_id, "encrypted": path}
            raise
        decrypted.path.replace(path)
