"""A picture: PNG for notebooks, text for terminals, SVG and PDF for papers. Nothing global is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import LibraryError, ProjectError, ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.plots import style
from iexec_lab.plots.twin import numbered

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from matplotlib.figure import Figure

    from iexec_lab.plots.twin import Twin

KINDS: Final = (".png", ".svg", ".pdf")
_DOTS: Final = 200  # of an inch
_SHOWN: Final = 100  # pixels of an inch on the page: a picture is sharp on a screen with two dots for each


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawing and its figures; a notebook shows the drawing, ``str()`` and a terminal the figures.

    Attributes:
        title: What it shows.
        twin: The figures as text.
        draw: Draws into an empty figure.
        notes: What one must know to read it.
        empty: What to say when there are no figures.
        height: Inches; the width is always 7.6.
    """

    title: str
    twin: Twin
    draw: Callable[[Figure], None] = field(repr=False)
    notes: tuple[str, ...] = ()
    empty: str = "nothing to draw"
    height: float = 3.9

    @property
    def alt(self) -> str:
        """The picture in a sentence, for people who do not see it."""
        rows = self.twin.rows
        what = f"{numbered(len(rows), 'row')} of {', '.join(self.twin.columns)}"
        ends = [f"first: {', '.join(row)}" for row in rows[:1]]
        ends += [f"last: {', '.join(row)}" for row in rows[1:][-1:]]
        told = "; ".join([what, *ends, *self.notes]) if rows else self.empty
        return plain(f"{self.title}. {told}.", 600)

    def text(self, width: int = 100, block: str = "█") -> str:
        """The figures as a table with bars; ``block`` is what bars are made of."""
        lines = self.twin.lines(width, block) or [self.empty]
        return "\n".join([plain(self.title), *(plain(note) for note in self.notes), *lines])

    def figure(self) -> Figure:
        """The drawing as a ``matplotlib`` figure, to change or to place.

        Raises:
            LibraryError: matplotlib is not installed.
        """
        style.require()
        with style.ours():
            figure = style.blank(self.height)
            self.draw(figure)
            return figure

    def save(self, path: str | PathLike[str]) -> Path:
        """Write it as ``.png``, ``.svg`` or ``.pdf``, over what was there; return the path.

        Raises:
            ValidationError: The name ends otherwise.
            LibraryError: matplotlib is not installed.
            ProjectError: The file cannot be written.
        """
        target = check_name(path)
        data = self._as(target.suffix.lower()[1:])
        try:
            target.write_bytes(data)
        except OSError as error:
            raise ProjectError(f"{target} cannot be written: {error.strerror}") from None
        return target

    def _as(self, kind: str) -> bytes:
        figure, written = self.figure(), BytesIO()
        about = {
            "png": {"Title": plain(self.title), "Description": self.alt, "Software": None},
            "svg": {"Title": plain(self.title), "Description": self.alt, "Date": None},
            "pdf": {"Title": plain(self.title), "Subject": self.alt, "CreationDate": None},
        }
        with style.ours():
            figure.savefig(written, format=kind, dpi=_DOTS, metadata=about[kind])
        return written.getvalue()

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]] | None:
        try:
            png = self._as("png")
        except LibraryError:
            return None  # the text says why
        # The size is that of the file: 8 bytes of signature, 8 of a head, then width and height.
        pixels = [int.from_bytes(png[at : at + 4], "big") * _SHOWN // _DOTS for at in (16, 20)]
        return png, {"width": pixels[0], "height": pixels[1], "alt": self.alt}

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text(str(self))

    def __str__(self) -> str:
        try:
            style.require()
        except LibraryError as error:
            return f"{self.text()}\n{error.message}. {error.hint}"
        return self.text()

    __repr__ = __str__


def check_name(path: str | PathLike[str]) -> Path:
    """The path of a file that a picture can be saved as.

    Raises:
        ValidationError: The name ends otherwise.
    """
    target = Path(path)
    if target.suffix.lower() not in KINDS:
        raise ValidationError(
            f"{plain(target.name)} is no name of a picture", hint=f"End it with one of: {', '.join(KINDS)}."
        )
    return target
