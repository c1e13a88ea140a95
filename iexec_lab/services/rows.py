"""Rows of a stranger's list, and the number of entries that were not valid rows."""

from __future__ import annotations

from typing import Any


class Rows(list[dict[str, Any]]):
    """A list of rows that knows how many were left out."""

    left_out: int = 0

    @classmethod
    def of(cls, rows: list[dict[str, Any]], left_out: int) -> Rows:
        """These rows; ``left_out`` more were sent but are not what was asked for."""
        made = cls(rows)
        made.left_out = left_out
        return made
