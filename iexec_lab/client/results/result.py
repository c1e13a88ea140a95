"""What is in the result of a task: its files, as bytes, text, tables and pictures."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.results.drawing import draw, first_lines
from iexec_lab.client.results.file import PICTURES, TABLES, Picture, ResultFile
from iexec_lab.client.results.file_kinds import suffix
from iexec_lab.client.results.folder import save_into
from iexec_lab.client.results.key import encrypted_for, key_at, naming
from iexec_lab.client.results.missing_file import no_such_file, which_file
from iexec_lab.crypto import decrypt_result, extract_archive, open_archive
from iexec_lab.crypto.archive import is_folder_entry
from iexec_lab.crypto.result import KEY_ENTRY, PAYLOAD_ENTRY
from iexec_lab.crypto.streams import file_path, open_source, open_target, os_errors
from iexec_lab.errors import CryptoError, IexecError, JobError
from iexec_lab.plain_text import plain
from iexec_lab.protocol.javascript import loads
from iexec_lab.regular_files import is_file, is_folder

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["Origin", "Picture", "Result", "ResultFile"]

_COMPUTED: Final = 1 << 20  # most bytes of the file in which an app names its result
_OBJECTS: Final = (".json",)
_PROPOSED: Final = 1_000  # names that completion proposes


@dataclass(frozen=True)
class Origin:
    """Where a result comes from, as far as it is known.

    ``key_file`` is where the private key that opens it was looked for; ``trouble`` why it cannot be read.
    """

    index: int | None = None
    status: str = ""
    beneficiary: str = ""
    wallet: str = ""
    key_file: Path | None = None
    trouble: IexecError | None = field(default=None, compare=False)


class Result:
    """Files of a finished task; a notebook draws the list of them and the head of each.

        result["table.csv"]              # a file: draws itself
        result.frame("table.csv")        # the table in it
        result.save("folder")

    Args:
        path: The zip; for a result that could not be decrypted, the encrypted one.
        task_id: Whose result it is, when it is a task's.
        location: Where it came from, such as ``/ipfs/<cid>``.
        origin: What else is known: the task's place and status, whose key opens it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        task_id: str = "",
        location: str = "",
        origin: Origin | None = None,
    ) -> None:
        self.path = Path(path)
        self.task_id = task_id
        self.location = location
        self._origin = origin or Origin()

    @property
    def task_index(self) -> int | None:
        """Place of the task in its job, from 0; None for a result that came without its job."""
        return self._origin.index

    @property
    def status(self) -> str:
        """Status of the task when the result was fetched, such as ``COMPLETED``; empty where not known."""
        return self._origin.status

    @property
    def error(self) -> IexecError | None:
        """Why there is nothing to read: a task that failed, a key that does not fit; None for a result."""
        return self._origin.trouble

    @property
    def _is_here(self) -> bool:
        return self._origin.trouble is None or is_file(self.path)

    @cached_property
    def _names(self) -> list[str]:
        if not self._is_here:
            return []
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

    def __getitem__(self, name: str) -> ResultFile:
        """A file by its name.

        Raises:
            ObjectNotFoundError: No such file; the hint has the nearest name.
            CryptoError: The result is encrypted for somebody else, or the zip damaged.
        """
        return ResultFile(self.path, self._find(name), private=self._private)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self._names)

    def __bool__(self) -> bool:
        return True  # a result without files is one

    def _ipython_key_completions_(self) -> list[str]:
        return [name for name in self._names[:_PROPOSED] if name.isprintable()]

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
        return self._file(name).read(max_bytes=max_bytes)

    def text(self, name: str | None = None, *, max_bytes: int | None = None) -> str:
        """A file as UTF-8 text; other bytes are replaced. Arguments and errors are those of ``read``."""
        return self._file(name).text(max_bytes=max_bytes)

    def json(self, name: str | None = None) -> Any:
        """A file as JSON.

        Raises:
            CryptoError: It is not JSON.
        """
        return self._file(name).json()

    def frame(self, name: str | None = None, **options: Any) -> pd.DataFrame:
        """The table in a CSV, TSV, Parquet, JSON, JSON lines or Excel file.

        Args:
            name: One of ``files``; by default the only table.
            **options: Go to the pandas reader, such as ``sep=";"`` or ``sheet_name="costs"``.

        Returns:
            DataFrame as pandas reads it, one row per row of the file. What separates cells, and an encoding
                that is not UTF-8, are found by themselves, and stand in ``attrs``.

        Raises:
            ObjectNotFoundError: No such file, or several tables.
            CryptoError: It is not a table, or of another kind.
            LibraryError: Parquet needs pyarrow, Excel openpyxl.
        """
        return self._file(name or self._only(TABLES, "tables") or self._only(_OBJECTS, "tables")).frame(
            **options
        )

    def table(self, name: str | None = None, **options: Any) -> pd.DataFrame:
        """As ``frame``, which is its newer name: a DataFrame; ``options`` go to the pandas reader."""
        return self.frame(name, **options)

    def image(self, name: str | None = None) -> Picture:
        """A picture that notebooks draw; ``.data`` are its bytes.

        Args:
            name: One of ``files``; by default the only picture.

        Raises:
            ObjectNotFoundError: No such file, or several pictures.
            CryptoError: It is no picture that can be drawn.
        """
        return self._file(name or self._only(PICTURES, "pictures")).image()

    def extract(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> list[Path]:
        """Unpack all files into a new folder; return their paths.

        Raises:
            CryptoError: The folder is in use, or an entry would leave it.
        """
        self._check_readable()
        return extract_archive(self.path, folder, overwrite=overwrite, private=self._private)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Put the files into a folder, or copy the zip; return where it is.

        What was decrypted can be read by its owner only, and so can copies. A file that is in the folder
        already with the same content stays.

        Args:
            path: A folder, there already or named without a suffix, gets the files; a name with a suffix,
                such as ``result.zip``, the zip: an existing one stays until the copy is complete.
            overwrite: Replace files of the same name in a folder.

        Raises:
            CryptoError: It cannot be written, a file of that name is there with other content, or the
                files of an encrypted result were asked for.
        """
        target = file_path(path)
        if is_folder(target) or not (target.suffix or is_file(target)):
            self._check_readable()
            save_into(self.path, target, private=self._private, overwrite=overwrite)
            return target
        if not self._is_here:
            self._check_readable()
        with os_errors(f"cannot write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
        with open_source(self.path) as (source, _), open_target(target, private=self._private) as copy:
            shutil.copyfileobj(source, copy)
        return target

    def decrypt(
        self,
        private_key_pem: str | bytes | os.PathLike[str] | None = None,
        target: str | os.PathLike[str] | None = None,
    ) -> Result:
        """The result behind the encryption, as a zip beside this one or at ``target``.

        Args:
            private_key_pem: The beneficiary's key: its PEM, its file, or a folder with ``<beneficiary>_key``;
                by default the file where it was looked for.
            target: Where the zip goes.

        Raises:
            CryptoError: The key is not the beneficiary's or not there, or the zip is damaged.
        """
        about = self._origin
        if private_key_pem is None:
            if about.key_file is None or not is_file(about.key_file):
                raise self._encrypted_for()
            private_key_pem = about.key_file
        decrypted = file_path(target) if target else self.path.with_name(f"{self.path.stem}.decrypted.zip")
        with naming(about.beneficiary):
            decrypt_result(self.path, decrypted, key_at(private_key_pem, about.beneficiary))
        known = replace(about, trouble=None)
        return Result(decrypted, task_id=self.task_id, location=self.location, origin=known)

    @property
    def _private(self) -> bool:
        """Whether nobody else may read the zip."""
        with os_errors(f"cannot read {self.path}"):
            return not self.path.stat().st_mode & 0o077

    def _file(self, name: str | None) -> ResultFile:
        return ResultFile(self.path, self._find(name), private=self._private)

    def _find(self, name: str | None) -> str:
        self._check_readable()
        if name is None:
            return self._default()
        if name not in self._names:
            error = no_such_file(name, self._names, self.task_id or self.path.name)
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
        raise which_file(names, self.task_id or self.path.name)

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

    def _only(self, suffixes: tuple[str, ...], what: str) -> str | None:
        """The only file of these kinds, or the one among them that is read without a name; None of none.

        Raises:
            ObjectNotFoundError: There are several.
        """
        self._check_readable()
        found = [name for name in self._names if suffix(name) in suffixes and name != "computed.json"]
        if len(found) > 1:
            main = self._main()
            if main not in found:
                raise which_file(found, self.task_id or self.path.name, what)
            return main
        return found[0] if found else None

    def _check_readable(self) -> None:
        if self._origin.trouble is not None:
            raise self._origin.trouble.with_traceback(None)
        if self.encrypted:
            raise self._encrypted_for()

    def _encrypted_for(self) -> CryptoError:
        about = self._origin
        return encrypted_for(about.beneficiary, about.wallet, about.key_file, self.path)

    def _main(self) -> str | None:
        """The file that is read without a name; None where one has to choose."""
        try:
            return self._find(None)
        except IexecError:
            return None

    def _trouble(self) -> IexecError | None:
        """Why nothing can be read."""
        try:
            self._check_readable()
        except IexecError as error:
            return error
        return None

    def _reason(self) -> str:
        """Why nothing can be read, in a sentence; empty where something can."""
        trouble = self._trouble()
        if trouble is None:
            return self.error_message or ""
        why = trouble.details.get("why") if isinstance(trouble, JobError) else None
        return plain(why) if why else trouble.message  # beside its status

    def _first_lines(self) -> list[str]:
        try:
            return first_lines(self.path, self._main())
        except IexecError as error:
            return [error.message]

    def __repr__(self) -> str:
        try:
            state = "encrypted" if self.encrypted else ", ".join(plain(name, 80) for name in self._names[:6])
            state = plain(self._origin.trouble.message, 200) if self._origin.trouble else state
        except CryptoError as error:
            state = plain(error.message, 200)
        return f"<Result {plain(self.path)}: {state}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        trouble = self._trouble()
        report = None if trouble else self.error_message
        return draw(self.path, self.task_id, self._main(), trouble, report)
