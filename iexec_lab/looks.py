"""How much is drawn, and in which colours: texts come from strangers and may have any length.

Only the drawing is cut; the value, and ``--raw``, have the whole text.
"""

from __future__ import annotations

from typing import Final

LONGEST_CELL: Final = 4_000
"""Characters of a cell of a frame."""
LONGEST_TERM: Final = 2_000
"""Characters of one term in a question; parameters can be long."""
LONGEST_LINE: Final = 10_000
"""Characters of a line in a terminal."""
LONGEST_TEXT: Final = 200_000
"""Characters of a text of several lines in a terminal, such as a log."""

GREEN, YELLOW, RED, BOLD, PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1m", "\x1b[0m"
"""The colours of a terminal."""
