"""From the text of a cell to commands: POSIX quoting, one command per line, ``#`` comments.

Quotes and spaces inside ``{frame["app"].iloc[0]}`` belong to the Python in it, and JSON needs no quotes
around it: ``--params {"iexec_args": "hello"}``. Other Python in braces is held together, too: the
error about it shows all of it.
"""

from __future__ import annotations

import json
import re

from iexec_lab.errors import UsageError
from iexec_lab.notebook.variables import expression_at, reference_at

_QUOTES = "'\""
_JOINED = "'\"'\"'"  # how shlex.join writes a single quote inside single quotes
_PLAIN = re.compile(r"[^\s\\'\"{#]+")


def split(text: str) -> list[list[str]]:
    """Lines of tokens, empty ones left out.

    A line ends at a newline that is neither quoted nor after a backslash. ``#`` at the start of a token
    begins a comment.

    Raises:
        UsageError: a quote that is never closed.
    """
    lines: list[list[str]] = [[]]
    token: str | None = None
    at = 0
    while at < len(text):
        char = text[at]
        if char == "#" and token is None:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif char.isspace():
            if token is not None:
                lines[-1].append(token)
                token = None
            if char == "\n":
                lines.append([])
            at += 1
        else:
            piece, at = _piece(text, at)
            if piece is not None:
                token = (token or "") + piece
    if token is not None:
        lines[-1].append(token)
    return [line for line in lines if line]


def _piece(text: str, at: int) -> tuple[str | None, int]:
    """How a token continues at ``at``, and where that ends; None for a line that is continued."""
    char = text[at]
    if char == "\\":
        following = text[at + 1 : at + 2] or "\\"
        return (None if following == "\n" else following), at + 2
    if char in _QUOTES:
        return _quoted(text, at)
    if char == "{":
        held = reference_at(text, at) or _json_at(text, at) or expression_at(text, at) or char
        return held, at + len(held)
    plain = _PLAIN.match(text, at)
    found = plain[0] if plain else char
    return found, at + len(found)


def _json_at(text: str, at: int) -> str:
    """The JSON object that is a whole word from ``at`` on, as typed; empty when there is none."""
    try:
        _, end = json.JSONDecoder().raw_decode(text, at)
    except ValueError:
        return ""
    return text[at:end] if end == len(text) or text[end].isspace() else ""


def _quoted(text: str, start: int) -> tuple[str, int]:
    quote, at = text[start], start + 1
    found: list[str] = []
    while at < len(text):
        char = text[at]
        if char == quote:
            return "".join(found), at + 1
        piece = char
        if char == "\\" and quote == '"':
            piece = text[at : at + 2]
            found.append(piece[1:] if piece[1:] in {'"', "\\"} else piece)
        else:
            held = reference_at(text, at) if char == "{" else ""
            piece = char if not held or _JOINED in held else held
            found.append(piece)
        at += len(piece)
    line = next((line for line in text.splitlines() if line.count(quote) % 2), text).strip()
    raise UsageError(
        f"No closing quotation: {quote} in {line[:60]}",
        hint='Close the quote, or write \\" for a quote in the text.',
    )
