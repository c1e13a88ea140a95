"""What a form made by hand works at: the lines it runs, the market that is open, the folder."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.commands.recent import Seen
from iexec_lab.notebook.variables import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.forms.trace import Trace

HIDDEN: Final = "•••"


class SecretWord(str):
    """A word of a line that is never shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


@dataclass(slots=True)
class Desk:
    """Where a form works.

    Attributes:
        execute: Runs the words of a line and returns the value; raises IexecError.
        lab: The market that is open; None where nothing is connected yet.
        seen: Ids and addresses of this session.
        folder: The project folder.
        fixed: The market was opened elsewhere, and stays as it is.
        another: Opens a form made by hand, by its name, at the same desk.
        trace: What the forms here leave in the saved notebook.
    """

    execute: Callable[[Sequence[str]], Any]
    lab: Callable[[], IExec | None] = lambda: None
    seen: Seen = field(default_factory=Seen)
    folder: Path = field(default_factory=Path)
    fixed: bool = False
    trace: Trace | None = None
    another: Callable[[str], Any] = str


def line_of(*lines: Sequence[str]) -> str:
    """Lines as a person types them into a cell, without secrets."""
    shown = [
        shlex.join([HIDDEN if isinstance(word, SecretWord) else escape(word) for word in words]).replace(
            shlex.quote(HIDDEN), HIDDEN
        )
        for words in lines
    ]
    # A line magic ends with its line; a quoted word of a cell may have several.
    is_one = len(shown) == 1 and not any("\n" in word for word in lines[0])
    return f"%iexec {shown[0]}" if is_one else "\n".join(["%%iexec", *shown])
