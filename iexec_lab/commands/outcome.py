"""What a handler returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of a command, in its three forms.

    Attributes:
        raw: The JSON object of ``--raw``, without ``ok``.
        make: Builds the Python value; called only where one is wanted, so a terminal imports no pandas.
        said: One line for a person.
        shown: What a terminal prints below that line; ``raw`` when None.
        failed: Sentences about parts that failed while the rest succeeded; the exit code is then 1.
        shows: What failed is what was asked about, as in ``deal show``: the command itself succeeded.
        error: Raised where a value is wanted, when something failed.
    """

    raw: Mapping[str, Any]
    make: Callable[[], Any] | None = None
    said: str = ""
    shown: Any = None
    failed: tuple[str, ...] = ()
    shows: bool = False
    error: Exception | None = field(default=None, compare=False)

    @property
    def value(self) -> Any:
        """The Python value.

        Raises:
            IexecError: a part of the work failed.
        """
        if self.error is not None:
            raise self.error
        return self.make() if self.make else dict(self.raw)
