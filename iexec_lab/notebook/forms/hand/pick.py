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
        self._nothing = nothing
        self.list = Decision(pieces.choice(self._entries([]), "" if nothing else _TYPED), label, help)
        self.typed = Decision(
            widgets.Text(continuous_update=True),
            typed,
            "An address, or a name that ends with .eth.",
            check=_check,
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

    def refresh(self) -> None:
        self.typed.appear(shown=self.list.value == _TYPED)

    def offer(self, entries: Sequence[tuple[str, str]], *, first: bool) -> None:
        """Propose these, as pairs of what is shown and an address.

        Args:
            entries: The best one first.
            first: Choose the first one, where nothing was chosen or typed yet.
        """
        before, control = self.value, self.list.control
        control.options = self._entries(entries)
        if before:
            self.value = before
        elif first and entries:
            control.value = entries[0][1]
        elif self._nothing is not None:
            control.value = ""
        else:
            control.value = _TYPED

    def _entries(self, entries: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        nothing = [] if self._nothing is None else [(self._nothing, "")]
        return [*nothing, *entries, ("another, by its address or name …", _TYPED)]


def is_name(text: str) -> bool:
    """Whether it is an address, or a name of ENS."""
    return bool(ADDRESS.fullmatch(text) or re.fullmatch(r"[\w.-]+\.eth", text))


def _check(text: str) -> str:
    return "" if is_name(text) else "An address is 0x and 40 hexadecimal digits."


def observe(control: Any, act: Callable[[], None]) -> None:
    """Call ``act`` when the value changes."""
    control.observe(lambda _change: act(), names="value")
