"""A file of the notebook's folder: chosen from a list, or uploaded into it by the page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from iexec_lab.errors import CryptoError, IexecError
from iexec_lab.notebook.compat import uploaded
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.hand.guided import Decision, column
from iexec_lab.plain_text import plain
from iexec_lab.regular_files import unwritable_hint

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_UPLOADED: Final = 8 << 20
"""Bytes of an upload: pages send a file in one message, and servers take messages of 10 MB."""
_MOST_ENTRIES: Final = 500
_LONGEST_NAME: Final = 200  # bytes
_UP: Final = ".."
_ROWS: Final = 7


class FileChoice:
    """The list of a folder with its buttons, and the upload.

    Attributes:
        decision: The list, whose value is the path in the notebook's folder.
        box: What is drawn.
    """

    def __init__(self, folder: Path, changed: Callable[[], None]) -> None:
        self._root, self._here = folder, Path()
        self._changed = changed
        control = widgets.Select(options=[], rows=_ROWS)
        self.decision = Decision(control, "File", "", needed="Choose a file.")
        self._open = pieces.action("Open folder", "folder-open", self._enter)
        self._up = pieces.action("Up", "level-up", lambda: self._go(self._here.parent))
        self._upload = widgets.FileUpload(multiple=False, description="Upload a file")
        self._upload.observe(self._take, names="value")
        row = pieces.buttons(self._up, self._open, self._upload)
        self.box = column(self.decision, row)
        control.observe(lambda _change: self._chosen(), names="value")
        self._go(Path())

    @property
    def value(self) -> str:
        return self.decision.value

    def choose(self, path: str) -> None:
        """Choose a file; one outside of the folder is added to the list."""
        wanted = Path(path)
        inside = not wanted.is_absolute() and _UP not in wanted.parts
        self._go(wanted.parent if inside else Path(), str(wanted))

    def _chosen(self) -> None:
        self._open.layout.display = None if self._is_folder() else "none"
        known = ""
        if self._is_folder():
            known = "The folder is zipped, with all that is in it."
        self.decision.known = known
        self._changed()

    def _is_folder(self) -> bool:
        return bool(self.value) and (self._root / self.value).is_dir()

    def _enter(self) -> None:
        if self._is_folder():
            self._go(Path(self.value))

    def _go(self, folder: Path, chosen: str = "") -> None:
        """Show a folder of the notebook's folder."""
        self._here = folder
        entries, more = _entries(self._root, folder)
        if chosen and chosen not in {path for _, path in entries}:
            entries.insert(0, (plain(chosen, 200), chosen))
        control = self.decision.control
        control.options = entries
        control.value = chosen or None
        self._up.layout.display = None if folder.parts else "none"
        place = f"{folder}, in the notebook's folder" if folder.parts else "The notebook's folder"
        rest = f"; {more} more are not shown" if more else ""
        limit = MOST_UPLOADED >> 20
        self.decision.explain(
            f"{place}{rest}. An upload has at most {limit} MiB; a larger file is put there."
        )
        self._chosen()

    def _take(self, change: Any) -> None:
        """Keep what the page uploaded as a file, and take it out of the widget, which may be saved."""
        found = uploaded(change["new"])
        if not found:
            return
        self._upload.unobserve_all("value")
        try:
            _empty(self._upload)
        finally:
            self._upload.observe(self._take, names="value")
        name, content = found[0]
        try:
            path = keep(self._root / self._here, name, content)
        except IexecError as error:
            self.decision.tell(" ".join(filter(None, [f"{error.message}.", error.hint])))
            return
        self._go(self._here, str(self._here / path.name))


def keep(folder: Path, name: str, content: bytes) -> Path:
    """Write an upload into a folder, beside a file of that name that has another content.

    Raises:
        CryptoError: It is too large, its name is none, or it cannot be written.
    """
    if len(content) > MOST_UPLOADED:
        raise CryptoError(
            f"The upload has more than {MOST_UPLOADED >> 20} MiB",
            details={"bytes": len(content)},
            hint="Put the file beside the notebook and choose it from the list.",
        )
    last = name.replace("\\", "/").rpartition("/")[2].lstrip(".").strip()
    if not last or not last.isprintable() or len(last.encode()) > _LONGEST_NAME:
        raise CryptoError("The name of the upload is no name of a file", details={"name": plain(name, 100)})
    wanted = Path(last)
    for number in range(1, 1_000):
        path = folder / (last if number == 1 else f"{wanted.stem}-{number}{wanted.suffix}")
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
                return path
            continue
        except OSError as error:
            raise CryptoError(
                f"cannot write {path}: {error.strerror}", hint=unwritable_hint(error, folder.absolute())
            ) from None
        return path
    raise CryptoError(f"The folder has too many files called {plain(last, 80)}")


def _entries(root: Path, folder: Path) -> tuple[list[tuple[str, str]], int]:
    """Files and folders as what is shown and the path; and how many more there are."""
    try:
        with os.scandir(root / folder) as found:
            entries = sorted(
                ((not each.is_dir(), each.name, each) for each in found if not each.name.startswith(".")),
                key=lambda item: item[:2],
            )
    except OSError:
        return [], 0
    shown = [
        (f"{plain(name, 100)}/" if not is_file else f"{plain(name, 100)} · {_size(each)}", str(folder / name))
        for is_file, name, each in entries[:_MOST_ENTRIES]
    ]
    return shown, len(entries) - len(shown)


def _size(entry: Any) -> str:
    try:
        size = entry.stat().st_size
    except OSError:
        return "not there"
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _empty(upload: Any) -> None:
    """Forget what was uploaded, in ipywidgets 7 and 8."""
    upload.value = type(upload.value)()
    if hasattr(upload, "_counter"):
        upload._counter = 0  # noqa: SLF001 - ipywidgets 7 shows it beside the button
