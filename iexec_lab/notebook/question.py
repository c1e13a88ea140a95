"""``%iexec app run?`` asks about ``app run``; IPython alone would look for a thing named ``run``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

_QUESTION = re.compile(r"^(\s*%iexec\s+[\w\s-]*\w)\s*\?{1,2}\s*$")


def to_help(lines: list[str]) -> list[str]:
    """Lines of a cell in which our question marks have become ``--help``."""
    if lines and lines[0].lstrip().startswith("%%"):
        return lines
    return [_QUESTION.sub(r"\1 --help\n", line) for line in lines]


def install(shell: InteractiveShell) -> Callable[[], None]:
    """Do so in this shell; call what is returned to stop."""
    shell.input_transformers_cleanup.append(to_help)
    return lambda: shell.input_transformers_cleanup.remove(to_help)
