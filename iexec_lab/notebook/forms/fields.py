"""One control per argument or option of a command: what is drawn, what it says, what is wrong with it."""

from __future__ import annotations

import html
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from iexec_lab.commands.complete import known_values
from iexec_lab.commands.tree import SECRET_KINDS, Argument, Option
from iexec_lab.errors import IexecError
from iexec_lab.looks import MISTAKE
from iexec_lab.notebook.compat import tooltip
from iexec_lab.protocol.javascript import loads

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.commands.recent import Seen

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESSES = {"address", "user", "app", "dataset", "workerpool"}
_HASHES = {"apporder", "datasetorder", "workerpoolorder", "requestorder", "deal", "task"}
_UNITS = {"amount": ("nRLC", "RLC"), "ether": ("wei", "gwei", "ether")}
_WIDE = widgets.Layout(width="34em", max_width="100%")
_ROW = widgets.Layout(align_items="center", flex_flow="row wrap")
_MUTED = '<span style="opacity:.7">{}</span>'
_FLAG = widgets.Layout(width="auto")
_LABEL = {"description_width": "11em"}
HIDDEN = "•••"
"""Shown instead of a secret; a saved notebook must not hold one."""


class Field:
    """A control with its check.

    Attributes:
        item: The declaration it stands for.
        box: What is drawn.
    """

    def __init__(self, item: Argument | Option, seen: Seen, folder: Path) -> None:
        self.item = item
        self._folder = folder
        self._control = self._draw(seen)
        self._unit = self._draw_unit()
        self._note = widgets.HTML(_MUTED.format(html.escape(item.help)) if self._is_flag else "")
        parts = [self._control, *([self._unit] if self._unit else []), self._note]
        self.box = widgets.HBox(parts, layout=_ROW)

    @property
    def _is_flag(self) -> bool:
        return isinstance(self.item, Option) and self.item.value == "none"

    @property
    def is_needed(self) -> bool:
        return isinstance(self.item, Argument) and self.item.required

    @property
    def value(self) -> str:
        """What was typed; "true" for a ticked flag, empty for nothing."""
        value = self._control.value
        return "true" if value is True else "" if value in {False, None} else str(value).strip()

    @value.setter
    def value(self, text: Any) -> None:
        self._control.value = bool(text) if isinstance(self._control, widgets.Checkbox) else str(text)

    def forget(self) -> None:
        """Empty a control that held a secret."""
        if self.item.kind in SECRET_KINDS:
            self._control.value = ""

    def on_change(self, act: Callable[[], None]) -> None:
        for control in (self._control, self._unit):
            if control is not None:
                control.observe(lambda _change: act(), names="value")

    def check(self) -> str:
        """What is wrong, empty when nothing is; also shown beside the control."""
        problem = self._problem()
        if self._is_flag:
            return problem
        # An empty field is not shown as wrong yet; the run button waits for it.
        self._note.value = (
            f'<span style="color:{MISTAKE}">{html.escape(problem)}</span>' if problem and self.value else ""
        )
        return problem

    def tokens(self, *, hide: bool = False) -> list[str]:
        """The words this control adds to the command line.

        Args:
            hide: Show dots instead of a secret.
        """
        value = self.value
        if not value:
            return []
        if self.item.kind in SECRET_KINDS and hide:
            value = HIDDEN
        if isinstance(self.item, Argument):
            return shlex.split(value) if self.item.variadic else [value]
        if self.item.value == "none":
            return [self.item.flag]
        if self._unit is not None:
            return [self.item.flag, value, str(self._unit.value)]
        values = shlex.split(value) if self.item.variadic else [value]
        return [self.item.flag, *values]

    def _draw(self, seen: Seen) -> Any:
        item = self.item
        common = {"description": _label(item), "style": _LABEL, "layout": _WIDE, **tooltip(item.help)}
        if self._is_flag:
            return widgets.Checkbox(value=False, indent=True, **{**common, "layout": _FLAG})
        if item.kind in SECRET_KINDS:
            return widgets.Password(placeholder=item.help, **common)
        choices = _units_of(item) if item.kind == "unit" else item.choices
        if choices:
            return widgets.Dropdown(
                options=[("", ""), *((word, word) for word in choices)], value="", **common
            )
        if item.kind == "json":
            return widgets.Textarea(placeholder='{"iexec_args": "…"}', continuous_update=True, **common)
        default = item.default if isinstance(item, Argument) and item.default else ""
        options = [] if item.kind in _UNITS else known_values(item, seen=seen, folder=self._folder)
        if options or item.kind in _ADDRESSES | _HASHES | {"file", "folder", "path"}:
            return widgets.Combobox(
                value=default,
                options=options,
                ensure_option=False,
                continuous_update=True,
                placeholder=item.help,
                **common,
            )
        return widgets.Text(value=default, placeholder=item.help, continuous_update=True, **common)

    def _draw_unit(self) -> Any:
        if isinstance(self.item, Option) and self.item.kind in _UNITS:
            return widgets.Dropdown(options=_UNITS[self.item.kind], layout=widgets.Layout(width="6em"))
        return None

    def _problem(self) -> str:
        value = self.value
        if not value:
            return f"{self.item.help} is missing" if self.is_needed else ""
        check = _CHECKS.get(self.item.kind)
        try:
            for word in shlex.split(value) if self.item.variadic and self._unit is None else [value]:
                if check is not None:
                    check(word, self)
        except IexecError as error:
            return error.message
        except ValueError as error:
            return str(error)
        return ""

    def parse_amount(self, text: str) -> None:
        from iexec_lab.units import parse_ether, parse_rlc

        unit = str(self._unit.value) if self._unit is not None else None
        if self.item.kind == "ether":
            parse_ether([text, unit or "ether"])
        else:
            parse_rlc([text, unit or "nRLC"])

    def find(self, text: str) -> Path:
        return self._folder / Path(text).expanduser()


def _units_of(item: Argument | Option) -> tuple[str, ...]:
    return _UNITS["ether" if "ether" in item.help else "amount"]


def _label(item: Argument | Option) -> str:
    return item.flag[2:] if isinstance(item, Option) else item.name


def _check_address(text: str, _field: Field) -> None:
    if (
        text != "deployed"
        and not _ADDRESS.fullmatch(text)
        and not text.endswith(".eth")
        and not text.isdigit()
    ):
        raise ValueError("an address is 0x and 40 hexadecimal digits")


def _check_hash(text: str, _field: Field) -> None:
    if not _HASH.fullmatch(text):
        raise ValueError("an id is 0x and 64 hexadecimal digits")


def _check_integer(text: str, _field: Field) -> None:
    if not text.isdecimal():
        raise ValueError("digits only")


def _check_json(text: str, _field: Field) -> None:
    try:
        loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None


def _check_tag(text: str, _field: Field) -> None:
    from iexec_lab.protocol import encode_tag

    if not text.startswith("0x"):
        encode_tag(text)


def _check_url(text: str, _field: Field) -> None:
    if not all(re.match(r"https?://", part) for part in text.split(",")):
        raise ValueError("a URL starts with http:// or https://")


def _check_file(text: str, field: Field) -> None:
    if field.item.kind == "file" and _label(field.item) != "wallet-file" and not field.find(text).is_file():
        raise ValueError("no such file")


_CHECKS: dict[str, Callable[[str, Field], None]] = {
    **dict.fromkeys(_ADDRESSES, _check_address),
    **dict.fromkeys(_HASHES, _check_hash),
    **dict.fromkeys(("integer", "category"), _check_integer),
    **dict.fromkeys(("amount", "ether"), lambda text, field: field.parse_amount(text)),
    "json": _check_json,
    "tag": _check_tag,
    "url": _check_url,
    "file": _check_file,
}
