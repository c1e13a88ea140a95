"""From the text of a cell to commands: POSIX quoting, one command a line, ``#`` comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTES = "'\""


def split(text: str) -> list[list[str]]:
    """Lines of tokens, empty ones left out.

    A line ends at a newline that is neither quoted nor after a backslash. ``#`` at the start of a token
    begins a comment.

    Raises:
        UsageError: a quote that is never closed.
    """
    lines: list[list[str]] = [[]]
    token: list[str] | None = None
    chars = iter(text)
    for char in chars:
        if char == "#" and token is None:
            _skip_comment(chars)
            lines.append([])
        elif char.isspace():
            if token is not None:
                lines[-1].append("".join(token))
                token = None
            if char == "\n":
                lines.append([])
        elif char == "\\":
            following = next(chars, "\\")
            if following != "\n":
                token = [*(token or []), following]
        elif char in _QUOTES:
            token = [*(token or []), *_quoted(char, chars, text)]
        else:
            token = [*(token or []), char]
    if token is not None:
        lines[-1].append("".join(token))
    return [line for line in lines if line]


def _skip_comment(chars: Iterator[str]) -> None:
    for char in chars:
        if char == "\n":
            return


def _quoted(quote: str, chars: Iterator[str], text: str) -> Iterator[str]:
    for char in chars:
        if char == quote:
            return
        if char == "\\" and quote == '"':
            following = next(chars, "")
            yield following if following in {'"', "\\"} else char + following
        else:
            yield char
    line = next((line for line in text.splitlines() if line.count(quote) % 2), text).strip()
    raise UsageError(
        f"No closing quotation: {quote} in {line[:60]}",
        hint='Close the quote, or write \\" for a quote in the text.',
    )
