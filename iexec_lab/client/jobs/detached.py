"""Leaving a wait without leaving the work: what an interrupted wait raises.

In IPython both show one line, and the cells after it do not run.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from iexec_lab.errors import PROGRAM, as_typed, has_magic


class Detached(KeyboardInterrupt):
    """The wait was interrupted; the job goes on. The text says how to come back to it.

    Attributes:
        line: The command that comes back to it, without the program's name.
        back: How to come back, in a sentence.
        job: The job, for whoever wants to go on with it.
    """

    def __init__(self, text: str, line: str = "", back: str = "", job: Any = None) -> None:
        super().__init__(f"{text} {back}".strip())
        self.line, self.back, self.job = line, back, job

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def typed(line: str) -> str:
    """A command as typed here: a magic, a line of the terminal, or a call."""
    if has_magic():  # where braces stand for variables
        line = line.replace("{", "{{").replace("}", "}}")
    return as_typed(f"{PROGRAM} {line}")


@cache
def detached_await() -> type[BaseException]:
    """The same for an ``await``: still a cancellation, so that event loops treat it as one.

    Made when needed: importing asyncio takes longer than most commands run.
    """
    from asyncio import CancelledError

    class DetachedAwait(CancelledError):  # noqa: N818 -- not an error
        __doc__ = Detached.__doc__
        _render_traceback_ = Detached._render_traceback_

    return DetachedAwait
