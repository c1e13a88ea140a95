"""The result of a task: a zip from IPFS, decrypted where we hold the key, and what is in it."""

from __future__ import annotations

import os
from dataclasses import replace
from errno import EACCES, EISDIR, ENOTDIR
from pathlib import Path
from typing import TYPE_CHECKING

from iexec_lab.client.results.cid_check import matches
from iexec_lab.client.results.result import Origin, Result
from iexec_lab.crypto.streams import file_path, open_source, open_target, os_errors
from iexec_lab.errors import CryptoError, IpfsError, JobError
from iexec_lab.regular_files import is_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.session import Session

    Progress = Callable[[int, int | None], None]


def check_downloadable(view: TaskView) -> str:
    """The location of a task's result.

    Raises:
        JobError: There is none, or it is kept where it cannot be downloaded from.
    """
    if not view.completed:
        raise JobError(
            "Task is not completed",
            details={"task": view.task_id, "status": view.status},
            hint=_advice(view),
        )
    stored = view.task.result()
    storage = stored.get("storage")
    if storage == "none":
        raise JobError("No result uploaded for this task", details={"task": view.task_id})
    if storage != "ipfs":
        raise JobError(
            f"Task result stored on {storage}, download not supported", details={"task": view.task_id}
        )
    location = stored.get("location")
    if not isinstance(location, str) or not location:
        raise JobError("Missing location key in task results, download not supported")
    return location


def _advice(view: TaskView) -> str:
    if not view.ended:
        return "Wait for it: job.wait()."
    if view.status == "TIMEOUT":
        return f"Nobody finished it in time; get the price back: iexec-lab task claim {view.task_id}."
    return f"See what the app wrote: iexec-lab task debug {view.task_id} --logs."


def check_target(folder: Path, name: bool | str) -> None:
    """Refuse a name for results that cannot be written to, before anything is paid.

    Args:
        folder: The project's.
        name: A file, with or without ``.zip``; a folder gets ``<task>.zip``; True is the project's folder.

    Raises:
        CryptoError: It is no folder and no file in one, or that folder cannot be written.
    """
    [target] = targets(folder, name, ["task"])
    target = file_path(target)
    with os_errors(f"cannot write {target}"):
        if target.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder", str(target))
        above = next(each for each in target.absolute().parents if each.exists() or each.is_symlink())
        if not above.is_dir():
            raise NotADirectoryError(ENOTDIR, "not a folder", str(above))
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, "the folder cannot be written to", str(above))


def targets(folder: Path, name: bool | str, task_ids: Sequence[str]) -> list[Path]:
    """Where the zips of these tasks go; ``name`` is as for ``check_target``, several tasks number it."""
    if not isinstance(name, str):
        return [folder / f"{task}.zip" for task in task_ids]
    if name.endswith(("/", os.sep)) or os.path.isdir(folder / name):  # noqa: PTH112 - False for any text
        return [folder / name / f"{task}.zip" for task in task_ids]
    stem = name.removesuffix(".zip")
    if len(task_ids) == 1:
        return [folder / f"{stem}.zip"]
    return [folder / f"{stem}-{index}.zip" for index in range(len(task_ids))]


def results_folder(session: Session) -> Path:
    """Where downloaded results are kept until the cache is cleaned."""
    root = os.environ.get("IEXEC_LAB_HOME")
    if root:
        return Path(root) / "cache" / "results" / str(session.network.id)
    from platformdirs import user_cache_path

    return user_cache_path("iexec-lab") / "results" / str(session.network.id)


def download_result(
    session: Session, view: TaskView, target: Path, *, verify: bool = True, progress: Progress | None = None
) -> Path:
    """Download the zip of a finished task to ``target``.

    Args:
        session: Where the task is.
        view: The task.
        target: Where the zip goes; an existing file stays until the new one is complete.
        verify: Refuse content whose hash is not the one on chain.
        progress: Called with bytes so far and bytes in total.

    Raises:
        JobError: It is not there.
        IpfsError: The gateway was not reached, or served other content.
        CryptoError: The file cannot be written.
    """
    location = check_downloadable(view)
    target = file_path(target)
    with os_errors(f"cannot write {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
    with open_target(target) as file:
        session.ipfs.download(location, file, progress=progress)
        file.flush()
        if verify and matches(file, location) is False:
            raise IpfsError(
                f"The gateway served other content than {location}, which the task names on chain",
                details={"gateway": session.network.ipfs_gateway, "task": view.task_id},
                hint="Try another ipfsGateway; verify=False accepts any content.",
            )
    return target


def beneficiary_key_file(
    session: Session, address: str, folder: str | None = None, name: str | None = None
) -> Path:
    """The private key that opens results of a beneficiary: ``.secrets/beneficiary/<address>_key``."""
    return session.folder / (folder or ".secrets/beneficiary") / (name or f"{address}_key")


def fetch_result(
    session: Session,
    view: TaskView,
    beneficiary: str,
    *,
    index: int | None = None,
    verify: bool = True,
    key: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    wrong_key: Callable[[CryptoError], object] | None = None,
) -> Result:
    """A result in the cache, downloaded once, and decrypted where the project holds the key.

    Args:
        session: Where the task is.
        view: The task.
        beneficiary: Whose key opens the result.
        index: Place of the task in its job.
        verify: As for ``download_result``.
        key: File of the private key; by default the project's, of the beneficiary or of the wallet.
        progress: Called with bytes so far and in total.
        wrong_key: Told the error about a result that the key does not open, which then stays encrypted.

    Raises:
        JobError: The task has none.
        CryptoError: The key does not open it; ``details`` say where the encrypted zip is.
    """
    location = check_downloadable(view)
    target = results_folder(session) / f"{view.task_id}.zip"
    if not (is_file(target) and _holds(target, location)):
        download_result(session, view, target, verify=verify, progress=progress)
    known = origin(session, view, beneficiary, index)
    result = Result(target, task_id=view.task_id, location=location, origin=known)
    if not result.encrypted:
        return result
    try:
        return _opened(result, [key] if key is not None else _keys(session, beneficiary))
    except CryptoError as error:
        error.details |= {"deal": view.deal_id, "task": view.task_id, "encrypted": target}
        if wrong_key is None:
            raise
        wrong_key(error)
        return Result(target, task_id=view.task_id, location=location, origin=replace(known, trouble=error))


def origin(session: Session, view: TaskView, beneficiary: str, index: int | None = None) -> Origin:
    """Where the result of a task comes from, and whose key opens it."""
    return Origin(
        view.index if index is None else index,
        view.status,
        beneficiary,
        session.wallet.address or "",
        beneficiary_key_file(session, beneficiary),
    )


def _keys(session: Session, beneficiary: str) -> list[Path]:
    """The keys at hand: the beneficiary's, and the wallet's, which somebody may have pushed for it."""
    owners = dict.fromkeys(filter(None, (beneficiary, session.wallet.address)))
    return [key for key in (beneficiary_key_file(session, owner) for owner in owners) if is_file(key)]


def _opened(result: Result, keys: Sequence[str | os.PathLike[str]]) -> Result:
    """The result, decrypted with the first key that fits; as it is without a key.

    Raises:
        CryptoError: None fits; it is the error of the first.
    """
    errors = []
    for key in keys:
        try:
            return result.decrypt(key)
        except CryptoError as error:
            error.details |= {"key": key}
            errors.append(error)
    if errors:
        raise errors[0]
    return result


def _holds(target: Path, location: str) -> bool:
    with open_source(target) as (file, _):
        return matches(file, location) is True
