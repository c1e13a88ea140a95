"""Folders as apps leave them: locked, or thousands of levels deep."""

from __future__ import annotations

import shutil
import stat
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from iexec_lab.sandbox.environment import PROGRAM, inherited

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Delete a folder, also where an app took its own permissions away or went thousands of levels down."""
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        with suppress(OSError):
            for _ in walk(folder):
                pass
        subprocess.run(
            ["rm", "-rf", "--", folder], env=inherited(PROGRAM), stderr=subprocess.DEVNULL, check=False
        )


def walk(folder: Path) -> Iterator[Path]:
    """Everything below, a folder before its contents; what was locked is unlocked, links are not entered."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        with suppress(OSError):
            here.chmod(0o700)
        for path in sorted(here.iterdir()) if here.is_dir() else []:
            if path.is_dir() and not path.is_symlink():
                waiting.append(path)
            elif not path.is_symlink():
                with suppress(OSError):
                    path.chmod(path.stat().st_mode | stat.S_IRUSR)
            yield path
