"""The grid: itables' own, drawn in the page, whose rows stay in the kernel.

itables is kept for what it has (DataTables with its extensions, offline, for all front ends), and its code
comes to a page once, when it is first drawn: a saved notebook has none of it. ``grid.js`` lets DataTables ask
the kernel for each part that it shows, so order, search and paging are those of the whole list.
"""

from __future__ import annotations

import time
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from iexec_lab.libraries import needing
from iexec_lab.notebook.explorer.rows import Rows, read_wanted

if TYPE_CHECKING:
    from collections.abc import Callable

WATCHED_FOR: Final = 75.0
"""Seconds after which a page that said nothing is taken for gone; it says something every 25."""


@cache
def grid_code() -> tuple[str, str]:
    """Itables' grid: JavaScript and style.

    Raises:
        LibraryError: itables is not installed.
    """
    with needing("The explorer", "itables"):
        import itables
    place = files(itables).joinpath("widget", "static")
    return place.joinpath("widget.js").read_text(encoding="utf-8"), place.joinpath("widget.css").read_text(
        encoding="utf-8"
    )


class Grid(anywidget.AnyWidget):
    """Rows of a list, a page at a time.

    Args:
        label: What it shows, for people who do not see it.
        on_open: Called with the key of a row that was opened.
        on_watched: Called when a page begins to look.

    Attributes:
        rows: What is shown; ``show`` replaces it.
        parts: How many parts were asked for.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")
    version = traitlets.Unicode().tag(sync=True)
    columns: Any = traitlets.List().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    order: Any = traitlets.List().tag(sync=True)
    turn = traitlets.Int(0).tag(sync=True)
    page_length = traitlets.Int(15).tag(sync=True)

    def __init__(
        self,
        label: str,
        on_open: Callable[[str], None] | None = None,
        on_watched: Callable[[], None] | None = None,
    ) -> None:
        grid_code()  # what is missing is said here, not in the page
        super().__init__(label=label, version=version("itables"))
        self.rows: Rows | None = None
        self.parts = 0
        self._on_open, self._on_watched = on_open, on_watched
        self._looked = 0.0
        self._owes = False  # a page was told of a change and has not asked yet
        self._is_closed = False
        self.on_msg(self._hear)

    def show(self, rows: Rows, label: str, order: list[list[Any]]) -> None:
        """Show other rows, at first ordered by these places of columns; the page asks for what it needs."""
        self.rows = rows
        with self.hold_sync():
            self.label, self.order, self.columns = label, order, rows.columns
            self.turn += 1

    def tell(self) -> None:
        """Rows have changed: the page asks anew for what it shows, once, however often this is called."""
        if not self._owes and not self._is_closed:
            self._owes = True
            self.send({"kind": "changed"})

    def reveal(self, name: str, *, top: bool = False) -> None:
        """Bring the part of the page with this class into view when it is drawn, or to the top."""
        if not self._is_closed:
            self.send({"kind": "reveal", "name": name, "top": top})

    @property
    def is_watched(self) -> bool:
        """Whether a page shows it now: one that is closed, hidden or drawn over says nothing any more."""
        return not self._is_closed and time.monotonic() - self._looked < WATCHED_FOR

    def close(self) -> None:
        self._is_closed = True
        super().close()

    def _hear(self, _widget: Any, told: Any, _buffers: Any = None) -> None:
        if not isinstance(told, dict) or self._is_closed:
            return
        kind = told.get("kind")
        if kind == "code":
            js, css = grid_code()
            self.send({"kind": "code", "js": js, "css": css})
        elif kind == "gone":
            self._looked, self._owes = 0.0, False
        else:
            self._see()
            if kind == "rows" and self.rows is not None:
                self._answer(told, self.rows)
            elif kind == "open" and self._on_open is not None and isinstance(told.get("key"), str):
                self._on_open(told["key"])

    def _see(self) -> None:
        was_watched = self.is_watched
        self._looked = time.monotonic()
        if not was_watched and self._on_watched is not None:
            self._on_watched()

    def _answer(self, told: dict[str, Any], rows: Rows) -> None:
        self._owes = False
        self.parts += 1
        part = rows.part(read_wanted(told, len(rows.names)))
        self.send(
            {
                "kind": "rows",
                "number": told.get("number"),
                "total": part.total,
                "found": part.found,
                "rows": part.rows,
            }
        )
