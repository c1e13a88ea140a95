"""Where a form draws what moves while it works: front ends do not update outputs that a widget holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from iexec_lab import markup

if TYPE_CHECKING:
    from iexec_lab.notebook.drawing.stage import Shown


class Moving:
    """Places below each other, for ``drawing/stage.py``.

    Attributes:
        box: What is drawn.
    """

    def __init__(self) -> None:
        self.box = widgets.VBox(layout=widgets.Layout(overflow="visible"))

    def place(self, value: Any) -> Shown:
        """Draw a value in a place of its own, which is drawn anew by ``update``."""
        held = _Place()
        self.box.children = (*self.box.children, held.widget)
        held.update(value)
        return held

    def clear(self) -> None:
        """What moved has ended: what follows says what it did."""
        self.box.children = ()


class _Place:
    """A widget that draws something that changes."""

    def __init__(self) -> None:
        self.widget = widgets.HTML()

    def update(self, value: Any) -> None:
        bundle = value._repr_mimebundle_() if hasattr(value, "_repr_mimebundle_") else {}
        self.widget.value = bundle.get("text/html") or markup.block(str(value))
