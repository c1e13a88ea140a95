"""From a declaration to an argparse parser, and from tokens to arguments.

Tokens are read the way the official CLI (commander) reads them: a value option takes the next token whatever
it looks like, a variadic one goes on from there to the next dash, an optional value is a token without dash.
"""

from __future__ import annotations

import argparse
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

from iexec_lab.commands.python_values import as_word, fitting, fitting_all
from iexec_lab.commands.tree import EVERYWHERE, NOUNS, PROGRAM, below, find
from iexec_lab.errors import UsageError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.commands.tree import Argument, Command, Option

_INTEGERS = ("integer", "category")
_MOST_DIGITS = 78  # of a number below 2**256
_OBJECT = "\0"  # precedes the number of a token that is not text


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, usage=self.usage)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Writes ``<amount unit...>`` as the manual does, and keeps short explanations on the line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34)

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "Usage: " if prefix is None else prefix)

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        if action.nargs == "+" and isinstance(action.metavar, str):
            return f"{action.metavar[:-1]}...>"
        return super()._format_args(action, default_metavar)


@cache
def build(command: Command) -> argparse.ArgumentParser:
    """The argparse parser of one command."""
    parser = _Parser(
        prog=" ".join([PROGRAM, *command.path]),
        usage=command.usage,
        description=_sentence(command.summary) + (f"\n\n{command.notes}" if command.notes else ""),
        epilog=f"example:\n  {PROGRAM} {command.example}" if command.example else None,
        formatter_class=_Help,
        add_help=False,
        allow_abbrev=False,
    )
    arguments = parser.add_argument_group("arguments")
    for argument in command.args:
        arguments.add_argument(
            argument.dest,
            nargs="*" if argument.variadic else "?",
            metavar=argument.shown,
            help=argument.help,
            default=argument.default,
        )
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in (*command.options, *EVERYWHERE):
        group = groups.setdefault(option.group, parser.add_argument_group(option.group))
        if option.value == "none":
            group.add_argument(option.flag, dest=option.dest, action="store_true", help=option.help)
        else:
            group.add_argument(
                option.flag, dest=option.dest, default=option.default, help=_help(option), **_shape(option)
            )
    return parser


def _shape(option: Option) -> dict[str, Any]:
    metavar = f"<{option.metavar}>"
    if option.variadic:
        return {"action": "extend", "nargs": "+", "metavar": metavar}
    if option.value == "optional":
        return {"nargs": "?", "const": True, "metavar": option.metavar}
    return {"metavar": metavar}


def _help(option: Option) -> str:
    words = f" ({', '.join(option.choices)})" if option.choices else ""
    end = "; -- ends the list" if option.variadic else ""
    return f"{option.help}{words}{end}".replace("%", "%%")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def parse(command: Command, tokens: Sequence[Any]) -> argparse.Namespace:
    """Arguments of the command; a token may be a Python object where the command takes one.

    Raises:
        UsageError: unknown option, missing or surplus value, a word outside the allowed ones.
    """
    objects: list[Any] = []

    def held(token: Any) -> str:
        word = token if isinstance(token, str) else as_word(token)
        if word is not None:
            return word
        objects.append(token)
        return f"{_OBJECT}{len(objects) - 1}"

    options, positionals = _sort(command, [held(token) for token in tokens])
    _check_count(command, positionals, tokens)
    separator = ["--"] if positionals else []
    values = build(command).parse_args([*options, *separator, *positionals])
    _keep_dashes(command, values)
    if objects:
        _put_back(command, values, objects)
    _check_choices(command, values)
    _read_integers(command, values)
    return values


def _keep_dashes(command: Command, values: argparse.Namespace) -> None:
    """To argparse ``--`` is never a value, even where it is one: ``--confirms --``."""
    for option in command.options:
        if getattr(values, option.dest) == []:
            setattr(values, option.dest, ["--"] if option.variadic else "--")


def _put_back(command: Command, values: argparse.Namespace, objects: list[Any]) -> None:
    """Put objects in the places of their numbers."""

    def held(value: Any) -> Any:
        is_number = isinstance(value, str) and value.startswith(_OBJECT)
        return objects[int(value[1:])] if is_number else value

    items: tuple[Argument | Option, ...] = (*command.args, *command.options)
    for item in items:
        value = getattr(values, item.dest)
        if isinstance(value, list):
            setattr(values, item.dest, fitting_all(item, [held(part) for part in value]))
        elif held(value) is not value:
            setattr(values, item.dest, fitting(item, held(value)))


def _sort(command: Command, tokens: list[str]) -> tuple[list[str], list[str]]:
    """Options (values joined by ``=``) and positionals; argparse reads them reliably in that order only."""
    options: list[str] = []
    positionals: list[str] = []
    rest = list(tokens)
    while rest:
        word = rest.pop(0)
        if word == "--":
            positionals += rest
            break
        if not word.startswith("-") or word == "-":
            positionals.append(word)
            continue
        flag, equals, joined = word.partition("=")
        option = command.option(flag)
        if option is None or (equals and option.value == "none"):
            raise _unknown_option(command, word)
        if option.variadic and not equals and rest:
            # The first value may look like anything, as in ``--gas-price -1``; the list ends at a dash.
            values = [rest[0], *_leading_values(rest[1:])]
            del rest[: len(values)]
            options += [f"{option.flag}={value}" for value in values]
        elif option.value == "none" or (
            option.value == "optional" and not equals and not _leading_values(rest)
        ):
            options.append(option.flag)
        elif not equals and not rest:
            raise _missing_value(command, option)
        else:
            options.append(f"{option.flag}={joined if equals else rest.pop(0)}")
    return options, positionals


def _leading_values(tokens: list[str]) -> list[str]:
    count = next((i for i, word in enumerate(tokens) if word.startswith("-")), len(tokens))
    return tokens[:count]


def _missing_value(command: Command, option: Option) -> UsageError:
    return UsageError(f"option '{option.shown}' argument missing", usage=command.usage)


def _unknown_option(command: Command, word: str) -> UsageError:
    known = [*(option.flag for option in (*command.options, *EVERYWHERE)), "--help"]
    bare = {name.lstrip("-"): name for name in known}
    near = get_close_matches(word.partition("=")[0].lstrip("-"), bare, n=1)
    hint = f"Did you mean {bare[near[0]]}?" if near else f"List the options: {PROGRAM} {command.name} --help."
    return UsageError(f"unknown option '{word}'", usage=command.usage, hint=hint)


def _check_count(command: Command, positionals: list[str], tokens: Sequence[Any]) -> None:
    needed = [argument for argument in command.args if argument.required]
    if len(positionals) < len(needed):
        missing = needed[len(positionals)]
        raise UsageError(
            f"missing required argument '{missing.label}'", usage=command.usage, hint=missing.help
        )
    is_open = any(argument.variadic for argument in command.args)
    if len(positionals) > len(command.args) and not is_open:
        expected = f"Expected {len(command.args)} argument{'' if len(command.args) == 1 else 's'}"
        message = f"too many arguments for '{command.path[-1]}'. {expected} but got {len(positionals)}."
        hint = _after_a_flag(command, positionals[-1], tokens) or "Quote a value that has spaces."
        raise UsageError(message, usage=command.usage, hint=hint)


def _after_a_flag(command: Command, word: str, tokens: Sequence[Any]) -> str:
    """Advice on a surplus word behind a flag that takes none: ``--watch 5``."""
    for before, after in pairwise(tokens):
        option = command.option(before) if isinstance(before, str) else None
        if option is not None and option.value == "none" and after == word:
            return f"{option.flag} takes no value."
    return ""


def _check_choices(command: Command, values: argparse.Namespace) -> None:
    items: tuple[Argument | Option, ...] = (*command.args, *command.options)
    for item in items:
        value = getattr(values, item.dest)
        if item.choices and isinstance(value, str) and value not in item.choices:
            allowed = f"Allowed choices are {', '.join(item.choices)}."
            word = "option" if item.shown.startswith("-") else "argument"
            raise UsageError(
                f"{word} '{item.shown}' argument '{value}' is invalid. {allowed}", usage=command.usage
            )


def _read_integers(command: Command, values: argparse.Namespace) -> None:
    items: tuple[Argument | Option, ...] = (*command.args, *command.options)
    for item in items:
        value = getattr(values, item.dest)
        if item.kind in _INTEGERS and isinstance(value, str):
            if item.kind == "category" and item in command.options and any(map(str.isalpha, value)):
                continue  # its name, which only the hub knows
            if not (value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS):
                raise ValidationError(
                    f"{value} is not a valid uint256", hint=f"Give {item.shown} a whole number, not negative."
                )
            setattr(values, item.dest, int(value))


def wants_help(words: Sequence[Any]) -> bool:
    """True when ``--help`` or ``-h`` is among the words before ``--``."""
    plain = [word for word in words if isinstance(word, str)]
    before = plain[: plain.index("--")] if "--" in plain else plain
    return "--help" in before or "-h" in before


def help_text(command: Command) -> str:
    """Everything about one command."""
    return build(command).format_help()


def help_of(name: str) -> str:
    """Help of a command named by its words.

    Raises:
        UsageError: no such command.
    """
    words = name.split()
    command, taken = find(words)
    if command is None or taken != len(words):
        raise not_a_command(name)
    return help_text(command)


def not_a_command(name: str) -> UsageError:
    near = [command.name for command in below(name.split()[:1])]
    return UsageError(f"{name!r} is not a command", hint=f"Try {', '.join(near[:5])}." if near else None)


def overview(path: Sequence[str] = ()) -> str:
    """The commands below ``path``: all nouns, one noun, or a group inside a noun."""
    if not path:
        rows = list(NOUNS.items())
        head = [
            f"Usage: {PROGRAM} <command> [options]",
            "",
            "Apps, data and computing power.",
            "",
        ]
        tail = f"{PROGRAM} <command> --help tells more, {PROGRAM} --version prints the version."
    else:
        found = below(path)
        depth = len(path)
        rows = [
            (
                " ".join([*command.path[depth:], *(argument.shown for argument in command.args)]),
                command.summary,
            )
            for command in found
        ]
        head = [f"Usage: {PROGRAM} {' '.join(path)} <command> [options]", ""]
        tail = f"{PROGRAM} {' '.join(path)} <command> --help tells more and has an example."
    width = max((len(name) for name, _ in rows), default=0)
    lines = [f"  {name:<{width}}  {summary}" for name, summary in rows]
    return "\n".join([*head, "commands:", *lines, "", tail]) + "\n"
