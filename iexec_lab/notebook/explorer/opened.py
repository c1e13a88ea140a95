"""What stands below the grid: a row with all that is known of it, where it leads, and the form it opens."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import ipywidgets as widgets

from iexec_lab import doors, markup
from iexec_lab.errors import IexecError, UsageError
from iexec_lab.notebook.explorer.details import claimable, drawn, form_values, links_of, subject_of
from iexec_lab.notebook.explorer.places import place_of, show_words
from iexec_lab.notebook.forms import pieces
from iexec_lab.spelling import short_id

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from iexec_lab.notebook.explorer.asking import Asking
    from iexec_lab.notebook.explorer.grid import Grid
    from iexec_lab.notebook.forms.trace import Trace

DETAILS: Final = "iexec-explorer-details"
FORM: Final = "iexec-explorer-form"


class Host(Protocol):
    """The page that a row is on."""

    asking: Asking
    grid: Grid

    def go(self, what: str, identifier: str, name: str | None = None) -> None: ...

    def in_thread(
        self,
        what: str,
        act: Callable[[], Any],
        then: Callable[[Any], None],
        failed: Callable[[IexecError], None],
        is_wanted: Callable[[], bool],
    ) -> None: ...


class Opened:
    """One row of a page, opened; nothing at first.

    Args:
        page: Whose row.

    Attributes:
        boxes: What is drawn.
        trace: Where a form that is opened leaves what stays in the notebook.
    """

    def __init__(self, page: Host) -> None:
        self._page = page
        self.trace: Trace | None = None
        self._row: pd.DataFrame | None = None
        self.details = widgets.HTML()
        self.actions = pieces.buttons()
        self.form = widgets.VBox()
        self.form.add_class(FORM)
        shown = widgets.VBox([self.actions, self.details], layout=widgets.Layout(overflow="visible"))
        shown.add_class(DETAILS)
        self.boxes = (shown, self.form)

    def clear(self) -> None:
        """Nothing is opened any more."""
        self._row = None
        self.details.value = ""
        for box in (self.actions, self.form):
            self._fill(box)

    def _fill(self, box: Any, *children: Any) -> None:
        """Other children; a page and its kernel would keep those before, one set for each row."""
        old, box.children = box.children, children
        pieces.discard(*old)

    def show(self, row: pd.DataFrame | None) -> None:
        """Show all of a row, then what else is known of it; None: it has gone."""
        page = self._page
        self.clear()
        if row is None:
            self.details.value = markup.note("This row is gone by now.")
            return
        self._row = row
        self.details.value = drawn(row, None)
        self._fill(self.actions, *self._buttons(row))
        page.grid.reveal(DETAILS)
        subject = subject_of(row)
        if subject is None:
            return

        what = f"Reading {subject[0]} {short_id(subject[1])}"

        def then(found: Any) -> None:
            self.details.value = drawn(row, found.frame, "; ".join(found.remarks))
            page.grid.reveal(DETAILS)

        def failed(error: IexecError) -> None:
            self.details.value = markup.join(drawn(row, None), pieces.mistake(error))

        self.details.value = drawn(row, None, f"{what} …")
        page.in_thread(
            what,
            lambda: page.asking.frame(show_words(*subject)),
            then,
            failed,
            lambda: self._row is row,
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
            go = partial(self._page.go, place.what, place.id, each.name)
            found.append(pieces.action(words, "list", go, help=each.about))
        for words, to in links_of(row).items():
            go = partial(self._page.go, *to)
            found.append(pieces.action(words, "external-link", go, help=to[1]))
        return found

    def open_form(self, command: str, values: dict[str, Any]) -> None:
        """Open a form below, filled in."""
        lab = self._page.asking.lab
        try:
            try:
                form = doors.draw_form(lab, command, values)
            except UsageError:
                if command != "run":
                    raise
                form = doors.draw_form(lab, "app run", values)
        except IexecError as error:
            self._fill(self.form, widgets.HTML(pieces.mistake(error)))
            return
        if self.trace is not None:
            form.trace = self.trace  # what is run from here stays below the page
        self._fill(self.form, form.box)
        self._page.grid.reveal(FORM, top=True)
        form.propose()
