"""All forms: buttons for those made by hand, then every command."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.commands.hand_made import HAND_MADE, overview
from iexec_lab.commands.tree import PROGRAM, walk
from iexec_lab.notebook.compat import mime_bundle
from iexec_lab.notebook.forms import pieces

if TYPE_CHECKING:
    from collections.abc import Callable


class Index:
    """What ``%iexec form`` shows.

    Args:
        draw: Makes the form of a name.

    Attributes:
        box: What is drawn.
    """

    def __init__(self, draw: Callable[[str], Any]) -> None:
        self._draw = draw
        self._form = widgets.VBox(layout=widgets.Layout(overflow="visible"))
        first = [
            pieces.action(name, "", partial(self.open, name), help=form.summary)
            for name, form in HAND_MADE.items()
        ]
        names = [(f"{each.name}: {each.summary}", each.name) for each in walk() if each.path != ("form",)]
        self.others = pieces.choice([("choose a command …", ""), *names], "")
        self.others.observe(lambda change: self.open(change["new"]), names="value")
        rows = [
            (pieces.buttons(button), form.summary)
            for button, form in zip(first, HAND_MADE.values(), strict=True)
        ]
        told = [widgets.HBox([button, widgets.HTML(markup.html(said))]) for button, said in rows]
        self.box = pieces.page(
            pieces.heading("Forms", "What people do first, and below it every command."),
            *told,
            pieces.labelled(self.others, "Any command"),
            self._form,
        )

    def open(self, name: str) -> None:
        """Draw a form below the list."""
        self._form.children = [self._draw(name).box] if name else []

    def text(self) -> str:
        return overview().replace(PROGRAM, "%iexec")

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return mime_bundle(self.box) | {"text/plain": self.text(), "text/html": markup.block(self.text())}
