"""What is in the result of a task: its files, as bytes, text, tables and pictures."""

from __future__ import annotations

import base64
import shutil
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.crypto import ArchiveLimits, decrypt_result, extract_archive, open_archive
from iexec_lab.crypto.archive import Member, TooMuchError, check_size, is_folder_entry
from iexec_lab.crypto.result import KEY_ENTRY, PAYLOAD_ENTRY
from iexec_lab.crypto.streams import file_path, open_source, open_target, os_errors
from iexec_lab.errors import CryptoError, ObjectNotFoundError
from iexec_lab.libraries import needing
from iexec_lab.plain_text import plain
from iexec_lab.protocol.javascript import loads

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import pandas as pd

MAX_FILE = 1 << 30
"""Bytes of the largest file that is read into memory, unless the caller says otherwise."""


IN_MEMORY = ArchiveLimits(max_bytes=MAX_FILE, max_ratio=200, free_bytes=64 << 20)


_COMPUTED = 1 << 20  # most bytes of the file in which an app names its result


_NO_TABLE = (
    *(ArithmeticError, AttributeError, ImportError, LookupError, OSError, RecursionError, TypeError),
    ValueError,
)


class Picture:
    """An image file that notebooks draw."""

    _KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}  # noqa: RUF012

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self.data = name, data

    def __repr__(self) -> str:
        return f"<Picture {plain(self.name)}, {len(self.data)} bytes>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        shown = {"text/plain": repr(self)}
        kind = self._KINDS.get(Path(self.name).suffix.lower())
        if kind:
            shown[kind] = base64.b64encode(self.data).decode()
        return shown


class Result:
    """Files of a finished task.

    Args:
        path: The zip; for a result that could not be decrypted, the encrypted one.
        task_id: Whose result it is, when it is a task's.
        location: Where it came from, such as ``/ipfs/<cid>``.
    """

    def __init__(self, path: str | os.PathLike[str], *, task_id: str = "", location: str = "") -> None:
        self.path = Path(path)
        self.task_id = task_id
        self.location = location

    @cached_property
    def _names(self) -> list[str]:
        with open_archive(self.path) as archive:
            return [info.filename for info in archive.infolist() if not is_folder_entry(info)]

    @property
    def encrypted(self) -> bool:
        """Whether the zip holds an encrypted result, to be read with ``decrypt``."""
        return {KEY_ENTRY, PAYLOAD_ENTRY} <= set(self._names)

    @property
    def files(self) -> list[str]:
        """Names of the files in the zip."""
        return list(self._names)

    @property
    def error_message(self) -> str | None:
        """What a worker failed to fetch, such as ``APP_IMAGE_DOWNLOAD_FAILED``: the app did not run.

        None for what an app wrote, and while the result is encrypted.
        """
        said = None if self.encrypted else self._computed().get("error-message")
        return plain(said, 400) if isinstance(said, str) and said else None

    def read(self, name: str | None = None, *, max_bytes: int | None = None) -> bytes:
        """The content of one file.

        Args:
            name: One of ``files``; by default the result that the app declared in ``computed.json``, else
                ``stdout.txt``, else the only file.
            max_bytes: Read at most this much into memory; by default 1 GiB, and beyond 64 MiB only what
                is not compressed suspiciously well.

        Raises:
            ObjectNotFoundError: No such file.
            CryptoError: The result is encrypted for somebody else, the zip damaged, or the file too large.
        """
        chosen = self._find(name)
        limits = IN_MEMORY if max_bytes is None else ArchiveLimits(max_bytes, free_bytes=max_bytes)
        with open_archive(self.path) as archive:
            info = archive.getinfo(chosen)
            try:
                check_size(info.file_size, info.compress_size, limits)
                return Member(archive, info).read_all(info.file_size)
            except TooMuchError as error:
                raise CryptoError(
                    f"{chosen} is too large to be read at once",
                    details={"why": error.message, **error.details},
                    hint="Use .extract(folder), or .read(name, max_bytes=...) if you trust the app.",
                ) from None

    def text(self, name: str | None = None, *, max_bytes: int | None = None) -> str:
        """A file as UTF-8 text; other bytes are replaced. Arguments and errors are those of ``read``."""
        return self.read(name, max_bytes=max_bytes).decode(errors="replace")

    def json(self, name: str | None = None) -> Any:
        """A file as JSON.

        Raises:
            CryptoError: It is not JSON.
        """
        chosen = self._find(name)
        try:
            # Python's own writer writes NaN, and so do many apps.
            return loads(self.read(chosen), numbers_only=False)
        except ValueError as error:
            raise CryptoError(f"{chosen} is not JSON: {error}", hint="Use .text().") from None

    def table(self, name: str | None = None, **options: Any) -> pd.DataFrame:
        """A CSV, TSV, JSON or Parquet file as a DataFrame; ``options`` go to the pandas reader.

        Raises:
            CryptoError: It is not a table, or of another kind.
            LibraryError: Parquet needs pyarrow.
        """
        from io import BytesIO

        import pandas as pd

        chosen = self._find(name or self._only((".csv", ".tsv", ".parquet")))
        suffix = Path(chosen).suffix.lower()
        readers: dict[str, Callable[..., Any]] = {
            ".csv": pd.read_csv,
            ".tsv": lambda data, **more: pd.read_csv(data, sep="\t", **more),
            ".json": pd.read_json,
            ".parquet": pd.read_parquet,
        }
        data = BytesIO(self.read(chosen))
        if suffix == ".parquet" and "engine" not in options:
            with needing("A Parquet file", "pyarrow"):
                import pyarrow  # noqa: F401, ICN001 - pandas would say that it is no table
        try:
            found = readers.get(suffix, pd.read_csv)(data, **options)
        except _NO_TABLE as error:
            raise CryptoError(f"{chosen} is not a table: {error}", hint="Use .text() or .read().") from error
        return found  # type: ignore[no-any-return]

    def image(self, name: str | None = None) -> Picture:
        """A picture that notebooks draw; ``.data`` are its bytes."""
        chosen = self._find(name or self._only((".png", ".jpg", ".jpeg", ".gif")))
        return Picture(chosen, self.read(chosen))

    def extract(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> list[Path]:
        """Unpack all files into a new folder; return their paths.

        Raises:
            CryptoError: The folder is in use, or an entry would leave it.
        """
        self._check_readable()
        return extract_archive(self.path, folder, overwrite=overwrite, private=self._private)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Copy the zip; an existing file stays until the copy is complete.

        A decrypted result is readable by its owner only, and so is the copy.

        Raises:
            CryptoError: It cannot be written.
        """
        target = file_path(path)
        with os_errors(f"cannot write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
        with open_source(self.path) as (source, _), open_target(target, private=self._private) as copy:
            shutil.copyfileobj(source, copy)
        return target

    def decrypt(self, private_key_pem: str | bytes, target: str | os.PathLike[str] | None = None) -> Result:
        """The result behind the encryption, as a zip beside this one or at ``target``.

        Raises:
            CryptoError: The key is not the beneficiary's, or the zip is damaged.
        """
        decrypted = Path(target) if target else self.path.with_name(f"{self.path.stem}.decrypted.zip")
        decrypt_result(self.path, decrypted, private_key_pem)
        return Result(decrypted, task_id=self.task_id, location=self.location)

    @property
    def _private(self) -> bool:
        """Whether nobody else may read the zip."""
        with os_errors(f"cannot read {self.path}"):
            return not self.path.stat().st_mode & 0o077

    def _find(self, name: str | None) -> str:
        self._check_readable()
        if name is None:
            return self._default()
        if name not in self._names:
            error = ObjectNotFoundError(
                "file",
                name,
                f"of result {self.task_id or self.path.name}",
                hint=f"Files: {plain(', '.join(self._names))}.",
            )
            if self.error_message:
                error.details = {"why": f"the result is an error report: {self.error_message}"}
                error.hint = f'{error.hint} Read it: .text("error.txt").'
            raise error
        return name

    def _default(self) -> str:
        """What the app declared as its result, if that is one file; else its output; else the only file."""
        names = self._names
        declared = self._declared()
        below = [name for name in names if name == declared or name.startswith(f"{declared}/")]
        if declared and len(below) == 1:
            return below[0]
        others = [name for name in names if name != "computed.json"]
        if "stdout.txt" in others:
            return "stdout.txt"
        if len(others) == 1:
            return others[0]
        raise ObjectNotFoundError(
            "file",
            "(no name given)",
            f"of result {self.task_id}",
            hint=f"Name one of: {plain(', '.join(names))}.",
        )

    def _computed(self) -> dict[str, Any]:
        """The app's computed.json; empty when it is missing or no JSON object."""
        if "computed.json" not in self._names:
            return {}
        try:
            computed = loads(self.read("computed.json", max_bytes=_COMPUTED))
        except (CryptoError, ValueError):
            return {}
        return computed if isinstance(computed, dict) else {}

    def _declared(self) -> str | None:
        path = self._computed().get("deterministic-output-path")
        return path.removeprefix("/iexec_out").strip("/") if isinstance(path, str) else None

    def _only(self, suffixes: tuple[str, ...]) -> str | None:
        """The only file of these kinds."""
        self._check_readable()
        found = [name for name in self._names if Path(name).suffix.lower() in suffixes]
        return found[0] if len(found) == 1 else None

    def _check_readable(self) -> None:
        if self.encrypted:
            raise CryptoError(
                "The result is encrypted for its beneficiary, whose key was not found",
                details={"file": self.path},
                hint="Use .decrypt(private_key_pem), or work in the project that holds .secrets/beneficiary.",
            )

    def __repr__(self) -> str:
        state = "encrypted" if self.encrypted else ", ".join(plain(name, 80) for name in self._names[:6])
        return f"<Result {plain(self.path)}: {state}>"
