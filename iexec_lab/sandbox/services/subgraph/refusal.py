"""Why a query is not answered, as graph-node words it; the HTTP status is 200 all the same."""

from __future__ import annotations

from typing import Any


class RefusalError(Exception):
    """``places`` are (line, column) in the query."""

    def __init__(self, message: str, places: list[tuple[int, int]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.places = places or []

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"message": self.message}
        if self.places:
            told["locations"] = [{"line": line, "column": column} for line, column in self.places]
        return told


def not_null(field: str, places: list[tuple[int, int]]) -> RefusalError:
    return RefusalError(f"Null value resolved for non-null field `{field}`", places)
