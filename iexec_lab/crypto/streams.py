"""Sources and targets of bytes: paths or binary files, in pieces, with progress, whole or not at all."""

from __future__ import annotations

import errno
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self, cast

from iexec_lab.crypto.parts import file_part
from iexec_lab.errors import CryptoError, ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.regular_files import open_regular, possible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    #: A path, a file opened for reading bytes, or the bytes themselves.
    Source = str | os.PathLike[str] | BinaryIO | bytes | bytearray | memoryview
    #: A path, which gets the whole result or nothing, or a file opened for writing bytes.
    Target = str | os.PathLike[str] | BinaryIO
    #: Called with the bytes done so far and the total, which is None when unknown.
    Progress = Callable[[int, int | None], object]

#: Bytes read at once. Encrypting blocks other threads, reading does not: small chunks let the helper thread
#: run often.
CHUNK: Final = 64 * 1024
#: Bytes handed to the helper at once.
PIECE: Final = 1024 * 1024
#: Pieces that stay valid before their buffer is used again.
RING: Final = 6


class Meter:
    """Counts bytes and calls ``progress`` at the start and after each piece."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self.done = 0
        self._total = total
        self._progress = progress
        self._tell()

    def add(self, count: int) -> None:
        self.done += count
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.done, self._total)


@contextmanager
def os_errors(what: str) -> Iterator[None]:
    """Turn errors of the operating system into a ``CryptoError``."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise CryptoError(
            f"{what}: {reason}",
            details={"file": error.filename} if error.filename else None,
            hint="Check its name and folder." if error.errno == errno.ENOENT else None,
        ) from error


def file_path(name: str | os.PathLike[str]) -> Path:
    """A name as a path; CryptoError for an impossible name."""
    try:
        return possible(name)
    except OSError:
        raise CryptoError(f"{os.fspath(name)!a} cannot be the name of a file") from None


@contextmanager
def open_source(source: Source) -> Iterator[tuple[BinaryIO, int | None]]:
    """The source as an open file, and its size when known.

    Raises:
        CryptoError: there is no regular file at the path; pass a pipe or a device as an open file.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        yield BytesIO(source), len(source)
    elif isinstance(source, str | os.PathLike):
        with os_errors(f"cannot read {plain(os.fspath(source))}"):
            file = open_regular(file_path(source))
        with file:
            # Files in /proc state no reliable size.
            yield cast("BinaryIO", file), os.fstat(file.fileno()).st_size or None
    elif hasattr(source, "read"):
        yield source, None
    else:
        raise _no_file()


def read_chunks(file: BinaryIO, meter: Meter | None = None) -> Iterator[memoryview]:
    """The file in chunks; each is valid until the next one is taken."""
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    readinto = cast("Callable[[bytearray], int | None] | None", getattr(file, "readinto", None))
    with os_errors("cannot read the source"):
        while True:
            if readinto is not None:
                chunk = view[: readinto(buffer) or 0]
            else:
                chunk = memoryview(_binary(file.read(CHUNK)))
            if not chunk:
                return
            yield chunk
            if meter is not None:
                meter.add(len(chunk))


def read_whole(file: BinaryIO, size: int | None, meter: Meter | None = None) -> Iterator[memoryview]:
    """As ``read_chunks``, for a file that must keep this size while it is read.

    Raises:
        CryptoError: its size changed meanwhile.
    """
    done = 0
    for chunk in read_chunks(file, meter):
        done += len(chunk)
        if size is not None and done > size:
            break
        yield chunk
    if size is not None and done != size:
        raise CryptoError(
            "the source changed while it was read",
            details={"size": f"{size} bytes"},
            hint="Try again when no program writes to it.",
        )


def read_exactly(file: BinaryIO, count: int) -> bytes:
    """The next ``count`` bytes of a file.

    Raises:
        CryptoError: there are fewer.
    """
    data = b""
    with os_errors("cannot read the source"):
        while len(data) < count and (piece := _binary(file.read(count - len(data)))):
            data += piece
    if len(data) < count:
        raise CryptoError("the encrypted data is truncated", details={"size": f"{len(data)} bytes"})
    return data


def _binary(data: Any) -> bytes:
    if not isinstance(data, bytes):
        raise _no_file()
    return data


def _no_file() -> ValidationError:
    return ValidationError(
        "Invalid file buffer, must be ArrayBuffer or Buffer", hint="Open the file in mode 'rb'."
    )


class Helper:
    """A thread that handles pieces in order (hashing, writing) while the next ones are made.

    A piece must stay valid until ``RING`` more are taken.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="iexec-lab-crypto")
        self._pending: deque[Future[object]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._thread.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self.wait()

    def do(self, work: Callable[[memoryview], object], piece: memoryview) -> None:
        """Queue work on a piece; errors of earlier work are raised here."""
        if len(self._pending) >= RING - 2:
            self._pending.popleft().result()
        self._pending.append(self._thread.submit(work, piece))

    def wait(self) -> None:
        """Wait until all work is done; its errors are raised here."""
        while self._pending:
            self._pending.popleft().result()


@contextmanager
def open_target(target: Target, *, private: bool = False) -> Iterator[BinaryIO]:
    """The target as an open file.

    A path is written beside its final place and renamed at the very end: it gets the whole content or stays
    as it was. Only the owner can read ``private`` files.
    """
    if not isinstance(target, str | os.PathLike):
        if not hasattr(target, "write"):
            raise _no_file()
        with os_errors("cannot write the target"):
            yield target
        return
    path = file_path(target)
    with os_errors(f"cannot write {path}"):
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise CryptoError(f"cannot write {path}: not a regular file")
    mode = 0o600 if private else 0o666
    with os_errors(f"cannot write {path}"), file_part(path, mode) as (part, descriptor):
        with os.fdopen(descriptor, "w+b") as file:
            yield file
        part.replace(path)


def write_private(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a small secret file, 0600, whole or not at all."""
    with open_target(path, private=True) as file:
        file.write(data)
