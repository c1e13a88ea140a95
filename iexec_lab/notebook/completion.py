"""Tab completion of ``%iexec`` lines and ``%%iexec`` cells in IPython and Jupyter."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.complete import Proposal, proposals, split
from iexec_lab.notebook.compat import add_completion
from iexec_lab.notebook.variables import completions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell

    from iexec_lab.commands.recent import Seen

_LINE = re.compile(r"^\s*(?:[\w.,\s\[\]'\"*]+=\s*|%%?time\s+)?%iexec\s(?P<rest>.*)$")
_HEAD = re.compile(r"^\s*%%iexec(?P<rest>\s.*|)$")
_BEFORE = ("iexec", "iexec-lab", "help")
_CELL_ONLY = Proposal("-o", "<name> keeps the value in this variable")
_TARGET = re.compile(r"(?<!\S)-o\s+\w+\s?")
_BARE = re.compile(r"(?:\\(?:.|$)|[^\s\\'\"]|'[^']*'|\"(?:\\.|[^\"\\])*\")*$")
_OPEN = re.compile(r"(['\"])((?:\\.|(?!\1).)*)$", re.DOTALL)
_SPECIAL = re.compile(r"([\s\\'\"])")


def command_line(lines: list[str]) -> str | None:
    """The command text up to the cursor, None when the cursor is not in an iexec command.

    Args:
        lines: The cell up to the cursor; the last one ends at it.
    """
    head = _HEAD.match(lines[0])
    if head is None:
        if lines[0].lstrip().startswith("%%"):
            return None  # another language
        line = _LINE.match(lines[-1])
        return line["rest"] if line else None
    if len(lines) == 1:
        return head["rest"][1:] if head["rest"] else None
    if lines[-1].lstrip().startswith("#"):
        return None
    first = _TARGET.sub("", head["rest"]).strip().rstrip("\\")
    return f"{first} {lines[-1]}" if first and not first.startswith("-") else lines[-1].lstrip()


def fragment(line: str, last: str) -> tuple[str, str]:
    """The typed part of the last word, as written, and its open quote."""
    if not last and (not line or line[-1].isspace()):
        return "", ""
    opened = _OPEN.search(line) if _is_open(line) else None
    if opened and (opened.start() == 0 or line[opened.start() - 1].isspace()):
        return opened[2], opened[1]
    bare = _BARE.search(line)
    return (bare[0] if bare and not opened else line.rpartition(" ")[2]), ""


def _is_open(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return not line.endswith("\\")
    return False


def _typed(word: str, quote: str) -> str:
    """A word as written on a line, inside the open quote."""
    if quote == "'":
        return word
    return word.replace("\\", "\\\\").replace('"', '\\"') if quote else _SPECIAL.sub(r"\\\1", word)


def install(shell: InteractiveShell, seen: Seen, folder: Callable[[], Path]) -> Callable[[], None]:
    """Complete our lines in the shell; call the result to stop."""

    def complete(before: str) -> tuple[str, list[Proposal]] | None:
        found = complete_cell(before, seen=seen, folder=folder(), variables=shell.user_ns)
        # Without any completion IPython would offer what it finds itself, magics and all.
        return found and (found[0], found[1] or [Proposal(found[0])])

    return add_completion(shell, complete)


def complete_cell(
    before: str, *, seen: Seen, folder: Path, variables: Mapping[str, Any]
) -> tuple[str, list[Proposal]] | None:
    """What stands in front of the cursor of a cell, and what may stand there; None when it is not ours."""
    line = command_line(before.split("\n"))
    if line is None:
        return None
    words, last = split(line)
    if last.rfind("{") > last.rfind("}"):
        there, names = completions(last[last.rfind("{") + 1 :], variables)
        return there, [Proposal(name) for name in names]
    found = proposals(_plain(words), last, seen=seen, folder=folder)
    if before.lstrip().startswith("%%") and last.startswith("-") and _CELL_ONLY.text.startswith(last):
        found.append(_CELL_ONLY)
    there, quote = fragment(line, last)
    return there, [each._replace(text=_typed(each.text, quote)) for each in found]


def _plain(words: list[str]) -> list[str]:
    """The words without those that may come before a command."""
    while words and words[0] in _BEFORE:
        words = words[1:]
    return words
