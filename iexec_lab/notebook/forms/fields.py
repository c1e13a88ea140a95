"""One field per argument or option of a command: its control, what it says, what is wrong with it."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from iexec_lab.commands.complete import known_values
from iexec_lab.commands.options import TO
from iexec_lab.commands.tree import SECRET_KINDS, Argument, Option
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.checks import ADDRESSES, HASHES, UNITS, doubt_of, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from iexec_lab.commands.recent import Seen

HIDDEN: Final = "•••"
"""Shown instead of a secret; a saved notebook must not hold one."""
_USUAL: Final = {"amount": "RLC", "ether": "ether", "gas_price": "gwei"}
"""The unit that people think in, by kind or name."""
_WORDS: Final = {
    "rlc": "RLC",
    "tee": "TEE",
    "url": "URL",
    "api": "API",
    "id": "id",
    "json": "JSON",
    "dealid": "deal",
    "taskid": "task",
    "keystoredir": "keystore folder",
    "dir": "folder",
}
_EXAMPLES: Final = {
    **dict.fromkeys(ADDRESSES, "0x… or name.eth"),
    **dict.fromkeys(HASHES, "0x…"),
    "url": "https://…",
    "json": '{"iexec_args": "…"}',
    "tag": "tee,scone",
}
_LONG: Final = HASHES | {"bulk", "checksum", "json", "params"}
_UNIT_SAID: Final = re.compile(r"[,;]? ?in (nRLC|wei) unless a unit follows")
"""The unit stands beside the amount."""
_OTHERS: Final = ("file", "folder", "path", "chain", "category", "tag", "provider", "name", "jobs")


class Field:
    """A control with its check.

    Args:
        item: The declaration it stands for.
        seen: Ids and addresses of this session.
        folder: The project folder.
        unit: The field of the unit that is a word of its own on the line, after an amount.
        label: What it is called, if not as the declaration says.

    Attributes:
        item: The declaration it stands for.
        problem: What was wrong at the last check.
        box: What is drawn; None for a unit, which is drawn beside its amount.
    """

    def __init__(
        self,
        item: Argument | Option,
        seen: Seen,
        folder: Path,
        *,
        unit: Field | None = None,
        label: str = "",
    ) -> None:
        self.item = item
        self.label = label or label_of(item)
        self._folder = folder
        self._unit_field = unit
        self.problem = ""
        self._shown: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._switch: Any = None
        self._control: Any = None
        self._unit = unit._control if unit is not None else self._draw_unit()  # noqa: SLF001 - of its kind
        self._secret: pieces.Secret | None = None
        self._labelled = self._labelled_control(seen)
        self._control = self._labelled.control
        self.box: Any = None if item.kind == "unit" else self._with_switch()
        if isinstance(self._control, widgets.Combobox):
            self._control.observe(self._choose, names="value")

    @property
    def _is_flag(self) -> bool:
        return isinstance(self.item, Option) and self.item.value == "none"

    @property
    def is_ticked(self) -> bool:
        """Whether it begins with a box to tick."""
        return self._is_flag or self._switch is not None

    @property
    def is_needed(self) -> bool:
        return _is_needed(self.item)

    @property
    def value(self) -> str:
        """What was typed; "true" for a ticked flag, empty for nothing."""
        if self._secret is not None:
            return self._secret.value
        if self._switch is not None and not self._switch.control.value:
            return ""
        value = self._control.value
        text = "true" if value is True else "" if value in {False, None} else str(value).strip()
        return text or ("true" if self._switch is not None else "")

    @value.setter
    def value(self, given: Any) -> None:
        if self._secret is not None:
            self._secret.hold("" if given is None else str(given))
        elif self._is_flag:
            self._control.value = bool(given)
        else:
            if self._switch is not None:
                self._switch.control.value = given not in {None, False, ""}
            self._set("" if given is None or isinstance(given, bool) else _as_text(given))

    def _set(self, text: str) -> None:
        if self._unit is not None and text:
            number, _, unit = text.rpartition(" ")
            text, unit = (number.strip(), unit) if unit in UNITS[self.item.kind] else (text, "")
            values = [value for _name, value in _pairs(self._unit.options)]
            self._unit.value = unit if unit in values else values[0]
        if isinstance(self._control, widgets.Dropdown):
            values = [value for _name, value in _pairs(self._control.options)]
            if text not in values:
                self._control.options = [*_pairs(self._control.options), (text, text)]
        self._control.value = text

    def wide(self) -> None:
        """Give it a row of its own."""
        self._labelled.wide()

    def forget(self) -> None:
        """Forget a secret."""
        if self._secret is not None:
            self._secret.forget()

    def on_change(self, act: Callable[[], None]) -> None:
        if self._secret is not None:
            self._secret.on_change(act)
            return
        switch = self._switch.control if self._switch is not None else None
        own_unit = self._unit if self._unit_field is None else None
        for control in (self._control, own_unit, switch):
            if control is not None:
                control.observe(lambda _change: act(), names="value")

    def propose(self, known: Mapping[str, str]) -> None:
        """Add values to choose from, each with what is known of it; the reader sees both.

        Args:
            known: What is known, by value; empty for nothing. Values are plain words.
        """
        if not isinstance(self._control, widgets.Combobox):
            return
        self._known |= {value.lower(): text for value, text in known.items() if text}
        for value, text in known.items():
            self._shown[pieces.only_text(f"{value} ({text})" if text else value)] = value
        named = {value for shown, value in self._shown.items() if shown != value}
        there = [word for word in self._control.options if word not in self._shown and word not in named]
        self._control.options = [*(shown for shown in self._shown), *there]
        self.check()

    def _choose(self, change: Any) -> None:
        """A proposal that was chosen becomes its value."""
        value = self._shown.get(str(change["new"]).strip())
        if value is not None and value != change["new"]:
            self._control.value = value

    def check(self) -> str:
        """What is wrong, empty when nothing is; also shown below the control."""
        problem = self.problem = self._problem()
        # An empty field is not shown as wrong yet; the run button waits for it.
        shown = problem if self.value else ""
        if shown:
            self._labelled.tell(shown)
        elif doubt := doubt_of(self.item.kind, self.value):
            self._labelled.tell(doubt, "late")
        else:
            self._labelled.tell(self._known.get(self.value.lower(), ""), "calm")
        return problem

    @property
    def waits(self) -> str:
        """What a button waits for, in few words: what is wrong with a value stands below the value."""
        return f"{self.label} is not right yet" if self.problem and self.value else self.problem

    def tokens(self, *, hide: bool = False) -> list[str]:
        """The words this control adds to the command line.

        Args:
            hide: Show dots instead of a secret.
        """
        value = self.value
        if not value:
            return []
        if self.item.kind == "json":  # it stands on one line: its texts have no line ends
            value = " ".join(value.splitlines())
        if self._secret is not None and hide:
            value = HIDDEN
        if isinstance(self.item, Argument):
            return shlex.split(value) if self.item.variadic else [value]
        flag = self.item.flag
        if self._is_flag or (self._switch is not None and value == "true"):
            return [flag]
        if self._unit is not None:
            return [flag, value, str(self._unit.value)]
        values = shlex.split(value) if self.item.variadic else [value]
        if len(values) == 1 and values[0].startswith("-"):
            return [f"{flag}={values[0]}"]
        return [flag, *values]

    def _labelled_control(self, seen: Seen) -> pieces.Labelled:
        item = self.item
        needed = " (needed)" if self.is_needed else ""
        label, help_ = f"{self.label}{needed}", help_of(item)
        if item.kind in SECRET_KINDS:
            self._secret = pieces.Secret(label, help_)
            return self._secret
        control = self._draw(seen)
        if isinstance(item, Option) and item.value == "optional":
            self._switch = pieces.labelled(widgets.Checkbox(value=False), label, help_)
            label, help_ = f"{self.label}: {item.metavar}", ""
        made = pieces.labelled(control, label, help_, unit=self._unit)
        if item.kind in ADDRESSES | _LONG:
            made.mono()
        if item.kind in _LONG or (item.variadic and item.kind not in UNITS):
            made.wide()
        return made

    def _with_switch(self) -> Any:
        if self._switch is None:
            return self._labelled
        box = widgets.VBox([self._switch, self._labelled])
        box.add_class("iexec-lab-field")

        def draw(_change: Any = None) -> None:
            self._labelled.layout.display = "" if self._switch.control.value else "none"

        self._switch.control.observe(draw, names="value")
        draw()
        return box

    def _draw(self, seen: Seen) -> Any:
        item = self.item
        if self._is_flag:
            return widgets.Checkbox(value=False)
        if item.kind == "unit":
            units = UNITS["ether" if "ether" in item.help else "amount"]
            return pieces.choice([("", ""), *((word, word) for word in units)], units[-1])
        if item.choices:
            return pieces.choice([("", ""), *((word, word) for word in item.choices)], "")
        if item.kind in {"json", "params"}:
            return widgets.Textarea(placeholder=_EXAMPLES["json"], continuous_update=True)
        default = item.default if isinstance(item, Argument) and item.default else ""
        example = _EXAMPLES.get(item.kind, "")
        options = [] if item.kind in UNITS else known_values(item, seen=seen, folder=self._folder)
        if options or item.kind in ADDRESSES | HASHES or item.kind in _OTHERS:
            return pieces.Suggestions(
                value=default,
                options=[word for word in options if pieces.only_text(word) == word],
                ensure_option=False,
                continuous_update=True,
                placeholder=example,
            )
        return widgets.Text(value=default, placeholder=example, continuous_update=True)

    def _draw_unit(self) -> Any:
        if isinstance(self.item, Option) and self.item.kind in UNITS:
            usual = _USUAL.get(self.item.dest) or _USUAL[self.item.kind]
            return pieces.choice([(word, word) for word in UNITS[self.item.kind]], usual)
        return None

    def _problem(self) -> str:
        value = self.value
        if not value:
            return f"{self.label} is missing" if self.is_needed else ""
        if self._is_flag or (self._switch is not None and value == "true"):
            return ""
        words = [value]
        if self.item.variadic and self._unit is None:
            try:
                words = shlex.split(value)
            except ValueError as error:
                return f"{error}: a quote opens and does not close"
        name = self.item.flag if isinstance(self.item, Option) else self.item.name
        unit = str(self._unit.value) if self._unit is not None else ""
        for word in words:
            told = problem_of(self.item.kind, word, name=name, unit=unit, folder=self._folder)
            if told:
                return told
        return ""


def label_of(item: Argument | Option) -> str:
    """What a field is called: the words of its option, or what its argument is."""
    name = item.flag[2:] if isinstance(item, Option) else item.name
    if name == "address" and item.kind in {"app", "dataset", "workerpool"}:
        name = item.kind
    words = " ".join(_WORDS.get(word, word) for word in name.split("-"))
    return words[:1].upper() + words[1:]


def help_of(item: Argument | Option) -> str:
    """Its help in full, as a sentence begins."""
    text = _UNIT_SAID.sub("", item.help) if item.kind in UNITS else item.help
    more = "; several are separated by spaces" if item.variadic and item.kind not in UNITS else ""
    first = text.split(" ", 1)[0]
    return f"{text if '.' in first or '_' in first else text[:1].upper() + text[1:]}{more}"


def _is_needed(item: Argument | Option) -> bool:
    return item.required if isinstance(item, Argument) else item == TO


def _as_text(given: Any) -> str:
    if isinstance(given, dict):
        return json.dumps(given)
    if isinstance(given, (list, tuple)):
        return shlex.join(map(str, given))
    address = getattr(given, "address", None)
    with suppress(TypeError):
        return str(given if address is None else address)
    return ""


def _pairs(options: Any) -> list[tuple[str, Any]]:
    """The options of a choice as pairs, however they were given."""
    return [pair if isinstance(pair, tuple) else (str(pair), pair) for pair in options]
