"""Long work in words: what is done, how much of it, for how long, and how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from iexec_lab.commands.text import safe
from iexec_lab.doors import BYTES
from iexec_lab.spelling import in_bytes, in_time

State = Literal["going", "done", "stopped"]


@dataclass(slots=True)
class Work:
    """One piece of work.

    Attributes:
        doing: What it is.
        text: The part of it that goes on.
        done: How much of that part, in ``unit``.
        total: Of how much; 0 where nobody knows.
        unit: What is counted: ``bytes``, ``%``, or a word such as ``results``.
        state: Whether it goes on, came to its end, or stopped before.
    """

    doing: str
    text: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    state: State = "going"
    _begun: float = field(default_factory=time.monotonic)
    _ended: float | None = None

    def update(self, text: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        self.text = text or self.text
        self.done, self.total, self.unit = done or 0, total or 0, unit

    def end(self, *, well: bool) -> None:
        """It goes on no more."""
        self.state, self._ended = "done" if well else "stopped", time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it took until now, or until its end."""
        return (time.monotonic() if self._ended is None else self._ended) - self._begun

    def words(self) -> str:
        """A line: ``Uploading data.zip: 3.2 MB of 12.0 MB … 4 s``, ``✔ Uploading data.zip: 12.0 MB, 6 s``."""
        lasted = in_time(self.seconds)
        text = "" if self.text == self.doing else self.text.removeprefix(f"{self.doing} ")
        if self.state == "done":
            size = self._counted(self.done) if self.total and self.unit not in ("", "%") else ""
            told = f"✔ {self.doing}: {', '.join(filter(None, [size, lasted]))}"
        elif self.state == "stopped":
            at = ", ".join(filter(None, [text, self._so_far()]))
            told = f"✖ {self.doing}: stopped after {lasted}{f' ({at})' if at else ''}"
        else:
            at = ", ".join(filter(None, [text, self._so_far()]))
            told = f"{self.doing}{f': {at}' if at else ''} … {in_time(int(self.seconds))}"
        return safe(told)

    def _so_far(self) -> str:
        if not self.total:
            return ""
        if self.unit == "%":
            return f"{100 * self.done // self.total} %"
        done = in_bytes(self.done) if self.unit == BYTES else str(self.done)
        return f"{done} of {self._counted(self.total)}"

    def _counted(self, amount: int) -> str:
        return in_bytes(amount) if self.unit == BYTES else f"{amount} {self.unit}".strip()
