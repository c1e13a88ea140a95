"""The signed orders of ``orders.json`` that a command would publish, to look at: each term is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.errors import IexecError
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.entries import ENTRIES, shown
from iexec_lab.project import jsonfile
from iexec_lab.project.files import ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from iexec_lab.notebook.forms.fields import Field


class Held(Protocol):
    """What a form shows of the project's files.

    Attributes:
        box: What is drawn.
    """

    box: Any

    @property
    def fields(self) -> Sequence[Field]:
        """Those that can be typed into."""
        ...

    @property
    def present(self) -> list[str]:
        """The parts that are there."""
        ...

    def on_change(self, act: Callable[[], None]) -> None: ...

    def check(self, tokens: Sequence[str]) -> list[str]:
        """What is wrong with what a line with these words works from."""
        ...

    def save(self, tokens: Sequence[str]) -> None:
        """Write what was changed. Raises ProjectError."""
        ...

    def text(self) -> str: ...

    def html(self) -> markup.Markup: ...


_NONE: Final = f"{ORDERS} has no signed order of this network: %iexec form order sign makes one."


class Signed:
    """The signed orders of a network.

    Args:
        folder: The project folder.
        chain_id: Of the network in use; None for that of the file, where it has a single one.
    """

    def __init__(self, folder: Path, chain_id: int | None) -> None:
        self._orders: dict[str, dict[str, Any]] = {}
        said = markup.Markup()
        try:
            document = jsonfile.read(folder / ORDERS) or {}
            chains = [str(chain_id)] if chain_id is not None else list(document)
            found = document.get(chains[0]) if len(chains) == 1 else None
            self._orders = (
                {kind: found[kind] for kind in _KINDS if isinstance(found.get(kind), dict)}
                if isinstance(found, dict)
                else {}
            )
        except IexecError as error:
            said = pieces.mistake(error)
        said = said or (markup.Markup() if self._orders else markup.note(_NONE))
        self.box = widgets.HTML(markup.join(said, self.html()))

    @property
    def fields(self) -> Sequence[Field]:
        return ()

    @property
    def present(self) -> list[str]:
        return list(self._orders)

    def on_change(self, act: Callable[[], None]) -> None:
        """It never changes."""

    def check(self, tokens: Sequence[str]) -> list[str]:
        kinds = [token[2:] for token in tokens if f"{token[2:]}order" in _KINDS]
        return [] if kinds else ["Tick the kinds of orders to publish"]

    def save(self, tokens: Sequence[str]) -> None:
        """Nothing to write: what is signed is signed."""

    def text(self) -> str:
        return "\n".join(
            "\n".join([f"{kind} signed in {ORDERS}", *(f"  {label}: {value}" for label, value in rows)])
            for kind, rows in self._rows()
        )

    def html(self) -> markup.Markup:
        return markup.join(
            *(
                markup.folded(
                    f"{kind.capitalize()} signed in {ORDERS}", markup.upright(rows, label=kind), is_open=True
                )
                for kind, rows in self._rows()
            )
        )

    def _rows(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return [
            (kind, shown({entry.key: entry for entry in ENTRIES[kind]}, order))
            for kind, order in self._orders.items()
        ]


_KINDS: Final = ("apporder", "datasetorder", "workerpoolorder", "requestorder")
