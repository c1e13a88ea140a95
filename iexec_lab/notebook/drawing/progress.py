"""Progress in a notebook: one output of the cell, updated in place, text and HTML, no widget."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any, Self

from iexec_lab.notebook.drawing import stage

if TYPE_CHECKING:
    from types import TracebackType

_PATIENCE = 0.7  # seconds before anything is drawn
_INTERVAL = 0.2


class Silent:
    """A step that shows nothing."""

    def update(self, text: str, done: int | None = None, total: int | None = None) -> None:
        """Nothing to show."""


class CellProgress:
    """Draws itself when updated after a moment; the last state stays in the saved notebook."""

    def __init__(self, doing: str) -> None:
        self.text, self.done, self.total = doing, 0, 0
        self.doing = doing
        self.ended = False
        self._started = time.monotonic()
        self._drawn = 0.0
        self._handle: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended = error is None
        if self._handle is not None:
            self._handle.update(self)

    def update(self, text: str, done: int | None = None, total: int | None = None) -> None:
        self.text, self.done, self.total = text or self.text, done or 0, total or 0
        stage.tell(self.text, self.done, self.total)
        now = time.monotonic()
        if now - self._started < _PATIENCE or now - self._drawn < _INTERVAL:
            return
        self._drawn = now
        if self._handle is None:
            self._handle = stage.show(self)
        else:
            self._handle.update(self)

    def _seconds(self) -> int:
        return int(time.monotonic() - self._started)

    def _words(self) -> str:
        count = f" {self.done}/{self.total}" if self.total else ""
        mark = "✔ " if self.ended else ""
        return f"{mark}{self.doing}{count}: {self.text}, {self._seconds()} s"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002
        bar = f'<progress value="{self.done}" max="{self.total}"></progress> ' if self.total else ""
        return {"text/plain": self._words(), "text/html": f"<div>{bar}{escape(self._words())}</div>"}
