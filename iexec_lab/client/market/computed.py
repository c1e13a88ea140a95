"""Rows that were computed, with what has to be said about them."""

from __future__ import annotations

from typing import Any

from iexec_lab.services.rows import Rows


class Computed(Rows):
    """Rows; ``remark`` is a sentence that belongs below, ``about`` more facts for ``attrs`` and ``--raw``."""

    remark: str = ""
    about: dict[str, Any]

    @classmethod
    def made(cls, rows: list[dict[str, Any]], left_out: int = 0, *remarks: str, **about: Any) -> Computed:
        """These rows, the remarks in one text."""
        found = cls(rows)
        found.left_out, found.about = left_out, about
        found.remark = " ".join(filter(None, remarks))
        return found
