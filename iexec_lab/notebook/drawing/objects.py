"""How answers that are no DataFrames look: names and values, as a terminal shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab import markup
from iexec_lab.commands.readable import readable
from iexec_lab.commands.text import Style, render, safe
from iexec_lab.protocol import ORDERS, Order
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

_HIDDEN = {"salt", "kind"}
_NOBODY = "anybody"


class Fields(dict[str, Any]):
    """A dictionary that a command answers with: drawn as names and values."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text(to_text(self))

    def _repr_html_(self) -> str:
        return to_html(self)


class Lines(str):
    """A text of several lines: drawn as lines, not as Python would write it."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text("\n".join(map(safe, self.rstrip("\n").split("\n"))))


def as_value(value: Any) -> Any:
    """The value of a command, ready to be drawn."""
    if type(value) is str and "\n" in value:
        return Lines(value)
    return Fields(value) if type(value) is dict else value


def install(shell: InteractiveShell) -> Callable[[], None]:
    """Draw orders in this shell; call the result to stop."""
    assert shell.display_formatter is not None
    formatters = shell.display_formatter.formatters
    html, text = formatters["text/html"], formatters["text/plain"]
    before = [
        (formatter, order, formatter.for_type(order, draw))
        for order in ORDERS.values()
        for formatter, draw in ((html, to_html), (text, _print))
    ]

    def remove() -> None:
        for formatter, order, printer in before:
            formatter.type_printers.pop(order, None)
            if printer is not None:
                formatter.for_type(order, printer)

    return remove


def to_text(value: Any) -> str:
    """Aligned lines."""
    return render(_plain(value), Style(colours=False))


def to_html(value: Any) -> markup.Markup:
    """A table without colours, so that it follows the theme."""
    return markup.upright((safe(str(name)), _cell(item)) for name, item in _plain(value).items())


def _cell(value: Any) -> markup.Markup:
    if isinstance(value, dict) and value:
        return to_html(value)
    text = render(value, Style(colours=False)) if value not in ("", [], {}) else ""
    return markup.lines(text.split("\n"))


def _print(order: Any, printer: Any, cycle: bool) -> None:  # noqa: ARG001 - IPython's signature
    printer.text(to_text(order))


def _plain(value: Any) -> Any:
    """Orders and what holds them as readable dictionaries."""
    if isinstance(value, Order):
        return _order(value.to_json())
    if isinstance(value, dict):
        return readable({name: _plain(item) for name, item in value.items()})
    return value


def _order(fields: dict[str, Any]) -> dict[str, Any]:
    """An order as people read it: prices in RLC, no salt, whether it is signed."""
    shown: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _HIDDEN:
            continue
        if name == "sign":
            shown["signed"] = bool(value and value != "0x")
        elif name.endswith("price"):
            shown[name] = in_rlc(int(value))
        elif name.endswith("restrict"):
            word = readable(value, name)
            shown[name] = _NOBODY if word == "none" else word
        else:
            shown[name] = readable(value, name)
    return shown
