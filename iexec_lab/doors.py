"""What the client asks of the notebook, which stands above it and is built on it.

The package itself hands it in when it is imported (``__init__.py``), so that no room imports one above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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
widget_wallet: Callable[[], Any]
"""The wallet of the page that shows the notebook."""


working: list[Callable[[str], AbstractContextManager[Any]]] = []
"""What shows the progress of long work in each notebook of this process; the newest notebook is the last."""


def progress(doing: str) -> AbstractContextManager[Any]:
    """A step whose ``update(text, done, total)`` a notebook shows; a plain program is silent."""
    from contextlib import nullcontext

    return working[-1](doing) if working else nullcontext(Unseen())


class Unseen:
    """A step that nobody sees."""

    def update(self, text: str, done: int | None = None, total: int | None = None) -> None:
        """Nothing to show."""
