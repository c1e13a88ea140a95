"""Files of a result as DataFrames: the pandas reader of each kind, with what it cannot see by itself."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.results.file_kinds import HEAD, kind_of, text_of
from iexec_lab.client.results.text_format import encoding_of, is_split, separator_of
from iexec_lab.crypto import ArchiveLimits, open_archive
from iexec_lab.crypto.archive import check_members
from iexec_lab.errors import CryptoError
from iexec_lab.libraries import needing
from iexec_lab.protocol.javascript import loads

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FILE: Final = 1 << 30
"""Bytes of the largest file that is read into memory, unless the caller says otherwise."""
IN_MEMORY: Final = ArchiveLimits(max_bytes=MAX_FILE, max_ratio=200, free_bytes=64 << 20)
NO_TABLE: Final = (
    *(ArithmeticError, AttributeError, ImportError, LookupError, OSError, RecursionError, TypeError),
    ValueError,
)
"""What readers raise of what is no table."""
_SEPARATOR: Final = frozenset({"sep", "delimiter", "dialect", "delim_whitespace"})
_SHAPE: Final = _SEPARATOR | {"names", "header", "usecols"}


def check_text_table(name: str, data: bytes, options: dict[str, Any]) -> str:
    """``.csv``, for a text without a name of a table.

    Raises:
        ValueError: It is no text, or nothing separates its cells.
    """
    kind = kind_of(name, data[:HEAD])
    if kind.drawn not in {"text", "table"}:
        raise ValueError(kind.name)
    text = text_of(data[:HEAD])
    if not options.keys() & _SHAPE and not is_split(text, separator_of(text)):
        raise ValueError('nothing separates its cells; sep="..." says what does')
    return ".csv"


def _csv(data: bytes, options: dict[str, Any], usual: str = ",") -> Any:
    import pandas as pd

    head = data[:HEAD]
    found: dict[str, str] = {}
    if not options.keys() & _SEPARATOR:
        found["sep"] = separator_of(text_of(head), usual)
    if encoding_of(head) == "utf-16":
        found["encoding"] = "utf-16"
    try:
        table = pd.read_csv(BytesIO(data), **{**found, **options})
    except UnicodeDecodeError:
        if "encoding" in options or kind_of("", head).drawn == "bytes":
            raise
        found["encoding"] = encoding_of(data)
        table = pd.read_csv(BytesIO(data), **{**found, **options})
    told = {name: value for name, value in found.items() if value != usual and name not in options}
    if told and hasattr(table, "attrs"):
        table.attrs.update(told)
    return table


def _tsv(data: bytes, options: dict[str, Any]) -> Any:
    return _csv(data, options, "\t")


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


TABLE_READERS: Final[dict[str, Callable[[bytes, dict[str, Any]], Any]]] = {
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
"""By the end of a file's name, in small letters."""
