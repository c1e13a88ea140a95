"""Bodies of HTML forms as the JavaScript library qs reads them: ``order[app]=…``, ``order.app=…``, ``a[]=…``.

Ours because ``urllib.parse`` knows neither brackets nor dots.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

_MOST_PARAMETERS: Final = 1000
_DEEPEST: Final = 5
_MOST_ITEMS: Final = 20
_DOT: Final = re.compile(r"\.([^.\[]+)")
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
_INHERITED: Final = {
    *("__proto__", "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable"),
    *("toLocaleString", "toString", "valueOf"),
    *("__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__"),
}
"""What every JavaScript object has; a form can not set it."""


def read_form(text: str) -> dict[str, Any]:
    """The values of a form; a name given twice has a list."""
    values: dict[str, Any] = {}
    for part in text.split("&")[:_MOST_PARAMETERS]:
        name, value = _split(
            re.sub("%5B", "[", re.sub("%5D", "]", part, flags=re.IGNORECASE), flags=re.IGNORECASE)
        )
        if name:
            values[name] = [*_listed(values[name]), value] if name in values else value
    form: dict[str, Any] = {}
    for name, value in values.items():
        path = _path(name)
        if path and not _INHERITED.intersection(path):
            _put(form, path, value)
    return {name: _as_list(value) for name, value in form.items()}


def _split(part: str) -> tuple[str, str]:
    """Name and value; an equals sign within brackets belongs to the name."""
    at = part.find("]=") + 1 or part.find("=")
    name, value = (part, "") if at < 0 else (part[:at], part[at + 1 :])
    return _decode(name), _decode(value)


def _decode(text: str) -> str:
    """Percent-encoded UTF-8; where it is wrong, the text stays as it is."""
    plain = text.replace("+", " ")
    if re.search("%(?![0-9a-fA-F]{2})", plain):
        return plain
    try:
        return unquote(plain, errors="strict")
    except UnicodeDecodeError:
        return plain


def _path(name: str) -> list[str]:
    """``a[b].c`` as a, b, c; what lies too deep stays one name in brackets."""
    dotted = _DOT.sub(r"[\1]", name)
    first = dotted.find("[")
    head, rest = (
        (dotted, "") if first < 0 or not _BRACKETS.search(dotted) else (dotted[:first], dotted[first:])
    )
    found = list(_BRACKETS.finditer(rest))
    path = [head] if head else []
    path += [match[1] for match in found[:_DEEPEST]]
    return [*path, rest[found[_DEEPEST].start() :]] if len(found) > _DEEPEST else path


def _put(into: dict[str, Any], path: list[str], value: Any) -> None:
    """Set a value; a list is kept by index until it is complete."""
    *above, last = path
    for each in above:
        name = each or str(len(into))
        child = into.setdefault(name, {})
        if not isinstance(child, dict):
            # A value and a part of an object under one name: a list of both.
            values, child = _listed(child), {}
            into[name] = [*values, child]
        into = child
    if last == "":
        for item in _listed(value):
            into[str(len(into))] = item
    elif last in into:
        into[last] = [*_listed(into[last]), *_listed(value)]
    else:
        into[last] = value


def _as_list(value: Any) -> Any:
    """Objects whose names are nothing but indices are lists."""
    if not isinstance(value, dict):
        return value
    items = {str(name): _as_list(item) for name, item in value.items()}
    is_list = items and all(name.isdecimal() and int(name) < _MOST_ITEMS for name in items)
    return [items[name] for name in sorted(items, key=int)] if is_list else items


def _listed(value: Any) -> list[Any]:
    complete = _as_list(value)
    return complete if isinstance(complete, list) else [complete]
