"""A list that is followed, in a notebook: one output, drawn anew as the list changes."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from iexec_lab import markup

if TYPE_CHECKING:
    from iexec_lab.client.live.follow import Stream

_INTERVAL: Final = 0.4
"""Seconds between two drawings: a busy market must not fill the saved notebook, or the browser."""
_WAIT: Final = 0.25


def follow(stream: Stream) -> None:
    """Draw the list until the stream ends or the kernel is interrupted; what stays is a line about it."""
    from IPython.display import display

    started = time.monotonic()
    handle: Any = display(stream.frame, display_id=True)  # type: ignore[no-untyped-call]
    drawn = time.monotonic()
    is_stale = False
    with suppress(KeyboardInterrupt):
        while stream.goes_on:
            is_stale = stream.next_within(_WAIT) is not None or is_stale
            now = time.monotonic()
            if (is_stale or stream.is_old) and now - drawn >= _INTERVAL:
                handle.update(stream.frame)
                drawn, is_stale = now, False
    handle.update(Followed(stream.changes, time.monotonic() - started))


class Followed:
    """What stays in the saved notebook where the moving list was; the list itself is the cell's value."""

    def __init__(self, changes: int, seconds: float) -> None:
        self.words = f"followed for {seconds:.0f} s: {changes} {'change' if changes == 1 else 'changes'}"

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        return markup.text(self.words)
