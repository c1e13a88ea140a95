"""The files of an app at the paths that its Dockerfile gives them, for one execution."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from iexec_lab.sandbox.state.untidy_folders import remove_tree
from iexec_lab.sandbox.work.app_supervisor import is_shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.sandbox.state.recipe import Copy, Recipe

_PATH = re.compile(r"(?<![\w.$}/-])(?:/[\w.@+-]+)+")
_OURS = {"iexec_in", "iexec_out", "proc", "sys", "dev"}


def lay_out(recipe: Recipe, tree: Path, modules: Path | None, *, link: bool) -> None:
    """Make the tree: ``link`` where nobody can write to it, so that large folders cost nothing.

    ``modules`` is the folder ``node_modules`` of the app's environment.

    Raises:
        OSError: a file can not be read, or the disk is full.
    """
    tree.mkdir(parents=True, exist_ok=True)
    for copy in recipe.copies:
        _place(copy, recipe, tree, link=link)
    (tree / recipe.folder[1:]).mkdir(parents=True, exist_ok=True)
    for pattern in recipe.executable:
        for path in _matching(tree, pattern):
            _make_executable(path)
    if modules and modules.is_dir():
        for folder in {recipe.folder, *(one.folder for one in recipe.installs if one.tool == "npm")}:
            _link_modules(tree / folder[1:] / "node_modules", modules)


def layers(tree: Path) -> dict[Path, str]:
    """What to show where in a private root: folders that the machine has are laid over, others are added."""
    found: dict[Path, str] = {}
    waiting = [(tree, "")]
    while waiting:
        here, path = waiting.pop()
        for child in sorted(here.iterdir()):
            if not path and child.name in _OURS:
                continue
            place = os.path.realpath(f"{path}/{child.name}")
            if child.is_symlink() or not child.is_dir() or not is_shown(place):
                found[child] = f"{path}/{child.name}"  # only in the root: elsewhere its folder is laid over
            elif _adds(child, place):
                found[child] = place
            else:
                waiting.append((child, place))
    return found


def translated(text: str, tree: Path) -> str:
    """A text with the app's paths in the container as they are below ``tree``; those of the machine stay."""

    def place(found: re.Match[str]) -> str:
        path = found[0]
        inside, outside = _known(os.fspath(tree), path), _known("", path)
        is_ours = inside > outside or (inside == outside == path.count("/") and (tree / path[1:]).is_file())
        return f"{tree}{path}" if is_ours else path

    return _PATH.sub(place, text)


def _known(root: str, path: str) -> int:
    """How many parts of a path there are below ``root``."""
    parts = path.split("/")
    return max(n for n in range(len(parts)) if os.path.exists(root + "/".join(parts[: n + 1]) or "/"))  # noqa: PTH110


def _adds(folder: Path, place: str) -> bool:
    return any(
        child.is_symlink() or not child.is_dir() or not os.path.isdir(f"{place}/{child.name}")  # noqa: PTH112
        for child in folder.iterdir()
    )


def _place(copy: Copy, recipe: Recipe, tree: Path, *, link: bool) -> None:
    target = tree / copy.target[1:]
    if isinstance(copy.source, str):
        _clear(target)
        target.write_text(copy.source)
        target.chmod(0o755 if copy.executable else 0o644)
        return
    if not copy.source.is_dir():
        _file(copy.source.resolve(), target, link=link)
        if copy.executable:
            _make_executable(target)
        return
    for source, name in _walk(copy.source, recipe, tree):
        path = target / name
        if source.is_symlink():
            _clear(path)
            path.symlink_to(os.readlink(source))  # noqa: PTH115
        elif source.is_dir():
            path.mkdir(parents=True, exist_ok=True)
        elif source.is_file():
            _file(source, path, link=link)


def _walk(folder: Path, recipe: Recipe, tree: Path) -> Iterator[tuple[Path, str]]:
    """Everything below but what is ignored, a folder before its contents; links are not entered."""
    for here, folders, files in os.walk(folder):
        above = Path(here)
        folders[:] = [name for name in folders if above / name != tree]
        for name in (*folders, *files):
            path = above / name
            if not recipe.ignored.hides(path):
                yield path, os.fspath(path.relative_to(folder))


def _file(source: Path, target: Path, *, link: bool) -> None:
    _clear(target)
    if link:
        try:
            os.link(source, target)
        except OSError:  # another disk, or not our file
            pass
        else:
            return
    shutil.copy2(source, target)


def _clear(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()


def _matching(tree: Path, pattern: str) -> Iterator[Path]:
    path = tree / pattern[1:]
    if path.is_dir():
        yield from (found for found in path.rglob("*") if found.is_file())
    elif path.parent.is_dir():
        for found in path.parent.iterdir():
            if found.is_file() and fnmatch.fnmatch(found.name, path.name):
                yield found


def _make_executable(path: Path) -> None:
    """For the app, not for the file of the folder that it may be linked to."""
    if path.stat().st_nlink > 1:
        other = path.with_name(f"{path.name}.new")
        shutil.copy2(path, other)
        other.replace(path)
    path.chmod(path.stat().st_mode | 0o555)


def _link_modules(path: Path, modules: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    _clear(path)
    path.symlink_to(modules)
