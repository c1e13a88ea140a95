"""``{name}`` in a magic line: Python values, token by token.

A pair of braces holds a variable, its attribute, item or slice, and perhaps its format (``braces.py``), or it
is JSON, which stays. Anything else in braces is an error: in a paid run it would be text that nobody meant.
``{{`` and ``}}`` are braces that are text. A token that is nothing but one variable passes the object itself;
inside longer text, dicts and lists become JSON. In JSON, a variable stands for a value where a value belongs
(``{"n": {n}}``), and for a part of the text inside a string.
"""

from __future__ import annotations

import ast
import contextlib
import json
import math
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import UsageError
from iexec_lab.notebook.braces import Reference, group_at, is_dict, is_python, parse, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_BRACES = re.compile(r"\{\{|\}\}|[{}]")
_IN_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|\{(?!\s*["}])', re.DOTALL)
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"": lambda value: value, "r": repr, "s": str, "a": ascii}
_WHOLE = ("set", "frozenset", "generator", "module", "Table", "LazyFrame")
"""Types of values whose text nobody means."""


def reference_at(text: str, at: int) -> str:
    """The pair of braces around a variable that begins at ``at``; empty when there is none."""
    group = group_at(text, at) if text.startswith("{", at) else ""
    return group if group and "\n" not in group and parse(group[1:-1]) else ""


def expression_at(text: str, at: int) -> str:
    """The pair of braces around any Python that begins at ``at``; empty when there is none."""
    group = group_at(text, at) if text.startswith("{", at) and not text.startswith("{{", at) else ""
    content = group[1:-1]
    return group if group and "\n" not in group and (is_python(content) or is_dict(content)) else ""


def is_reference(token: str) -> bool:
    """True for a token that is nothing but one variable in braces."""
    return bool(token) and reference_at(token, 0) == token


def escape(token: str) -> str:
    """The token that ``expand`` turns into this one, whatever names exist."""
    try:
        stays = not is_reference(token) and _replace(token, None) == token
    except UsageError:
        stays = False
    return token if stays else token.replace("{", "{{").replace("}", "}}")


def completions(begun: str, names: Mapping[str, Any]) -> tuple[str, list[str]]:
    """How the text after an open brace may continue: the part that is replaced, and by what."""
    before, dot, part = begun.rpartition(".")
    if dot:
        reference = parse(before)
        found: list[str] = []
        with contextlib.suppress(Exception):  # an attribute of a foreign object may raise anything
            found = _attributes(_read(reference.node, names)) if reference else []
    else:
        found = list(names)
    return part, [name for name in found if name.startswith(part) and not name.startswith("_")]


def _attributes(value: Any) -> list[str]:
    columns = [name for name in getattr(value, "columns", []) if str(name).isidentifier()]
    return list(dict.fromkeys([*columns, *dir(value)]))


def expand(token: str, names: Mapping[str, Any]) -> Any:
    """The token with its variables replaced; the object itself when the token is one variable.

    Raises:
        UsageError: a name, attribute, key or index that is not there, a value that has no such format or no
            text, or braces that are neither a variable nor JSON.
    """
    if is_reference(token):
        reference = parse(token[1:-1])
        assert reference is not None
        value = _value(token, reference, names)
        return _formatted(token, reference, value, names) if reference.formatted else value
    return _replace(token, names)


def _replace(text: str, names: Mapping[str, Any] | None) -> str:
    """The text with its variables replaced. Without ``names`` a variable is an error, too."""
    parts: list[str] = []
    end = 0
    while found := _BRACES.search(text, end):
        parts.append(text[end : found.start()])
        if len(found[0]) == 2:
            piece, end = found[0][0], found.end()
        else:
            group = group_at(text, found.start()) if found[0] == "{" else ""
            if not group:
                raise _alone(text[found.start() :] if found[0] == "{" else text[: found.end()])
            piece, end = _group(group, names), found.start() + len(group)
        parts.append(piece)
    return "".join([*parts, text[end:]])


def _group(group: str, names: Mapping[str, Any] | None) -> str:
    content = group[1:-1].strip()
    if not content or content.startswith('"'):
        return _json(group, names)
    reference = parse(group[1:-1])
    if reference is None or names is None:
        raise _neither(group)
    value = _value(group, reference, names)
    return _formatted(group, reference, value, names) if reference.formatted else _text(group, value)


def _json(group: str, names: Mapping[str, Any] | None) -> str:
    """JSON with the variables in it replaced; as it was typed when there is none."""
    parts: list[str] = []
    bare: list[str] = []  # the same with null for variables, which shows whether it is JSON
    end = 0
    while found := _IN_JSON.search(group, end):
        between, start, end = group[end : found.start()], found.start(), found.end()
        if found[0][0] == '"':
            piece, typed = _json_string(found[0], names), found[0]
        else:
            inner = group_at(group, start)
            reference = parse(inner[1:-1])
            if reference is None or names is None:
                raise _neither(inner or group)
            piece, typed, end = _json_value(inner, reference, names), "null", start + len(inner)
        parts += (between, piece)
        bare += (between, typed)
    rest = group[end:]
    try:
        json.loads("".join([*bare, rest]))
    except (ValueError, RecursionError) as error:
        raise _neither(group, f"It is no JSON: {error}.") from None
    return "".join([*parts, rest])


def _json_string(typed: str, names: Mapping[str, Any] | None) -> str:
    try:
        text = json.loads(typed)
    except ValueError:
        return typed  # and the whole is no JSON either
    replaced = _replace(text, names)
    return typed if replaced == text else json.dumps(replaced, ensure_ascii=False)


def _json_value(group: str, reference: Reference, names: Mapping[str, Any]) -> str:
    value = _value(group, reference, names)
    if not reference.formatted:
        return _dumps(group, value)
    text = _formatted(group, reference, value, names)
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text, ensure_ascii=False)
    return text


def _dumps(group: str, value: Any) -> str:
    try:
        return json.dumps(value, default=lambda part: _plain(group, part), allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shown(group)} can not be JSON: {error}", hint="Give it other values.") from None


def _plain(group: str, part: Any) -> Any:
    """A part of a value that JSON does not know: numbers of NumPy as numbers, all else as text."""
    item = getattr(part, "item", None)
    if callable(item) and getattr(part, "ndim", None) == 0:
        return item()
    return _text(group, part)


def _formatted(group: str, reference: Reference, value: Any, names: Mapping[str, Any]) -> str:
    """The value in its format, whose own braces hold variables."""
    spec = _replace(reference.spec or "", names)
    try:
        converted = _CONVERSIONS[reference.conversion](value)
        return _text(group, converted) if not spec else format(converted, spec)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{shown(group)}: a {type(value).__name__} has no format '{spec}': {error}",
            hint="Formats are those of Python: {x:.2f} is a number with two digits after the point.",
        ) from None


def _text(group: str, value: Any) -> str:
    """A value as a part of longer text.

    Raises:
        UsageError: its text would be cut short, or tell of an object in memory.
    """
    if isinstance(value, (dict, list, tuple)):
        return _dumps(group, value)
    if isinstance(value, (bytes, bytearray)):
        return f"0x{value.hex()}"  # as where they are a whole word
    kind: Any = type(value)
    anonymous = kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__
    is_frame = hasattr(value, "dtypes") or (hasattr(value, "dtype") and getattr(value, "ndim", 0) > 0)
    if anonymous or is_frame or isinstance(value, type) or callable(value) or kind.__name__ in _WHOLE:
        raise UsageError(
            f"{shown(group)} is a {kind.__name__}, which is no text",
            hint="Write the part that you mean, such as {df.app[0]}, or assign its text to a variable.",
        )
    return str(value)


def _neither(group: str, why: str = "") -> UsageError:
    """The error about a pair of braces, with what to do."""
    content = group[1:-1].strip()
    if why:
        hint = f"{why} Check its quotes and commas, or assign a dict to a variable and write {{variable}}"
    elif is_dict(content):
        hint = "JSON has double quotes around names and text; a dict params = {...} is written {params}"
    elif is_python(content):
        hint = f"Assign it to a variable in a cell first, x = {shown(content)}, and write {{x}}"
    else:
        hint = "A variable is a name, such as {x}, {x.price}, {x[0]} or {x:.2f}"
    text = shown(f"{{{{{content}}}}}")
    return UsageError(
        f"{shown(group)} is neither a variable nor JSON", hint=f"{hint}; {text} is this text in braces."
    )


def _alone(text: str) -> UsageError:
    brace = "{" if text.startswith("{") else "}"
    return UsageError(
        f"{shown(text)} has a brace without its other half",
        hint=f"Write {brace * 2} for a brace that is text.",
    )


def _value(group: str, reference: Reference, names: Mapping[str, Any]) -> Any:
    """What the variable stands for.

    Raises:
        UsageError: it is not there, or it has no value.
    """
    try:
        value = _read(reference.node, names)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        unknown = isinstance(error, _UnknownNameError)
        problem = (
            f"name '{error.args[0]}' is not defined" if unknown else _problem(reference.node, error, names)
        )
        advice = _advice(error.args[0], names) if unknown else ""
        raise UsageError(
            f"{group}: {problem}",
            hint=f"{advice}Write {{{{{group[1:-1].strip()}}}}} for this text in braces.",
        ) from error
    if _is_nothing(value):
        raise UsageError(f"{group} has no value: it is {value}", hint="Give it one, or leave it out.")
    return value


def _problem(node: ast.expr, error: Exception, names: Mapping[str, Any]) -> str:
    """Why it could not be read; the value of a variable, which may be a secret, is not said."""
    if not isinstance(error, KeyError):
        return str(error)
    items = [part for part in ast.walk(node) if isinstance(part, ast.Subscript)]
    if any(not isinstance(part.slice, ast.Constant) for part in items):
        return "there is no such item"
    for part in items:  # from the outside: all but one of them are there
        with contextlib.suppress(Exception):
            return f"there is no item {ast.unparse(part.slice)}{_is_frame(part, _read(part.value, names))}"
    return str(error)


def _is_frame(item: ast.Subscript, value: Any) -> str:
    """How an item of a frame is named, for somebody who took it for a list; of other values nothing."""
    columns = [str(name) for name in getattr(value, "columns", []) if str(name).isidentifier()]
    if not columns or not hasattr(value, "loc"):
        return ""
    code = ast.unparse(item.value)
    column = next((name for name in columns if name.endswith("_id")), columns[0])
    return f"; {code} is a DataFrame: {{{code}.{column}[0]}}"


def _advice(name: str, names: Mapping[str, Any]) -> str:
    """What to do about a name that no cell has defined."""
    known = [each for each in names if not each.startswith("_")]
    near = get_close_matches(name, known, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"{meant}Run the cell that gives {name} its value. "


def forgotten_braces(message: str, tokens: Sequence[str], names: Mapping[str, Any]) -> str | None:
    """Advice on a value that was refused and is the name of a variable: ``app`` or ``$app`` for ``{app}``."""
    for token in tokens:
        name = token.removeprefix("$")
        refused = name in names and re.search(rf"(?<!\w){re.escape(token)} is not a", message)
        if name.isidentifier() and refused:
            return f"Write {{{name}}} for the value of the variable {name}."
    return None


def _is_nothing(value: Any) -> bool:
    """True for None, and for a missing value of a frame."""
    return (
        value is None
        or type(value).__name__ in {"NAType", "NaTType"}
        or (isinstance(value, float) and math.isnan(value))
    )


class _UnknownNameError(LookupError):
    pass


def _read(node: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise _UnknownNameError(node.id)
        return names[node.id]
    if isinstance(node, ast.Attribute):
        return getattr(_read(node.value, names), node.attr)
    if isinstance(node, ast.Subscript):
        return _read(node.value, names)[_read(node.slice, names)]
    return _read_key(node, names)


def _read_key(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What only stands between square brackets."""
    if isinstance(node, ast.Tuple):
        return tuple(_read(part, names) for part in node.elts)
    if isinstance(node, ast.Slice):
        lower, upper, step = (part and _read(part, names) for part in (node.lower, node.upper, node.step))
        return slice(lower, upper, step)
    if isinstance(node, ast.UnaryOp):
        return -_read(node.operand, names)
    assert isinstance(node, ast.Constant)
    return node.value
