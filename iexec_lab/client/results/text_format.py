"""How a text of a result is written: its letters, and what stands between the cells of a table."""

from __future__ import annotations

import codecs
import csv
from io import StringIO
from itertools import islice
from typing import Final

WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OTHERS: Final = (";", "\t", "|")
_LOOKED_AT: Final = 20  # rows
NAMES: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}


def encoding_of(head: bytes) -> str:
    """The encoding of a text that begins so, maybe within a letter.

    Its mark tells, else UTF-8 where it fits, else what Windows writes in the West: ``cp1252``, or
    ``latin-1``, which fits always.
    """
    if head.startswith(WIDE):
        return "utf-16"
    for name in ("utf-8-sig", "cp1252"):
        try:
            codecs.getincrementaldecoder(name)("strict").decode(head)
        except UnicodeDecodeError:
            continue
        return name
    return "latin-1"


def separator_of(text: str, usual: str = ",") -> str:
    """What separates the cells of a table that begins so.

    Another one than ``usual`` only where the first row has none of that, and all rows have as many cells.
    """
    if _cells(text, usual) != [1]:
        return usual
    counts = {each: _cells(text, each) for each in _OTHERS if each != usual}
    fitting = [each for each, found in counts.items() if len(found) == 1 and found[0] > 1]
    return max(fitting, key=lambda each: counts[each][0], default=usual)


def is_split(text: str, separator: str) -> bool:
    """Whether the first row of a text has more than one cell."""
    return _cells(text, separator) not in ([], [1])


def _cells(text: str, separator: str) -> list[int]:
    """How many cells the first row has; and the numbers that others have, where it is more than one."""
    try:
        reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
        counts = [len(row) for row in islice((row for row in reader if row), _LOOKED_AT)]
    except csv.Error:
        return [0]
    if counts and counts[0] == 1:
        return [1]
    return list(dict.fromkeys(counts))
