"""The face of IPython: questions through the front end, progress in the cell."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from getpass import getpass
from typing import TYPE_CHECKING, Any

from iexec_lab import doors
from iexec_lab.client.jobs.doubts import on_stderr
from iexec_lab.commands.context import Sight, unanswered
from iexec_lab.commands.terminal import Terminal, safe_lines
from iexec_lab.commands.tree import PROGRAM
from iexec_lab.errors import AbortedError
from iexec_lab.notebook.drawing import live
from iexec_lab.notebook.drawing.progress import CellProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from iexec_lab.client.live.follow import Stream
    from iexec_lab.client.plan import Plan
    from iexec_lab.commands.context import Step


_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


@contextmanager
def remarks() -> Iterator[list[str]]:
    """What is said beside answers in this block: a form keeps it with them."""
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


class NotebookFace:
    """Asks and tells where the magic was typed.

    Args:
        settings: The magics; has the traits ``confirm`` and ``progress``.
        kernel: Whether a front end shows the output; else it is a terminal.
        draw: Draws the form of a command; the words that name it are its argument.
    """

    def __init__(self, settings: Any, *, kernel: bool, draw: Callable[[str], Any]) -> None:
        self._settings = settings
        self._kernel = kernel
        self.form = draw
        self._terminal = Terminal()
        self.quiet = False

    def confirm(self, question: str) -> bool:
        if not self._settings.confirm:
            return True
        if not self._kernel:
            return self._terminal.confirm(question)
        from iexec_lab.notebook import yes_no

        if yes_no.is_needed():
            return yes_no.ask(question)
        while (answer := _ask(input, f"{question} (Y/n) ").strip().lower()) not in {
            "",
            "y",
            "yes",
            "n",
            "no",
        }:
            pass
        return answer[:1] != "n"

    def agree(self, plan: Plan) -> bool:
        if not self._settings.confirm:
            return True
        if not self._kernel:
            return self._terminal.agree(plan)
        from IPython.display import display

        display(plan)  # type: ignore[no-untyped-call]
        return self.confirm(f"{plan.action} on {plan.network}: continue?")

    def secret(self, question: str) -> str:
        if not self._kernel:
            return self._terminal.secret(question)
        from iexec_lab.notebook import yes_no

        if yes_no.is_needed():
            return yes_no.ask_secret(question)
        return _ask(getpass, f"{question}: ", hint=_UNSEEN)

    def note(self, text: str) -> None:
        """Notes name command lines; in a notebook the value speaks for itself."""

    def remark(self, text: str) -> None:
        if not self.quiet:
            said = safe_lines(text).replace(f"{PROGRAM} ", "%iexec ")
            print(said)  # noqa: T201 - beside the value, in the cell
            if (heard := _heard.get()) is not None:
                heard.append(said)

    def warn(self, text: str) -> None:
        on_stderr(text)

    def follow(self, stream: Stream, *, raw: bool) -> None:
        """The list in one output that is drawn anew when it changes; at the end the value stands for it."""
        if not self._kernel:
            self._terminal.follow(stream, raw=raw)
            return
        from iexec_lab.notebook.drawing.following import follow

        follow(stream)

    def working(self, doing: str) -> AbstractContextManager[Step]:
        return doors.showing(doors.Unseen()) if self.quiet else self.progress(doing)

    @contextmanager
    def progress(self, doing: str) -> Iterator[Step]:
        """The same for Python code of a cell, whatever the last command was told about silence."""
        if not self._settings.progress:
            step: AbstractContextManager[Any] = doors.showing(doors.Unseen())
        else:
            step = CellProgress(doing) if self._kernel else self._terminal.working(doing)
        with step as opened, doors.showing(opened):
            yield opened

    @contextmanager
    def watching(self, doing: str) -> Iterator[Sight]:
        if self._kernel:
            shows = self._settings.progress and not self.quiet
            with live.manner("always" if shows else "hushed"):
                yield Sight()
        elif self.quiet or not self._settings.progress:
            yield Sight(tell=self.warn)
        else:
            with self._terminal.watching(doing) as sight:
                yield sight


_HINT = "Add --force or the value as an option, or set %config IexecMagics.confirm = False."
_UNSEEN = "Give it as an option, from a variable: {password}."


def _ask(read: Any, prompt: str, hint: str = _HINT) -> str:
    """Ask through the front end.

    Raises:
        AbortedError: nobody can answer, as when a program runs the notebook; or it was interrupted.
    """
    try:
        answer: str = read(prompt)
    except (EOFError, KeyboardInterrupt) as error:
        raise AbortedError(f"No answer: {prompt.strip()}") from error
    except Exception as error:
        if type(error).__name__ != "StdinNotImplementedError":  # ipykernel's, which need not be installed
            raise
        raise unanswered(prompt.strip(), hint) from error
    return answer
