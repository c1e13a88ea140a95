"""What a Dockerfile makes of a folder: which files stand where, the environment, and what is run.

Nothing is built. Files that COPY and ADD take from the folder are found at their paths in the container;
what only RUN or another image would bring is named in ``notes``. The last stage counts.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from posixpath import basename, join, normpath
from typing import TYPE_CHECKING

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.sandbox.state.dockerfile import Dockerfile, json_list, read
from iexec_lab.sandbox.state.ignored import Ignored
from iexec_lab.sandbox.state.run_lines import Done, Install, look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.sandbox.state.dockerfile import Instruction

SHELL = ["/bin/sh", "-c"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Of nearly every image."""
_PLATFORM = {"TARGETOS": "linux", "TARGETARCH": "amd64", "TARGETPLATFORM": "linux/amd64"}
_FOLDERS = {
    *(
        "/",
        "/bin",
        "/etc",
        "/home",
        "/lib",
        "/media",
        "/mnt",
        "/opt",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/tmp",  # noqa: S108
    ),
    *("/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/usr/local/lib", "/usr/sbin"),
    *("/usr/share", "/usr/src", "/usr/src/app", "/var", "/var/lib"),
}
"""Folders that nearly every image has."""


@dataclass(frozen=True, slots=True)
class Copy:
    """``source`` (a file, a folder, or the text of a here-document) stands at the absolute ``target``."""

    source: Path | str
    target: str
    executable: bool = False

    @property
    def is_folder(self) -> bool:
        return isinstance(self.source, Path) and self.source.is_dir()


@dataclass(slots=True)
class Recipe:
    """``entrypoint`` and ``command`` are lists of words; text for a shell is the last word after SHELL."""

    context: Path
    ignored: Ignored
    base: str = ""
    copies: list[Copy] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    entrypoint: list[str] | None = None
    command: list[str] | None = None
    executable: list[str] = field(default_factory=list)
    installs: list[Install] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def argv(self, arguments: list[str]) -> list[str]:
        """As Docker does: arguments stand in the place of CMD."""
        return [*(self.entrypoint or []), *(arguments or self.command or [])]

    def find(self, path: str) -> Path | str | None:
        """The file of the folder, or the text, that stands at a path of the container."""
        for copy in reversed(self.copies):
            if copy.target == path and not copy.is_folder:
                return copy.source
            if copy.is_folder and (rest := _below(path, copy.target)) is not None:
                assert isinstance(copy.source, Path)
                found = copy.source / rest
                if found.exists() and not self.ignored.hides(found):
                    return found
        return None

    def place(self, file: Path) -> str | None:
        """Where a file of the folder stands in the container; None when it is not copied."""
        for copy in reversed(self.copies):
            if copy.source == file:
                return copy.target
            if copy.is_folder and file.is_relative_to(copy.source) and not self.ignored.hides(file):
                return normpath(join(copy.target, file.relative_to(copy.source).as_posix()))
        return None

    def is_executable(self, path: str) -> bool:
        """True when a file of the folder is, or RUN chmod or COPY --chmod make it, executable."""
        found = self.find(path)
        return (
            (isinstance(found, Path) and os.access(found, os.X_OK))
            or any(fnmatch.fnmatch(path, one) or _below(path, one) is not None for one in self.executable)
            or any(copy.executable and copy.target == path for copy in self.copies)
        )


def recipe_of(context: Path, file: Path) -> Recipe:
    """What ``file`` makes of the folder ``context``.

    Raises:
        ValidationError: it can not be read, or is no Dockerfile.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ValidationError(f"{file} can not be read: {error.strerror}") from None
    dockerfile = read(text)
    ignored = Ignored.of(context, file)
    folders, builds = _Build(context, ignored, dockerfile, set(_FOLDERS)).look_ahead()
    return _Build(context, replace(ignored, built=builds), dockerfile, folders).last()


class _Build:
    """One pass through a Dockerfile; ``folders`` of the container are known, also those made later on."""

    def __init__(self, context: Path, ignored: Ignored, dockerfile: Dockerfile, folders: set[str]) -> None:
        self._context = context
        self._dockerfile = dockerfile
        self._folders = folders
        self._stages: dict[str, Recipe] = {}
        self._global: dict[str, str] = dict(_PLATFORM)
        self._arguments: dict[str, str] = {}
        self._shell = SHELL
        self._recipe = Recipe(context, ignored)
        self._new = self._recipe
        self._done = Done([], [], [], [], [])
        self._count = 0
        self._builds = False

    def look_ahead(self) -> tuple[set[str], bool]:
        """The folders that there will be, and whether a RUN line would build something."""
        self.last()
        folders = {folder for folder in self._done.folders if "$" not in folder}
        return self._folders | folders, self._builds

    def last(self) -> Recipe:
        """The recipe of the last stage."""
        for instruction in self._dockerfile.instructions:
            getattr(self, f"_on_{instruction.name.lower()}", self._nothing)(instruction)
        recipe = self._recipe
        recipe.executable += self._done.executable
        recipe.installs += self._done.installs
        recipe.notes += _about_runs(self._done)
        return recipe

    def _nothing(self, instruction: Instruction) -> None:
        """EXPOSE, USER, LABEL ...: nothing that a process without a container could have."""

    def _variables(self) -> dict[str, str]:
        return {"HOME": "/root", "PATH": PATH, **self._arguments, **self._recipe.environment}

    def _value(self, text: str) -> str:
        return self._dockerfile.value(text, self._variables())

    def _path(self, text: str) -> str:
        return normpath("/" + join(self._recipe.folder, text).lstrip("/"))

    def _on_from(self, instruction: Instruction) -> None:
        words = self._dockerfile.words(instruction.text)
        image = self._dockerfile.value(words[0], self._global) if words else ""
        known = self._stages.get(image.lower())
        if known is None:
            self._recipe = Recipe(self._new.context, self._new.ignored, base=image)
            self._done = replace(self._done, executable=[], system=[])
        else:
            copied = {name: list(getattr(known, name)) for name in ("copies", "notes", "missing")}
            self._recipe = replace(known, environment=dict(known.environment), **copied)  # type: ignore[arg-type]
        self._shell, self._arguments = SHELL, dict(_PLATFORM)
        self._stages[str(self._count)] = self._recipe
        self._count += 1
        if len(words) == 3 and words[1].upper() == "AS":
            self._stages[words[2].lower()] = self._recipe

    def _on_arg(self, instruction: Instruction) -> None:
        for word in self._dockerfile.words(instruction.text):
            name, given, default = word.partition("=")
            if not self._count:
                self._global[name] = self._dockerfile.value(default, self._global)
            elif given:
                self._arguments[name] = self._value(default)
            elif name in self._global:
                self._arguments[name] = self._global[name]

    def _on_env(self, instruction: Instruction) -> None:
        self._recipe.environment.update(self._dockerfile.pairs(instruction.text, self._variables()))

    def _on_workdir(self, instruction: Instruction) -> None:
        self._recipe.folder = self._path(self._value(instruction.text))
        self._folders.add(self._recipe.folder)

    def _on_shell(self, instruction: Instruction) -> None:
        self._shell = json_list(instruction.text) or SHELL

    def _on_run(self, instruction: Instruction) -> None:
        texts = instruction.documents or (instruction.text,)
        for text in texts:
            look(text, self._recipe.folder, self._done)
        self._builds = self._builds or bool(self._done.others)

    def _command(self, instruction: Instruction) -> list[str]:
        listed = json_list(instruction.text)
        if listed is None and instruction.text.startswith("["):
            raise ValidationError(
                f"{instruction.name} {plain(instruction.text)} of the Dockerfile is no JSON list",
                hint='Docker gives it to a shell as it is. Write ["python3", "app.py"], in double quotes.',
            )
        return [*self._shell, instruction.text] if listed is None else listed

    def _on_entrypoint(self, instruction: Instruction) -> None:
        self._recipe.entrypoint = self._command(instruction)

    def _on_cmd(self, instruction: Instruction) -> None:
        self._recipe.command = self._command(instruction)

    def _on_add(self, instruction: Instruction) -> None:
        self._on_copy(instruction)

    def _on_copy(self, instruction: Instruction) -> None:
        *sources, target = ["", *self._dockerfile.paths(instruction.text, self._variables())]
        sources = [source for source in sources if source]
        executable = bool(re.search(r"[157]|\+x", instruction.flags.get("chmod", "")[-3:]))
        into = target.endswith(("/", ".")) or len(sources) > 1 or self._path(target) in self._folders
        documents = iter(instruction.documents)
        for source in sources:
            origin = instruction.flags.get("from")
            if source.startswith("<<"):
                name = source.lstrip("<-").strip("'\"")
                copies = [Copy(next(documents, ""), self._path(join(target, name) if into else target))]
            elif origin is not None:
                copies = self._from_stage(origin, source, self._path(target), into=into)
            elif re.match(r"[a-z+]+://|git@", source):
                copies = []
            else:
                copies = list(self._from_folder(source, self._path(target), into=into))
            if not copies:
                self._recipe.missing.append(f"{source} (from {origin})" if origin else source)
            self._recipe.copies += [replace(copy, executable=executable) for copy in copies]

    def _from_folder(self, source: str, target: str, *, into: bool) -> Iterator[Copy]:
        """What COPY takes of the folder: a pattern may match several, a folder gives what is in it."""
        ignored = self._recipe.ignored
        name = normpath("/" + source.lstrip("/"))[1:]
        is_pattern = any(char in name for char in "*?[")
        try:
            found = sorted(self._context.glob(name)) if is_pattern else [self._context / name]
        except (ValueError, NotImplementedError, OSError):
            found = []
        for path in found:
            if not path.exists() or (name and ignored.hides(path) and not path.is_dir()):
                continue
            within = into or is_pattern
            yield Copy(path, target if path.is_dir() or not within else join(target, path.name))

    def _from_stage(self, origin: str, source: str, target: str, *, into: bool) -> list[Copy]:
        """The same of an earlier stage, as far as that has it from the folder."""
        stage = self._stages.get(self._value(origin).lower())
        source = normpath("/" + source.lstrip("/"))
        found: list[Copy] = []
        for copy in stage.copies if stage else ():
            rest = _below(copy.target, source)
            if rest is not None:
                alone = rest == "." and not copy.is_folder
                place = join(target, basename(source)) if alone and into else normpath(join(target, rest))
                found.append(replace(copy, target=place))
            elif (inside := _below(source, copy.target)) is not None and isinstance(copy.source, Path):
                path = copy.source / inside
                if path.exists() and not self._recipe.ignored.hides(path):
                    file = into and not path.is_dir()
                    found.append(Copy(path, join(target, path.name) if file else target))
        return found


def _below(path: str, folder: str) -> str | None:
    """The rest of a path below a folder, ``.`` for the folder itself; None when it is not below."""
    if path == folder:
        return "."
    start = folder.rstrip("/") + "/"
    return path[len(start) :] if path.startswith(start) else None


def _about_runs(done: Done) -> list[str]:
    notes = []
    missing = [name for name in dict.fromkeys(done.system) if not shutil.which(name)]
    if missing:
        names = ", ".join(missing)
        notes.append(f"System packages of its image are not installed here: {_short(names)}.")
    if done.others:
        lines = "; ".join(_short(line, 50) for line in dict.fromkeys(done.others))
        notes.append(f"RUN is not carried out here: {_short(lines)}.")
    return notes


def _short(text: str, longest: int = 160) -> str:
    line = plain(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
