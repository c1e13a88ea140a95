"""A page of lists: which list, its filters, the grid, what a row is, and the form that it leads to."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from iexec_lab import doors, markup
from iexec_lab.commands.recent import Seen
from iexec_lab.errors import IexecError, UsageError, in_notebook
from iexec_lab.notebook.explorer.asking import Asking, can_follow, filters_of, line_of, with_limit
from iexec_lab.notebook.explorer.details import claimable, drawn, form_values, links_of, subject_of
from iexec_lab.notebook.explorer.following import EVERY, Following
from iexec_lab.notebook.explorer.grid import Grid
from iexec_lab.notebook.explorer.places import Listing, Place, listing_named, place_of, show_words
from iexec_lab.notebook.explorer.rows import Rows
from iexec_lab.notebook.explorer.twin import Twin
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.fields import Field
from iexec_lab.spelling import short_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.forms.trace import Trace

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
        self._lab, self._asking = lab, Asking(lab)
        self.place, self.listing = place, listing
        self._tokens: list[str] = []
        self._limit = FIRST
        self._before: list[tuple[Place, Listing, list[str]]] = []
        self._turn = 0
        self._lock = threading.Lock()
        self._how = ""
        self._row: pd.DataFrame | None = None
        self.grid = Grid("", self.open_row, self._wake)
        self.following = Following(self._asking, lambda: self.grid.is_watched, self._say_how)
        self._closing: list[Callable[[], None]] = []
        self.on_show: Callable[[], None] = lambda: None
        self.trace: Trace | None = None
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
        self._lists = pieces.buttons()
        find = widgets.Text(
            placeholder="0x… or a part of a name", continuous_update=False, description="Find"
        )
        find.observe(lambda change: self.find(change["new"]), names="value")
        self._find = pieces.labelled(
            find, "Find", "An address, the id of a deal or a task, a hash, a name; Enter looks for it."
        )
        self._fields: list[Field] = []
        self._asked = widgets.VBox()
        self._filters = pieces.Fold("Filters", self._asked)
        self._status = widgets.HTML()
        self._line = pieces.line_box()
        self._more = pieces.action("Load more", "plus", self.load_more, help="Read ten times as many rows")
        self._depth = pieces.action(
            "Depth", "area-chart", self.show_depth, help="Draw the depth of this book"
        )
        self._picture = widgets.HTML()
        self._details = widgets.HTML()
        self._actions = pieces.buttons()
        self._form = widgets.VBox()
        self._children = [
            *above,
            pieces.buttons(self._back, self._title),
            self._find,
            self._lists,
            self._filters.box,
            self._status,
            self.grid,
            pieces.buttons(self._more, self._depth),
            self._line.box,
            self._picture,
            self._actions,
            self._details,
            self._form,
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
        self._back.layout.display = "" if self._before else "none"
        self._lists.children = tuple(
            pieces.action(
                each.title,
                "",
                partial(self.show, each.name),
                primary=each == listing,
                help=each.about,
            )
            for each in self.place.lists
        )
        self._draw_filters()
        self.grid.show(rows, f"{listing.title}: {listing.about}", self._order(rows))
        self._depth.layout.display = "" if listing.words[0] == "orderbook" else "none"
        self._line.show(self.line)
        self._picture.value = self._details.value = ""
        self._actions.children = self._form.children = ()
        self._row = None
        self._tell()
        self.on_show()
        words = self._words(limited=False)
        if can_follow(words):
            self.following.book(words, partial(self._change, rows))
        else:
            self.following.looks(partial(self._look, rows), topic=self.topic, every=self.every)

    def _order(self, rows: Rows) -> list[list[Any]]:
        name, largest_first = self.listing.order
        return [[rows.names.index(name), "desc" if largest_first else "asc"]] if name in rows.names else []

    def _draw_filters(self) -> None:
        options = filters_of(self.listing.words)
        self._filters.box.layout.display = "" if options else "none"
        if [field.item for field in self._fields] == options:
            return
        self._fields = [Field(option, Seen(), self._lab.session.folder) for option in options]
        self._asked.children = (
            pieces.grid(*(field.box for field in self._fields)),
            pieces.buttons(
                pieces.action("Apply", "filter", self.apply, primary=True),
                pieces.action("Clear", "times", self.clear),
            ),
        )

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
        found = self._asking.frame(self._words(limited=True, limit=limit))
        return Rows(found.frame, self.listing.identity)

    def _work(self, what: str, act: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do ``act`` in a thread, ``then`` what becomes of it, unless something newer was begun meanwhile."""
        with self._lock:
            self._turn += 1
            turn = self._turn
        self._busy(what)

        def run() -> None:
            try:
                value = act()
            except IexecError as error:
                if turn == self._turn:
                    self._fail(error)
                return
            if turn == self._turn:
                then(value)

        thread = threading.Thread(target=run, name=f"iexec {what}", daemon=True)
        self._working = thread
        thread.start()

    def wait(self, seconds: float = 60) -> None:
        """Until what is being read is there."""
        self._working.join(seconds)

    def _go(self, place: Place, listing: Listing, tokens: Sequence[str] = (), *, keep: bool = True) -> None:
        """Show another list; when it cannot be read, the one before stays."""
        old = (self.place, self.listing, self._tokens, self._limit)

        def read() -> Rows:
            try:
                return self._read(FIRST)
            except IexecError:
                self.place, self.listing, self._tokens, self._limit = old
                raise

        if keep and (place, listing) != old[:2]:
            self._before = [*self._before[-_HISTORY:], (old[0], old[1], list(old[2]))]
        self.place, self.listing, self._tokens, self._limit = place, listing, list(tokens), FIRST
        self._work(f"Reading {listing.title.lower()}", read, self._show)

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
            place, listing, tokens = self._before.pop()
            self._go(place, listing, tokens, keep=False)

    def find(self, text: str) -> None:
        """Show what something is."""
        if not text.strip():
            return
        listing = Listing("Found", ("search", text[:200]), "id", about="what it is, and where it leads")
        self._go(Place("search", "", (*self.place.lists[:9],)), listing)

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
        if row is None:
            self._details.value = markup.note("This row is gone by now.")
            return
        row.attrs = dict(self.rows.frame.attrs)
        self._row = row
        self._form.children = ()
        self._details.value = drawn(row, None)
        self._actions.children = tuple(self._buttons(row))
        subject = subject_of(row)
        if subject is None:
            return
        turn, status = row, self._status.value

        def then(found: Any) -> None:
            if self._row is turn:
                self._details.value = drawn(turn, found.frame, "; ".join(found.remarks))
                self._status.value = status

        self._work(
            f"Reading {subject[0]} {short_id(subject[1])}",
            lambda: self._asking.frame(show_words(*subject)),
            then,
        )

    def _buttons(self, row: pd.DataFrame) -> list[Any]:
        """What can be done with a row, and where it leads."""
        found = []
        values, deal = form_values(row), claimable(row)
        if values is not None:
            run = partial(self.open_form, "run", values)
            found.append(pieces.action("Run with this …", "play", run, primary=True))
        if deal:
            claim = partial(self.open_form, "deal claim", {"dealid": deal})
            found.append(pieces.action("Claim …", "undo", claim, primary=True))
        subject = subject_of(row)
        place = place_of(*subject) if subject is not None else None
        for each in place.lists if place is not None else ():
            assert place is not None
            words = each.title if each.title == "Same request" else f"Its {each.title.lower()}"
            go = partial(self.go, place.what, place.id, each.name)
            found.append(pieces.action(words, "list", go, help=each.about))
        for words, to in links_of(row).items():
            found.append(pieces.action(words, "external-link", partial(self.go, *to), help=to[1]))
        return found

    def open_form(self, command: str, values: dict[str, Any]) -> None:
        """Open a form below, filled in."""
        try:
            try:
                form = doors.draw_form(self._lab, command, values)
            except UsageError:
                if command != "run":
                    raise
                form = doors.draw_form(self._lab, "app run", values)
        except IexecError as error:
            self._fail(error)
            return
        if self.trace is not None:
            form.trace = self.trace  # what is run from here stays below the page
        self._form.children = (form.box,)
        form.propose()

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
        if whole is not None:
            frame = whole.iloc[: self._limit].reset_index(drop=True)
            frame.attrs = dict(whole.attrs) | ({"total": len(whole)} if len(whole) > len(frame) else {})
            rows.replace(frame)
        else:
            rows.change(put, gone, MOST)
        self.grid.tell()
        self._tell()

    def _look(self, rows: Rows) -> None:
        """Read the list again; of a long one only the newest rows."""
        words = self._words(limited=True)
        is_long = len(rows) > FIRST and rows.identity
        if is_long:
            words = self._words(limited=True, limit=_NEWEST)
        frame = self._asking.frame(words).frame
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
        for each in (self.box,) if self.box is not None else self._children:
            _close(each)


def _close(widget: Any) -> None:
    for child in getattr(widget, "children", ()):
        _close(child)
    widget.close()
