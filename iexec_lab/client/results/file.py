"""One file of a result: read as bytes, text, JSON, a table or a picture."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from iexec_lab import markup
from iexec_lab.client.results.file_drawing import Room, look_into
from iexec_lab.client.results.file_kinds import HEAD, is_drawable, kind_of, suffix
from iexec_lab.client.results.table_readers import IN_MEMORY, NO_TABLE, TABLE_READERS, check_text_table
from iexec_lab.crypto import ArchiveLimits, open_archive
from iexec_lab.crypto.archive import Member, TooMuchError, check_size
from iexec_lab.crypto.streams import file_path, open_target, os_errors
from iexec_lab.errors import CryptoError
from iexec_lab.plain_text import plain
from iexec_lab.protocol.javascript import loads
from iexec_lab.spelling import in_bytes

if TYPE_CHECKING:
    import builtins
    import os
    from pathlib import Path

    import pandas as pd


PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")
TABLES: Final = (".csv", ".tsv", ".parquet", ".xlsx", ".jsonl", ".ndjson")

_MOST_DRAWN: Final = 8 << 20  # bytes of a picture that a notebook keeps, when it is asked for


class Picture:
    """An image file that notebooks draw; ``data`` are its bytes."""

    _KINDS = {  # noqa: RUF012
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".gif": "image/gif",
        ".webp": "image/webp",
    }

    def __init__(self, name: str, data: bytes, kind: str = "") -> None:
        self.name, self.data = name, data
        self._kind = kind or self._KINDS.get(suffix(name), "")

    def __repr__(self) -> str:
        return f"<Picture {plain(self.name, 200)}, {len(self.data)} bytes>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        shown = {"text/plain": repr(self)}
        kind = self._kind
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
            DataFrame as pandas reads it, one row per row of the file. What separates cells, and an encoding
                that is not UTF-8, are found by themselves, and stand in ``attrs``.

        Raises:
            CryptoError: It is not a table, or of another kind.
            LibraryError: Parquet needs pyarrow, Excel openpyxl.
        """
        data = self.read()
        kind = suffix(self.name)
        try:
            if kind not in TABLE_READERS:
                kind = ".parquet" if data.startswith(b"PAR1") else check_text_table(self.name, data, options)
            found = TABLE_READERS[kind](data, options)
        except NO_TABLE as error:
            raise self._is_no("table", plain(str(error)), TABLES) from error
        return found  # type: ignore[no-any-return]

    def image(self) -> Picture:
        """A picture that notebooks draw; ``.data`` are its bytes.

        Raises:
            CryptoError: It is no picture that can be drawn.
        """
        data = self.read()
        kind = kind_of(self.name, data[:HEAD])
        if kind.drawn == "image" or suffix(self.name) in PICTURES:
            return Picture(self.name, data, kind.mime)
        raise self._is_no("picture that can be drawn", kind.name, PICTURES)

    def _is_no(self, what: str, why: str, suffixes: tuple[str, ...]) -> CryptoError:
        """The error about a file of another kind; its hint names those that are of it."""
        with open_archive(self._archive) as archive:
            names = [each for each in archive.namelist() if suffix(each) in suffixes and each != self.name]
        hint = "Use .text() or .read()."
        if names:
            hint += f" {what.partition(' ')[0].capitalize()}s here: {plain(', '.join(names), 300)}."
        return CryptoError(f"{self.name} is not a {what}: {why}", hint=hint)

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
