"""Tab completion of ``%iexec`` lines and ``%%iexec`` cells in IPython and Jupyter.

IPython calls the matcher interface version 2 provisional; what we use of it is in this file only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from iexec_lab.commands.complete import candidates, split

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from IPython.core.completer import SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from iexec_lab.commands.seen import Seen

_LINE = re.compile(r"^\s*(?:[\w.,\s\[\]'\"*]+=\s*)?%iexec\s(?P<rest>.*)$")
_HEAD = re.compile(r"^\s*%%iexec(?P<rest>\s.*|)$")
_CELL_ONLY = ("-o",)


def command_line(lines: list[str]) -> str | None:
    """The command text up to the cursor, None when the cursor is not in one of ours.

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
    first = head["rest"].strip()
    return f"{first} {lines[-1]}" if first and not first.startswith("-") else lines[-1].lstrip()


def matcher(seen: Seen, folder: Callable[[], Path]) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """A matcher for ``Completer.custom_matchers``."""

    @context_matcher(identifier="iexec_lab")  # type: ignore[untyped-decorator]
    def iexec_matcher(context: CompletionContext) -> SimpleMatcherResult:
        text = "\n".join(context.full_text.split("\n")[: context.cursor_line])
        before = f"{text}\n{context.text_until_cursor}" if context.cursor_line else context.text_until_cursor
        line = command_line(before.split("\n"))
        if line is None:
            return {"completions": []}
        words, last = split(line)
        found = candidates(words, last, seen=seen, folder=folder())
        if before.lstrip().startswith("%%") and last.startswith("-"):
            found += [flag for flag in _CELL_ONLY if flag.startswith(last)]
        return {
            "completions": [SimpleCompletion(text=word, type="magic") for word in found],
            "matched_fragment": last,
            "suppress": True,
            "ordered": True,
        }

    return cast("Callable[[CompletionContext], SimpleMatcherResult]", iexec_matcher)


def install(shell: InteractiveShell, seen: Seen, folder: Callable[[], Path]) -> Callable[[], None]:
    """Add our matcher to the shell; call what is returned to take it away again."""
    matchers = shell.Completer.custom_matchers
    ours = matcher(seen, folder)
    matchers.append(ours)
    return lambda: matchers.remove(ours)
