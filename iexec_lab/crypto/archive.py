"""Zip archives: reproducible ones from folders, and strangers' ones unpacked without trust.

Around ``zipfile``, ours because it has no limits: ``extractall`` made 200 MiB of an archive of 204 kB (1,028
times its size), and it reads a table of contents of any length at once.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from iexec_lab.crypto.parts import folder_part, part_of
from iexec_lab.crypto.streams import CHUNK, Meter, file_path, open_source, os_errors, read_chunks, read_whole
from iexec_lab.errors import CryptoError, IexecError
from iexec_lab.regular_files import is_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from iexec_lab.crypto.streams import Progress, Source

#: The earliest time of zip; the same folder must always give the same archive.
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED: Final = 0x1
#: Others (bzip2, LZMA) turn a few bytes into gigabytes in one read; no iExec app uses them.
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_HEADER: Final = 30  # bytes before an entry's name and data, at least
_TABLE: Final = 16 << 20  # bytes of the longest table of contents: for far more files than are unpacked
_NO_UNICODE: Final = re.compile("[\\ud800-\\udfff]")


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may unpack to; more counts as an attack.

    ``max_ratio`` (unpacked by packed size) counts only beyond ``free_bytes``: small files may well consist of
    zeros.
    """

    max_bytes: int = 10 * 10**9
    max_files: int = 100_000
    max_ratio: int = 200
    free_bytes: int = 100 * 10**6


DEFAULT_LIMITS: Final = ArchiveLimits()
DAMAGED: Final = "the zip archive is damaged"


class TooMuchError(CryptoError):
    """An archive would unpack to more than allowed."""


class _Sink:
    """Takes what ZipFile writes; without ``seek`` here, ZipFile writes an archive that needs none."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def drain(self) -> Iterator[memoryview]:
        pieces, self._pieces = self._pieces, []
        return map(memoryview, pieces)


def list_folder(folder: str | os.PathLike[str]) -> list[tuple[str, Path]]:
    """Files and empty folders below a folder, sorted by name; names of folders end in ``/``.

    Raises:
        CryptoError: an entry is neither a file nor a folder, such as a symbolic link.
    """
    root = Path(folder)
    found = []
    with os_errors(f"cannot read {root}"):
        for parent, folders, files in os.walk(root, onerror=_raise):
            for name in (*folders, *files):
                path = Path(parent, name)
                mode = path.lstat().st_mode
                if _NO_UNICODE.search(name):
                    raise CryptoError(f"{name!a} is not a Unicode name", hint="Rename it.")
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    kind = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
                    raise CryptoError(
                        f"{path.relative_to(root)} is {kind}",
                        hint="Leave it out, or put a copy of its target there.",
                    )
                if stat.S_ISREG(mode):
                    found.append((path.relative_to(root).as_posix(), path))
                elif not any(path.iterdir()):
                    found.append((path.relative_to(root).as_posix() + "/", path))
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def folder_size(folder: str | os.PathLike[str]) -> int:
    """Bytes in the files below a folder."""
    return sum(path.stat().st_size for name, path in list_folder(folder) if not name.endswith("/"))


def write_folder(folder: str | os.PathLike[str], meter: Meter | None = None) -> Iterator[memoryview]:
    """Pieces of a zip of the folder's content; equal folders give equal bytes: sorted names, fixed times."""
    sink = _Sink()
    with zipfile.ZipFile(cast("BinaryIO", sink), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in list_folder(folder):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, also when made elsewhere
            if name.endswith("/"):
                info.external_attr = (stat.S_IFDIR | 0o755) << 16 | 0x10
                archive.writestr(info, b"")
                continue
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            with (
                open_source(path) as (file, size),
                archive.open(info, "w", force_zip64=_is_long(size)) as entry,
            ):
                for piece in read_whole(file, size, meter):
                    entry.write(piece)
                    yield from sink.drain()
    yield from sink.drain()


def _is_long(size: int | None) -> bool:
    """Whether a file may need the fields for long entries; what does not shrink gets a little longer."""
    return (size or 0) * 1.05 > zipfile.ZIP64_LIMIT


def source_chunks(source: Source, progress: Progress | None = None) -> Iterator[memoryview]:
    """Pieces of a file, or of a folder's zip."""
    if isinstance(source, str | os.PathLike) and is_folder(source):
        yield from write_folder(source, Meter(progress, folder_size(source)))
        return
    with open_source(source) as (file, size):
        yield from read_whole(file, size, Meter(progress, size))


@contextmanager
def zip_errors(message: str = DAMAGED) -> Iterator[None]:
    """Turn every error of the zip module into a ``CryptoError``."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error) as error:
        raise CryptoError(message, details={"why": str(error)}) from error
    except (EOFError, NotImplementedError, RuntimeError, OverflowError, ValueError, OSError) as error:
        if isinstance(error, IexecError):
            raise
        raise CryptoError(message, details={"why": str(error)}) from error


@contextmanager
def open_archive(source: Source, message: str = DAMAGED) -> Iterator[zipfile.ZipFile]:
    """An archive of unknown origin.

    Raises:
        CryptoError: with this message, when it is not an archive.
    """
    with open_source(source) as (file, _), ExitStack() as stack:
        if not file.seekable():
            # The table of contents is at the end.
            copy = stack.enter_context(tempfile.TemporaryFile())
            for piece in read_chunks(file):
                copy.write(piece)
            file = copy  # noqa: PLW2901
        with zip_errors(message):
            archive = stack.enter_context(zipfile.ZipFile(cast("BinaryIO", _Wary(file))))
        yield archive


class _Wary:
    """A file that refuses to read a long table of contents at once; the archive itself states its length."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, count: int = -1) -> bytes:
        if not -1 <= count <= _TABLE:
            raise CryptoError("the zip archive has too many entries", details={"table": f"{count} bytes"})
        return self._file.read(_TABLE if count == -1 else count)


def is_folder_entry(info: zipfile.ZipInfo) -> bool:
    """As ``info.is_dir()``, which fails for an empty name."""
    return info.filename.endswith("/")


class Member:
    """An entry of an archive, open for reading."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, message: str = DAMAGED) -> None:
        self._message = message
        if info.compress_type not in _METHODS:
            raise CryptoError(
                "the zip archive uses a compression that is not supported",
                details={"entry": info.orig_filename, "method": info.compress_type},
            )
        with zip_errors(message):
            self._file = archive.open(info)

    def read(self, count: int = CHUNK) -> bytes:
        """The next bytes, at most ``count`` and at most a megabyte."""
        with zip_errors(self._message):
            return self._file.read(min(count, 1 << 20))

    def read_all(self, limit: int) -> bytes:
        """The whole entry; CryptoError beyond ``limit`` bytes, whatever size it declares."""
        data = bytearray()
        while piece := self.read(1 << 20):
            data += piece
            if len(data) > limit:
                raise TooMuchError("the zip archive unpacks to too much", details={"limit": f"{limit} bytes"})
        return bytes(data)


def extract_archive(
    source: Source,
    folder: str | os.PathLike[str],
    *,
    limits: ArchiveLimits = DEFAULT_LIMITS,
    overwrite: bool = False,
    private: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Unpack an archive into a folder that appears once it is complete; return the paths of the files.

    Args:
        source: A path, a binary file, or bytes.
        folder: Created here; one that is not empty is refused, or replaced with ``overwrite``.
        limits: How much may be unpacked.
        overwrite: Replace the content of the folder.
        private: Only the owner can read the files.
        progress: Called with bytes unpacked so far and in all.

    Raises:
        CryptoError: damaged, too large, or with an entry that is a link or leads out of the folder.
    """
    target = file_path(folder)
    with open_archive(source) as archive, os_errors(f"cannot write {target}"):
        if not overwrite and target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise CryptoError(f"{target} already exists and is not empty")
        members = check_members(archive, limits)
        with folder_part(target, 0o700 if private else 0o777) as part:
            names = _extract(archive, members, part, limits, progress, private=private)
            _move_into_place(part, target)
    return [target / name for name in names]


def check_members(archive: zipfile.ZipFile, limits: ArchiveLimits = DEFAULT_LIMITS) -> list[zipfile.ZipInfo]:
    """Entries of the archive, after a check that all are harmless by name, kind and declared size.

    Raises:
        CryptoError: one of them is not.
    """
    members = archive.infolist()
    if len(members) > limits.max_files:
        raise CryptoError("the zip archive has too many entries", details={"entries": len(members)})
    seen: set[str] = set()
    for info in members:
        name = PurePosixPath(info.orig_filename)
        entry = {"entry": repr(info.orig_filename)}
        parts = info.orig_filename.rstrip("/").split("/")
        if (
            name.is_absolute()
            or {"", ".", ".."} & set(parts)
            or set(info.orig_filename) & set("\\\0")
            or ":" in parts[0]
        ):
            raise CryptoError(
                "the zip archive has an entry outside of its folder", details={"entry": repr(str(name))}
            )
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise CryptoError(
                "the zip archive has a symbolic link or device", details={"entry": repr(str(name))}
            )
        if str(name) in seen:
            raise CryptoError("the zip archive has the same entry twice", details=entry)
        if info.flag_bits & _ENCRYPTED:
            raise CryptoError("the zip archive has a password", details=entry)
        seen.add(str(name))
    _check_places(archive, members)
    check_size(sum(info.file_size for info in members), sum(info.compress_size for info in members), limits)
    return members


def _check_places(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """Raise CryptoError when entries share bytes, as in bombs that unpack one piece many times."""
    end = 0
    for info in sorted(members, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise CryptoError(
                "the zip archive has entries that overlap", details={"entry": repr(info.orig_filename)}
            )
        end = info.header_offset + _HEADER + info.compress_size
    if end > archive.start_dir:
        raise CryptoError(
            DAMAGED, details={"why": "the last entry does not end before the table of contents"}
        )


def check_size(size: int, packed: int, limits: ArchiveLimits) -> None:
    """Raise TooMuchError for too large a size, or too large a ratio of unpacked to packed."""
    if size > limits.max_bytes:
        details = {"unpacked": f"{size} bytes", "limit": f"{limits.max_bytes} bytes"}
        raise TooMuchError("the zip archive unpacks to too much", details=details)
    if size > limits.free_bytes and size > limits.max_ratio * max(packed, 1):
        details = {"unpacked": f"{size} bytes", "packed": f"{packed} bytes"}
        raise TooMuchError("the zip archive unpacks to suspiciously much", details=details)


def _extract(
    archive: zipfile.ZipFile,
    members: list[zipfile.ZipInfo],
    folder: Path,
    limits: ArchiveLimits,
    progress: Progress | None,
    *,
    private: bool,
) -> list[PurePosixPath]:
    meter = Meter(progress, sum(info.file_size for info in members))
    packed = 0
    names = []
    for info in members:
        name = PurePosixPath(info.orig_filename)
        path = folder / name
        if is_folder_entry(info):
            path.mkdir(parents=True, exist_ok=True)  # inside a folder that is already private if needed
            continue
        packed += info.compress_size
        path.parent.mkdir(parents=True, exist_ok=True)
        member = Member(archive, info)
        with open(path, "xb", opener=_private if private else None) as out:
            while piece := member.read(CHUNK):
                meter.add(len(piece))
                # Declared sizes were checked; this counts the actual bytes.
                check_size(meter.done, packed, limits)
                out.write(piece)
        names.append(name)
    return names


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _move_into_place(part: Path, target: Path) -> None:
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.exists():
        old = part_of(target, "old")
        target.rename(old)
        part.rename(target)
        shutil.rmtree(old)
        return
    part.rename(target)
