"""Completion: what may come next on a line, found by a walk over the tree.

Nothing here asks the network; a completion must answer while a finger is still on the key.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.commands.hand_made import HAND_MADE
from iexec_lab.commands.recent import Seen
from iexec_lab.commands.tree import EVERYWHERE, NOUNS, SECRET_KINDS, below, find
from iexec_lab.errors import IexecError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iexec_lab.commands.tree import Argument, Command, Option

_TAGS = ("tee", "tdx", "scone", "gramine", "gpu")
WORDS = {
    "unit": ("nRLC", "RLC"),
    "amount": ("nRLC", "RLC"),
    "ether": ("wei", "gwei", "ether"),
    "category": ("0", "1", "2", "3", "4"),
    "framework": ("scone", "gramine", "tdx"),
    "provider": ("ipfs", "dropbox"),
}
_ADDRESSES = ("address", "user", "app", "dataset", "workerpool")
_ROOM = 56  # letters of what is said beside a word
QUOTED = re.compile(r'"([#\w-]+)"')
"""What the help of an option quotes may be typed."""
_GROUPS = ("options", "follow", "output", "network", "wallet")
"""Options of a command by what people reach for first; those that every command has come last."""
_SAFETY = ("--force", "--force-update", "--skip-preflight-check", "--dry-run")
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


class Proposal(NamedTuple):
    """A word that may come next, and what it means."""

    text: str
    help: str = ""

    @property
    def brief(self) -> str:
        """What it means, short enough to stand beside it."""
        first = re.split(r"; | \(", self.help)[0]
        return first if len(first) <= _ROOM else f"{first[: _ROOM - 1]}…"


_HELP = Proposal("--help", "what this is for, and all its options")


def proposals(
    words: Sequence[str], last: str, *, seen: Seen | None = None, folder: Path | None = None
) -> list[Proposal]:
    """What ``last`` may become after ``words``: what people type next comes first.

    Args:
        words: Tokens after the program's name, all complete.
        last: What is typed of the next word; empty for everything.
        seen: Ids and addresses of this session.
        folder: The project folder.
    """
    if words[:1] == ["form"]:
        words = words[1:]  # names a form
        return [word for word in _words_of_a_form(words) if word.text.startswith(last)]
    try:
        command, taken = find(words)
    except IexecError:
        return []
    if command is None:
        following = _following(words[:taken])
        return [word for word in (*following, _HELP) if word.text.startswith(last)]
    known = _Known(seen or Seen(), folder or Path())
    return _after(command, list(words[taken:]), last, known)


def candidates(
    words: Sequence[str], last: str, *, seen: Seen | None = None, folder: Path | None = None
) -> list[str]:
    """The words alone of ``proposals``."""
    return [each.text for each in proposals(words, last, seen=seen, folder=folder)]


def known_values(item: Argument | Option, *, seen: Seen, folder: Path) -> list[str]:
    """Every value of an argument or option that is known without a network."""
    return _Known(seen, folder).values(item, "")


def known_networks(folder: Path) -> list[str]:
    """Names that ``connect`` takes: chains of chain.json, sandboxes of this user, what everybody knows."""
    from iexec_lab.networks import NETWORKS
    from iexec_lab.project import Project

    names = _quietly(lambda: Project(folder).chain_names())
    return list(dict.fromkeys([*names, *_sandboxes(), *NETWORKS]))


def _words_of_a_form(words: Sequence[str]) -> list[Proposal]:
    """Those made by hand first, then the words of all commands."""
    if not words:
        made = {name: Proposal(name, form.summary) for name, form in HAND_MADE.items()}
        return [*made.values(), *(each for each in _following(()) if each.text not in {*made, "--version"})]
    try:
        command, taken = find(words)
    except IexecError:
        return []
    return _following(words) if command is None and taken == len(words) else []


def _following(path: Sequence[str]) -> list[Proposal]:
    if not path:
        nouns = [Proposal(noun, summary) for noun, summary in NOUNS.items()]
        return [*nouns, Proposal("--version", "the version of this program")]
    position = len(path)
    found: dict[str, str] = {}
    for command in below(path):
        is_last = len(command.path) == position + 1
        for name in (command.path[position], *(command.aliases if is_last else ())):
            found.setdefault(name, command.summary if is_last else _verbs(command.path[: position + 1]))
    return [Proposal(*item) for item in found.items()]


def _verbs(path: Sequence[str]) -> str:
    """What may follow a word that is no command yet."""
    return ", ".join(dict.fromkeys(command.path[len(path)] for command in below(path)))


def _after(command: Command, typed: list[str], last: str, known: _Known) -> list[Proposal]:
    """Completions once the command is known: an option, the value of one, or the next argument."""
    if last.startswith("--") and "=" in last:
        flag, _, begun = last.partition("=")
        option = command.option(flag)
        found = known.proposals(option, begun) if option else []
        return [each._replace(text=f"{flag}={each.text}") for each in found]
    option, position = _place(command, typed)
    if option is not None and not last.startswith("-"):
        return known.proposals(option, last)
    used = {word.partition("=")[0] for word in typed}
    flags = (
        []
        if option is not None and option.value == "required" and not option.variadic
        else [
            Proposal(item.flag, _said(item))
            for item in _in_order(command)
            if item.flag.startswith(last) and (item.variadic or item.flag not in used)
        ]
    )
    if last.startswith("-"):
        return [*flags, *([_HELP] if _HELP.text.startswith(last) else [])]
    argument = command.argument(position)
    values = known.proposals(argument, last) if argument is not None else []
    return [*values, *flags] if not last else values


def _in_order(command: Command) -> list[Option]:
    """Options as people use them: the command's own, how carefully, the network, the wallet, the output."""

    def rank(option: Option) -> tuple[int, bool, bool]:
        return (
            _GROUPS.index(option.group) if option.group in _GROUPS else 0,
            option.flag in _SAFETY,
            option.kind in SECRET_KINDS and option.group == "wallet",
        )

    return [*sorted(command.options, key=rank), *EVERYWHERE]


def _said(option: Option) -> str:
    """What stands beside an option: what it takes, and what it does."""
    takes = "flag" if option.value == "none" else option.metavar
    return f"{takes}: {option.help}"


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

    def proposals(self, item: Argument | Option, begun: str) -> list[Proposal]:
        """The values, each with what it is for."""
        return [Proposal(value, item.help) for value in self.values(item, begun)]

    def values(self, item: Argument | Option, begun: str) -> list[str]:
        """Values of the item's kind that start with ``begun``."""
        if item.choices:
            found: Sequence[str] = item.choices
        elif item.kind == "tag":
            return _tags(begun)
        elif item.kind == "file" and item.dest == "wallet_file":
            found = self._wallets()
        elif item.kind in {"file", "folder", "path"}:
            words = [word for word in QUOTED.findall(item.help) if word.startswith(begun)]
            return [*words, *self._paths(begun, only_folders=item.kind == "folder")]
        elif item.kind in _ADDRESSES:
            found = [*self._deployed(item.kind), *self._seen.of(item.kind)]
        elif item.kind in _IDS:
            found = self._seen.of("deal" if item.kind == "jobs" else item.kind)
        elif item.kind == "chain":
            found = self._chains()
        else:
            found = WORDS.get(item.kind, ())
        found = [*found, *QUOTED.findall(item.help)]
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
