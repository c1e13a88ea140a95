"""``.dockerignore``: which files of a folder COPY does not see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import normpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BUILT = ("dist", "build", "out", "target", "bin", "lib")
"""Folders that builds write to."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Patterns in their order; one that is an exception shows again what those before it hide.

    ``built``: folders that a build fills are seen, for RUN would fill them in the container.
    """

    root: Path
    patterns: tuple[tuple[re.Pattern[str], bool], ...] = ()
    built: bool = False

    @classmethod
    def of(cls, root: Path, dockerfile: Path) -> Ignored:
        """Those of the Dockerfile's own ignore file, else of the folder's; none when there is no file."""
        for path in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), root / ".dockerignore"):
            try:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            return cls(root, tuple(_patterns(lines)))
        return cls(root)

    def hides(self, path: Path) -> bool:
        if not self.patterns or not path.is_relative_to(self.root):
            return False
        name = path.relative_to(self.root).as_posix()
        if self.built and name.partition("/")[0] in BUILT:
            return False
        hidden = False
        for pattern, is_exception in self.patterns:
            if hidden == is_exception and pattern.fullmatch(name):
                hidden = not is_exception
        return hidden


def _patterns(lines: list[str]) -> list[tuple[re.Pattern[str], bool]]:
    found = []
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        is_exception = line.startswith("!")
        text = normpath("/" + line.removeprefix("!").strip().strip("/"))[1:]
        if text:
            found.append((re.compile(_expression(text) + "(/.*)?"), is_exception))
    return found


def _expression(pattern: str) -> str:
    parts, at = [], 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif pattern.startswith("**", at):
            parts.append(".*")
            at += 2
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(pattern[at], re.escape(pattern[at])))
            at += 1
    return "".join(parts)
