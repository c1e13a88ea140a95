"""Lines that IPython alone would misread.

``%iexec app run?`` asks about ``app run``, not about a thing named ``run``. ``df = %iexec ...;`` keeps the
value: nothing would be shown anyway.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

_QUESTION = re.compile(r"^(\s*%iexec\s+[\w\s-]*\w)\s*\?{1,2}\s*$")
_ASSIGNED = re.compile(r"^([^%'\"#]*=\s*%iexec\s.*?)\s*;\s*$")


def without_semicolon(lines: list[str]) -> list[str]:
    """Lines of a cell in which assignments do not end with the mark for "show nothing"."""
    if lines and lines[0].lstrip().startswith("%%"):
        return lines
    return [_ASSIGNED.sub(r"\1\n", line) for line in lines]


def to_help(lines: list[str]) -> list[str]:
    """Lines of a cell in which question marks after a command have become ``--help``."""
    if lines and lines[0].lstrip().startswith("%%"):
        return lines
    return [_QUESTION.sub(r"\1 --help\n", line) for line in lines]


def install(shell: InteractiveShell) -> Callable[[], None]:
    """Install both in this shell; call the result to stop."""
    ours = [to_help, without_semicolon]
    shell.input_transformers_cleanup.extend(ours)

    def remove() -> None:
        for transform in ours:
            shell.input_transformers_cleanup.remove(transform)

    return remove
