"""A choice among what is known, with a place to type what is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.hand.guided import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")
_SHORTEST: Final = 3
"""Letters of a name that is looked for."""
_TYPED: Final = "\0typed"
"""The value of the entry that means: what stands below."""


class Pick:
    """Two decisions: the list, and what is typed where the list does not have it.

    Args:
        label: What is chosen.
        help: One sentence.
        nothing: The entry that chooses nothing; None where something must be chosen.
        typed: The label of what is typed.
    """

    def __init__(self, label: str, help: str, *, nothing: str | None = None, typed: str) -> None:  # noqa: A002
        self._nothing, self._said = nothing, ""
        self._offered: list[tuple[str, str]] = []
        self._is_asked = True
        self.list = Decision(
            pieces.choice(self._entries([]), ""),
            label,
            help,
            needed="" if nothing else "Looking for what there is.",
        )
        self.typed = Decision(
            widgets.Text(continuous_update=True),
            typed,
            "An address, a name that ends with .eth, or a part of its name on chain.",
            check=self._check,
            needed="" if nothing else f"Choose or type: {label.lower()}.",
        )
        self.typed.mono()

    @property
    def decisions(self) -> list[Decision]:
        return [self.list, self.typed]

    @property
    def value(self) -> str:
        """The address; empty for nothing."""
        return self.typed.value if self.list.value == _TYPED else self.list.value

    @value.setter
    def value(self, address: str) -> None:
        known = {value.lower(): value for _, value in self.list.control.options}
        if address.lower() in known:
            self.list.control.value = known[address.lower()]
        else:
            self.list.control.value = _TYPED
            self.typed.control.value = address

    def restart(self) -> None:
        """What there is, is asked for anew: elsewhere, or of another kind."""
        self._offered, self._is_asked, self._said = [], True, ""
        self.typed.control.value = ""
        self.list.known = self.typed.known = ""
        self.list.control.options = self._entries([])
        self.list.control.value = ""

    def unknown(self, why: str) -> None:
        """Nobody says what there is: it is typed."""
        self.offer(self._offered, first=False)
        self.list.known = f"{why}: type it."

    def refresh(self) -> None:
        self.typed.appear(shown=self.list.value == _TYPED)

    def offer(self, entries: Sequence[tuple[str, str]], *, first: bool) -> None:
        """Propose these, as pairs of what is shown and an address.

        Args:
            entries: The best one first.
            first: Choose the first one, where nothing was chosen or typed yet.
        """
        before, control = self.value, self.list.control
        self._offered, self._is_asked = list(entries), False
        control.options = self._entries(entries)
        if before:
            self.value = before
        elif first and entries:
            control.value = entries[0][1]
        elif self._nothing is not None:
            control.value = ""
        else:
            control.value = _TYPED

    @property
    def wanted(self) -> str:
        """A part of a name that was typed, to look for; empty where an address was."""
        text = self.typed.value if self.list.value == _TYPED else ""
        return text if len(text) >= _SHORTEST and not is_name(text) and not text.startswith("0x") else ""

    def found(self, entries: Sequence[tuple[str, str]]) -> None:
        """What has the typed text in its name: the only one is chosen, of several the list has them first."""
        offered = {address for _, address in self._offered}
        more = [(shown, address) for shown, address in entries if address not in offered]
        text = self.typed.value
        self._said = "" if entries else "Nothing here has this in its name."
        if entries:
            self.offer([*more, *self._offered], first=False)
            if len(entries) == 1:
                self.list.control.value = entries[0][1]
            else:
                self._said = f"{len(entries)} have this in their name: choose above, {entries[0][0]} ..."
        self.typed.control.value = text

    def _check(self, text: str) -> str:
        if is_name(text):
            return ""
        if self.wanted:
            return self._said or "Looking for this name ..."
        return "An address is 0x and 40 hexadecimal digits."

    def _entries(self, entries: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        nothing = [] if self._nothing is None else [(self._nothing, "")]
        if self._nothing is None and self._is_asked:  # what there is, is asked for
            nothing = [("looking …", "")]
        return [*nothing, *entries, ("another, by its address or name …", _TYPED)]


def is_name(text: str) -> bool:
    """Whether it is an address, or a name of ENS."""
    return bool(ADDRESS.fullmatch(text) or re.fullmatch(r"[\w.-]+\.eth", text))


def observe(control: Any, act: Callable[[], None]) -> None:
    """Call ``act`` when the value changes."""
    control.observe(lambda _change: act(), names="value")
