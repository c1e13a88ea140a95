"""The tables of history: one schema whatever the source.

The columns are those of ``frames/past.py``; a page of a source holds the same columns as raw values: nRLC as
``int``, moments as seconds since 1970, addresses in any case, hashes in lower case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iexec_lab.frames import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES: Final[Mapping[str, str]] = {
    "deals": "past_deal",
    "tasks": "past_task",
    "events": "past_event",
    "transfers": "past_transfer",
    "orders": "past_order",
    "apps": "past_app",
    "datasets": "past_dataset",
    "workerpools": "past_workerpool",
    "categories": "past_category",
}
"""Name of a table -> kind of its frame."""

MOMENT: Final[Mapping[str, str]] = {
    "deals": "started_at",
    "tasks": "initialized_at",
    "events": "happened_at",
    "transfers": "happened_at",
    "orders": "first_matched_at",
    "apps": "created_at",
    "datasets": "created_at",
    "workerpools": "created_at",
    "categories": "created_at",
}
"""Name of a table -> the column that ``start`` and ``end`` look at, and that rows are ordered by."""

DECODED: Final = frozenset({"tag"})
"""Columns that frames make from another one; pages do not have them."""


def columns(table: str) -> tuple[str, ...]:
    """Names of the columns of a page of this table."""
    return tuple(column.name for column in SCHEMAS[TABLES[table]] if column.name not in DECODED)
