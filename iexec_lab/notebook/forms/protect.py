"""The form that protects a file and sells its use: encrypt, upload, deploy, give away the key, publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.client.matching.file_sale import STEPS
from iexec_lab.notebook.forms.hand.files import FileChoice
from iexec_lab.notebook.forms.hand.guided import Guided, Stopped, column, halves, reveal
from iexec_lab.notebook.forms.hand.more import MoreOptions
from iexec_lab.notebook.forms.hand.where import Where
from iexec_lab.notebook.forms.sell import Price

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iexec_lab.markup import Markup, Tone
    from iexec_lab.notebook.forms.hand.desk import Desk

_LABELS: Final[Mapping[str, str]] = {
    "encrypt": "Encrypt the file",
    "upload": "Upload the encrypted file",
    "deploy": "Deploy the dataset",
    "push-secret": "Give its key to the secret manager",
    "publish": "Publish the order",
}
_BEGINS: Final[Mapping[str, str]] = {
    "Encrypting": "encrypt",
    "Uploading": "upload",
    "Deploying": "deploy",
    "Giving": "push-secret",
    "Publishing the order": "publish",
}
"""How what is being done begins -> its step (``client/matching/file_sale.py``)."""
_TONES: Final[Mapping[str, Tone]] = {
    "to do": "calm",
    "done": "good",
    "was done already": "good",
    "failed": "bad",
}


class ProtectForm(Guided):
    """A file, a price, and who may use it; then the five steps, each with its state.

    Args:
        desk: Where it works.
        path: The file.
        **values: Options of ``dataset publish-file``.
    """

    name: ClassVar = "protect"
    title: ClassVar = "Protect and sell a file"
    go_label: ClassVar = "Protect and publish"
    go_icon: ClassVar = "lock"
    has_halves: ClassVar = True

    def __init__(self, desk: Desk, path: str | None = None, **values: Any) -> None:
        super().__init__(desk)
        self.files = FileChoice(desk.folder, self.refresh)
        self.price = Price("Price of a task", "Empty: it is free.")
        self.decisions = [self.files.decision, self.price]
        self.more = MoreOptions(
            ("dataset", "publish-file"), {"price"}, desk, title="Only for, and other terms"
        )
        self._steps = widgets.HTML()
        self._states: dict[str, str] = {}
        self._doing = ""
        self._inside = halves(column(self.files.box, self.price, self.more.fold.box), self._steps)
        if path:
            self.files.choose(str(path))
        for name, value in values.items():
            self.price.fill(value) if name == "price" else self.more.fill(name, value)
        self.more.on_change(self.refresh)
        self.where = Where(desk, self._moved)
        self.draw(self.where.box, self._inside)
        self._draw_steps()
        self._moved()

    def lines(self) -> list[list[str]]:
        path = filter(None, [self.files.value])
        return [["dataset", "publish-file", *path, *self.price.words(), *self.more.words()]]

    def problems(self) -> list[str]:
        found = [*super().problems(), *self.more.problems()]
        return found if self.where.lab else ["Connect first.", *found]

    def refresh(self) -> None:
        if self._is_busy or not hasattr(self, "where"):
            return
        for part in (self._inside, self._foot) if hasattr(self, "_foot") else ():
            reveal(part, shown=self.where.lab is not None)
        super().refresh()

    def _moved(self) -> None:
        """The market is open, or is another one."""
        if self.where.lab is not None:
            self.more.propose(self.where.lab, str)
        self.refresh()

    def act(self) -> None:
        self._states, self._doing = {}, "encrypt"
        self._draw_steps()
        try:
            super().act()
        except Stopped:
            self._states[self._doing] = "failed"
            self._draw_steps()
            self.go_button.description = "Go on"
            self.show(markup.note("What is done stays done: the same line again does what is left."))
            raise
        self.go_button.description = self.go_label
        self._states = _outcome(self.value)
        self._draw_steps()

    def hear(self, text: str, done: int, total: int) -> None:  # noqa: ARG002 - the text has the percentage
        step = next((step for begin, step in _BEGINS.items() if text.startswith(begin)), None)
        if step is None:
            return
        if step != self._doing and self._states.get(self._doing) not in _TONES:
            self._states[self._doing] = "done"
        percent = text.rpartition(" ")[0].rpartition(" ")[2] if text.endswith("%") else ""
        self._doing, self._states[step] = step, f"{percent} %" if percent else "going on"
        self._draw_steps()

    def _draw_steps(self) -> None:
        self._steps.value = _steps(self._states)


def _steps(states: Mapping[str, str]) -> Markup:
    """The steps with their states, in order."""
    rows = []
    for number, (step, label) in enumerate(_LABELS.items(), start=1):
        state = states.get(step, "to do")
        badge = markup.badge(state, _TONES.get(state, "going"))
        rows.append(markup.element("li", f"{label} ", badge, value=str(number), style="line-height:1.9"))
    style = "margin:.2em 0;padding-left:1.6em"
    steps = markup.element("ol", *rows, style=style, aria_label="Steps")
    return markup.element("div", steps, role="status")


def _outcome(value: Any) -> dict[str, str]:
    """The state of each step, as the answer tells it."""
    row = value.iloc[0] if hasattr(value, "iloc") else value
    done, skipped = (str(row[name]).split(", ") for name in ("done", "skipped"))
    return {
        step: "done" if word in done else "was done already" if word in skipped else "to do"
        for step, word in STEPS.items()
    }
