"""What the client asks of the notebook, which stands above it and is built on it.

The package itself hands it in when it is imported (``__init__.py``), so that no room imports one above.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

draw_form: Callable[[Any, str, Mapping[str, Any]], Any]
"""Draws a command as a form: lab, words of the command, options to fill in."""
explore: Callable[..., Any]
"""The market as a page: lab, the list that it begins with, an address; ``is_page=False``: as text."""
dashboard: Callable[..., Any]
"""The wallet of a lab as a page; ``is_page=False``: as text."""
connections: list[Callable[[], Any]] = []
"""What each notebook of this process is connected to, or None; the newest notebook is the last."""


def connection() -> Any:
    """What this process is connected to, as ``client.choice.Connection``; None in a plain program."""
    return next((found for ask in reversed(connections) if (found := ask()) is not None), None)


def _nowhere() -> Any:
    return None


live: Callable[[], Any] = _nowhere
"""What draws things that change while they are looked at, as ``notebook.drawing.live``; None in a program."""
in_python: Callable[[str], str]
"""A text whose command lines are the calls that a Python program would make."""
widget_wallet: Callable[[], Any]
"""The wallet of the page that shows the notebook."""


working: list[Callable[[str], AbstractContextManager[Any]]] = []
"""What shows the progress of long work in each notebook of this process; the newest notebook is the last."""


def _unseen(_doing: str) -> AbstractContextManager[Any]:
    return nullcontext(Unseen())


line: Callable[[str], AbstractContextManager[Any]] = _unseen
"""What shows the progress of long work where no notebook does: on a terminal's line, else nowhere."""
BYTES: Final = "bytes"
"""The unit of work that is counted in bytes."""
_open: ContextVar[Any] = ContextVar("open_step", default=None)


@contextmanager
def progress(doing: str) -> Iterator[Any]:
    """A step whose ``update(text, done, total, unit)`` a notebook shows, and a program on a terminal's line.

    A part of work that is shown already, such as that of a command, is told there.
    """
    outer = _open.get()
    if outer is not None:
        outer.update(doing)
        yield _Part(outer, doing)
    else:
        with (working[-1] if working else line)(doing) as step, showing(step):
            yield step


def hidden() -> AbstractContextManager[Any]:
    """In this block the terminal's line, if one is shown, is away: somebody is asked, or told something."""
    hide = getattr(_open.get(), "hidden", None)
    return nullcontext() if hide is None else cast("AbstractContextManager[Any]", hide())


@contextmanager
def showing(step: Any) -> Iterator[Any]:
    """In this block the step is what parts of the work are told to."""
    token = _open.set(step)
    try:
        yield step
    finally:
        _open.reset(token)


class _Part:
    """A part of a step."""

    def __init__(self, outer: Any, doing: str) -> None:
        self._outer, self._doing = outer, doing

    def update(self, text: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        self._outer.update(text or self._doing, done, total, unit)


class Unseen:
    """A step that nobody sees."""

    def update(self, text: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        """Nothing to show."""
