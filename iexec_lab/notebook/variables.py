"""``{name}`` in a magic line: Python values, token by token.

A pair of braces is replaced when it holds a Python name, attribute or subscript; anything else in braces,
such as JSON, stays. ``{{`` and ``}}`` stand for braces around text that would be replaced. A token that is
nothing but one pair of braces passes the object itself; inside longer text, dicts and lists become JSON.
"""

from __future__ import annotations

import ast
import contextlib
import json
import math
import re
import warnings
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_MISSING = object()


def reference_at(text: str, at: int) -> str:
    """The pair of braces around a Python reference that begins at ``at``; empty when there is none."""
    match = _BRACES.match(text, at)
    if match is None or match[1] is None or "\n" in match[0]:
        return ""
    return match[0] if _parse(match[1]) is not None else ""


def is_reference(token: str) -> bool:
    """True for a token that is nothing but one variable in braces."""
    return token.startswith("{") and reference_at(token, 0) == token


def escape(token: str) -> str:
    """The token that ``expand`` turns into this one, whatever names exist."""
    if not any(match[1] is None or _parse(match[1]) is not None for match in _BRACES.finditer(token)):
        return token
    opened = 0
    parts: list[str] = []
    for char in token:
        is_ours = char == "{" or (char == "}" and opened > 0)
        opened += {"{": 1, "}": -1}[char] if is_ours else 0
        parts.append(char * 2 if is_ours else char)
    return "".join(parts)


def completions(begun: str, names: Mapping[str, Any]) -> tuple[str, list[str]]:
    """How the text after an open brace may continue: the part that is replaced, and by what."""
    before, dot, part = begun.rpartition(".")
    if dot:
        node = _parse(before)
        found: list[str] = []
        with contextlib.suppress(Exception):  # an attribute of a foreign object may raise anything
            found = _attributes(_read(node, names)) if node else []
    else:
        found = list(names)
    return part, [name for name in found if name.startswith(part) and not name.startswith("_")]


def _attributes(value: Any) -> list[str]:
    columns = [name for name in getattr(value, "columns", []) if str(name).isidentifier()]
    return list(dict.fromkeys([*columns, *dir(value)]))


def expand(token: str, names: Mapping[str, Any]) -> Any:
    """The token with its variables replaced; the object itself when the token is one variable.

    Raises:
        UsageError: a name, attribute, key or index that is not there.
    """
    whole = _BRACES.fullmatch(token)
    if whole and whole[1] is not None:
        value = _value(whole[1], names)
        return token if value is _MISSING else value
    return _replace(token, names)


def _replace(token: str, names: Mapping[str, Any]) -> str:
    opened = 0  # escaped braces that wait for their other half
    parts: list[str] = []
    end = 0
    for match in _BRACES.finditer(token):
        parts.append(token[end : match.start()])
        end = match.end()
        if match[0] == "{{":
            opened += 1
            parts.append("{")
        elif match[0] == "}}":
            parts.append("}" if opened else "}}")
            opened = max(opened - 1, 0)
        else:
            value = _value(match[1], names)
            parts.append(match[0] if value is _MISSING else _text(value))
    return "".join([*parts, token[end:]])


def _text(value: Any) -> str:
    return json.dumps(value, default=str) if isinstance(value, (dict, list, tuple)) else str(value)


def _parse(text: str) -> ast.expr | None:
    """The text between braces as a reference; None when it is something else."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about odd escapes, in text that may not be Python
            node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return node if _is_reference(node) else None


def _value(text: str, names: Mapping[str, Any]) -> Any:
    """What the text between braces stands for; ``_MISSING`` when it is not ours to replace."""
    node = _parse(text)
    if node is None:
        return _MISSING
    try:
        value = _read(node, names)
    except (AttributeError, LookupError, TypeError) as error:
        unknown = isinstance(error, _UnknownNameError)
        problem = f"name '{error.args[0]}' is not defined" if unknown else str(error)
        advice = _advice(error.args[0], names) if unknown else ""
        raise UsageError(
            f"{{{text}}}: {problem}", hint=f"{advice}Write {{{{{text.strip()}}}}} for this text in braces."
        ) from error
    if _is_nothing(value):
        raise UsageError(f"{{{text}}} has no value: it is {value}", hint="Give it one, or leave it out.")
    return value


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


def _is_reference(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return _is_reference(node.value)
    if isinstance(node, ast.Subscript):
        return _is_reference(node.value) and _is_key(node.slice)
    return isinstance(node, ast.Name)


def _is_key(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return all(map(_is_key, node.elts))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Constant) or _is_reference(node)


def _read(node: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise _UnknownNameError(node.id)
        return names[node.id]
    if isinstance(node, ast.Attribute):
        return getattr(_read(node.value, names), node.attr)
    if isinstance(node, ast.Subscript):
        return _read(node.value, names)[_read(node.slice, names)]
    if isinstance(node, ast.Tuple):
        return tuple(_read(part, names) for part in node.elts)
    if isinstance(node, ast.UnaryOp):
        return -_read(node.operand, names)
    assert isinstance(node, ast.Constant)
    return node.value
