"""Questions with buttons, for code started by a widget: there the front end takes no typed answer."""

from __future__ import annotations

import builtins
import html
from types import BuiltinFunctionType
from typing import Any

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
    try:
        if not serve(_comms(choice), lambda: choice.value is not None, seconds):
            raise AbortedError(f"No answer within {seconds:g} s: {question}")
        return bool(choice.value)
    except KeyboardInterrupt as stop:
        raise AbortedError(f"No answer: {question}") from stop
    finally:
        box.close()


def ask_secret(question: str, seconds: float = LONGEST_WAIT) -> str:
    """Draw a field for a password or key below what was shown, and wait for it.

    It is taken from the page as soon as it is typed; nothing of it stays in a widget.

    Raises:
        AbortedError: It was cancelled, nobody typed it in time, or the wait was interrupted.
    """
    held: list[str] = []
    pressed: list[bool] = []
    text = widgets.HTML(f"<span>{html.escape(question)}</span>")
    typed = widgets.Password(description="Password or key", continuous_update=False)
    typed.style.description_width = "initial"
    go_on = widgets.Button(description="Go on", button_style="primary")
    cancel = widgets.Button(description="Cancel")

    def take(change: Any) -> None:
        if change["new"]:
            held[:] = [str(change["new"])]
            typed.value = ""
            typed.placeholder = "typed"

    def hear(_widget: Any, content: Any, _buffers: Any) -> None:
        if content.get("event") == "submit":  # the Enter key
            pressed.append(True)

    typed.observe(take, names="value")
    typed.on_msg(hear)
    go_on.on_click(lambda _button: pressed.append(True))
    cancel.on_click(lambda _button: pressed.append(False))
    box = widgets.VBox([text, widgets.HBox([typed, cancel, go_on])])
    display(box)  # type: ignore[no-untyped-call]

    def is_done() -> bool:
        return False in pressed or bool(pressed and held)

    try:
        if not serve(_comms(typed, go_on, cancel), is_done, seconds):
            raise AbortedError(f"No answer within {seconds:g} s: {question}")
        if False in pressed:
            raise AbortedError(f"No answer: {question}")
        return held[0]
    except KeyboardInterrupt as stop:
        raise AbortedError(f"No answer: {question}") from stop
    finally:
        held.clear()
        box.close()


def _comms(*controls: Any) -> set[str]:
    """The comms of controls; their messages are served while a question waits."""
    return {control.comm.comm_id for control in controls if control.comm is not None}
