"""Command lines in a text as the calls that do the same in a Python program: ``lab.deal.claim("0x12…")``.

A command has the words of a noun and its verb, and its options are the verb's: so the call is made from the
command tree and the verb's signature. A line that no verb takes as it stands, such as one that reads
``iexec.json`` or starts a sandbox, stays the line of a terminal that it is.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.commands import tree
from iexec_lab.commands.complete import QUOTED, WORDS
from iexec_lab.errors import PROGRAM, IexecError
from iexec_lab.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.commands.tree import Argument, Command, Option

_WORD: Final = re.compile(r"""\s+((?:'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"])+)""")
_END: Final = ".,;:)"
_VALUE: Final = re.compile(r"""0x|[\d'"<]|[A-Z_]+$|.*[./*]""")
"""What a value looks like where a sentence may go on instead."""
_NUMBERS: Final = frozenset({"integer", "category"})
_AMOUNTS: Final = frozenset({"amount", "ether"})
_FREE: Final = frozenset({"text", "name"})
_ANY: Final = "any"
_KINDS: Final = ("app", "dataset", "workerpool", "request")


def in_python(text: str) -> str:
    """The text with every line that has a call as that call."""
    said, at = "", 0
    while (found := text.find(f"{PROGRAM} ", at)) >= 0:
        start = found + len(PROGRAM)
        call, end = _read(text, start)
        said += text[at:found] + (call or text[found:end])
        at = end
    return said + text[at:]


def _read(text: str, at: int) -> tuple[str | None, int]:
    """The call of the line that begins here, and where the line ends; None where there is no call."""
    words: list[str] = []
    ends: list[int] = []
    position = at
    while len(words) < 4 and (found := _WORD.match(text, position)):
        words.append(found[1].rstrip(_END))
        position = found.end()
        ends.append(position - len(found[1]) + len(words[-1]))
        if words[-1] != found[1]:
            break
    command = taken = None
    for count in range(len(words), 0, -1):
        try:
            command, taken = tree.find(words[:count])
        except IexecError:
            continue
        if command is not None:
            break
    if command is None or not taken:
        return None, at
    return _Line(text, ends[taken - 1], command).read()


class _Line:
    """The words behind a command, as far as they are its arguments and options."""

    def __init__(self, text: str, at: int, command: Command) -> None:
        self._text, self._at, self._command = text, at, command
        self._ended = False

    def read(self) -> tuple[str | None, int]:
        given: dict[str, str | None] = {}
        places = 0
        while (word := self._peek()) is not None:
            if word.startswith("--"):
                option = self._command.option(word.partition("=")[0])
                if option is None:
                    return None, self._at
                joined = self._take().partition("=")
                given[option.dest] = _written(option.kind, joined[2]) if joined[1] else self._value(option)
                continue
            argument = self._command.argument(places)
            if argument is None or not _fits(argument, word):
                break
            places += 1
            given[argument.dest] = _written(argument.kind, self._take())
        known = {name: value for name, value in given.items() if value is not None}
        return (_call(self._command, known) if len(known) == len(given) else None), self._at

    def _peek(self) -> str | None:
        found = None if self._ended else _WORD.match(self._text, self._at)
        if found is None or not found[1].rstrip(_END):
            return None
        return _plain(found[1].rstrip(_END))

    def _take(self) -> str:
        found = _WORD.match(self._text, self._at)
        assert found is not None
        word = found[1].rstrip(_END)
        self._ended = word != found[1]
        self._at = found.start(1) + len(word)
        return _plain(word)

    def _value(self, option: Option) -> str | None:
        """The value of an option as Python writes it; None when it is missing."""
        if option.value == "none":
            return "True"
        word = self._peek()
        if word is None or word.startswith("--"):
            return "True" if option.value == "optional" else None
        if option.value == "optional" and not _VALUE.match(word):
            return "True"
        value = self._take()
        if option.kind in _AMOUNTS:
            if self._peek() in WORDS[option.kind]:
                value = f"{value} {self._take()}"
        elif option.variadic:
            values = [value]
            while (word := self._peek()) is not None and _VALUE.match(word):
                values.append(self._take())
            return f"[{', '.join(_written(option.kind, each) for each in values)}]"
        return _written(option.kind, value)


def _fits(argument: Argument, word: str) -> bool:
    """Whether a word is a value of this argument, and not how the sentence goes on."""
    known = {*argument.choices, *WORDS.get(argument.kind, ()), *QUOTED.findall(argument.help), _ANY}
    if argument.kind == "chain":
        known |= {"sandbox", *NETWORKS}
    return word in known or bool(_VALUE.match(word)) or (argument.required and argument.kind in _FREE)


def _plain(word: str) -> str:
    """A word without its quotation marks."""
    import shlex

    try:
        return "".join(shlex.split(word))
    except ValueError:
        return word


def _written(kind: str, value: str) -> str:
    """A value as it is written in Python."""
    return value if kind in _NUMBERS and value.isdecimal() else json.dumps(value, ensure_ascii=False)


def _call(command: Command, given: dict[str, str]) -> str | None:
    """The call; None where the verb does not take what is given. What it wants besides is ``...``."""
    noun = command.path[0]
    if "unit" in given and "amount" in given:  # said in one
        unit = given.pop("unit")
        given["amount"] = f"{given['amount'][:-1]} {unit[1:]}"
    if noun == "costs":
        budget = given.get("budget")
        return f"lab.costs.budget = {budget}" if budget else "lab.costs"
    if command.path == ("deal", "show") and given.get("watch"):
        return f"lab.job({given['dealid']}).wait()" if {*given} == {"dealid", "watch"} else None
    if noun == "order":
        for kind in _KINDS:
            if (found := given.pop(kind, None)) is not None:
                if found == "True":
                    return None
                given |= {"kind": f'"{kind}"', "order_hash": found}
    name = "_".join(part.replace("-", "_").lower() for part in command.path[1:])
    # A flag that chooses another verb: deal claim --all is claim_all.
    for flag in [flag for flag, value in given.items() if value == "True"]:
        if name and _verb(noun, f"{name}_{flag}") is not None:
            del given[flag]
            name = f"{name}_{flag}"
    return _written_call(noun, name, given, command.args[0].dest if command.args else "")


def _written_call(noun: str, name: str, given: dict[str, str], first_argument: str) -> str | None:
    verb = _verb(noun, name)
    if verb is None:
        return None
    known = [each for each in signature(verb).parameters.values() if each.name != "self"]
    if known and first_argument in given and first_argument not in {each.name for each in known}:
        given = {known[0].name: given.pop(first_argument), **given}  # the same by another name
    if not {*given} <= {each.name for each in known}:
        return None
    bare = (Parameter.VAR_KEYWORD, Parameter.KEYWORD_ONLY)
    needed = [each.name for each in known if each.default is Parameter.empty and each.kind not in bare]
    if noun == "connect":
        needed = ["network"]
    first = next((each.name for each in known if each.kind not in bare), "")
    said = [given[first]] if first in given else []
    if [each for each in needed if each not in given] or (noun == "order" and not given):
        said.append("...")
    said += [f"{each}={value}" for each, value in given.items() if each != first]
    where = noun if noun == "connect" else ".".join(filter(None, ("lab", noun, name)))
    return f"{where}({', '.join(said)})"


def _verb(noun: str, name: str) -> Callable[..., Any] | None:
    """The method of a verb; None where there is none."""
    from iexec_lab.client import iexec
    from iexec_lab.client.nouns._table import Nouns

    if noun == "connect":
        return iexec.connect
    if not name:
        found = getattr(iexec.IExec, noun, None)
        return found if callable(found) else None
    made: Any = vars(Nouns).get(noun)
    if made is None:
        return None
    kind = getattr(import_module(f"iexec_lab.client.nouns.{noun}"), made.func.__annotations__["return"])
    found = getattr(kind, name, None)
    return found if callable(found) else None
