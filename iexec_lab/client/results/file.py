"""One file of a result: read as bytes, text, JSON, a table or a picture."""

from __future__ import annotations

import base64
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from iexec_lab import markup
from iexec_lab.client.results.file_drawing import Room, look_into
from iexec_lab.client.results.file_kinds import is_drawable, suffix
from iexec_lab.crypto import ArchiveLimits, open_archive
from iexec_lab.crypto.archive import Member, TooMuchError, check_members, check_size
from iexec_lab.crypto.streams import file_path, open_target, os_errors
from iexec_lab.errors import CryptoError
from iexec_lab.libraries import needing
from iexec_lab.plain_text import plain
from iexec_lab.protocol.javascript import loads
from iexec_lab.spelling import in_bytes

if TYPE_CHECKING:
    import builtins
    import os
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

MAX_FILE: Final = 1 << 30
"""Bytes of the largest file that is read into memory, unless the caller says otherwise."""


IN_MEMORY: Final = ArchiveLimits(max_bytes=MAX_FILE, max_ratio=200, free_bytes=64 << 20)

PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")
TABLES: Final = (".csv", ".tsv", ".parquet", ".xlsx", ".jsonl", ".ndjson")

_MOST_DRAWN: Final = 8 << 20  # bytes of a picture that a notebook keeps, when it is asked for
_NO_TABLE: Final = (
    *(ArithmeticError, AttributeError, ImportError, LookupError, OSError, RecursionError, TypeError),
    ValueError,
)


class Picture:
    """An image file that notebooks draw; ``data`` are its bytes."""

    _KINDS = {  # noqa: RUF012
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".gif": "image/gif",
        ".webp": "image/webp",
    }

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self.data = name, data

    def __repr__(self) -> str:
        return f"<Picture {plain(self.name, 200)}, {len(self.data)} bytes>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        shown = {"text/plain": repr(self)}
        kind = self._KINDS.get(suffix(self.name))
        if not kind:
            return shown
        if len(self.data) > _MOST_DRAWN or not is_drawable(self.data, kind, unknown=True):
            told = markup.note(f"{plain(self.name, 200)}, {in_bytes(len(self.data))}: not drawn, too large")
            return shown | {"text/html": told}
        return shown | {kind: base64.b64encode(self.data).decode()}


class ResultFile:
    """A file in the result of a task; a notebook draws its head.

    Args:
        archive: The zip.
        name: Its name there.
        private: Whether copies are for their owner only.
    """

    def __init__(self, archive: Path, name: str, *, private: bool = False) -> None:
        self.name = name
        self._archive = archive
        self._private = private

    @property
    def size(self) -> int:
        """Bytes, as the zip states them."""
        with open_archive(self._archive) as archive:
            return archive.getinfo(self.name).file_size

    @property
    def bytes(self) -> builtins.bytes:
        """The content. Errors are those of ``read``."""
        return self.read()

    def read(self, *, max_bytes: int | None = None) -> builtins.bytes:
        """The content.

        Args:
            max_bytes: Read at most this much into memory; by default 1 GiB, and beyond 64 MiB only what
                is not compressed suspiciously well.

        Raises:
            CryptoError: The zip is damaged, or the file too large.
        """
        limits = IN_MEMORY if max_bytes is None else ArchiveLimits(max_bytes, free_bytes=max_bytes)
        with open_archive(self._archive) as archive:
            info = archive.getinfo(self.name)
            try:
                check_size(info.file_size, info.compress_size, limits)
                return Member(archive, info).read_all(info.file_size)
            except TooMuchError as error:
                raise CryptoError(
                    f"{self.name} is too large to be read at once",
                    details={"why": error.message, **error.details},
                    hint="Use .extract(folder), or .read(name, max_bytes=...) if you trust the app.",
                ) from None

    def text(self, *, max_bytes: int | None = None) -> str:
        """The content as UTF-8 text; other bytes are replaced. Arguments and errors are those of ``read``."""
        return self.read(max_bytes=max_bytes).decode(errors="replace")

    def json(self) -> Any:
        """The content as JSON.

        Raises:
            CryptoError: It is not JSON.
        """
        try:
            # Python's own writer writes NaN, and so do many apps.
            return loads(self.read(), numbers_only=False)
        except ValueError as error:
            raise CryptoError(f"{self.name} is not JSON: {error}", hint="Use .text().") from None

    def frame(self, **options: Any) -> pd.DataFrame:
        """The table in a CSV, TSV, Parquet, JSON, JSON lines or Excel file.

        Args:
            **options: Go to the pandas reader, such as ``sep=";"`` or ``sheet_name="costs"``.

        Returns:
            DataFrame as pandas reads it, one row per row of the file.

        Raises:
            CryptoError: It is not a table, or of another kind.
            LibraryError: Parquet needs pyarrow, Excel openpyxl.
        """
        data = self.read()
        kind = suffix(self.name)
        read = _READERS.get(kind) or _READERS[".parquet" if data.startswith(b"PAR1") else ".csv"]
        try:
            found = read(data, options)
        except _NO_TABLE as error:
            raise CryptoError(
                f"{self.name} is not a table: {error}", hint="Use .text() or .read()."
            ) from error
        return found  # type: ignore[no-any-return]

    def image(self) -> Picture:
        """A picture that notebooks draw; ``.data`` are its bytes."""
        return Picture(self.name, self.read())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Copy the file to a path, or into a folder that is there; it appears once it is complete.

        Raises:
            CryptoError: It cannot be written, or its name cannot be one in a folder.
        """
        target = file_path(path)
        if target.is_dir():
            own = self.name.rpartition("/")[2]
            if own in {"", ".", ".."} or set(own) & set("\\:\0"):
                raise CryptoError(
                    f"{self.name!a} cannot be the name of a file", hint="Give the path of a file."
                )
            target = file_path(target / own)
        with os_errors(f"cannot write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
        with open_archive(self._archive) as archive, open_target(target, private=self._private) as copy:
            info = archive.getinfo(self.name)
            check_size(info.file_size, info.compress_size, ArchiveLimits())
            member, done = Member(archive, info), 0
            while piece := member.read(1 << 20):
                done += len(piece)
                check_size(done, info.compress_size, ArchiveLimits())
                copy.write(piece)
        return target

    def __repr__(self) -> str:
        try:
            size = in_bytes(self.size)
        except (CryptoError, KeyError):
            size = "cannot be read"
        return f"<ResultFile {plain(self.name, 200)}, {size}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        room = Room(text=64_000, images=_MOST_DRAWN, rows=20)
        try:
            with open_archive(self._archive) as archive:
                seen = look_into(archive, archive.getinfo(self.name), room)
        except (CryptoError, KeyError) as error:
            return {"text/plain": f"{self!r}: {plain(error)}"}
        told = [f"{seen.name}: {seen.about}", *(f"  {line}" for line in seen.lines)]
        drawn = markup.card(seen.title(), *([seen.drawn] if seen.drawn else []), label=f"File {seen.name}")
        return {"text/plain": "\n".join(told), "text/html": drawn}


def _csv(data: bytes, options: dict[str, Any]) -> Any:
    import pandas as pd

    return pd.read_csv(BytesIO(data), **options)


def _tsv(data: bytes, options: dict[str, Any]) -> Any:
    return _csv(data, options if "delimiter" in options else {"sep": "\t", **options})


def _json(data: bytes, options: dict[str, Any]) -> Any:
    import pandas as pd

    try:
        return pd.read_json(BytesIO(data), **options)
    except ValueError:
        # pandas reads no integer beyond 64 bits, and amounts on chain are longer.
        found = None if options else loads(data, numbers_only=False)
        if not isinstance(found, dict | list):
            raise
        return pd.DataFrame(found)


def _json_lines(data: bytes, options: dict[str, Any]) -> Any:
    import pandas as pd

    try:
        return pd.read_json(BytesIO(data), **{"lines": True, **options})
    except ValueError:
        if options:
            raise
        return pd.DataFrame([loads(line, numbers_only=False) for line in data.splitlines() if line.strip()])


def _parquet(data: bytes, options: dict[str, Any]) -> Any:
    import pandas as pd

    if "engine" not in options:
        with needing("A Parquet file", "pyarrow"):
            import_module("pyarrow")  # pandas would say that it is no table
    return pd.read_parquet(BytesIO(data), **options)


def _excel(library: str) -> Callable[[bytes, dict[str, Any]], Any]:
    def read(data: bytes, options: dict[str, Any]) -> Any:
        import pandas as pd

        if "engine" not in options:
            with needing("An Excel file", library):
                import_module(library)
        if data.startswith(b"PK"):
            try:
                with open_archive(data) as archive:
                    check_members(archive, IN_MEMORY)  # openpyxl unpacks whatever is there
            except CryptoError as error:
                raise ValueError(error.message) from error
        return pd.read_excel(BytesIO(data), **options)

    return read


_READERS: Final[dict[str, Callable[[bytes, dict[str, Any]], Any]]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
    ".xlsx": _excel("openpyxl"),
    ".xlsm": _excel("openpyxl"),
    ".xls": _excel("xlrd"),
}
