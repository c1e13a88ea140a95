"""Which local folder stands for which Docker image."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iexec_lab.errors import ObjectNotFoundError, ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.regular_files import is_file, is_folder, real
from iexec_lab.sandbox.state.disk import damaged, own_folder, using, write_file
from iexec_lab.sandbox.state.images import check_image

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_ENTRIES = ("app.py", "src/app.py", "main.py", "app", "app.sh", "run", "entrypoint.sh")
"""Looked for in this order when no entry point is named; all but Python files must be executable."""
HELLO = Path(__file__).parent.parent / "hello"
HELLO_IMAGES = ("iexechub/python-hello-world", "iexechub/tee-python-hello-world")
"""Repositories of the images that the official ``app init`` writes; every tag of them is our hello app."""
_REGISTRIES = ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "registry.hub.docker.com/")


@dataclass(frozen=True, slots=True)
class LocalApp:
    """An image name and the folder that is run in its place, as the folder is at the time of the run."""

    image: str
    folder: Path
    entrypoint: tuple[str, ...] | None = None

    def argv(self, root: str) -> list[str]:
        """The command without arguments, for the folder being shown at ``root``.

        Raises:
            ValidationError: the folder is missing, or there is nothing in it to run.
        """
        if not is_folder(self.folder):
            raise ValidationError(
                f"the folder of {self.image} is missing: {self.folder}",
                hint=f"Register it again: iexec-lab sandbox app add {self.image} FOLDER",
            )
        first, *rest = self.entrypoint or (_default_entry(self.folder),)
        path = self.folder / first
        if not is_file(path):
            return [first, *rest]
        inside = f"{root}/{first}"
        if os.access(path, os.X_OK) and path.suffix != ".py":
            return [inside, *rest]
        if path.suffix == ".py":
            return [sys.executable, inside, *rest]
        raise ValidationError(f"{first} of {self.folder} is not executable", hint=f"chmod +x {path}")


class Apps:
    """The register in ``folder``: one small file an image, so that several processes may write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, image: str, folder: Path | str, entrypoint: str | Sequence[str] | None = None) -> LocalApp:
        """Run ``folder`` whenever ``image`` is asked for; a name without tag stands for every tag of it.

        The folder is kept by reference: the next task sees an edited file at once.

        Args:
            image: ``user/name``, ``user/name:tag``, ``docker.io/user/name@sha256:...``.
            folder: The app's files.
            entrypoint: Command line, or its words; a first word that is a file of the folder means that file.
                Without it one of DEFAULT_ENTRIES. Python files run with the sandbox's own interpreter.

        Raises:
            ValidationError: no image name, no such folder, or nothing in it to run.
        """
        path = _folder(folder)
        words = _words(entrypoint) if isinstance(entrypoint, str) else entrypoint
        app = LocalApp(normalise(image), path, tuple(words) if words else None)
        app.argv("")
        record = {"image": app.image, "folder": str(app.folder), "entrypoint": app.entrypoint}
        with using(self.folder):
            own_folder(self.folder.parent)
            write_file(self._path(app.image), json.dumps(record, indent=2).encode())
        return app

    def remove(self, image: str) -> None:
        """Forget an image. ObjectNotFoundError when it was not registered."""
        path = self._path(normalise(image))
        if not path.exists():
            raise ObjectNotFoundError("app image", image, "sandbox")
        with using(self.folder):
            path.unlink()

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
        path = folder / name
        if path.is_file() and (path.suffix == ".py" or os.access(path, os.X_OK)):
            return name
    raise ValidationError(
        f"nothing to run in {folder}",
        hint=f"Name an entry point, or add one of {', '.join(DEFAULT_ENTRIES)}; executable unless Python.",
    )


def _read(path: Path) -> LocalApp | None:
    with using(path.parent):
        try:
            written = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        record = json.loads(written)
        entrypoint = record["entrypoint"]
        return LocalApp(record["image"], Path(record["folder"]), tuple(entrypoint) if entrypoint else None)
    except (ValueError, TypeError, LookupError) as error:
        raise damaged(path, error, hint="Delete it, and add the app again.") from error
