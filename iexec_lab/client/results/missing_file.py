"""The error about a file that is not in a result, with the names that were meant."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Final

from iexec_lab.errors import ObjectNotFoundError
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMPARED: Final = 2_000  # names of files, and letters of each that are compared: a stranger chose them
_LETTERS: Final = 100


def no_such_file(name: str, names: Sequence[str], where: str) -> ObjectNotFoundError:
    """The error; its hint has the nearest name first."""
    hint = f"Files: {plain(', '.join(names))}." if names else "There are no files in it."
    meant = near(name, names)
    if meant is not None:
        hint = f'Did you mean "{plain(meant, _LETTERS)}"? {hint}'
    return ObjectNotFoundError("file", plain(name, 200), where, hint=hint)


def near(name: str, names: Sequence[str]) -> str | None:
    """The name that was meant: the same in another folder or other letters, or one written nearly so."""
    by_letters = {each[:_LETTERS].lower(): each for each in islice(reversed(names), _COMPARED)}
    wanted = name[:_LETTERS].lower()
    if wanted in by_letters:
        return by_letters[wanted]
    last = wanted.rpartition("/")[2]
    for letters, each in by_letters.items():
        if last and letters.rpartition("/")[2] == last:
            return each
    found = get_close_matches(wanted, by_letters, 1)
    return by_letters[found[0]] if found else None
