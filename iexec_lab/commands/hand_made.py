"""The forms that are made by hand, for what people do first: their names, and the command each one runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class HandMade(NamedTuple):
    """``command`` is what its last button runs; its help stands for the form in a terminal."""

    summary: str
    command: str


HAND_MADE: Final[Mapping[str, HandMade]] = {
    "connect": HandMade("choose the network to work on and a wallet, and see what it holds", "connect"),
    "run": HandMade("run an app, and see its result", "app run"),
    "sell": HandMade("sell the use of an app, a dataset or a workerpool", "app publish"),
    "protect": HandMade("encrypt a file and sell its use", "dataset publish-file"),
}


def overview() -> str:
    """All forms: those made by hand, then every command."""
    from iexec_lab.commands.tree import PROGRAM, walk

    width = max(map(len, HAND_MADE))
    first = [f"  {PROGRAM} form {name:<{width}}  {form.summary}" for name, form in HAND_MADE.items()]
    commands = [command for command in walk() if command.path not in {("form",), ("connect",)}]
    width = max(len(command.name) for command in commands)
    others = [f"  {command.name:<{width}}  {command.summary}" for command in commands]
    return "\n".join(["Forms for what people do first:", *first, "", "Every command has one, too:", *others])
