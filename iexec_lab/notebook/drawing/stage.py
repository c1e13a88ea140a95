"""Where something that changes is drawn: an output of the cell, or below a form while the form works.

A front end does not update outputs that a widget holds, so a form has a widget for each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Shown(Protocol):
    """What was drawn, and can be drawn anew."""

    def update(self, value: Any, /) -> Any: ...


Hear = Callable[[str, int, int], None]
"""What is being done, how much of it, of how much; zeros where nobody knows."""
_stage: ContextVar[Callable[[Any], Shown] | None] = ContextVar("stage", default=None)
_hearer: ContextVar[Hear | None] = ContextVar("hearer", default=None)


def show(value: Any) -> Shown:
    """Draw a value that will change; ``update`` draws the next one in its place."""
    place = _stage.get()
    if place is not None:
        return place(value)
    from IPython.display import display

    shown: Shown = display(value, display_id=True)  # type: ignore[no-untyped-call]
    return shown


def tell(text: str, done: int = 0, total: int = 0) -> None:
    """Say how far a piece of work is, to who began it here."""
    hear = _hearer.get()
    if hear is not None:
        hear(text, done, total)


@contextmanager
def on(place: Callable[[Any], Shown], hear: Hear | None = None) -> Iterator[None]:
    """Let ``place`` draw what changes inside of the block, and ``hear`` what is being done."""
    tokens = _stage.set(place), _hearer.set(hear)
    try:
        yield
    finally:
        _stage.reset(tokens[0])
        _hearer.reset(tokens[1])
