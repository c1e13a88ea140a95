"""Dockerfiles as text: instructions, words, variables; ``recipe.py`` says what they make of a folder.

Our own because the parser on PyPI (dockerfile-parse) takes the lines of a here-document for instructions,
``${NAME:-default}`` for the variable and a rest, and knows no ``# escape``; the other one runs Docker's Go
code inside the process.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*$")
_DOCUMENT = re.compile(r"<<(-?)(['\"]?)([A-Za-z_]\w*)\2")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\"[^\"]*\"|'[^']*'|\S*))?(?:\s+|$)")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:(:?[-+?])(.*?))?\}|([A-Za-z_]\w*))")
_WITH_DOCUMENTS = ("RUN", "COPY", "ADD")
_WITH_FLAGS = (*_WITH_DOCUMENTS, "FROM", "HEALTHCHECK")
_KNOWN = {
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """``name`` in capitals; ``text`` without name and flags; ``documents`` are its here-documents."""

    name: str
    text: str
    flags: Mapping[str, str]
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    instructions: tuple[Instruction, ...]
    escape: str = "\\"

    def words(self, text: str) -> list[str]:
        """Split at blanks outside quotes; quotes and escapes are kept, for ``value``."""
        found, word, quote, position = [], "", "", 0
        while position < len(text):
            char = text[position]
            if char == self.escape and quote != "'" and position + 1 < len(text):
                word += text[position : position + 2]
                position += 2
                continue
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            if char.isspace() and not quote:
                found.append(word)
                word = ""
            else:
                word += char
            position += 1
        return [word for word in [*found, word] if word]

    def value(self, text: str, variables: Mapping[str, str]) -> str:
        """The text without quotes and escapes, its variables replaced."""
        parts, quote, position = [], "", 0
        while position < len(text):
            char = text[position]
            found = _VARIABLE.match(text, position) if char == "$" and quote != "'" else None
            if char == self.escape and quote != "'" and position + 1 < len(text):
                following = text[position + 1]
                kept = char if quote and following not in {'"', "$", self.escape} else ""
                parts.append(kept + following)
                position += 2
            elif found:
                parts.append(self._variable(found, variables))
                position = found.end()
            elif char == quote:
                quote, position = "", position + 1
            elif char in "'\"" and not quote:
                quote, position = char, position + 1
            else:
                parts.append(char)
                position += 1
        return "".join(parts)

    def _variable(self, found: re.Match[str], variables: Mapping[str, str]) -> str:
        name, how, other = found[1] or found[4], found[2] or "", found[3] or ""
        given = variables.get(name)
        present = given is not None and (given != "" or not how.startswith(":"))
        if how.endswith("+"):
            return self.value(other, variables) if present else ""
        if how.endswith("?") and not present:
            raise ValidationError(f"the Dockerfile needs a value for {name}: {plain(other)}")
        if how.endswith("-") and not present:
            return self.value(other, variables)
        return given or ""

    def paths(self, text: str, variables: Mapping[str, str]) -> list[str]:
        """The words of COPY or ADD, which may be a JSON list."""
        listed = json_list(text)
        return [self.value(word, variables) for word in (self.words(text) if listed is None else listed)]

    def pairs(self, text: str, variables: Mapping[str, str]) -> dict[str, str]:
        """What ENV sets: ``NAME=value ...``, or ``NAME the whole rest``."""
        words = self.words(text)
        if words and "=" not in words[0]:
            name, _, rest = text.strip().partition(" ")
            return {name: self.value(rest.strip(), variables)}
        split = [word.partition("=") for word in words]
        return {self.value(name, variables): self.value(value, variables) for name, _, value in split}


def read(text: str) -> Dockerfile:
    """The instructions of a Dockerfile.

    Raises:
        ValidationError: it is none.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    escape = _escape(lines)
    found: list[Instruction] = []
    at = 0
    while at < len(lines):
        line, at = _joined(lines, at, escape)
        if line:
            instruction, at = _instruction(line, lines, at)
            found.append(instruction)
    if not any(instruction.name == "FROM" for instruction in found):
        raise ValidationError("the Dockerfile has no FROM", hint="Its first instruction names an image.")
    return Dockerfile(tuple(found), escape)


def json_list(text: str) -> list[str] | None:
    """The words of the exec form, ``["a", "b"]``; None for other text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_words = isinstance(found, list) and all(isinstance(word, str) for word in found)
    return found if is_words else None


def _escape(lines: list[str]) -> str:
    for line in lines:
        directive = _DIRECTIVE.match(line)
        if directive is None:
            break
        if directive[1].lower() == "escape" and directive[2] in {"\\", "`"}:
            return directive[2]
    return "\\"


def _joined(lines: list[str], at: int, escape: str) -> tuple[str, int]:
    """An instruction's line with those that continue it, and where the next one begins."""
    parts: list[str] = []
    while at < len(lines):
        line, at = lines[at].strip(), at + 1
        if line.startswith("#") or (not line and parts):
            continue
        if not line.endswith(escape):
            parts.append(line)
            break
        parts.append(line[:-1])
    return "".join(parts).strip(), at


def _instruction(line: str, lines: list[str], at: int) -> tuple[Instruction, int]:
    word, _, text = re.sub(r"\s", " ", line, count=1).partition(" ")
    name, text = word.upper(), text.strip()
    if name not in _KNOWN:
        raise ValidationError(
            f"{plain(word)!r} is no instruction of a Dockerfile",
            hint="If the line goes on with what is above it, the line above ends with a backslash.",
        )
    flags: dict[str, str] = {}
    while name in _WITH_FLAGS and (flag := _FLAG.match(text)):
        flags[flag[1]] = (flag[2] or "").strip("'\"")
        text = text[flag.end() :]
    documents = []
    for dash, _, end in _DOCUMENT.findall(text) if name in _WITH_DOCUMENTS else ():
        document, at = _document(lines, at, end, dash)
        documents.append(document)
    return Instruction(name, text, flags, tuple(documents)), at


def _document(lines: list[str], at: int, end: str, dash: str) -> tuple[str, int]:
    found: list[str] = []
    while at < len(lines):
        line, at = lines[at], at + 1
        line = line.lstrip("\t") if dash else line
        if line == end:
            break
        found.append(line)
    return "".join(f"{line}\n" for line in found), at
