"""A form for every command: the same walk over the tree as ``--help``, drawn with ipywidgets.

A form only collects words; what it runs is the line it shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.outcome import carry_out
from iexec_lab.commands.parser import not_a_command, parse
from iexec_lab.commands.recent import Seen
from iexec_lab.commands.tree import find
from iexec_lab.notebook.drawing.objects import as_value
from iexec_lab.notebook.face import NotebookFace
from iexec_lab.notebook.forms.connect import ConnectForm
from iexec_lab.notebook.forms.drafts import KINDS, PARTS, Drafts
from iexec_lab.notebook.forms.form import Form
from iexec_lab.notebook.forms.proposals import deployed_here
from iexec_lab.notebook.forms.signed import Signed
from iexec_lab.protocol import NULL_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.forms.signed import Held

    Execute = Callable[[Sequence[str]], Any]


def form(
    name: str,
    execute: Execute,
    *,
    seen: Seen | None = None,
    folder: Path | None = None,
    values: dict[str, Any] | None = None,
    lab: Callable[[], IExec | None] | None = None,
) -> Form:
    """The form of a command, by its words: ``form("app run", ...)``.

    Args:
        name: Its words.
        execute: Runs words and returns the value; raises IexecError.
        seen: Ids and addresses to suggest.
        folder: The project folder.
        values: What the controls hold at first, by option name with underscores.
        lab: The market in use, None before there is one; a form opens none.

    Raises:
        UsageError: no such command.
    """
    words = name.split()
    command, taken = find(words)
    if command is None or taken != len(words):
        raise not_a_command(name)
    kind = ConnectForm if command.path == ("connect",) else Form
    seen, folder, opened = seen or Seen(), folder or Path(), lab() if lab is not None else None
    held = _held(command.path, seen, folder, opened)
    made = kind(
        command,
        execute,
        seen=seen,
        folder=folder,
        values=(_ticked(command.path, held) if held is not None else {}) | (values or {}),
        drafts=held,
    )
    made.market = opened
    if opened is not None:
        for field in made.fields.values():
            field.propose(deployed_here(folder, field.item.kind, opened.session.network.id))
    return made


def _held(path: tuple[str, ...], seen: Seen, folder: Path, lab: IExec | None) -> Held | None:
    """What of the project's files the command works from."""
    chain_id = lab.session.network.id if lab is not None else None
    if path in PARTS:
        owner = lab.session.address if lab is not None else NULL_ADDRESS
        return Drafts(path, seen, folder, owner=owner, chain_id=chain_id)
    return Signed(folder, chain_id) if path == ("order", "publish") else None


def _ticked(path: tuple[str, ...], held: Held) -> dict[str, Any]:
    """The flags of what is there; none where all is, which no flag means too."""
    if path[0] != "order" or path[1] == "init" or (path[1] == "sign" and len(held.present) == len(KINDS)):
        return {}
    return {part.removesuffix("order"): True for part in held.present}


def lab_form(lab: IExec, name: str, **values: Any) -> Form:
    """The form of a command for a lab that is open already: ``lab.form("app run", app="0x...")``.

    Raises:
        UsageError: no such command, or no such option.
    """
    from iexec_lab.commands.context import Context

    def draw(words: str) -> Form:
        return form(words, execute, folder=lab.session.folder, values=values, lab=lambda: lab)

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
