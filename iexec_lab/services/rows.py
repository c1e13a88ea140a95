"""Rows of a stranger's list, with the number of those that were not fit to be rows."""

from __future__ import annotations

from typing import Any


class Rows(list[dict[str, Any]]):
    """A list of rows that remembers how many were left out of it."""

    left_out: int = 0

    @classmethod
    def of(cls, rows: list[dict[str, Any]], left_out: int) -> Rows:
        """These rows; ``left_out`` more were told and are not what was asked for."""
        made = cls(rows)
        made.left_out = left_out
        return made
