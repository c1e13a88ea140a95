"""A page of lists: which list, its filters, the grid, what a row is, and the form that it leads to."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.commands.recent import Seen
from iexec_lab.errors import IexecError, in_notebook
from iexec_lab.notebook.explorer.asking import Asking, can_follow, filters_of, line_of, with_limit
from iexec_lab.notebook.explorer.following import EVERY, Following
from iexec_lab.notebook.explorer.grid import Grid
from iexec_lab.notebook.explorer.opened import Opened
from iexec_lab.notebook.explorer.places import Listing, Place, found_place, listing_named, place_of
from iexec_lab.notebook.explorer.rows import Rows
from iexec_lab.notebook.explorer.twin import Twin
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.fields import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from iexec_lab.client.iexec import IExec

FIRST: Final = 1_000
"""Rows that are read at first."""
MOST: Final = 200_000
"""Rows that the kernel holds of a list, at most."""
_NEWEST: Final = 200
"""Rows that are read again when a long list has changed."""
_HISTORY: Final = 20


class Page:
    """Lists of one place, and of the places that rows lead to.

    Args:
        lab: Whose market.
        place: Where it begins.
        listing: The list that it begins with.
        above: What stands over the lists.

    Attributes:
        box: What is drawn, once it is.
        rows: The rows of the list that is shown.
        line: The ``%iexec`` line that gives them.
    """

    title = ""
    facts: Sequence[tuple[str, str]] = ()

    def __init__(self, lab: IExec, place: Place, listing: Listing, *, above: Sequence[Any] = ()) -> None:
        self._lab, self.asking = lab, Asking(lab)
        self.place, self.listing = place, listing
        self._tokens: list[str] = []
        self._limit = FIRST
        self._listed: Sequence[Listing] = ()
        self._before: list[tuple[Place, Listing, list[str]]] = []
        self._turn = 0
        self._lock = threading.Lock()
        self._how = ""
        self.opened = Opened(self)
        self.grid = Grid("", self.open_row, self._wake)
        self.following = Following(self.asking, lambda: self.grid.is_watched, self._say_how)
        self._closing: list[Callable[[], None]] = []
        self.on_show: Callable[[], None] = lambda: None
        self.box: Any = None
        self._draw(above)
        self._show(self._read(self._limit))

    @property
    def topic(self) -> str | None:
        """What of the market's feed tells that the list may have changed."""
        return "deals" if self.listing.words[0] in {"deal", "task"} else None

    @property
    def every(self) -> float:
        """Seconds between two looks at a list without a feed."""
        return EVERY

    # -- what is drawn ------------------------------------------------------------------------------------

    def _draw(self, above: Sequence[Any]) -> None:
        self._back = pieces.action("Back", "arrow-left", self.back, help="What was shown before")
        self._title = widgets.HTML()
        head = pieces.buttons(self._back, self._title)
        head.add_class("iexec-grid-head")
        self._lists = pieces.buttons()
        find = widgets.Text(
            placeholder="0x… or a part of a name", continuous_update=False, description="Find"
        )
        find.observe(lambda change: self.find(change["new"]), names="value")
        self._find = pieces.labelled(
            find, "Find", "An address, the id of a deal or a task, a hash, a name; Enter looks for it."
        )
        self._fields: list[Field] = []
        self._kept: dict[tuple[str, ...], tuple[list[Field], Any]] = {}
        self._asked = widgets.VBox()
        self._filters = pieces.Fold("Filters", self._asked)
        self._status = widgets.HTML()
        self._line = pieces.line_box()
        self._more = pieces.action("Load more", "plus", self.load_more, help="Read ten times as many rows")
        self._depth = pieces.action(
            "Depth", "area-chart", self.show_depth, help="Draw the depth of this book"
        )
        self._picture = widgets.HTML()
        self._children = [
            *above,
            head,
            self._find,
            self._lists,
            self._filters.box,
            self._status,
            self.grid,
            pieces.buttons(self._more, self._depth),
            self._line.box,
            self._picture,
            *self.opened.boxes,
        ]

    def drawn(self, style: markup.Markup | None = None) -> Any:
        """The widget; ``style``: one more style sheet."""
        if self.box is None:
            self.box = pieces.page(*self._children, style=style)
        return self.box

    def _show(self, rows: Rows) -> None:
        """Draw the list that was read, with what belongs to it."""
        self.rows = rows
        listing = self.listing
        self._title.value = markup.element("b", self.place.title)
        self._back.disabled = not self._before
        self._draw_lists()
        self._draw_filters()
        self.grid.show(rows, f"{listing.title}: {listing.about}", self._order(rows))
        self._depth.layout.display = "" if listing.words[0] == "orderbook" else "none"
        self._line.show(self.line)
        self._picture.value = ""
        self.opened.clear()
        self._tell()
        self.on_show()
        words = self._words(limited=False)
        if can_follow(words):
            self.following.book(words, partial(self._change, rows))
        else:
            self.following.looks(partial(self._look, rows), topic=self.topic, every=self.every)

    def _draw_lists(self) -> None:
        """The buttons of the lists, the chosen one marked; the same ones, so that the focus stays."""
        lists = self.place.lists
        if lists != self._listed:
            self._listed = lists
            old = self._lists.children
            self._lists.children = tuple(
                pieces.action(each.title, "", partial(self.show, each.name), help=each.about)
                for each in lists
            )
            pieces.discard(*old)
        for button, each in zip(self._lists.children, lists, strict=True):
            button.button_style = "primary" if each == self.listing else ""

    def _order(self, rows: Rows) -> list[list[Any]]:
        name, largest_first = self.listing.order
        return [[rows.names.index(name), "desc" if largest_first else "asc"]] if name in rows.names else []

    def _draw_filters(self) -> None:
        """The filters of the list; drawn once for each, as a page keeps something of every view it drew."""
        options = filters_of(self.listing.words)
        self._filters.box.layout.display = "" if options else "none"
        name = tuple(option.flag for option in options)
        if name not in self._kept:
            fields = [Field(option, Seen(), self._lab.session.folder) for option in options]
            act = pieces.buttons(
                pieces.action("Apply", "filter", self.apply, primary=True),
                pieces.action("Clear", "times", self.clear),
            )
            box = widgets.VBox([pieces.grid(*(field.box for field in fields)), act])
            self._kept[name] = fields, box
            self._asked.children = (*self._asked.children, box)
        fields, shown = self._kept[name]
        if self._fields is fields:
            return
        self._fields = fields
        for field in fields:
            field.value = ""
        for box in self._asked.children:
            box.layout.display = "" if box is shown else "none"

    def _tell(self) -> None:
        """Say how much is here of how much there is, and how it is kept up to date."""
        frame = self.rows.frame
        held = len(frame)
        total = frame.attrs.get("total")
        is_cut = held >= self._limit and (total is None or total > held)
        count = f"{held:,} rows" if held != 1 else "1 row"
        if is_cut:
            of = f"the first {held:,} of {total:,}" if total else f"the first {held:,}"
            count = f"{of}: order and search are among these"
        left_out = frame.attrs.get("left_out")
        parts = [self.listing.about, count, self._how, f"at {datetime.now(UTC):%H:%M:%S} UTC"]
        if not held and frame.attrs.get("remark"):
            parts.insert(2, str(frame.attrs["remark"]).rstrip("."))
        if left_out:
            parts.insert(2, f"{left_out} left out: not what was asked for")
        self._more.layout.display = "" if is_cut and held < MOST else "none"
        self._status.value = markup.element("div", " · ".join(filter(None, parts)), role="status")

    def _fail(self, error: IexecError) -> None:
        lines = [in_notebook(line) for line in error.lines()]
        self._status.value = markup.note("\n".join(lines), tone="bad", role="alert")

    def _busy(self, what: str) -> None:
        self._status.value = markup.element("div", f"{what} …", role="status")

    # -- reading ------------------------------------------------------------------------------------------

    @property
    def line(self) -> str:
        return line_of(self._words(limited=True))

    def twin(self) -> Twin:
        """What reads the same without widgets."""
        title = self.title or self.place.title
        return Twin(title, self.listing, self._words(limited=True), self.rows.frame, self.facts)

    def _words(self, *, limited: bool, limit: int | None = None) -> list[str]:
        words = [*self.listing.words, *self._tokens]
        return with_limit(words, limit or self._limit) if limited else words

    def _read(self, limit: int) -> Rows:
        """The rows of the list that is chosen.

        Raises:
            IexecError: It could not be read.
        """
        found = self.asking.frame(self._words(limited=True, limit=limit))
        return Rows(found.frame, self.listing.identity)

    def _work(
        self,
        what: str,
        act: Callable[[], Any],
        then: Callable[[Any], None],
        undo: Callable[[], None] = lambda: None,
    ) -> None:
        """Do ``act``, then what becomes of it, or ``undo``, unless something newer was begun meanwhile."""
        with self._lock:
            self._turn += 1
            turn = self._turn
        self._busy(what)

        def failed(error: IexecError) -> None:
            undo()
            self._fail(error)

        self.in_thread(what, act, then, failed, lambda: turn == self._turn)

    def in_thread(
        self,
        what: str,
        act: Callable[[], Any],
        then: Callable[[Any], None],
        failed: Callable[[IexecError], None],
        is_wanted: Callable[[], bool],
    ) -> None:
        """Do ``act``; what becomes of it is given on if it still ``is_wanted``."""

        def run() -> None:
            try:
                value = act()
            except IexecError as error:
                if is_wanted():
                    failed(error)
                return
            if is_wanted():
                then(value)

        thread = threading.Thread(target=run, name=f"iexec {what}", daemon=True)
        self._working = thread
        thread.start()

    def wait(self, seconds: float = 60) -> None:
        """Until what is being read is there."""
        self._working.join(seconds)

    def _go(
        self,
        place: Place,
        listing: Listing,
        tokens: Sequence[str] = (),
        before: list[tuple[Place, Listing, list[str]]] | None = None,
    ) -> None:
        """Show another list; when it cannot be read, the one that is shown stays.

        Args:
            place: Where it is.
            listing: The list.
            tokens: Its filters.
            before: What ``back`` leads to from there; None: what is shown now.
        """
        old = (self.place, self.listing, self._tokens, self._limit, self._before)

        def undo() -> None:
            self.place, self.listing, self._tokens, self._limit, self._before = old
            self._draw_lists()

        if before is not None:
            self._before = before
        elif (place, listing) != old[:2]:
            self._before = [*self._before[-_HISTORY:], (old[0], old[1], list(old[2]))]
        self.place, self.listing, self._tokens, self._limit = place, listing, list(tokens), FIRST
        self._draw_lists()
        self._work(f"Reading {listing.title.lower()}", lambda: self._read(FIRST), self._show, undo)

    # -- what people do -----------------------------------------------------------------------------------

    def show(self, name: str) -> None:
        """Show a list of this place."""
        self._go(self.place, listing_named(self.place.lists, name))

    def go(self, what: str, identifier: str, name: str | None = None) -> None:
        """Show the lists of one thing."""
        place = place_of(what, identifier)
        if place is not None:
            self._go(place, listing_named(place.lists, name))

    def back(self) -> None:
        """Show what was shown before."""
        if self._before:
            *before, last = self._before
            self._go(*last, before=before)

    def find(self, text: str) -> None:
        """Show what something is."""
        if not text.strip():
            return
        place = found_place(text)
        self._go(place, place.lists[0])

    def apply(self) -> None:
        """Read the list with the filters that were filled in."""
        if any(field.check() for field in self._fields):
            return
        tokens = [token for field in self._fields for token in field.tokens()]
        self._go(self.place, self.listing, tokens)

    def clear(self) -> None:
        """Read the list without filters."""
        for field in self._fields:
            field.value = ""
        self._go(self.place, self.listing)

    def load_more(self) -> None:
        """Read ten times as many rows."""
        limit = min(10 * self._limit, MOST)

        def then(rows: Rows) -> None:
            self._limit = limit
            self._show(rows)

        self._work(f"Reading up to {limit:,} rows", lambda: self._read(limit), then)

    def show_depth(self) -> None:
        """Draw the depth of the book."""
        from iexec_lab.notebook.explorer.pictures import depth

        self._picture.value = depth(self.rows.frame)

    def open_row(self, key: str) -> None:
        """Show all of a row, then what else is known of it."""
        row = self.rows.row(key)
        if row is not None:
            row.attrs = dict(self.rows.frame.attrs)
        self.opened.show(row)

    # -- keeping up ---------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self.following.wake()

    def _say_how(self, how: str) -> None:
        self._how = how
        self._tell()

    def _change(
        self, rows: Rows, put: pd.DataFrame | None, gone: list[str], whole: pd.DataFrame | None
    ) -> None:
        if rows is not self.rows:
            return
        if whole is not None:  # who follows a book has all of it
            frame = whole.iloc[:MOST].reset_index(drop=True)
            frame.attrs = dict(whole.attrs) | ({"total": len(whole)} if len(whole) > len(frame) else {})
            rows.replace(frame)
        else:
            rows.change(put, gone, MOST)
        if len(rows) >= self._limit < MOST:
            while len(rows) >= self._limit < MOST:
                self._limit = min(10 * self._limit, MOST)
            self._line.show(self.line)
            self.on_show()
        self.grid.tell()
        self._tell()

    def _look(self, rows: Rows) -> None:
        """Read the list again; of a long one only the newest rows."""
        words = self._words(limited=True)
        is_long = len(rows) > FIRST and rows.identity
        if is_long:
            words = self._words(limited=True, limit=_NEWEST)
        frame = self.asking.frame(words).frame
        if rows is not self.rows:
            return
        if is_long:
            rows.change(frame, [], MOST)
        else:
            rows.replace(frame)
        self.grid.tell()
        self._tell()

    def close(self) -> None:
        """Stop following and forget the rows; the page is gone."""
        self.following.close()
        for act in self._closing:
            act()
        self._turn += 1
        self.opened.clear()
        pieces.discard(*((self.box,) if self.box is not None else self._children))
