"""Write the command reference from the command tree: ``python docs/commands.py``."""  # noqa: INP001 - a script

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iexec_lab.commands import tree

if TYPE_CHECKING:
    from iexec_lab.commands.tree import Command, Option

TARGET = Path(__file__).with_name("commands.md")
SHARED = ("wallet", "network")
HEAD = """\
# Commands

Written from the command tree by `python docs/commands.py`. The same words work in a terminal
(`iexec-lab app run`), in a cell (`%iexec app run`), and as `lab.app.run(...)` in Python, where the options
are keyword arguments.

`--raw` (one line of JSON), `--quiet` (no progress, no advice) and `--wide` (all columns of lists) work
everywhere. A terminal has colours unless `NO_COLOR` is set to anything or `TERM` is `dumb`; pipes never have
them, and `FORCE_COLOR` is not read. Options that many commands share are explained here:
"""


def reference() -> str:
    """The whole page."""
    commands = list(tree.walk())
    parts = [HEAD, *_shared(commands)]
    for noun, about in tree.NOUNS.items():
        parts += ["", f"## {noun}", ""]
        below = [command for command in commands if command.path[0] == noun]
        if below[0].path != (noun,):
            parts += [_sentence(about), ""]
        for command in below:
            parts += _command(command)
    return "\n".join(parts).replace("\n\n\n", "\n\n").rstrip() + "\n"


def _shared(commands: list[Command]) -> list[str]:
    known: dict[str, Option] = {}
    for command in commands:
        for option in command.options:
            if option.group in SHARED:
                known.setdefault(option.flag, option)
    return ["| option | |", "|---|---|", *(_row(option.shown, option.help) for option in known.values())]


def _command(command: Command) -> list[str]:
    lines = [f"### {command.name}", ""] if len(command.path) > 1 else []
    also = "".join(f" Also written `{alias}`." for alias in command.aliases)
    lines += [f"    {command.usage}", "", f"{_sentence(command.summary)}{also}"]
    lines += [*([command.notes] if command.notes else []), ""]
    rows = [_row(argument.shown, argument.help) for argument in command.args]
    rows += [_row(option.shown, _help(option)) for option in command.options if option.group not in SHARED]
    if rows:
        lines += ["| | |", "|---|---|", *rows, ""]
    shared = [f"`{option.flag}`" for option in command.options if option.group in SHARED]
    if shared:
        lines += [f"And {', '.join(shared)}.", ""]
    return [*lines, f"    {tree.PROGRAM} {command.example}", ""]


def _help(option: Option) -> str:
    return f"{option.help} ({', '.join(option.choices)})" if option.choices else option.help


def _row(shown: str, explained: str) -> str:
    return f"| `{shown}` | {explained} |".replace("\n", " ")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
