"""Change single values of a JSON file and leave all other characters as they are.

``jsonfile.update`` writes a file anew, as the official CLI does. A form that changes one price must not lose
the indentation, the number formats or the order that somebody chose.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.errors import ProjectError
from iexec_lab.project import jsonfile
from iexec_lab.regular_files import DOCUMENT, read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Path_ = tuple[str, ...]
    Changes = Mapping[Path_, Any]

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


class _Member(NamedTuple):
    key: str
    begins: int
    start: int
    end: int


def edit(path: Path, change: Callable[[dict[str, Any]], Changes], *, new: Mapping[str, Any]) -> None:
    """Read, change and write under a lock, in one step for readers.

    Args:
        path: The file.
        change: From what the file holds now to new values by their path of keys; what it raises leaves the
            file as it is, and so does an empty answer.
        new: What the file starts with when there is none.

    Raises:
        ProjectError: The file cannot be read or written, or is no JSON.
    """
    with jsonfile.locked(path.parent):
        document = jsonfile.read(path)
        if document is None:
            document, text, mark = dict(new), jsonfile.dumps(new), ""
        else:
            whole = read_regular(path, DOCUMENT).decode("utf-8")
            text = whole.removeprefix("\ufeff")
            mark = whole[: len(whole) - len(text)]
        changes = change(document)
        if not changes:
            return
        for where, value in changes.items():
            text = replaced(text, where, value)
        jsonfile.write(path, mark + text)


def replaced(text: str, where: Path_, value: Any) -> str:
    """The text of a JSON object with another value at a path of keys; what is missing is added.

    Raises:
        ProjectError: something on the way is no object.
    """
    at = _after_blanks(text, 0)
    unit = _indent(text, at)
    members: list[_Member] = []
    for depth, key in enumerate(where):
        if text[at : at + 1] != "{":
            held, end = _DECODER.raw_decode(text, at)
            if held:
                raise ProjectError(f"{'.'.join(where[:depth])} must be a `object` type")
            for name in reversed(where[depth:]):
                value = {name: value}
            return text[:at] + _written(value, _column(text, members[-1]), unit) + text[end:]
        members = _members(text, at)
        found = next((member for member in reversed(members) if member.key == key), None)
        if found is None:
            for name in reversed(where[depth + 1 :]):
                value = {name: value}
            return _added(text, at, members, key, value, unit)
        at, members = found.start, [found]
        if depth == len(where) - 1:
            return text[: found.start] + _written(value, _column(text, found), unit) + text[found.end :]
    return text


def _members(text: str, at: int) -> list[_Member]:
    """Those of the object that opens at ``at``."""
    found: list[_Member] = []
    at = _after_blanks(text, at + 1)
    while text[at] != "}":
        begins = at
        key, at = _DECODER.raw_decode(text, at)
        start = _after_blanks(text, _after_blanks(text, at) + 1)
        _value, end = _DECODER.raw_decode(text, start)
        found.append(_Member(key, begins, start, end))
        at = _after_blanks(text, end)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
    return found


def _added(text: str, at: int, members: list[_Member], key: str, value: Any, unit: str | None) -> str:
    name = json.dumps(key, ensure_ascii=False)
    if members:
        last = members[-1]
        before = text[text.rindex("{", 0, members[0].begins) + 1 : members[0].begins]
        column = before.rpartition("\n")[2] if "\n" in before else None
        gap = before if "\n" in before else " "
        return f"{text[: last.end]},{gap}{name}: {_written(value, column, unit)}{text[last.end :]}"
    closing = text.index("}", at)
    if unit is None:
        return f"{text[:at]}{{{name}: {_written(value, None, None)}}}{text[closing + 1 :]}"
    line = text[text.rfind("\n", 0, at) + 1 : at]
    outer = line[: len(line) - len(line.lstrip(" \t"))]
    inner = outer + unit
    return f"{text[:at]}{{\n{inner}{name}: {_written(value, inner, unit)}\n{outer}}}{text[closing + 1 :]}"


def _column(text: str, member: _Member) -> str | None:
    """The blanks in front of a member's line; None where it shares its line with others."""
    line = text[text.rfind("\n", 0, member.begins) + 1 : member.begins]
    return None if line.strip(" \t") else line


def _indent(text: str, at: int) -> str | None:
    """One step of the file's indentation; None where it has no lines."""
    before = _BLANKS.match(text, at + 1)
    blanks = before[0] if before else ""
    if "\n" in blanks:
        return blanks.rpartition("\n")[2] or "  "
    return "  " if text[at + 1 : at + 2] == "}" else None


def _written(value: Any, column: str | None, unit: str | None) -> str:
    if column is None or unit is None:
        return json.dumps(value, ensure_ascii=False)
    lines = jsonfile.dumps(value).split("\n")
    shown = [lines[0]]
    for line in lines[1:]:
        blanks = len(line) - len(line.lstrip(" "))
        shown.append(column + unit * (blanks // 2) + line[blanks:])
    return "\n".join(shown)


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at
