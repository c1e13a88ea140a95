"""The first rows of a small Excel workbook, where openpyxl is there and it unpacks to little."""

from __future__ import annotations

from datetime import datetime, time
from io import BytesIO
from typing import Any, Final

from iexec_lab.crypto import ArchiveLimits, open_archive
from iexec_lab.crypto.archive import check_members

_UNPACKED: Final = 4 << 20  # bytes: openpyxl takes about a second for them
_COLUMNS: Final = 13
_LIMITS: Final = ArchiveLimits(max_bytes=_UNPACKED, max_files=500, free_bytes=_UNPACKED)

Head = tuple[list[str], list[list[str]]]


def read_head(data: bytes, rows: int) -> Head | None:
    """Names of the sheets, and the first rows of the first one, the heads among them.

    Nothing is known of what is no workbook, is too large to be looked into, or without openpyxl.
    """
    try:
        import openpyxl

        with open_archive(data) as archive:
            check_members(archive, _LIMITS)
        book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # what the file states may be wrong
            found = sheet.iter_rows(max_row=rows + 1, max_col=_COLUMNS, values_only=True)
            cells = [[_cell(each) for each in row] for row in found]
        finally:
            book.close()
        width = max((place for row in cells for place, cell in enumerate(row, 1) if cell), default=0)
        return [str(each) for each in book.sheetnames], [row[:width] for row in cells]
    except Exception:  # noqa: BLE001 - not there, or no workbook: openpyxl has errors of many kinds
        return None


def _cell(value: Any) -> str:
    if isinstance(value, datetime) and value.time() == time():
        return str(value.date())
    return "" if value is None else str(value)
