"""The command tree: one declaration per command.

The terminal, the magic, ``--help``, completion, the forms and the command reference are walks over these
declarations. Each module in ``nouns`` holds those of one noun, in ``COMMANDS``; only the noun in use is
imported.

Kinds say what a value is, for completion, forms and refusals:

    flag, text, json, integer, tag, framework, url, unit
    amount (RLC), ether (the chain's coin)
    address, user, app, dataset, workerpool          addresses
    apporder, datasetorder, workerpoolorder, requestorder   order hashes
    bulk                                             a CID, or hashes of dataset orders
    deal, task, jobs, category                       ids
    file, folder, path                               places on disk
    chain, provider, name                            words with a known list, or free names
    password, secret, private_key                    never echoed, never stored in a notebook
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from iexec_lab.errors import UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator, Sequence

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome

    Handler = Callable[[Context, Namespace], Outcome]

PROGRAM = "iexec-lab"
SECRET_KINDS = frozenset({"password", "secret", "private_key"})
"""Kinds of values that are never echoed and never stay in a notebook or its history."""
COMPLETE = "__complete"
"""First word of the line that the completion scripts run; the second is the line typed so far."""
WITH_HELP = "help"
"""Their third word, where the shell shows what a completion means."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional value; ``name`` is its attribute when parsed, ``shows`` its name in the manual.

    A variadic one is the last and takes all words that are left, as a list.
    """

    name: str
    kind: str
    help: str
    required: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()
    shows: str = ""
    variadic: bool = False

    @property
    def dest(self) -> str:
        return self.name.replace("-", "_")

    @property
    def label(self) -> str:
        return self.shows or self.name

    @property
    def shown(self) -> str:
        label = f"{self.label}..." if self.variadic else self.label
        return f"<{label}>" if self.required else f"[{label}]"


@dataclass(frozen=True, slots=True)
class Option:
    """``value`` is "none" for a flag, "optional" when the flag also works alone (then True).

    A variadic option takes every token up to the next one that starts with a dash.
    """

    flag: str
    kind: str
    help: str
    value: Literal["none", "required", "optional"] = "required"
    shows: str = ""
    variadic: bool = False
    choices: tuple[str, ...] = ()
    group: str = "options"
    default: str | None = None

    @property
    def dest(self) -> str:
        return self.flag[2:].replace("-", "_").lower()

    @property
    def metavar(self) -> str:
        return self.shows or self.kind.replace("_", " ")

    @property
    def shown(self) -> str:
        if self.value == "none":
            return self.flag
        name = f"{self.metavar}..." if self.variadic else self.metavar
        return f"{self.flag} [{name}]" if self.value == "optional" else f"{self.flag} <{name}>"


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        path: The words that name it.
        summary: One line of help.
        handler: Does the work; parses nothing, prints nothing.
        args: Positional values, in order.
        options: Without those that every command has (``EVERYWHERE``).
        example: A line that works, without the program name.
        notes: What a user should know before the first use.
        aliases: Other last words for the same command.
        spends: It can cost RLC or gas.
    """

    path: tuple[str, ...]
    summary: str
    handler: Handler
    args: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    example: str = ""
    notes: str = ""
    aliases: tuple[str, ...] = ()
    spends: bool = False

    @property
    def name(self) -> str:
        return " ".join(self.path)

    @property
    def usage(self) -> str:
        words = [PROGRAM, *self.path, *(argument.shown for argument in self.args)]
        return " ".join([*words, "[options]"])

    def argument(self, position: int) -> Argument | None:
        """The argument whose word stands at this position, from 0."""
        if position < len(self.args):
            return self.args[position]
        return self.args[-1] if self.args and self.args[-1].variadic else None

    def option(self, flag: str) -> Option | None:
        """The option written ``flag``, in upper or lower case; None when unknown."""
        return next((option for option in (*self.options, *EVERYWHERE) if option.flag == flag), None)


EVERYWHERE = (
    Option("--raw", "flag", "print one line of JSON", "none", group="output"),
    Option("--quiet", "flag", "no progress and no advice", "none", group="output"),
    Option("--wide", "flag", "all columns of lists, a line per row", "none", group="output"),
)

NOUNS: dict[str, str] = {
    "init": "start a project in this folder",
    "connect": "choose the network to work on",
    "info": "addresses of the iExec contracts",
    "jobs": "jobs of the wallets used here, found again from any kernel",
    "costs": "what was signed, locked, paid and returned; budgets",
    "search": "what an address, an id, a hash or a name is",
    "wallet": "keys, coins and transfers",
    "account": "RLC staked on the marketplace",
    "app": "deploy, sell and run applications",
    "dataset": "encrypt, deploy and sell data",
    "workerpool": "deploy and sell computing power",
    "requester": "secrets a requester gives to apps",
    "order": "sign, publish and match orders",
    "orderbook": "what is for sale, and what is wanted",
    "deal": "agreements and their tasks",
    "task": "follow, download, debug a task",
    "history": "what happened on the market, at any size",
    "storage": "where results are stored",
    "result": "keys and decryption of results",
    "category": "sizes of tasks",
    "ens": "names of wallets and resources",
    "voucher": "vouchers that pay for tasks",
    "sandbox": "a whole market on this computer",
    "explore": "the market as a page, in a notebook",
    "dashboard": "a wallet's account, jobs and orders as a page, in a notebook",
    "form": "draw a command as a form, in a notebook",
    "completion": "Tab completion for a shell",
}
_MODULES = {
    **dict.fromkeys(("init", "connect", "info", "jobs", "search", "form"), "root"),
    **dict.fromkeys(("explore", "dashboard"), "explorer"),
    "completion": "shell",
}


def commands(noun: str) -> tuple[Command, ...]:
    """Declarations of one noun; imports its module only."""
    module: Any = import_module(f"iexec_lab.commands.nouns.{_MODULES.get(noun, noun)}")
    return tuple(command for command in module.COMMANDS if command.path[0] == noun)


def walk() -> Iterator[Command]:
    """Every command, nouns in the order of the help."""
    for noun in NOUNS:
        yield from commands(noun)


def below(path: Sequence[str]) -> list[Command]:
    """Commands whose words start with ``path``."""
    if not path:
        return list(walk())
    if path[0] not in NOUNS:
        return []
    return [command for command in commands(path[0]) if command.path[: len(path)] == tuple(path)]


def find(words: Sequence[Any]) -> tuple[Command | None, int]:
    """The command that the first words name, and how many words that took; None when they stop too early.

    Raises:
        UsageError: a word that is not a command; the nearest one is suggested.
    """
    noun = words[0] if words else None
    if noun is None or (isinstance(noun, str) and noun.startswith("-")):
        return None, 0
    if not isinstance(noun, str) or noun not in NOUNS:
        raise _unknown(noun, [], list(NOUNS))
    candidates = list(commands(noun))
    taken = 1
    while not (exact := [command for command in candidates if len(command.path) == taken]):
        word = words[taken] if taken < len(words) else "-"
        if isinstance(word, str) and word.startswith("-"):
            return None, taken
        is_word = isinstance(word, str)
        matching = [command for command in candidates if is_word and word in _names(command, taken)]
        if not matching:
            known = [name for command in candidates for name in _names(command, taken)]
            raise _unknown(word, list(words[:taken]), known)
        candidates, taken = matching, taken + 1
    return exact[0], taken


def _names(command: Command, position: int) -> tuple[str, ...]:
    """What may stand at ``position``: the word of the path, and aliases at the last one."""
    is_last = position == len(command.path) - 1
    return (command.path[position], *(command.aliases if is_last else ()))


def _unknown(word: Any, before: list[Any], known: list[str]) -> UsageError:
    word = word if isinstance(word, str) else type(word).__name__
    near = get_close_matches(word, known, n=1)
    line = " ".join([PROGRAM, *map(str, before)])
    hint = f"Did you mean {near[0]}?" if near else f"List the commands: {line} --help."
    return UsageError(f"unknown command '{word}'", usage=f"{line} <command> [options]", hint=hint)
