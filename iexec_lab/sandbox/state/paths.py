"""Where a sandbox keeps things: state folders and the cache of what was fetched or computed once."""

from __future__ import annotations

import os
import re
from pathlib import Path

from iexec_lab.errors import ValidationError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def state_folder(name: str = "default") -> Path:
    """The folder of the sandbox ``name``; ValidationError for a bad name.

    IEXEC_LAB_STATE moves the states alone, IEXEC_LAB_HOME states and cache.
    """
    if not _NAME.fullmatch(name):
        raise ValidationError(
            f"{name!r} is not a name for a sandbox",
            hint="Letters, digits, dots, dashes and underscores, 64 at most, a letter or digit first.",
        )
    states = os.environ.get("IEXEC_LAB_STATE")
    if states:
        return Path(states).expanduser().absolute() / name
    home = os.environ.get("IEXEC_LAB_HOME")
    if home:
        return Path(home).expanduser().absolute() / "sandbox" / name
    import platformdirs

    return Path(platformdirs.user_data_dir("iexec-lab")) / "sandbox" / name


def cache_folder() -> Path:
    """Where packages and snapshots are kept for all sandboxes of this user; IEXEC_LAB_HOME moves it."""
    home = os.environ.get("IEXEC_LAB_HOME")
    if home:
        return Path(home).expanduser().absolute() / "cache"
    import platformdirs

    return Path(platformdirs.user_cache_dir("iexec-lab"))
