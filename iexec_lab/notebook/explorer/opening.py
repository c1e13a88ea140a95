"""``lab.explore()`` and ``lab.dashboard()``: what stands for a page in a cell, and what reads without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab import markup
from iexec_lab.errors import ObjectNotFoundError, WalletError
from iexec_lab.notebook.compat import mime_bundle
from iexec_lab.notebook.drawing.display import to_html, to_text
from iexec_lab.notebook.explorer.places import listing_named, market, place_of
from iexec_lab.protocol import NULL_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.explorer.page import Page
    from iexec_lab.notebook.explorer.places import Place

_TWIN_ROWS: Final = 10
_shown: dict[str, Shown] = {}
"""The page of each cell that shows one: running the cell again gives up the one before."""


class Shown:
    """A page in a cell; its readable twin where no widget is drawn.

    Args:
        page: What is drawn.
        title: What it is.

    Attributes:
        page: The page: ``page.rows.frame`` is the list that it shows.
    """

    def __init__(self, page: Page, title: str) -> None:
        self.page = page
        self._title = title
        cell = _cell()
        before = _shown.pop(cell, None)
        if before is not None:
            before.close()
        _shown[cell] = self

    @property
    def frame(self) -> Any:
        """The list that is shown, as a DataFrame."""
        return self.page.rows.frame

    @property
    def line(self) -> str:
        """The line that gives the same frame."""
        return self.page.line

    def close(self) -> None:
        """Give up the page: nothing is followed or held any more."""
        self.page.close()

    def twin(self) -> markup.Markup:
        """The page without widgets: what it is, its first rows, and the line that gives them."""
        listing = self.page.listing
        table = to_html(self.frame, _TWIN_ROWS, shorten=True)
        return markup.card(
            f"{self._title}: {listing.title}",
            *([markup.facts(self.page.facts)] if self.page.facts else []),
            markup.element("div", listing.about),
            markup.Markup(table),
            markup.join("All of it: ", markup.whole(self.line)),
            label=self._title,
        )

    def __repr__(self) -> str:
        listing = self.page.listing
        above = [f"{name}: {value}" for name, value in self.page.facts]
        table = to_text(self.frame, _TWIN_ROWS, shorten=True)
        return "\n".join([f"{self._title}: {listing.title}, {listing.about}", *above, table, self.line])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {**mime_bundle(self.page.box), "text/plain": repr(self), "text/html": self.twin()}


def explore(lab: IExec, what: str | None = None, address: str | None = None) -> Shown:
    """The market as a page.

    Args:
        lab: Whose market.
        what: The list that it begins with.
        address: Begin with one thing: its address, id or name.

    Raises:
        ValidationError: There is no such list.
        ObjectNotFoundError: Nothing is known by that address.
        LibraryError: itables is not installed.
    """
    from iexec_lab.notebook.explorer.page import Page

    place = market() if address is None else _found(lab, address)
    return Shown(Page(lab, place, listing_named(place.lists, what)), place.title)


def dashboard(lab: IExec) -> Shown:
    """The wallet's account, jobs, orders and earnings as a page.

    Raises:
        WalletError: There is no wallet.
        LibraryError: itables is not installed.
    """
    from iexec_lab.notebook.explorer.dashboard import Dashboard

    if lab.session.address == NULL_ADDRESS:
        raise WalletError(
            "A dashboard needs a wallet",
            hint="Connect with one, or look at any account: iexec-lab explore --address <address>.",
        )
    return Shown(Dashboard(lab), "Dashboard")


def _found(lab: IExec, text: str) -> Place:
    """The place of what a text names.

    Raises:
        ObjectNotFoundError: Nothing has that name.
    """
    from iexec_lab.notebook.explorer.details import subject_of

    frame = lab.search(text)
    for at in range(len(frame)):
        row = frame.iloc[[at]]
        row.attrs = dict(frame.attrs)
        subject = subject_of(row)
        place = place_of(*subject) if subject is not None else None
        if place is not None:
            return place
    raise ObjectNotFoundError(
        f"Nothing to explore at {text}",
        details={"remark": str(frame.attrs.get("remark", ""))},
        hint="Say what it is: iexec-lab search <text>.",
    )


def _cell() -> str:
    """What names the cell that runs: its id where the front end tells it, else there is one for all."""
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)  # type: ignore[no-untyped-call]
    parent: Callable[[], Any] | None = getattr(kernel, "get_parent", None)
    told = parent() if parent is not None else {}
    return str((told.get("metadata") or {}).get("cellId", ""))
