"""What only one worker does at a time: downloads into the cache, which all of them use."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from iexec_lab.sandbox.state.paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold the lock of ``name``, a folder in the cache that is made if need be."""
    folder = cache_folder() / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tests.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
