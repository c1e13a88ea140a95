"""What the pages read: the lists of the command line, asked for with the same words.

Each list that a page shows is a line of ``%iexec``, which it shows to copy: one declaration of filters, one
way to read, and what was found on a page can be had as a frame.
"""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.commands.context import Context, Sight, unanswered
from iexec_lab.commands.outcome import carry_out
from iexec_lab.commands.parser import parse
from iexec_lab.commands.tree import PROGRAM, find
from iexec_lab.doors import Unseen
from iexec_lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd

    from iexec_lab.client.iexec import IExec
    from iexec_lab.client.live.follow import Stream
    from iexec_lab.client.plan import Plan
    from iexec_lab.commands.tree import Command, Option

_NOT_FILTERS = frozenset({"limit", "sort", "ascending", "all", "source", "plot"})
_NOT_FILTERING = frozenset({"wallet", "network", "output", "follow"})


class Found(NamedTuple):
    """A frame, and what was remarked about it."""

    frame: pd.DataFrame
    remarks: tuple[str, ...]


class _Page:
    """The face of a page: it asks nobody and keeps what it is told."""

    def __init__(self, drive: Callable[[Stream], None] | None = None) -> None:
        self.told: list[str] = []
        self._drive = drive

    def confirm(self, question: str) -> bool:
        raise unanswered(question, "Use a form.")

    def agree(self, plan: Plan) -> bool:
        raise unanswered(plan.action, "Use a form.")

    def secret(self, question: str) -> str:
        raise unanswered(question, "Connect with a wallet first.")

    def note(self, text: str) -> None:
        """What is more, and what to type for it: a page has that as buttons."""

    def remark(self, text: str) -> None:
        self.told.append(text.replace(f"{PROGRAM} ", "%iexec "))

    def warn(self, text: str) -> None:
        self.remark(text)

    def working(self, _doing: str) -> AbstractContextManager[Any]:
        return nullcontext(Unseen())

    def watching(self, _doing: str) -> AbstractContextManager[Sight]:
        return nullcontext(Sight())

    def follow(self, stream: Stream, *, raw: bool) -> None:  # noqa: ARG002 - the protocol's
        if self._drive is not None:
            self._drive(stream)

    def form(self, name: str) -> Any:
        raise UsageError(f"{name} is no list")


class Asking:
    """Reads with one lab; may be used from several threads."""

    def __init__(self, lab: IExec) -> None:
        self.lab = lab

    def frame(self, words: Sequence[str]) -> Found:
        """The frame of a command.

        Raises:
            IexecError: It failed.
        """
        face = _Page()
        value = self._run(face, words)
        return Found(value, tuple(face.told))

    def follow(self, words: Sequence[str], drive: Callable[[Stream], None]) -> None:
        """Call ``drive`` with the stream of a list; it is closed afterwards.

        Raises:
            IexecError: The list cannot be followed, or was not reached.
        """
        self._run(_Page(drive), [*words, "--follow"])

    def _run(self, face: _Page, words: Sequence[str]) -> Any:
        context = Context(face, folder=self.lab.session.folder, lasting=True)
        context.given = self.lab
        command, taken = find(words)
        assert command is not None
        return carry_out(command.handler, context, parse(command, words[taken:])).value


def command_of(words: Sequence[str]) -> Command:
    """The command that words begin with."""
    command, _ = find(words)
    assert command is not None
    return command


def filters_of(words: Sequence[str]) -> list[Option]:
    """The options of a list that filter it, without those that the words have already."""
    given = {word for word in words if word.startswith("--")}
    return [
        option
        for option in command_of(words).options
        if option.group not in _NOT_FILTERING and option.dest not in _NOT_FILTERS and option.flag not in given
    ]


def can_follow(words: Sequence[str]) -> bool:
    """Whether a list has a feed that tells each of its changes."""
    return words[0] == "orderbook"


def line_of(words: Sequence[str]) -> str:
    """What to type for the same frame."""
    return f"%iexec {shlex.join(words)}"


def with_limit(words: Sequence[str], limit: int) -> list[str]:
    """The words of a list, of so many rows at most where it can be cut; figures are always whole."""
    if command_of(words).option("--limit") is None or words[0] == "history":
        return [*words]
    return [*words, "--limit", str(limit)]
