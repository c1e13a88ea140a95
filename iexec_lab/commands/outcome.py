"""What a handler returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping

    from iexec_lab.commands.context import Context

    Handler = Callable[[Context, Namespace], "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of a command, in its three forms.

    Attributes:
        raw: The JSON object of ``--raw``, without ``ok``.
        make: Builds the Python value; called only where one is wanted, so a terminal imports no pandas.
        said: One line for a person.
        told: What the drawn value tells by itself; said where it is not drawn.
        shown: What a terminal prints below that line; ``raw`` when None.
        failed: Sentences about parts that failed while the rest succeeded; the exit code is then 1.
        shows: What failed is what was asked about, as in ``deal show``: the command itself succeeded.
        error: Raised where a value is wanted, when something failed.
    """

    raw: Mapping[str, Any]
    make: Callable[[], Any] | None = None
    said: str = ""
    told: str = ""
    shown: Any = None
    failed: tuple[str, ...] = ()
    shows: bool = False
    error: Exception | None = field(default=None, compare=False)

    @property
    def line(self) -> str:
        """What is said where the value is not drawn."""
        return f"{self.told} {self.said}".strip()

    @property
    def value(self) -> Any:
        """The Python value.

        Raises:
            IexecError: a part of the work failed.
        """
        if self.error is not None:
            raise self.error
        return self.make() if self.make else dict(self.raw)


def leaving_the_job(work: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """``work(context, job, ...)``, of which an interrupt or error names the job: it was paid for."""

    @wraps(work)
    def named(context: Context, job: Any, *args: Any, **options: Any) -> Outcome:
        try:
            return work(context, job, *args, **options)
        except (IexecError, KeyboardInterrupt) as stop:
            if getattr(stop, "job", None) is None:
                stop.job = job  # type: ignore[union-attr]
            raise

    return named


def carry_out(handler: Handler, context: Context, args: Namespace) -> Outcome:
    """What a command answers.

    What is so already is told and is no failure: a cell, a script or a manual is run again and again. With
    ``--raw`` it stays the error that it is in the official CLI.

    Raises:
        IexecError: The command failed.
    """
    try:
        return handler(context, args)
    except IexecError as error:
        if args.raw or not error.already:
            raise
        answer = error.answer
        if context.lasting:
            return Outcome({}, lambda: answer, error.already)
        context.face.remark(error.already)
        return Outcome({}, lambda: answer)
