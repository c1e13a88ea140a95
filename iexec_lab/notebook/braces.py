"""What stands in braces in a magic line, as text: a reference to a variable, JSON, or neither.

A reference is a Python name, attribute, item or slice, and may be formatted as in an f-string:
``{n:.2f}``, ``{name!r:>{width}}``. Nothing is looked up and nothing is run here.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

_OPEN = {"(": ")", "[": "]", "{": "}"}
_CONVERSION = re.compile(r"!([rsa])(?=\s*(?::|$))")
_LIKE_A_DICT = re.compile(r"\s+(?![<>=^])")
"""How ``{price: 5}`` goes on, which is more often meant as JSON than as a format."""
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Reference:
    """A variable in braces; ``conversion`` is r, s, a or empty, ``spec`` None when there is none."""

    node: ast.expr
    conversion: str = ""
    spec: str | None = None

    @property
    def formatted(self) -> bool:
        return bool(self.conversion) or self.spec is not None


def group_at(text: str, at: int) -> str:
    """From the brace at ``at`` to its other half; braces in quotes do not count. Empty when there is none."""
    return _balanced(text, at, "'\"") or _balanced(text, at, '"') or _balanced(text, at, "")


def _balanced(text: str, at: int, quotes: str) -> str:
    depth, quote, position = 0, "", at
    while position < len(text):
        char = text[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char in quotes:
            quote = char
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return text[at : position + 1]
        position += 1
    return ""


def parse(content: str) -> Reference | None:
    """What is between two braces as a reference; None when it is something else."""
    expression, conversion, spec = _split(content)
    node = _expression(expression)
    if node is None or not _is_reference(node) or _LIKE_A_DICT.match(spec or ""):
        return None
    return Reference(node, conversion, spec)


def is_python(content: str) -> bool:
    """True for a Python expression, perhaps with a format behind it."""
    expression, _, spec = _split(content)
    return _expression(content) is not None or (
        _expression(expression) is not None and not _LIKE_A_DICT.match(spec or "")
    )


def is_dict(content: str) -> bool:
    """True for what is a dict to Python or JavaScript, whether or not it is JSON."""
    expression, _, spec = _split(content)
    return isinstance(_expression(f"{{{content}}}"), ast.Dict) or (
        _expression(expression) is not None and bool(_LIKE_A_DICT.match(spec or ""))
    )


def shown(group: str) -> str:
    """A group as errors quote it."""
    line = " ".join(group.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 4]}...{line[-1]}"


def _split(content: str) -> tuple[str, str, str | None]:
    """Expression, conversion and format: at the first ``!r`` or colon outside brackets and quotes."""
    closing: list[str] = []
    quote = ""
    for position, char in enumerate(content):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPEN:
            closing.append(_OPEN[char])
        elif closing:
            if char == closing[-1]:
                closing.pop()
        elif found := _CONVERSION.match(content, position):
            spec = content[found.end() :].lstrip()
            return content[:position], found[1], spec[1:] if spec else None
        elif char == ":":
            return content[:position], "", content[position + 1 :]
    return content, "", None


def _expression(text: str) -> ast.expr | None:
    try:
        with warnings.catch_warnings(action="ignore"):  # about odd escapes, in text that may not be Python
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_reference(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return _is_reference(node.value)
    if isinstance(node, ast.Subscript):
        return _is_reference(node.value) and _is_key(node.slice)
    return isinstance(node, ast.Name)


def _is_key(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return all(map(_is_key, node.elts))
    if isinstance(node, ast.Slice):
        return all(part is None or _is_key(part) for part in (node.lower, node.upper, node.step))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Constant) or _is_reference(node)
