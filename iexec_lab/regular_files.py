"""Files that people name: regular ones only, up to a sensible size.

Ours because ``open`` and ``pathlib`` wait for ever at a pipe without a writer and read ``/dev/zero`` without
end; here both are refused before the first byte. Anything wrong with a name or a file is an ``OSError``,
which each room reports in its own words.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any, Final

TEXT: Final = 1 << 20
"""Bytes of the largest key, wallet or password file."""
DOCUMENT: Final = 64 << 20
"""Bytes of the largest JSON file of a project."""

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

Name = str | os.PathLike[str]


def open_regular(path: Name) -> FileIO:
    """A regular file, open for reading bytes, unbuffered.

    Raises:
        OSError: there is no such file, it is not a regular one, or the name is impossible.
    """
    # Non-blocking: otherwise opening a pipe waits for a writer.
    descriptor = os.open(possible(path), _FLAGS)
    try:
        _require_regular(os.fstat(descriptor).st_mode, path)
        return _Ready(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def unwritable_hint(error: OSError, folder: Path) -> str | None:
    """Advice on a file that could not be written in a folder."""
    name = errno.errorcode.get(error.errno or 0, "")
    if name in {"EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR"}:
        return f"The folder {folder} cannot be written: work in another one, or change its permissions."
    if name in {"ENOSPC", "EDQUOT"}:
        return "The disk is full: make room on it."
    return "A folder has this name: rename or remove it." if name == "EISDIR" else None


class _Ready(FileIO):
    """A read that would have to wait (some regular files in /proc) is an OSError, not None."""

    def readinto(self, buffer: Any) -> int:
        return int(_ready(super().readinto(buffer)))

    def read(self, size: int | None = -1) -> bytes:
        return bytes(_ready(super().read(-1 if size is None else size)))

    def readall(self) -> bytes:
        return bytes(_ready(super().readall()))


def _ready(found: Any) -> Any:
    if found is None:
        raise BlockingIOError(errno.EAGAIN, "Nothing can be read yet")
    return found


def _require_regular(mode: int, path: Name) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))


def read_regular(path: Name, longest: int = TEXT) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: as ``open_regular``, or it has more than ``longest`` bytes.
    """
    with BufferedReader(open_regular(path)) as file:
        size = os.fstat(file.fileno()).st_size
        # Files in /proc have a size only once they are read.
        data = file.read(longest + 1) if size <= longest else b""
    if max(size, len(data)) > longest:
        raise OSError(errno.EFBIG, f"Larger than {longest} bytes", str(path))
    return data


def possible(path: Name) -> Path:
    """The path; OSError for a name that no file can have (such as one with a null byte)."""
    found = Path(path)
    try:
        fine = b"\0" not in os.fsencode(found)
    except UnicodeEncodeError:
        fine = False
    if not fine:
        raise OSError(errno.EINVAL, "No file can be called so", ascii(os.fspath(path)))
    return found


def real(path: Name) -> Path:
    """The path without links.

    Raises:
        OSError: the links form a circle, or the name is impossible.
    """
    try:
        return possible(path).resolve()
    except RuntimeError:  # pathlib's error for circles before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None


def is_file(path: Name) -> bool:
    """True for a regular file; never raises."""
    return stat.S_ISREG(_mode(path))


def is_folder(path: Name) -> bool:
    """True for a folder; never raises."""
    return stat.S_ISDIR(_mode(path))


def exists(path: Name) -> bool:
    """True when there is something, even a dangling link; never raises."""
    return bool(_mode(path, os.lstat))


def _mode(path: Name, ask: Any = os.stat) -> int:
    try:
        return int(ask(path).st_mode)
    except (OSError, ValueError):
        return 0
