"""Where something that changes is drawn: an output of the cell, or below a form while the form works.

A front end does not update outputs that a widget holds, so a form has a widget for each of them.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Shown(Protocol):
    """What was drawn, and can be drawn anew."""

    def update(self, value: Any, /) -> Any: ...


_stage: ContextVar[Callable[[Any], Shown] | None] = ContextVar("stage", default=None)


def show(value: Any) -> Shown:
    """Draw a value that will change; ``update`` draws the next one in its place."""
    place = _stage.get()
    if place is not None:
        return place(value)
    from IPython.display import display

    shown: Shown = display(value, display_id=True)  # type: ignore[no-untyped-call]
    return shown


@contextmanager
def on(place: Callable[[Any], Shown]) -> Iterator[None]:
    """Let ``place`` draw what changes inside of the block."""
    token = _stage.set(place)
    try:
        yield
    finally:
        _stage.reset(token)
