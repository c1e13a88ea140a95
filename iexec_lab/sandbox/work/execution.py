"""One execution of an app, from its download to its digest and archive."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from iexec_lab.crypto import encrypt_result
from iexec_lab.errors import CryptoError, SandboxError
from iexec_lab.sandbox.work import results
from iexec_lab.sandbox.work.advice import advice
from iexec_lab.sandbox.work.app_process import KEPT_CHARACTERS
from iexec_lab.sandbox.work.enclave import NOTICE, Session, open_session
from iexec_lab.sandbox.work.inputs import Inputs
from iexec_lab.sandbox.work.results import Computed, FaultError
from iexec_lab.sandbox.work.runtime import Runtime, Workspace, least_free, task_environment

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.state.apps import LocalApp
    from iexec_lab.sandbox.state.blobs import BlobStore
    from iexec_lab.sandbox.state.secrets import SecretStore
    from iexec_lab.sandbox.state.tasks import TasksStore
    from iexec_lab.sandbox.work.app_process import Ended
    from iexec_lab.sandbox.work.deal import DealTerms
    from iexec_lab.sandbox.work.inputs import InputFetcher

_WITHOUT_DIGEST = {"POST_COMPUTE_COMPUTED_FILE_NOT_FOUND", "POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED"}
"""Not held against an app that failed anyway; that it has no digest shows when it should contribute."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task of a deal given to a worker by the owner of the workerpool."""

    terms: DealTerms
    index: int
    task: str
    worker: Account
    owner: Account


@dataclass(frozen=True, slots=True)
class Result:
    """``computed`` is None when there is nothing to contribute; ``link`` is there once it was uploaded."""

    computed: Computed | None
    link: str | None = None


class Executor:
    """Executes assignments; ``folder`` holds one workspace for each."""

    def __init__(
        self,
        runtime: Runtime,
        inputs: InputFetcher,
        secrets: SecretStore,
        blobs: BlobStore,
        store: TasksStore,
        folder: Path,
    ) -> None:
        self._runtime = runtime
        self._inputs = inputs
        self._secrets = secrets
        self._blobs = blobs
        self._store = store
        self._folder = folder

    def workspace(self, work: Assignment) -> Workspace:
        return Workspace(self._folder / work.task[2:] / work.worker.address[2:])

    def has_result(self, work: Assignment) -> bool:
        """False when the archive got lost; a callback needs none."""
        return bool(work.terms.callback) or self.workspace(work).archive.exists()

    def sweep(self, unfinished: Collection[str]) -> None:
        """Delete what was kept of all tasks but these."""
        kept = {task[2:] for task in unfinished}
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.name not in kept:
                Workspace(folder).remove()

    def forget(self, task: str) -> None:
        """Delete what was kept of a task that is over."""
        Workspace(self._folder / task[2:]).remove()

    async def execute(self, work: Assignment) -> Result:
        """Run the app; statuses and logs go to the store on the way.

        Raises:
            FaultError: nothing can be contributed; its cause belongs to the status that was recorded last.
        """
        record = partial(self._store.replicate_status, work.task, work.worker.address)
        await asyncio.to_thread(self.workspace(work).create)
        record("STARTED", "APP_DOWNLOADING")
        try:
            app = await self._runtime.prepare(work.terms.image)
        except FaultError as fault:
            record("APP_DOWNLOAD_FAILED", cause=fault.cause)
            return await self._error_result(work, [fault], self._session_if_any(work))
        record("APP_DOWNLOADED", "DATA_DOWNLOADING")
        inputs = Inputs() if work.terms.tee else await self._fetch(work)
        if inputs.faults:
            record("DATA_DOWNLOAD_FAILED", cause=inputs.faults[0].cause)
            return await self._error_result(work, inputs.faults, Session())
        record("DATA_DOWNLOADED", "COMPUTING")
        try:
            result, exit_code = await self._compute(work, app, inputs)
        except FaultError as fault:
            record("COMPUTE_FAILED", cause=fault.cause)
            raise
        record("COMPUTED", appExitCode=exit_code)
        return result

    async def _compute(
        self, work: Assignment, app: LocalApp | str, inputs: Inputs
    ) -> tuple[Result, int | None]:
        """Result and exit code; the enclave of a TEE deal fetches its inputs here."""
        session = Session()
        if work.terms.tee:
            session = self._open_session(work)
            inputs = await self._fetch(work)
        if inputs.faults:
            return await self._error_result(work, inputs.faults, session), None
        env = {**task_environment(work.terms, work.index, work.task), **inputs.env, **session.env}
        try:
            ended = await self._runtime.run(app, work.terms, env, self.workspace(work))
        except (SandboxError, OSError) as error:
            await asyncio.to_thread(self.workspace(work).remove)
            self._save_logs(work, [f"APP_COMPUTE_FAILED: {error}"])
            raise FaultError("APP_COMPUTE_FAILED", str(error)) from error
        shown_as = self._runtime.shown(app, self.workspace(work))[1]
        return await self._finish(work, ended, session, shown_as, advice(app, ended)), ended.exit_code

    async def upload(self, work: Assignment) -> str:
        """Put the archive into the sandbox's IPFS; the link that goes on chain.

        Raises:
            FaultError: the disk has no room for it.
        """
        if work.terms.callback:
            return results.link("ethereum", work.terms.callback)
        cid = await asyncio.to_thread(self._store_archive, self.workspace(work).archive)
        return results.link("ipfs", f"/ipfs/{cid}")

    def _store_archive(self, archive: Path) -> str:
        """Its CID. Whether there is room is asked before, for blocks are never deleted."""
        size, free = archive.stat().st_size, shutil.disk_usage(archive.parent).free
        if size + least_free(free) > free:
            message = f"the disk has {free} bytes left, the result needs {size}"
            raise FaultError("POST_COMPUTE_IPFS_UPLOAD_FAILED", message)
        return self._blobs.add(archive)

    def _open_session(self, work: Assignment) -> Session:
        try:
            return open_session(self._secrets, work.terms)
        except FaultError as fault:
            self._save_logs(work, [NOTICE, str(fault)])
            raise

    def _session_if_any(self, work: Assignment) -> Session:
        """For a result that tells of an error: encrypted as was asked for, when there is a key."""
        try:
            return open_session(self._secrets, work.terms) if work.terms.tee else Session()
        except FaultError:
            return Session()

    async def _fetch(self, work: Assignment) -> Inputs:
        return await self._inputs.fetch(work.terms, work.index, self.workspace(work).inputs)

    async def _finish(
        self, work: Assignment, ended: Ended, session: Session, shown_as: str, advised: str | None
    ) -> Result:
        """What is done after the app: names, digest, archive, and in TEE deals the upload."""
        notes, space = _notes(work.terms, ended), self.workspace(work)
        try:
            computed = await asyncio.to_thread(
                _post_compute, work.terms, space, ended, session, shown_as, notes
            )
            await asyncio.to_thread(space.clear)
            return Result(computed, await self._early_link(work))
        except FaultError as fault:
            notes.append(str(fault))
            await asyncio.to_thread(space.remove)
            if ended.exit_code == 0 or fault.cause not in _WITHOUT_DIGEST:
                raise
            return Result(None)
        finally:
            self._save_logs(work, [*notes, advised] if advised else notes, ended.stdout, ended.stderr)

    async def _error_result(self, work: Assignment, faults: list[FaultError], session: Session) -> Result:
        """A result that tells what could not be fetched; a callback can not be given one."""
        space, notes = self.workspace(work), [str(fault) for fault in faults]
        try:
            if work.terms.callback:
                raise faults[0]
            results.write_error(space.outputs, faults)
            computed = results.compute(space.outputs, callback=False)
            await asyncio.to_thread(_archive, work.terms, space, session, notes)
            return Result(computed, await self._early_link(work))
        except FaultError as fault:
            if fault not in faults:
                notes.append(str(fault))
            raise
        finally:
            self._save_logs(work, notes)

    async def _early_link(self, work: Assignment) -> str | None:
        """Enclaves upload before they contribute, other workers after they revealed."""
        if not work.terms.tee:
            return None
        if work.terms.wants_dropbox:
            raise FaultError(
                "POST_COMPUTE_DROPBOX_UPLOAD_FAILED", "a sandbox has no way to Dropbox; use ipfs"
            )
        return await self.upload(work)

    def _save_logs(self, work: Assignment, notes: list[str], stdout: str = "", stderr: str = "") -> None:
        """What the app printed, and behind it what the sandbox has to say."""
        if notes and stderr and not stderr.endswith("\n"):
            stderr += "\n"
        stderr += "".join(f"[iexec-lab] {note}\n" for note in notes)
        self._store.save_logs(work.task, work.worker.address, stdout, stderr[-KEPT_CHARACTERS:])


def _notes(terms: DealTerms, ended: Ended) -> list[str]:
    notes = [NOTICE] if terms.tee else []
    if ended.error:
        notes.append(f"APP_COMPUTE_FAILED: the app could not be started: {ended.error}")
    elif ended.timed_out:
        notes.append(f"APP_COMPUTE_TIMEOUT: killed after {terms.time_limit} s, the time of its category")
    elif ended.disk_full:
        notes.append("APP_COMPUTE_FAILED: killed because it left too little of the disk")
    elif ended.exit_code:
        notes.append(f"APP_COMPUTE_FAILED: the app ended with exit code {ended.exit_code}")
    return notes


def _post_compute(
    terms: DealTerms, space: Workspace, ended: Ended, session: Session, shown_as: str, notes: list[str]
) -> Computed:
    """Digest and archive; whatever an app may have left there, all that comes of it is a fault."""
    try:
        computed = _compute(terms, space, ended, shown_as)
        _archive(terms, space, session, notes)
    except (OSError, ValueError, RecursionError) as error:
        raise FaultError("POST_COMPUTE_FAILED_UNKNOWN_ISSUE", str(error)[:300]) from error
    return computed


def _compute(terms: DealTerms, space: Workspace, ended: Ended, shown_as: str) -> Computed:
    """Check the files, add what the app printed if it ended well, and make the digest."""
    if space.outputs.is_symlink():
        space.outputs.unlink()
    results.check_files(space.outputs)
    if ended.exit_code == 0 and space.outputs.is_dir():
        for name, text in (("stdout.txt", ended.stdout), ("stderr.txt", ended.stderr)):
            if text:
                _replace(space.outputs / name, text)
    return results.compute(space.outputs, callback=bool(terms.callback), shown_as=shown_as)


def _replace(path: Path, text: str) -> None:
    """Write a new file, never through a link that the app may have left there."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)


def _archive(terms: DealTerms, space: Workspace, session: Session, notes: list[str]) -> None:
    if terms.callback:
        return
    left_out = results.pack(space.outputs, space.archive)
    if left_out:
        notes.append(f"left out of the result, being no regular files: {', '.join(left_out[:20])}")
    if session.result_key is None:
        return
    clear = space.archive.rename(space.folder / "clear.zip")
    try:
        encrypt_result(clear, space.archive, session.result_key)
    except CryptoError as error:
        raise FaultError("POST_COMPUTE_MALFORMED_ENCRYPTION_PUBLIC_KEY", str(error)) from None
    except OSError as error:
        raise FaultError("POST_COMPUTE_ENCRYPTION_FAILED", str(error)) from None
    finally:
        clear.unlink()
