"""Texts of strangers made fit to be shown: a node's words, names on chain, file names in results."""

from __future__ import annotations

from typing import Any, Final

LONGEST: Final = 500
"""Characters of a stranger's text that are shown."""
LONGEST_LINES: Final = 4_000
"""Characters of a text of several lines that are shown."""


def plain(value: Any, longest: int = LONGEST) -> str:
    """One line without control characters (ESC, newlines, bidirectional marks), not endless.

    What is cut off is marked with an ellipsis; surrogates, which no terminal can write, become spaces.
    """
    text = _text(value)
    shown = "".join(char if char.isprintable() else " " for char in text[:longest])
    return shown if len(text) <= longest else shown + "…"


def plain_lines(value: Any, longest: int = LONGEST_LINES) -> str:
    """As ``plain``, but the text keeps its lines: for our own sentences, which may quote a stranger's.

    What is too long loses its middle: what a sentence says of the value that it quotes often follows it.
    """
    text = _text(value)
    if len(text) > longest:
        tail = longest // 4
        text = f"{text[: longest - tail]}…{text[-tail:]}"
    return text if text.isprintable() else "\n".join(plain(line, longest) for line in text.split("\n"))


def _text(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        kind = f"number of {value.bit_length()} bits" if isinstance(value, int) else type(value).__name__
    except RecursionError:
        kind = f"{type(value).__name__} that is nested too deep"
    return f"(a {kind})"
