"""Keys, passwords and secrets typed on a magic line are refused: the notebook would keep them."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.commands import tree
from iexec_lab.errors import UsageError, WalletError
from iexec_lab.notebook.variables import is_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.commands.tree import Command, Option

FLAGS: Final = ("--password", "--secret-value", "--token")
"""Options of all commands whose value is a secret."""
AFTERWARDS: Final = {
    True: "The line was taken out of the history; delete it from this cell too.",
    False: "Delete the line from this cell; it may still be in the history file, so remove it there: "
    "%history -g finds it.",
}
"""What is left to do when a secret was typed, by whether the history forgot it."""

_PRIVATE_KEY = re.compile(r"(0[xX])?[0-9a-fA-F]{64}")
_LOOKS_LIKE_A_KEY = re.compile(r"(?<![0-9a-zA-Z])(0[xX])?[0-9a-fA-F]{56,}")
_FLAG_AND_VALUE = re.compile(r"(--[\w{}-]+)[\s=\\'\"]+(\{[^{}]*\}|[^\s'\"]+)")
_ALIKE: Final = 0.8
_TAKES_HASHES = {
    *("apporder", "datasetorder", "workerpoolorder", "requestorder", "deal", "task", "jobs"),
    *("app", "dataset", "workerpool", "tag", "text", "json", "name", "url", "path", "folder"),
    "bulk",
}
"""Kinds whose 64 digits are not a private key, or whose own check explains better what is wrong."""


class TypedSecretError(Exception):
    """``secret``, which is a ``kind``, was typed as ``what``; a variable would have been fine."""

    def __init__(self, what: str, kind: str, secret: str) -> None:
        super().__init__(what)
        self.what = what
        self.kind = kind
        self.secret = secret

    def refusal(self, *, forgotten: bool) -> WalletError:
        """The error for the reader, without the secret."""
        return WalletError(
            f"Refused {self.what} on a line: the notebook would keep {self.kind}",
            hint="Omit it to be asked, or take it from a variable, IEXEC_PRIVATE_KEY or a keystore file. "
            + AFTERWARDS[forgotten],
        )


def refuse(tokens: Sequence[str], values: Sequence[Any]) -> None:
    """Refuse a secret among ``tokens``, which stand for ``values``.

    Raises:
        TypedSecretError: one was typed, wholly or in part.
    """
    words = [pair for pair in zip(tokens, values, strict=True) if pair[0] != "help"]
    typed = ["" if is_reference(token) and value is not token else token for token, value in words]
    try:
        command, taken = tree.find([value for _, value in words])
    except UsageError:
        command, taken = None, 0
    waiting: Option | None = None
    position = 0
    for word, following in zip(typed[taken:], [*typed[taken + 1 :], ""], strict=False):
        flag, _, joined = word.partition("=")
        option = command.option(flag) if command else None
        value = joined or following
        if option and option.kind in tree.SECRET_KINDS and value and not is_reference(value):
            raise TypedSecretError(flag, f"a {option.kind}", value)
        digits = joined if option else word
        if _is_key(digits, command, option or waiting, position):
            raise TypedSecretError("a private key", "a private key", digits)
        if option is not None:
            waiting = option if option.value != "none" and not joined else None
        elif waiting is None:
            position += 1
        elif not waiting.variadic:
            waiting = None


def refuse_what_looks_like_one(text: str) -> None:
    """The same for a text that is not a command: an open quote, a misspelt option, a missing variable.

    Raises:
        TypedSecretError: something in it looks like a secret.
    """
    for flag, value in _FLAG_AND_VALUE.findall(text):
        if value.startswith("--") or is_reference(value):
            continue
        if alike := get_close_matches(flag.lower(), FLAGS, n=1, cutoff=_ALIKE):
            raise TypedSecretError(alike[0], "a secret", value)
    key = _LOOKS_LIKE_A_KEY.search(text) if "import" in text else None
    if key:
        raise TypedSecretError("a private key", "a private key", key[0])


def _is_key(word: str, command: Command | None, option: Option | None, position: int) -> bool:
    """Whether a typed word is a private key, or stands where one belongs."""
    argument = command.argument(position) if command and option is None else None
    if argument is not None and argument.kind in tree.SECRET_KINDS:
        return bool(word) and not word.startswith("-")
    return bool(_PRIVATE_KEY.fullmatch(word)) and not _takes_hash(command, option, position)


def _takes_hash(command: Command | None, option: Option | None, position: int) -> bool:
    """True when 64 digits at this place are not a private key."""
    if command is None:
        return False
    if option is not None and option.value != "none":
        return option.kind in _TAKES_HASHES and option.group != "wallet"
    argument = command.argument(position)
    return argument is not None and argument.kind in _TAKES_HASHES
