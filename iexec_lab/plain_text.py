"""Strangers' text made safe to show: a node's words, names on chain, file names in results.

Ours because terminal libraries leave too much: ``rich.control.strip_control_codes`` removes 5 characters of
the 2,276 that are control or format characters or surrogates, and no library bounds the length.
"""

from __future__ import annotations

import re
from typing import Any, Final

_STEERING: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
LONGEST: Final = 500
"""Characters of a stranger's text that are shown."""
LONGEST_LINES: Final = 4_000
"""Characters of a text of several lines that are shown."""


def plain(value: Any, longest: int = LONGEST) -> str:
    """One line of bounded length without control characters (ESC, newlines, bidirectional marks).

    An ellipsis marks a cut; surrogates, which no terminal can write, become spaces.
    """
    text = _text(value)
    shown = "".join(char if char.isprintable() else " " for char in text[:longest])
    return shown if len(text) <= longest else shown + "…"


def plain_lines(value: Any, longest: int = LONGEST_LINES) -> str:
    """As ``plain``, but with its line breaks: for our own sentences, which may quote a stranger's.

    Text that is too long loses its middle: the end often says what is wrong with the quoted value.
    """
    text = _text(value)
    if len(text) > longest:
        tail = longest // 4
        text = f"{text[: longest - tail]}…{text[-tail:]}"
    return text if text.isprintable() else "\n".join(plain(line, longest) for line in text.split("\n"))


def unsteered(text: str) -> str:
    """An app's output without its colours and what else steers a terminal."""
    return _STEERING.sub("", text)


def _text(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        kind = f"number of {value.bit_length()} bits" if isinstance(value, int) else type(value).__name__
    except RecursionError:
        kind = f"{type(value).__name__} that is nested too deep"
    return f"(a {kind})"
