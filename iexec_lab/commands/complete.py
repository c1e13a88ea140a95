"""Completion: what may come next on a line, found by a walk over the tree.

Nothing here asks the network; a completion must answer while a finger is still on the key.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.hand_made import HAND_MADE
from iexec_lab.commands.recent import Seen
from iexec_lab.commands.tree import EVERYWHERE, NOUNS, below, find
from iexec_lab.errors import IexecError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iexec_lab.commands.tree import Argument, Command, Option

_TAGS = ("tee", "tdx", "scone", "gramine", "gpu")
_WORDS = {
    "unit": ("nRLC", "RLC"),
    "amount": ("nRLC", "RLC"),
    "ether": ("wei", "gwei", "ether"),
    "category": ("0", "1", "2", "3", "4"),
    "framework": ("scone", "gramine", "tdx"),
    "provider": ("ipfs", "dropbox"),
}
_ADDRESSES = ("address", "user", "app", "dataset", "workerpool")
_IDS = ("apporder", "datasetorder", "workerpoolorder", "requestorder", "deal", "task", "jobs")


def split(text: str) -> tuple[list[str], str]:
    """The finished words of a line, and the word that is being typed (empty after a blank)."""
    for closing in ("", '"', "'"):
        try:
            words = shlex.split(text + closing)
        except ValueError:
            continue
        if not closing and (not text or text[-1].isspace()):
            return words, ""
        return words[:-1], words[-1] if words else ""
    return [], text


def candidates(
    words: Sequence[str], last: str, *, seen: Seen | None = None, folder: Path | None = None
) -> list[str]:
    """What ``last`` may become after ``words``, in the order of the help.

    Args:
        words: Tokens after the program's name, all complete.
        last: What is typed of the next word; empty for everything.
        seen: Ids and addresses of this session.
        folder: The project folder.
    """
    if words[:1] == ["form"]:
        words = words[1:]  # names a form
        return [word for word in _words_of_a_form(words) if word.startswith(last)]
    try:
        command, taken = find(words)
    except IexecError:
        return []
    if command is None:
        following = _following(words[:taken])
        return [word for word in (*following, "--help") if word.startswith(last)]
    known = _Known(seen or Seen(), folder or Path())
    return _after(command, list(words[taken:]), last, known)


def known_values(item: Argument | Option, *, seen: Seen, folder: Path) -> list[str]:
    """Every value of an argument or option that is known without a network."""
    return _Known(seen, folder).values(item, "")


def known_networks(folder: Path) -> list[str]:
    """Names that ``connect`` takes: chains of chain.json, sandboxes of this user, what everybody knows."""
    from iexec_lab.networks import NETWORKS
    from iexec_lab.project import Project

    names = _quietly(lambda: Project(folder).chain_names())
    return list(dict.fromkeys([*names, *_sandboxes(), *NETWORKS]))


def _words_of_a_form(words: Sequence[str]) -> list[str]:
    """Those made by hand first, then the words of all commands."""
    if not words:
        return list(dict.fromkeys([*HAND_MADE, *NOUNS]))
    try:
        command, taken = find(words)
    except IexecError:
        return []
    return _following(words) if command is None and taken == len(words) else []


def _following(path: Sequence[str]) -> list[str]:
    if not path:
        return [*NOUNS, "--version"]
    position = len(path)
    names = [
        name
        for command in below(path)
        for name in (command.path[position], *(command.aliases if len(command.path) == position + 1 else ()))
    ]
    return list(dict.fromkeys(names))


def _after(command: Command, typed: list[str], last: str, known: _Known) -> list[str]:
    """Completions once the command is known: an option, the value of one, or the next argument."""
    if last.startswith("--") and "=" in last:
        flag, _, begun = last.partition("=")
        option = command.option(flag)
        return [f"{flag}={word}" for word in known.values(option, begun)] if option else []
    option, position = _place(command, typed)
    if option is not None and not last.startswith("-"):
        return known.values(option, last)
    flags = (
        []
        if option is not None and option.value == "required" and not option.variadic
        else [
            item.flag
            for item in (*command.options, *EVERYWHERE)
            if item.flag.startswith(last) and (item.variadic or item.flag not in typed)
        ]
    )
    if last.startswith("-"):
        return [*flags, *(["--help"] if "--help".startswith(last) else [])]
    argument = command.argument(position)
    values = known.values(argument, last) if argument is not None else []
    return [*values, *flags] if not last else values


def _place(command: Command, typed: list[str]) -> tuple[Option | None, int]:
    """The option whose value comes next, if one does, and how many arguments are there already."""
    position, waiting = 0, None
    for word in typed:
        if waiting is not None and not word.startswith("-"):
            waiting = waiting if waiting.variadic else None
            continue
        if word.startswith("-"):
            option = command.option(word.partition("=")[0])
            waits = option is not None and option.value != "none" and "=" not in word
            waiting = option if waits else None
        else:
            position += 1
    return waiting, position


class _Known:
    """Values that are known without a network."""

    def __init__(self, seen: Seen, folder: Path) -> None:
        self._seen = seen
        self._folder = folder

    def values(self, item: Argument | Option, begun: str) -> list[str]:
        """Values of the item's kind that start with ``begun``."""
        if item.choices:
            found: Sequence[str] = item.choices
        elif item.kind == "tag":
            return _tags(begun)
        elif item.kind == "file" and item.dest == "wallet_file":
            found = self._wallets()
        elif item.kind in {"file", "folder", "path"}:
            return self._paths(begun, only_folders=item.kind == "folder")
        elif item.kind in _ADDRESSES:
            found = [*self._deployed(item.kind), *self._seen.of(item.kind)]
        elif item.kind in _IDS:
            found = self._seen.of("deal" if item.kind == "jobs" else item.kind)
        elif item.kind == "chain":
            found = self._chains()
        else:
            found = _WORDS.get(item.kind, ())
        lowered = begun.lower()
        return list(dict.fromkeys(word for word in found if word.lower().startswith(lowered)))

    def _chains(self) -> list[str]:
        return known_networks(self._folder)

    def _deployed(self, kind: str) -> list[str]:
        from iexec_lab.project import Project

        return _quietly(lambda: Project(self._folder).all_deployed(kind))

    def _wallets(self) -> list[str]:
        from iexec_lab.wallet.keystore import keystore_dir

        return _quietly(lambda: sorted(path.name for path in keystore_dir(None).iterdir()))

    def _paths(self, begun: str, *, only_folders: bool) -> list[str]:
        head, slash, name = begun.rpartition("/")
        place = Path(head + slash).expanduser() if slash else Path()
        base = place if place.is_absolute() else self._folder / place
        entries = _quietly(lambda: sorted(base.iterdir()))
        return [
            f"{head}{slash}{entry.name}" + ("/" if entry.is_dir() else "")
            for entry in entries
            if entry.name.startswith(name)
            and (name or not entry.name.startswith("."))
            and (entry.is_dir() or not only_folders)
        ]


def _sandboxes() -> list[str]:
    """Networks of this computer: the default sandbox, and those that were started once."""
    from iexec_lab.sandbox.state.paths import state_folder

    folder = state_folder().parent
    names = _quietly(lambda: sorted(path.name for path in folder.iterdir() if path.is_dir()))
    return ["sandbox", *(f"sandbox:{name}" for name in names if name != "default")]


def _tags(begun: str) -> list[str]:
    before, comma, name = begun.rpartition(",")
    there = before.split(",")
    return [f"{before}{comma}{tag}" for tag in _TAGS if tag.startswith(name) and tag not in there]


def _quietly(read: Callable[[], Sequence[Any]]) -> list[Any]:
    """A broken project file or an unreadable folder completes to nothing; the command itself reports it."""
    try:
        return list(read())
    except (IexecError, OSError):
        return []
