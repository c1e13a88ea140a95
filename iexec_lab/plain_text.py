"""Texts of strangers made fit to be shown: a node's words, names on chain, file names in results."""

from __future__ import annotations

from typing import Any, Final

LONGEST: Final = 500
"""Characters of a stranger's text that are shown."""


def plain(value: Any, longest: int = LONGEST) -> str:
    """One line without control characters (ESC, newlines, bidirectional marks), not endless.

    What is cut off is marked with an ellipsis; surrogates, which no terminal can write, become spaces.
    """
    try:
        text = str(value)
    except (ValueError, RecursionError):  # Python writes no integer of more than 4,300 digits
        is_number = isinstance(value, int)
        text = f"(a number of {value.bit_length()} bits)" if is_number else f"(a {type(value).__name__})"
    shown = "".join(char if char.isprintable() else " " for char in text[:longest])
    return shown if len(text) <= longest else shown + "…"
