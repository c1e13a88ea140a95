"""A page without widgets: what it is, its first rows, and the line that gives all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from iexec_lab import markup
from iexec_lab.errors import PROGRAM, as_typed
from iexec_lab.notebook.drawing.display import to_html, to_text
from iexec_lab.notebook.explorer.asking import line_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from iexec_lab.notebook.explorer.places import Listing

_ROWS: Final = 10


class Twin(NamedTuple):
    """What reads the same in a terminal, a saved notebook and an exported page.

    Attributes:
        title: Of the page.
        listing: The list that it shows.
        words: The command that gives it.
        frame: Its rows.
        facts: Names and values above it.
    """

    title: str
    listing: Listing
    words: Sequence[str]
    frame: pd.DataFrame
    facts: Sequence[tuple[str, str]]

    @property
    def line(self) -> str:
        """What to type for the frame."""
        return line_of(self.words)

    def __str__(self) -> str:
        head = f"{self.title}: {self.listing.title}, {self.listing.about}"
        facts = [f"{name}: {value}" for name, value in self.facts]
        table = to_text(self.frame, _ROWS, shorten=True)
        line = as_typed(self.line.replace("%iexec", PROGRAM, 1))
        return "\n".join([head, *facts, table, f"The same list: {line}"])

    def html(self) -> markup.Markup:
        """The same as a card; the table is drawn as all frames are, which escapes what strangers wrote."""
        facts = [markup.facts(self.facts)] if self.facts else []
        return markup.card(
            f"{self.title}: {self.listing.title}",
            *facts,
            markup.element("div", self.listing.about),
            markup.Markup(to_html(self.frame, _ROWS, shorten=True)),
            markup.element("div", "The same list: ", markup.whole(self.line)),
            label=self.title,
        )
