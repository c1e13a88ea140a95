"""Environments with the packages of an app: a venv, and Node's modules, made once and kept with its record.

Nothing is written into the app's folder. An environment is made anew when what is asked for changed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import join, normpath
from typing import TYPE_CHECKING

from iexec_lab.errors import SandboxError, ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.sandbox.environment import PIP, inherited
from iexec_lab.sandbox.state.disk import own_folder, write_file
from iexec_lab.sandbox.state.untidy_folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iexec_lab.sandbox.state.recipe import Recipe

_DONE = ".complete"
_KEPT_LINES = 8
_INCLUDED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)", re.MULTILINE)
_LINE = re.compile(r"^\s*[^\s#-]", re.MULTILINE)
"""A requirement, in a file of them."""
_NODE_FILES = ("package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc")
_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_NAMING = ("requirements.txt", "pyproject.toml", "package.json")
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")


@dataclass(slots=True)
class Packages:
    """What an app wants: files and words for pip; a folder with ``package.json``, and words, for npm."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    node: Path | None = None
    node_words: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.python or bool(self.node or self.node_words)

    @property
    def python(self) -> bool:
        return bool(self.words) or any(_LINE.search(_text(path)) for path in _all_files(self.files))

    def fingerprint(self) -> str:
        """Changes whenever an environment made now would be another one."""
        node = [self.node / name for name in _NODE_FILES] if self.node else []
        texts = [path.read_bytes().hex() for path in [*_all_files(self.files), *node] if path.is_file()]
        facts = [sys.version, sys.base_prefix, self.words, self.node_words, *texts]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def wanted(folder: Path, recipe: Recipe | None) -> Packages:
    """The packages that a Dockerfile's RUN lines install, else those that the folder's files name.

    ``requirements.txt``, else the dependencies of ``pyproject.toml``; and ``package.json``.
    """
    found = Packages(folder)
    for install in recipe.installs if recipe else ():
        if install.tool == "pip":
            files = [recipe.find(path) for path in install.files] if recipe else []
            found.files += [path for path in files if isinstance(path, Path) and path.is_file()]
            found.words += install.words
        else:
            found.node = found.node or _host(recipe, join(install.folder, "package.json"))
            found.node_words += install.words
    at = recipe.folder if recipe else "/"
    if not found.python:
        requirements = _host(recipe, join(at, "requirements.txt")) or folder
        if (requirements / "requirements.txt").is_file():
            found.files.append(requirements / "requirements.txt")
        elif (folder / "pyproject.toml").is_file():
            found.words += _dependencies(folder / "pyproject.toml")
    found.node = found.node or _host(recipe, join(at, "package.json"))
    if found.node is None and not found.node_words and (folder / "package.json").is_file():
        found.node = folder
    found.node = found.node if _wants_modules(found.node) else None
    return found


def make(packages: Packages, start: Path, tell: Callable[[str], None]) -> Path | None:
    """The environment with these packages, whose name begins with ``start``; made unless it is there.

    None when nothing is asked for by the files that could.

    Raises:
        ValidationError: there is no such file.
        SandboxError: pip or npm failed; their last lines are in its details.
    """
    if not packages:
        if any((packages.folder / name).exists() for name in _NAMING):
            return None
        raise ValidationError(
            f"{packages.folder} does not say which packages it needs",
            hint="Name them in requirements.txt (one a line), in [project] dependencies of pyproject.toml, "
            "in package.json, or in RUN pip install of the Dockerfile.",
        )
    folder = start.with_name(f"{start.name}-{packages.fingerprint()}.env")
    if (folder / _DONE).exists():
        return folder
    remove_tree(folder)
    own_folder(folder)
    try:
        if packages.python:
            _python(packages, folder, tell)
        if packages.node or packages.node_words:
            _node(packages, folder, tell)
        write_file(folder / _DONE, b"")
    except BaseException:
        remove_tree(folder)
        raise
    return folder


def forget(start: Path, keep: Path | None = None) -> None:
    """Delete the environments whose names begin with ``start``, but for one."""
    for folder in start.parent.glob(f"{start.name}-*.env"):
        if folder != keep:
            remove_tree(folder)


def _python(packages: Packages, folder: Path, tell: Callable[[str], None]) -> None:
    env = inherited(PIP)
    tell("Making an environment")
    has_pip = importlib.util.find_spec("pip") is not None
    venv = [sys.executable, "-I", "-m", "venv", *(["--without-pip"] if has_pip else []), os.fspath(folder)]
    _run("venv", venv, folder, env, tell, hint="Python's venv and ensurepip have to be installed.")
    own = os.fspath(folder / "bin" / "python")
    pip = [sys.executable, "-I", "-m", "pip", "--python", own] if has_pip else [own, "-I", "-m", "pip"]
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    files = [word for path in packages.files for word in ("-r", os.fspath(path))]
    _run("pip", [*pip, "install", *options, *files, *packages.words], packages.folder, env, tell)


def _node(packages: Packages, folder: Path, tell: Callable[[str], None]) -> None:
    from iexec_lab.sandbox.artifacts import npm_command

    try:
        npm, env = npm_command()
    except SandboxError as error:
        raise SandboxError("npm is needed to install the app's packages", hint=error.hint) from None
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier"]
    if packages.node:
        for name in _NODE_FILES:
            if (packages.node / name).is_file():
                shutil.copy2(packages.node / name, folder / name)
        verb = "ci" if any((folder / name).exists() for name in _LOCKS) else "install"
        tell(f"npm {verb}")
        _run("npm", [*npm, verb, *quiet], folder, env, tell)
    if packages.node_words:
        tell(f"npm install {' '.join(packages.node_words)}")
        _run("npm", [*npm, "install", "--no-save", *quiet, *packages.node_words], folder, env, tell)
    (folder / "node_modules").mkdir(exist_ok=True)


def _run(
    tool: str,
    command: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    tell: Callable[[str], None],
    hint: str = "Mend what it says, and add the app again.",
) -> None:
    """Run a program, telling its lines; SandboxError with the last ones when it fails."""
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    with subprocess.Popen(
        command,
        cwd=folder,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if said := plain(line.strip()):
                    last.append(said)
                    tell(said)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise SandboxError(
            f"{tool} could not install the packages of the app",
            details={tool: "\n".join(last) or f"exit code {process.returncode}"},
            hint=hint,
        )


def _host(recipe: Recipe | None, path: str) -> Path | None:
    """The folder in which a file of the container stands here."""
    found = recipe.find(normpath(path)) if recipe else None
    return found.parent if isinstance(found, Path) and found.is_file() else None


def _all_files(files: Sequence[Path]) -> list[Path]:
    """Requirement files with those that they include."""
    found: list[Path] = []
    waiting = list(files)
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.append(path)
        waiting += [path.parent / name for name in _INCLUDED.findall(_text(path))]
    return sorted(found)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _wants_modules(folder: Path | None) -> bool:
    """True when the folder's ``package.json`` names packages; whether it is right, npm says."""
    try:
        found = json.loads(_text(folder / "package.json")) if folder else {}
    except ValueError:
        return True
    except OSError:
        return False
    return isinstance(found, dict) and any(found.get(name) for name in _DEPENDENCIES)


def _dependencies(path: Path) -> list[str]:
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError) as error:
        raise ValidationError(f"{path} can not be read: {error}") from None
    listed = project.get("dependencies", []) if isinstance(project, dict) else []
    return [word for word in listed if isinstance(word, str)] if isinstance(listed, list) else []
