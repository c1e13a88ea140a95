"""Progress in a notebook: one output of the cell, updated in place, text and HTML, no widget."""

from __future__ import annotations

import threading
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Self

from iexec_lab import markup
from iexec_lab.commands.work import Work
from iexec_lab.notebook.drawing import stage

if TYPE_CHECKING:
    from types import TracebackType

_PATIENCE = 0.7  # seconds before anything is drawn
_INTERVAL = 0.4


class CellProgress:
    """Draws itself after a moment and from then on, by a thread: waiting code needs no clock.

    The last state, with its size and seconds, stays in the saved notebook.
    """

    def __init__(self, doing: str) -> None:
        self.work = Work(doing)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._handle: Any = None

    def __enter__(self) -> Self:
        # In the context of the cell, so that the output is the cell's.
        drawing = copy_context()
        threading.Thread(target=drawing.run, args=(self._draw_on,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._ended.set()
            self.work.end(well=error is None)
            if self._handle is not None:
                self._handle.update(self)

    def update(self, text: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        self.work.update(text, done, total, unit)
        stage.tell(text or self.work.doing, done or 0, total or 0)

    def _draw_on(self) -> None:
        self._ended.wait(_PATIENCE)
        drawn = ""
        while not self._ended.is_set():
            with self._lock, suppress(Exception):  # a front end that is gone is no failure of the work
                words = self.work.words()
                if words != drawn and not self._ended.is_set():
                    drawn = words
                    self._draw()
            self._ended.wait(_INTERVAL)

    def _draw(self) -> None:
        if self._handle is None:
            self._handle = stage.show(self)
        else:
            self._handle.update(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002
        work, words = self.work, self.work.words()
        goes_on = work.state == "going"
        bar = markup.progress(work.done, work.total, work.doing) if goes_on else ""
        html = markup.text(bar, " " if goes_on else "", words, role="status")
        return {"text/plain": words, "text/html": str(html)}
