"""Waiting for what happens in its own time."""

from __future__ import annotations

import time

PATIENCE = 300
"""Seconds after which what should happen at once is taken for lost."""


def until(look, good=bool, *, seconds=PATIENCE):
    """What ``look`` gives once that is ``good``, or the last that it gave in time."""
    end = time.monotonic() + seconds
    while not good(found := look()) and time.monotonic() < end:
        time.sleep(0.02)
    return found
