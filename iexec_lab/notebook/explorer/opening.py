"""``lab.explore()`` and ``lab.dashboard()``: what stands for a page in a cell, and what reads without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.market.guess import guess
from iexec_lab.errors import ObjectNotFoundError, WalletError
from iexec_lab.notebook.compat import mime_bundle
from iexec_lab.notebook.explorer.asking import Asking, with_limit
from iexec_lab.notebook.explorer.places import found_place, listing_named, market, own, place_of
from iexec_lab.notebook.explorer.twin import Twin
from iexec_lab.notebook.forms.trace import Trace
from iexec_lab.plain_text import plain
from iexec_lab.protocol import NULL_ADDRESS, to_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.explorer.page import Page
    from iexec_lab.notebook.explorer.places import Listing, Place

_shown: dict[str, tuple[str, list[Shown]]] = {}
"""The pages of each cell, and the run that drew them: running the cell again gives up those before."""
_nameless: list[Shown] = []
"""Pages of cells that the front end does not name, as Voilà does not: all may be seen at once."""
_MOST_NAMELESS: Final = 10


class Shown:
    """A page in a cell; its readable twin where no widget is drawn.

    Args:
        page: What is drawn.

    Attributes:
        page: The page itself.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        twin = page.twin()
        self._trace = Trace(str(twin), twin.html())
        page.on_show, page.opened.trace = self._describe, self._trace
        self._is_closed = False
        cell, run = _cell()
        ran, before = _shown.get(cell, ("", []))
        if cell and ran == run:
            before.append(self)
        elif cell:
            for old in before:
                old.close()
            _shown[cell] = run, [self]
        else:
            _nameless.append(self)
            for old in _nameless[:-_MOST_NAMELESS]:
                old.close()
            del _nameless[:-_MOST_NAMELESS]

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
        self._is_closed = True
        self.page.close()

    def _describe(self) -> None:
        twin = self.page.twin()
        self._trace.describe(str(twin), twin.html())

    def __repr__(self) -> str:
        return str(self.page.twin())

    def _ipython_display_(self) -> None:
        """The page, and below it what stays where no page is drawn."""
        from IPython.display import display

        if not _has_front_end():
            print(self)  # noqa: T201 - a terminal has no widgets
            return
        if self._is_closed:
            self._trace.show()
            return
        view = mime_bundle(self.page.drawn(self._trace.style))
        kind = next(name for name in view if name.endswith("widget-view+json"))
        words = f"{self.page.twin().title}: a page, which needs its kernel; what stays is below"
        display({kind: view[kind], "text/plain": words}, raw=True)  # type: ignore[no-untyped-call]
        self._trace.show()


def explore(
    lab: IExec, what: str | None = None, address: str | None = None, *, is_page: bool = True
) -> Shown | Twin:
    """The market as a page.

    Args:
        lab: Whose market.
        what: The list that it begins with.
        address: Begin with one thing: its address, id or name.
        is_page: Else only what a terminal shows of it.

    Raises:
        ValidationError: There is no such list.
        ObjectNotFoundError: Nothing is known by that address.
        LibraryError: itables is not installed.
    """
    place = market() if address is None else _found(lab, str(address))
    listing = listing_named(place.lists, what)
    if not is_page:
        return _twin(lab, place.title, listing, [])
    from iexec_lab.notebook.explorer.page import Page

    return Shown(Page(lab, place, listing))


def dashboard(lab: IExec, *, is_page: bool = True) -> Shown | Twin:
    """The wallet's account, jobs, orders and earnings as a page.

    Raises:
        WalletError: There is no wallet.
        LibraryError: itables is not installed.
    """
    if lab.session.address == NULL_ADDRESS:
        raise WalletError(
            "A dashboard needs a wallet",
            hint="Connect with one, or look at any account: iexec-lab explore --address <address>.",
        )
    from iexec_lab.notebook.explorer.dashboard import Dashboard, account_facts, earned

    if is_page:
        return Shown(Dashboard(lab))
    facts, _ = account_facts(lab, earned(lab))
    return _twin(lab, Dashboard.title, own(lab.session.own_address).lists[0], facts)


def _twin(lab: IExec, title: str, listing: Listing, facts: list[tuple[str, str]]) -> Twin:
    words = with_limit(listing.words, 100)
    return Twin(title, listing, words, Asking(lab).frame(words).frame, facts)


def _found(lab: IExec, text: str) -> Place:
    """The place of what a text names; what was found, where it names several.

    Raises:
        ObjectNotFoundError: Nothing has that name.
    """
    from iexec_lab.notebook.explorer.details import subject_of

    frame = lab.search(text)
    places = []
    for at in range(len(frame)):
        row = frame.iloc[[at]]
        row.attrs = dict(frame.attrs)
        subject = subject_of(row)
        place = place_of(*subject) if subject is not None else None
        if place is not None:
            places.append(place)
    meant = guess(text)
    if places and meant.name and len({place.id for place in places}) > 1:
        return found_place(text)
    if places:
        return places[0]
    if len(meant.addresses) == 1:  # nobody has used it yet: all its lists are empty
        place = place_of("account", to_address(meant.addresses[0]))
        assert place is not None
        return place
    raise ObjectNotFoundError(
        "account, app, dataset, workerpool, deal or task",
        plain(text),
        lab.session.network.id,
        hint=" ".join([*filter(None, [frame.attrs.get("remark")]), "Look for it: iexec-lab search <text>."]),
    )


def _has_front_end() -> bool:
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def _cell() -> tuple[str, str]:
    """What names the cell that runs, or "" where the front end does not tell it, and this run of it."""
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    parent: Callable[[], Any] | None = getattr(kernel, "get_parent", None)
    told = parent() if parent is not None else {}
    cell = (told.get("metadata") or {}).get("cellId", "")
    return str(cell), str((told.get("header") or {}).get("msg_id", ""))
