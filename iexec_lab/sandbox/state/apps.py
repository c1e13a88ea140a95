"""Which local folder stands for which Docker image."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ObjectNotFoundError, ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.regular_files import is_file, is_folder, real
from iexec_lab.sandbox.state import environments
from iexec_lab.sandbox.state.disk import damaged, own_folder, using, write_file
from iexec_lab.sandbox.state.environments import wanted
from iexec_lab.sandbox.state.ignored import Ignored
from iexec_lab.sandbox.state.images import check_image
from iexec_lab.sandbox.state.programs import NODE_SUFFIXES, check_script, node, python, runnable
from iexec_lab.sandbox.state.recipe import Copy, Recipe, recipe_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_ENTRIES = (
    *("app.py", "src/app.py", "main.py", "app.js", "src/app.js", "index.js"),
    *("app", "app.sh", "run", "entrypoint.sh"),
)
"""Looked for in this order when no entry point is named; all but Python and JavaScript must be executable."""
DOCKERFILES = ("Dockerfile", "dockerfile", "Containerfile")
HELLO = Path(__file__).parent.parent / "hello"
HELLO_IMAGES = ("iexechub/python-hello-world", "iexechub/tee-python-hello-world")
"""Repositories of the images that the official ``app init`` writes; every tag of them is our hello app."""
_REGISTRIES = ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "registry.hub.docker.com/")


@dataclass(frozen=True, slots=True)
class Launch:
    """``argv`` as in the container; ``recipe`` says which file stands where, None: the folder as it is."""

    argv: list[str]
    recipe: Recipe | None = None


@dataclass(frozen=True, slots=True)
class LocalApp:
    """An image name and the folder that is run in its place, as the folder is at the time of the run.

    ``dockerfile`` is given when it is not the folder's own; ``environment`` is where its packages are.
    """

    image: str
    folder: Path
    entrypoint: tuple[str, ...] | None = None
    dockerfile: Path | None = None
    environment: Path | None = None

    def __repr__(self) -> str:
        packages = ", in an environment of its own" if self.environment else ""
        return f"<{self.image} runs {self.folder}{packages}>"

    def argv(self, root: str) -> list[str]:
        """The command without arguments; see ``launch``."""
        return self.launch(root, []).argv

    def launch(self, root: str, arguments: list[str]) -> Launch:
        """How it is run with these arguments; a folder without Dockerfile is shown at ``root``.

        Raises:
            ValidationError: the folder is missing, or there is nothing in it to run.
        """
        recipe = self.recipe()
        if recipe is not None:
            return Launch(self._by_recipe(recipe, root, arguments), recipe)
        first, *rest = self.entrypoint or (_default_entry(self.folder),)
        path = self.folder / first
        argv = [*self._start(path, f"{root}/{first}"), *rest] if is_file(path) else [first, *rest]
        if self.modules is None:
            return Launch([*argv, *arguments])
        shown = Recipe(self.folder, Ignored(self.folder), copies=[Copy(self.folder, root)], folder=root)
        return Launch([*argv, *arguments], shown)

    def recipe(self) -> Recipe | None:
        """What the Dockerfile makes of the folder; None without one.

        Raises:
            ValidationError: the folder is missing, or the Dockerfile is wrong.
        """
        if not is_folder(self.folder):
            raise ValidationError(
                f"the folder of {self.image} is missing: {self.folder}",
                hint=f"Register it again: iexec-lab sandbox app add {self.image} FOLDER",
            )
        names = (self.folder / name for name in DOCKERFILES)
        file = self.dockerfile or next((path for path in names if path.is_file()), None)
        return recipe_of(self.folder, file) if file else None

    @property
    def modules(self) -> Path | None:
        """Node's packages of the app's environment; None when it has none."""
        path = self.environment / "node_modules" if self.environment else None
        return path if path and path.is_dir() else None

    def notes(self) -> list[str]:
        """What people should know who registered it: what is not as in its container."""
        recipe = self.recipe()
        notes = list(recipe.notes) if recipe else []
        if not self.environment and wanted(self.folder, recipe):
            notes.append("Its packages are not installed: add --install for an environment with them.")
        if recipe and recipe.command and not (recipe.entrypoint or self.entrypoint):
            notes.append(
                "Its Dockerfile has CMD and no ENTRYPOINT: the arguments of a run take the place of CMD."
            )
        asked = re.search(r"(?:^|/)python:(\d+\.\d+)", recipe.base) if recipe else None
        ours = f"{sys.version_info.major}.{sys.version_info.minor}"
        if asked and asked[1] != ours:
            notes.append(f"It is run by Python {ours}, not by Python {asked[1]} of its image.")
        return notes

    def _by_recipe(self, recipe: Recipe, root: str, arguments: list[str]) -> list[str]:
        entry, *rest = self.entrypoint or ("",)
        if not entry and (recipe.entrypoint or recipe.command):
            try:
                return runnable(recipe.argv(arguments), recipe, self.environment, scripts=not arguments)
            except ValidationError as error:
                if recipe.entrypoint or not arguments:
                    raise
                about = "the arguments took the place of the Dockerfile's CMD, because it has no ENTRYPOINT"
                raise ValidationError(f"{error}; {about}", hint="Make its CMD an ENTRYPOINT.") from None
        if not entry:
            entry = self._entry_of(recipe)
        if not is_file(self.folder / entry):
            return [*runnable([entry, *rest], recipe, self.environment), *arguments]
        if not (place := recipe.place(self.folder / entry)):
            recipe.copies.insert(0, Copy(self.folder, root))
            place = f"{root}/{entry}"
        return [*self._start(self.folder / entry, place), *rest, *arguments]

    def _entry_of(self, recipe: Recipe) -> str:
        """The file to run of a Dockerfile that leaves this to its image."""
        for name in DEFAULT_ENTRIES:
            found = recipe.find(posixpath.normpath(posixpath.join(recipe.folder, name)))
            if isinstance(found, Path) and _can_start(found):
                return found.relative_to(self.folder).as_posix()
        return _default_entry(self.folder)

    def _start(self, path: Path, inside: str) -> list[str]:
        """How a file of the folder is run, for being shown at ``inside``."""
        if path.suffix == ".py":
            return [python(self.environment), inside]
        if path.suffix in NODE_SUFFIXES and (found := node()):
            return [found, inside]
        if os.access(path, os.X_OK):
            check_script(os.fspath(path), path)
            return [inside]
        raise ValidationError(
            f"{path.relative_to(self.folder)} of {self.folder} is not executable", hint=f"chmod +x {path}"
        )


class Apps:
    """The register in ``folder``: one small file an image, so that several processes may write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        image: str,
        folder: Path | str,
        entrypoint: str | Sequence[str] | None = None,
        *,
        dockerfile: Path | str | None = None,
        install: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> LocalApp:
        """Run ``folder`` whenever ``image`` is asked for; a name without tag stands for every tag of it.

        The folder is kept by reference: the next task sees an edited file at once.

        Args:
            image: ``user/name``, ``user/name:tag``, ``docker.io/user/name@sha256:...``.
            folder: The app's files.
            entrypoint: Command line, or its words; a first word that is a file of the folder means that file.
                Without it what the Dockerfile says, else one of DEFAULT_ENTRIES. Python files run with the
                sandbox's own interpreter.
            dockerfile: The Dockerfile, if it is not the one in the folder; relative to the folder.
            install: Make an environment with the packages that the folder asks for (``environments.py``).
            tell: Gets lines on how the installation goes.

        Raises:
            ValidationError: no image name, no such folder, nothing in it to run, or nothing to install.
            SandboxError: the packages can not be installed.
        """
        path = _folder(folder)
        words = _words(entrypoint) if isinstance(entrypoint, str) else entrypoint
        app = LocalApp(normalise(image), path, tuple(words) if words else None, _dockerfile(path, dockerfile))
        if app.dockerfile is None and not words:
            app = replace(app, dockerfile=_only_dockerfile(path))
        app.argv("")
        start = self._path(app.image).with_suffix("")
        with using(self.folder):
            own_folder(self.folder.parent)
            if install:
                packages = wanted(path, app.recipe())
                app = replace(app, environment=environments.make(packages, start, tell))
            environments.forget(start, keep=app.environment)
            write_file(self._path(app.image), json.dumps(_record(app), indent=2).encode())
        return app

    def remove(self, image: str) -> None:
        """Forget an image. ObjectNotFoundError when it was not registered."""
        path = self._path(normalise(image))
        if not path.exists():
            raise ObjectNotFoundError("app image", image, "sandbox")
        with using(self.folder):
            path.unlink()
            environments.forget(path.with_suffix(""))

    def list(self) -> list[LocalApp]:
        """What was registered, by name; the hello app that is always there is not listed."""
        found = [app for path in self.folder.glob("*.json") if (app := _read(path))]
        return sorted(found, key=lambda app: app.image)

    def find(self, image: str) -> LocalApp | None:
        """The folder to run for an image: its exact name first, then its repository, then the hello app."""
        name = normalise(image)
        repository = _repository(name)
        found = _read(self._path(name)) or _read(self._path(repository))
        if found is None and repository in HELLO_IMAGES:
            return LocalApp(name, HELLO)
        return found

    def _path(self, image: str) -> Path:
        return self.folder / f"{hashlib.sha256(image.encode()).hexdigest()[:32]}.json"


def normalise(image: str) -> str:
    """An image name without the host and user that Docker Hub's names may leave out.

    Raises:
        ValidationError: it is no image reference.
    """
    name = check_image(image.strip())
    for host in _REGISTRIES:
        name = name.removeprefix(host)
    return name.removeprefix("library/")


def _repository(name: str) -> str:
    name = name.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def _folder(given: Path | str) -> Path:
    """The folder itself, without links; ValidationError when there is none."""
    try:
        path = real(Path(given).expanduser())
    except (OSError, RuntimeError):  # names that can not be, links in a circle, the home of nobody
        path = None
    if path is None or not is_folder(path):
        raise ValidationError(f"{plain(given)} is not a folder")
    return path


def _words(entrypoint: str) -> list[str]:
    try:
        return shlex.split(entrypoint)
    except ValueError as error:
        raise ValidationError(f"{plain(entrypoint)!r} is no command line: {error}") from None


def _default_entry(folder: Path) -> str:
    for name in DEFAULT_ENTRIES:
        if _can_start(folder / name):
            return name
    raise ValidationError(
        f"nothing to run in {folder}",
        hint="Name what to run with --entrypoint, or add a Dockerfile with an ENTRYPOINT, or one of "
        f"{', '.join(DEFAULT_ENTRIES)}; executable unless Python or JavaScript.",
    )


def _can_start(path: Path) -> bool:
    return path.is_file() and (path.suffix in {".py", *NODE_SUFFIXES} or os.access(path, os.X_OK))


def _dockerfile(folder: Path, given: Path | str | None) -> Path | None:
    if given is None:
        return None
    for path in (folder / given, Path(given).expanduser()):
        if is_file(path):
            return real(path)
    raise ValidationError(f"there is no Dockerfile {plain(given)} in {folder}")


def _only_dockerfile(folder: Path) -> Path | None:
    """The Dockerfile that is not called so, or is in a folder of its own, where nothing else is to be run."""
    if any((folder / name).is_file() for name in DOCKERFILES) or any(
        _can_start(folder / name) for name in DEFAULT_ENTRIES
    ):
        return None
    patterns = ("*.[Dd]ockerfile", "Dockerfile[._-]*", "*/Dockerfile")
    found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    found = [path for path in found if path.suffix != ".dockerignore"]
    if len(found) > 1:
        names = ", ".join(path.relative_to(folder).as_posix() for path in found[:6])
        raise ValidationError(
            f"{folder} has several Dockerfiles: {names}", hint="Choose one with --dockerfile."
        )
    return real(found[0]) if found else None


def _record(app: LocalApp) -> dict[str, Any]:
    paths = {"folder": app.folder, "dockerfile": app.dockerfile, "environment": app.environment}
    return {
        "image": app.image,
        "entrypoint": app.entrypoint,
        **{name: os.fspath(path) if path else None for name, path in paths.items()},
    }


def _read(path: Path) -> LocalApp | None:
    with using(path.parent):
        try:
            written = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        record = json.loads(written)
        entrypoint = record["entrypoint"]
        dockerfile, environment = (
            Path(record[name]) if record.get(name) else None for name in ("dockerfile", "environment")
        )
        words = tuple(entrypoint) if entrypoint else None
        return LocalApp(record["image"], Path(record["folder"]), words, dockerfile, environment)
    except (ValueError, TypeError, LookupError) as error:
        raise damaged(path, error, hint="Delete it, and add the app again.") from error
