"""Unfinished files: beside their target until complete; a later run removes those of a killed one.

Ours because ``tempfile`` leaves the files of a killed process for ever. Here the writer holds a lock, which
ends with its process: an unlocked file is a leftover.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS: Final = re.compile(r"\.(.+)\.iexec-[0-9a-f]{12}\.(?:part|old)", re.DOTALL)
# Locks of other machines on a shared disk may be invisible: files of others are left alone for a day.
_FOREIGN: Final = 24 * 3600
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def part_of(target: Path, kind: str = "part") -> Path:
    """A new name beside the target: ``part`` for the new content, ``old`` for the old one."""
    return target.with_name(f".{target.name}.iexec-{secrets.token_hex(6)}.{kind}")


@contextlib.contextmanager
def file_part(target: Path, mode: int) -> Iterator[tuple[Path, int]]:
    """A new file beside the target: its path, and an open descriptor that belongs to the caller.

    It is removed in the end unless renamed. Leftovers of killed runs on this target are removed first.
    """
    _sweep(target)
    while True:
        part = part_of(target)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        _lock(descriptor)
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # another run took it for a leftover before it was locked
    with contextlib.ExitStack() as stack:
        stack.callback(part.unlink, missing_ok=True)
        if (
            os.name == "posix"
        ):  # the lock outlives the file's own descriptor, until the file has its final name
            stack.callback(os.close, os.dup(descriptor))
        yield part, descriptor


@contextlib.contextmanager
def folder_part(target: Path, mode: int) -> Iterator[Path]:
    """A new folder beside the target, removed in the end unless renamed; leftovers are removed first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    part = part_of(target)
    part.mkdir(mode=mode)
    with contextlib.ExitStack() as stack:
        if hasattr(os, "O_DIRECTORY"):
            descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, descriptor)
            _lock(descriptor)
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _sweep(target: Path) -> None:
    """Remove what killed runs left beside the target; failures are ignored."""
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            found = _OURS.fullmatch(entry.name)
            if found and (found[1] == target.name or _is_old(entry)):
                _remove(entry)


def _is_old(entry: os.DirEntry[str]) -> bool:
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _FOREIGN


def _remove(entry: os.DirEntry[str]) -> None:
    is_folder = entry.is_dir(follow_symlinks=False)
    with contextlib.suppress(OSError):
        descriptor = os.open(entry.path, _FLAGS)
        try:
            if not _lock(descriptor):
                return
            if is_folder:
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink()
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock the file until the descriptor is closed; False when another process has it, or locks fail."""
    try:
        import fcntl
    except ImportError:  # on Windows nobody can remove an open file, which serves as well
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
