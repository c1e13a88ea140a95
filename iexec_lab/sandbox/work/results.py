"""From what an app left in /iexec_out to what the chain and the requester get: digest, archive, link.

Rules are those of iExec's post-compute (Java: tee-worker-post-compute; the standard worker does the same).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.protocol.hashing import keccak
from iexec_lab.sandbox.state.untidy_folders import walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OUT = "/iexec_out"
COMPUTED = "computed.json"
LONGEST_NAME = 31
"""Characters of a file name in a result."""
LARGEST = 8 << 30
"""Bytes of a result; a file with holes takes no room, but digest and archive read all of it."""
_LARGEST_COMPUTED = 16 << 20
_CHUNK = 1 << 20
_SAMPLE = 1 << 16


class FaultError(Exception):
    """Why a replicate can not go on: ``cause`` is a name of iExec's ReplicateStatusCause."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(f"{cause}: {message}")
        self.cause = cause
        self.message = message


@dataclass(frozen=True, slots=True)
class Computed:
    """What goes on chain: the digest (32 bytes), and the callback's data, empty without a callback."""

    digest: bytes
    callback_data: bytes = b""


def read_computed(folder: Path) -> dict[str, Any]:
    """The app's computed.json.

    Raises:
        FaultError: it is not there, or not a JSON object.
    """
    path = folder / COMPUTED
    try:
        about = path.lstat()
    except OSError:
        message = f"the app wrote no {OUT}/{COMPUTED}"
        raise FaultError("POST_COMPUTE_COMPUTED_FILE_NOT_FOUND", message) from None
    if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_COMPUTED:
        raise _digest_fault(f"{OUT}/{COMPUTED} is not a file of reasonable size")
    try:
        computed = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _digest_fault(f"{OUT}/{COMPUTED} can not be read: {error}") from None
    if not isinstance(computed, dict):
        raise _digest_fault(f"{OUT}/{COMPUTED} holds no JSON object")
    return computed


def compute(folder: Path, *, callback: bool, shown_as: str = OUT) -> Computed:
    """Digest of the result in ``folder``, which the app knew as ``shown_as``.

    Raises:
        FaultError: computed.json does not say what the digest is to be made of.
    """
    computed = read_computed(folder)
    if callback:
        data = _callback_data(computed.get("callback-data"))
        return Computed(keccak(data), data)
    return Computed(_path_digest(folder, computed.get("deterministic-output-path"), shown_as))


def check_files(folder: Path) -> None:
    """Refuse file names that iExec refuses, and results that nobody could wait for.

    Raises:
        FaultError: POST_COMPUTE_TOO_LONG_RESULT_FILE_NAME, POST_COMPUTE_OUT_FOLDER_ZIP_FAILED.
    """
    size = 0
    for path in _files(folder):
        size += path.stat().st_size
        if size > LARGEST:
            message = f"a result has at most {LARGEST} bytes, this one has more"
            raise FaultError("POST_COMPUTE_OUT_FOLDER_ZIP_FAILED", message)
        if len(path.name) > LONGEST_NAME:
            message = (
                f"{path.name[:60]} has {len(path.name)} characters, a file of a result at most {LONGEST_NAME}"
            )
            raise FaultError("POST_COMPUTE_TOO_LONG_RESULT_FILE_NAME", message)


def pack(folder: Path, target: Path) -> list[str]:
    """Zip the contents of ``folder``; the names of what was left out because it is no regular file.

    Links are never followed: an app may not carry off files that it can name but not own.

    Raises:
        FaultError: POST_COMPUTE_OUT_FOLDER_ZIP_FAILED.
    """
    left_out: list[str] = []
    try:
        with zipfile.ZipFile(target, "w", compresslevel=1, strict_timestamps=False) as archive:
            for path in walk(folder):
                name = os.fsencode(path.relative_to(folder)).decode(errors="replace")
                if path.is_symlink() or not (path.is_file() or path.is_dir()):
                    left_out.append(name)
                else:
                    archive.write(path, name, _method(path))
    except (OSError, zipfile.LargeZipFile) as error:
        raise FaultError("POST_COMPUTE_OUT_FOLDER_ZIP_FAILED", str(error)) from None
    return left_out


def write_error(folder: Path, faults: list[FaultError]) -> None:
    """The result of a task whose downloads failed: error.txt and the computed.json that names it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["[IEXEC] Errors occurred while computing the task", *map(str, faults)]
    (folder / "error.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    causes = ", ".join(fault.cause for fault in faults)
    computed = {"deterministic-output-path": f"{OUT}/error.txt", "error-message": causes}
    (folder / COMPUTED).write_text(json.dumps(computed))


def link(storage: str, location: str) -> str:
    """The text stored on chain; blanks are part of the format."""
    return f'{{ "storage": "{storage}", "location": "{location}" }}'


def _path_digest(folder: Path, named: Any, shown_as: str) -> bytes:
    if not isinstance(named, str) or not named:
        raise _digest_fault(f"{COMPUTED} has no deterministic-output-path")
    root = folder.resolve()
    try:
        path = (root / _within(folder, named, shown_as)).resolve()
    except (OSError, ValueError):
        raise _digest_fault(f"deterministic-output-path {named!r} is no path") from None
    if path != root and root not in path.parents:
        raise _digest_fault(f"deterministic-output-path {named} is not under {OUT}")
    try:
        if path.is_dir():
            entries = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.is_symlink())
            return keccak(b"".join(map(_sha256, entries)))
        if path.exists() and not path.is_file():  # a pipe, which nobody will ever write to
            raise _digest_fault(f"deterministic-output-path {named} is neither a file nor a folder")
        return _sha256(path)
    except OSError:
        message = f"deterministic-output-path {OUT}/{path.relative_to(root)} does not exist"
        raise _digest_fault(message) from None


def _within(folder: Path, named: str, shown_as: str) -> str:
    """Where a path that the app knows really is."""
    for prefix in (OUT, shown_as):
        if named == prefix or named.startswith(f"{prefix}/"):
            return f"{folder}{named[len(prefix) :]}"
    return named


def _callback_data(text: Any) -> bytes:
    data = b""
    if isinstance(text, str):
        with suppress(ValueError):
            data = bytes.fromhex(text.removeprefix("0x"))
    if not data:
        raise _digest_fault(f"the deal has a callback and {COMPUTED} no callback-data in hexadecimal")
    return data


def _digest_fault(message: str) -> FaultError:
    return FaultError("POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED", message)


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()


def _method(path: Path) -> int:
    """Deflate, but not what would not get smaller."""
    if path.is_dir():
        return zipfile.ZIP_STORED
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    shrinks = len(zlib.compress(sample, 1)) < len(sample) * 0.95
    return zipfile.ZIP_DEFLATED if shrinks else zipfile.ZIP_STORED


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in walk(folder) if path.is_file() and not path.is_symlink())
