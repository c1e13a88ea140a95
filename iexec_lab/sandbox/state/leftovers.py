"""What killed work left behind: drafts of files that were to be moved to their place when whole."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from iexec_lab.sandbox.state.untidy_folders import remove_tree

if TYPE_CHECKING:
    from pathlib import Path

ABANDONED = 3600.0
"""Seconds after which nobody is at work on a draft any more; npm may take five minutes."""


def sweep_state(folder: Path) -> None:
    """Delete drafts in a state folder; only for who holds its lock."""
    for place in (folder, folder / "chain", folder / "sms"):
        sweep(place, age=0)
    sweep(folder / "apps")  # where other processes write, too


def sweep(folder: Path, age: float = ABANDONED) -> None:
    """Delete drafts, whose names begin with a dot, that nobody has touched for ``age`` seconds."""
    for draft in folder.glob(".*"):
        with suppress(OSError):  # another one sweeps, too; or it stays, for the next run to delete
            if time.time() - draft.lstat().st_mtime < age:
                continue
            if draft.is_dir() and not draft.is_symlink():
                remove_tree(draft)
            else:
                draft.unlink()
