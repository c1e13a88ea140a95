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
    return _worded(f"No file {plain(name, 200)} in result {where}", name, where, hint)


def which_file(names: Sequence[str], where: str, what: str = "files") -> ObjectNotFoundError:
    """The error where no name was given, and none is meant; ``what`` the names are."""
    if not names:
        return _worded(
            f"There are no files in result {where}", "", where, "See what the app wrote: job.logs()."
        )
    hint = f"Name one of: {plain(', '.join(names))}."
    return _worded(f"Result {where} has {len(names)} {what}: which one?", "", where, hint)


def _worded(message: str, name: str, where: str, hint: str) -> ObjectNotFoundError:
    """What is not on chain is not said to be missing there."""
    error = ObjectNotFoundError("file", plain(name, 200), where, hint=hint)
    error.message = plain(message)
    error.args = (error.message,)
    return error


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
