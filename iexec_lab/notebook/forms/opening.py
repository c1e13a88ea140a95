"""A form for every command: the same walk over the tree as ``--help``, drawn with ipywidgets.

A form only collects words; what it runs is the line it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.commands.outcome import carry_out
from iexec_lab.commands.parser import not_a_command, parse
from iexec_lab.commands.tree import find
from iexec_lab.notebook.drawing.objects import as_value
from iexec_lab.notebook.face import NotebookFace
from iexec_lab.notebook.forms.connect import ConnectForm
from iexec_lab.notebook.forms.form import Form

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from iexec_lab.client.iexec import IExec
    from iexec_lab.commands.recent import Seen

    Execute = Callable[[Sequence[str]], Any]


def form(
    name: str,
    execute: Execute,
    *,
    seen: Seen | None = None,
    folder: Path | None = None,
    values: dict[str, Any] | None = None,
) -> Form:
    """The form of a command, by its words: ``form("app run", ...)``.

    Raises:
        UsageError: no such command.
    """
    words = name.split()
    command, taken = find(words)
    if command is None or taken != len(words):
        raise not_a_command(name)
    kind = ConnectForm if command.path == ("connect",) else Form
    return kind(command, execute, seen=seen, folder=folder, values=values)


def lab_form(lab: IExec, name: str, **values: Any) -> Form:
    """The form of a command for a lab that is open already: ``lab.form("app run", app="0x...")``.

    Raises:
        UsageError: no such command, or no such option.
    """
    from iexec_lab.commands.context import Context

    def draw(words: str) -> Form:
        return form(words, execute, folder=lab.session.folder, values=values)

    def execute(words: Sequence[Any]) -> Any:
        command, taken = find(words)
        assert command is not None
        return as_value(carry_out(command.handler, context, parse(command, words[taken:])).value)

    context = Context(
        NotebookFace(_Settings(), kernel=True, draw=draw), folder=lab.session.folder, lasting=True
    )
    context.adopt(lab)
    return draw(name)


class _Settings:
    """The settings that a face reads from the magics, for a form without magics."""

    confirm = True
    progress = True
