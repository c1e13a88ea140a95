"""A question with two buttons, for code started by a widget: there the front end takes no typed answer."""

from __future__ import annotations

import builtins
import html
from types import BuiltinFunctionType

import ipywidgets as widgets
from IPython.display import display

from iexec_lab.errors import AbortedError
from iexec_lab.notebook.widget_messages import can_serve, serve

LONGEST_WAIT = 600.0
"""Seconds that a question stays open."""


def is_needed() -> bool:
    """Whether a widget's message is being handled: a kernel puts its own ``input`` there only for cells."""
    return isinstance(builtins.input, BuiltinFunctionType) and can_serve()


def ask(question: str, seconds: float = LONGEST_WAIT) -> bool:
    """Draw the question below what was shown, and wait for a click.

    Raises:
        AbortedError: Nobody clicked in time, or the wait was interrupted.
    """
    text = widgets.HTML(f"<span>{html.escape(question)}</span>")
    choice = widgets.ToggleButtons(options=[("Yes, go on", True), ("No", False)], value=None)
    box = widgets.VBox([text, choice])
    display(box)  # type: ignore[no-untyped-call]
    comm = choice.comm
    try:
        if not serve(comm.comm_id if comm else "", lambda: choice.value is not None, seconds):
            raise AbortedError(f"No answer within {seconds:g} s: {question}")
        return bool(choice.value)
    except KeyboardInterrupt as stop:
        raise AbortedError(f"No answer: {question}") from stop
    finally:
        box.close()
