"""All forms: buttons for those made by hand, then every command."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.commands.hand_made import HAND_MADE, overview
from iexec_lab.commands.tree import PROGRAM, walk
from iexec_lab.notebook.compat import mime_bundle
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.hand.guided import beside, draw_with_trace
from iexec_lab.notebook.forms.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

_ICONS: Final = {"connect": "plug", "run": "play", "sell": "tag", "protect": "lock"}


class Index:
    """What ``%iexec form`` shows.

    Args:
        draw: Makes the form of a name.

    Attributes:
        box: What is drawn.
    """

    def __init__(self, draw: Callable[[str], Any]) -> None:
        self._draw = draw
        self.trace = Trace(self.text(), markup.block(self.text()))
        self._form = widgets.VBox(layout=widgets.Layout(overflow="visible"))
        names = [
            (f"{each.name}: {each.summary}", each.name)
            for each in walk()
            if each.name not in {"form", *HAND_MADE}
        ]
        self.others = pieces.choice([("choose a command …", ""), *names], "")
        self.others.observe(lambda change: self.open(change["new"]), names="value")
        first = [
            beside(
                self._button(name, form.summary),
                widgets.HTML(markup.html(f"{form.summary[0].upper()}{form.summary[1:]}.")),
            )
            for name, form in HAND_MADE.items()
        ]
        self.box = pieces.page(
            pieces.heading("Forms", "What people do first, and below it every command."),
            *first,
            pieces.labelled(self.others, "Any command"),
            self._form,
            style=self.trace.style,
        )

    def _button(self, name: str, summary: str) -> Any:
        button = pieces.action(name.capitalize(), _ICONS[name], partial(self.open, name), help=summary)
        button.add_class("iexec-lab-name")
        return button

    def open(self, name: str) -> None:
        """Draw a form below the list."""
        if not name:
            return
        made = self._draw(name)
        made.trace = self.trace  # the cell that shows this list is theirs, too
        self._form.children = [made.box]
        made.propose()

    def text(self) -> str:
        return overview().replace(PROGRAM, "%iexec")

    def __repr__(self) -> str:
        return self.text()

    def _ipython_display_(self) -> None:
        draw_with_trace(self.box, self.text(), self.trace)

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return mime_bundle(self.box) | {"text/plain": self.text(), "text/html": markup.block(self.text())}
