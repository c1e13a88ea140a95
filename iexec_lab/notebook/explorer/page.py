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
from iexec_lab.notebook.compat import tooltip
from iexec_lab.notebook.drawing.words import short
from iexec_lab.notebook.explorer.asking import Asking, can_follow, command_of, filters_of, line_of
from iexec_lab.notebook.explorer.details import claimable, drawn, form_values, links_of, subject_of
from iexec_lab.notebook.explorer.following import EVERY, Following
from iexec_lab.notebook.explorer.grid import Grid
from iexec_lab.notebook.explorer.places import listing_named, place_of, show_words
from iexec_lab.notebook.explorer.rows import Rows
from iexec_lab.notebook.forms.fields import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.explorer.places import Listing, Place

FIRST: Final = 1_000
"""Rows that are read at first."""
MOST: Final = 200_000
"""Rows that the kernel holds of a list, at most."""
_NEWEST: Final = 200
"""Rows that are read again when a long list has changed."""
_WRAP: Final = widgets.Layout(flex_flow="row wrap", align_items="center", width="100%")
_HISTORY: Final = 20


class Page:
    """Lists of one place, and of the places that rows lead to.

    Args:
        lab: Whose market.
        place: Where it begins.
        listing: The list that it begins with.
        above: What stands over the lists.

    Attributes:
        box: What is drawn.
        rows: The rows of the list that is shown.
        line: The ``%iexec`` line that gives them.
    """

    def __init__(
        self, lab: IExec, place: Place, listing: Listing, *, above: Sequence[widgets.Widget] = ()
    ) -> None:
        self._lab, self._asking = lab, Asking(lab)
        self.place, self.listing = place, listing
        self.facts: list[tuple[str, str]] = getattr(self, "facts", [])
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

    def _draw(self, above: Sequence[widgets.Widget]) -> None:
        self._back = _button("Back", "arrow-left", self.back)
        self._title = widgets.HTML()
        self._lists = widgets.HBox(layout=_WRAP)
        self._find = widgets.Text(
            placeholder="address, id, hash or a part of a name",
            description="Find",
            style={"description_width": "initial"},
            layout=widgets.Layout(width="30em", max_width="100%"),
            **tooltip("What an address, an id, a hash or a name is"),
        )
        self._find.continuous_update = False
        self._find.observe(lambda change: change["new"].strip() and self.find(change["new"]), names="value")
        self._fields: list[Field] = []
        self._filters = widgets.Accordion([widgets.VBox()], selected_index=None)
        self._filters.set_title(0, "Filters")
        self._status = widgets.HTML()
        self._line = widgets.HTML()
        self._more = _button("Load more", "plus", self.load_more)
        self._depth = _button("Depth", "area-chart", self.show_depth)
        self._picture = widgets.HTML()
        self._details = widgets.HTML()
        self._actions = widgets.HBox(layout=_WRAP)
        self._form = widgets.VBox()
        self.box = widgets.VBox(
            [
                *above,
                widgets.HBox([self._back, self._title], layout=_WRAP),
                widgets.HBox([self._find], layout=_WRAP),
                self._lists,
                self._filters,
                self._status,
                self.grid,
                widgets.HBox([self._more, self._depth], layout=_WRAP),
                self._line,
                self._picture,
                self._details,
                self._actions,
                self._form,
            ],
            layout=widgets.Layout(width="100%"),
        )

    def _show(self, rows: Rows) -> None:
        """Draw the list that was read, with what belongs to it."""
        self.rows = rows
        listing = self.listing
        self._title.value = markup.element("b", self.place.title)
        self._back.layout.display = "" if self._before else "none"
        self._lists.children = tuple(
            _button(
                each.title,
                "",
                lambda each=each: self.show(each.name),
                is_chosen=each == listing,
                about=each.about,
            )
            for each in self.place.lists
        )
        self._draw_filters()
        self.grid.show(rows, f"{listing.title}: {listing.about}", self._order(rows))
        self._depth.layout.display = "" if listing.words[0] == "orderbook" else "none"
        self._line.value = markup.join("The same as a frame: ", markup.whole(self.line))
        self._picture.value = self._details.value = ""
        self._actions.children = self._form.children = ()
        self._row = None
        self._tell()
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
        if [field.item for field in self._fields] == options:
            return
        self._fields = [Field(option, Seen(), self._lab.session.folder) for option in options]
        apply = _button("Apply", "filter", self.apply)
        clear = _button("Clear", "times", self.clear)
        self._filters.children = (
            widgets.VBox([*(field.box for field in self._fields), widgets.HBox([apply, clear])]),
        )
        self._filters.layout.display = "" if options else "none"

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

    def _words(self, *, limited: bool, limit: int | None = None) -> list[str]:
        words = [*self.listing.words, *self._tokens]
        if limited and command_of(words).option("--limit") is not None and words[0] != "history":
            words += ["--limit", str(limit or self._limit)]
        return words

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
        from iexec_lab.notebook.explorer.places import Listing, Place

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

        self._work(
            f"Reading up to {limit:,} rows", lambda: self._read(limit), then
        )

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
            f"Reading {subject[0]} {short(subject[1])}",
            lambda: self._asking.frame(show_words(*subject)),
            then,
        )

    def _buttons(self, row: pd.DataFrame) -> list[widgets.Button]:
        buttons = []
        values = form_values(row)
        if values is not None:
            buttons.append(
                _button("Run with this …", "play", lambda: self.open_form("run", values), is_chosen=True)
            )
        deal = claimable(row)
        if deal:
            claim = {"dealid": deal}
            buttons.append(
                _button("Claim …", "undo", lambda: self.open_form("deal claim", claim), is_chosen=True)
            )
        subject = subject_of(row)
        place = place_of(*subject) if subject is not None else None
        if place is not None:
            buttons += [
                _button(
                    f"Its {each.title.lower()}" if each.title != "Same request" else each.title,
                    "list",
                    lambda each=each: self.go(place.what, place.id, each.name),
                    about=each.about,
                )
                for each in place.lists
            ]
        for words, (what, identifier) in links_of(row).items():
            buttons.append(
                _button(words, "external-link", lambda to=(what, identifier): self.go(*to), about=identifier)
            )
        return buttons

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
        self._form.children = (getattr(form, "box", form),)

    # -- keeping up ---------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self.following.wake()

    def _say_how(self, how: str) -> None:
        self._how = how
        self._tell()

    def _change(self, rows: Rows, put: pd.DataFrame | None, gone: list[str], whole: pd.DataFrame | None) -> None:
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
        _close(self.box)


def _button(
    words: str, icon: str, act: Callable[[], None], *, is_chosen: bool = False, about: str = ""
) -> widgets.Button:
    button = widgets.Button(
        description=words,
        icon=icon,
        button_style="primary" if is_chosen else "",
        layout=widgets.Layout(width="auto"),
        **tooltip(about or words),
    )
    button.on_click(lambda _button: act())
    return button


def _close(widget: Any) -> None:
    for child in getattr(widget, "children", ()):
        _close(child)
    widget.close()

