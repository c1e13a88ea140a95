"""One command as a form: its controls, the line they make, what running it shows."""

from __future__ import annotations

import html
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from IPython.display import display

from iexec_lab.commands.recent import Seen
from iexec_lab.errors import IexecError, UsageError
from iexec_lab.looks import MISTAKE
from iexec_lab.notebook.compat import mime_bundle
from iexec_lab.notebook.forms.fields import Field
from iexec_lab.notebook.variables import escape

if TYPE_CHECKING:
    from iexec_lab.commands.tree import Argument, Command, Option

Execute = Callable[[Sequence[str]], Any]

_MAIN = {"options", ""}
_FIRST = (
    "--dataset",
    "--args",
    "--category",
    "--encrypt-result",
    "--watch",
    "--price",
    "--volume",
    "--to",
    "--tag",
)
_IN_SIGHT = 8
_LEFT_OUT = {"--raw", "--quiet", "--wide", "--force", "--dry-run"}


class Form:
    """A command as a form.

    Args:
        command: Its declaration.
        execute: Runs words and returns the value; raises IexecError.
        seen: Ids and addresses to suggest.
        folder: The project folder.
        values: What the controls hold at first, by option name with underscores.
    """

    def __init__(
        self,
        command: Command,
        execute: Execute,
        *,
        seen: Seen | None = None,
        folder: Path | None = None,
        values: dict[str, Any] | None = None,
    ) -> None:
        self.command = command
        self.value: Any = None
        self._execute = execute
        options = [option for option in command.options if option.flag not in _LEFT_OUT]
        items: list[Argument | Option] = [*command.args, *options]
        self.fields = {item.dest: Field(item, seen or Seen(), folder or Path()) for item in items}
        for name, value in (values or {}).items():
            if name not in self.fields:
                raise UsageError(
                    f"{command.name} has no option {name}", hint=f"Options: {', '.join(self.fields)}."
                )
            self.fields[name].value = value
        self._line = widgets.HTML()
        self._output = widgets.Output()
        self._run = widgets.Button(description="Run", button_style="primary", icon="play")
        self._buttons = [self._run]
        self._run.on_click(lambda _button: self.run())
        if any(option.flag == "--dry-run" for option in command.options):
            check = widgets.Button(description="Show cost", icon="search")
            check.on_click(lambda _button: self.run("--dry-run"))
            self._buttons.append(check)
        for field in self.fields.values():
            field.on_change(self._refresh)
        self.box = widgets.VBox([*self._layout(), self._line, widgets.HBox(self._buttons), self._output])
        self._refresh()

    @property
    def line(self) -> str:
        """The equivalent magic line, without secrets."""
        return f"%iexec {shlex.join([*self.command.path, *map(escape, self._tokens(hide=True))])}"

    def run(self, *more: str) -> None:
        """What the button does: run the words and show the value, or the short error, below."""
        words = [*self.command.path, *self._tokens(), *more]
        for button in self._buttons:
            button.disabled = True
        self._output.clear_output()
        try:
            with self._output:
                self._show(words)
        finally:
            for field in self.fields.values():
                field.forget()
            for button in self._buttons:
                button.disabled = False
            self._refresh()

    def _show(self, words: list[str]) -> None:
        try:
            self.value = self._execute(words)
        except IexecError as error:
            text = "\n".join(error.lines())
            markup = f'<pre style="color:{MISTAKE};white-space:pre-wrap">{html.escape(text)}</pre>'
            display(_Shown(text, markup))  # type: ignore[no-untyped-call]
        else:
            if self.value is not None:
                display(self.value)  # type: ignore[no-untyped-call]

    def _tokens(self, *, hide: bool = False) -> list[str]:
        options: list[str] = []
        positionals: list[str] = []
        for field in self.fields.values():
            words = field.tokens(hide=hide)
            (positionals if words and not words[0].startswith("--") else options).extend(words)
        return [*positionals, *options]

    def _refresh(self) -> None:
        problems = [problem for problem in (field.check() for field in self.fields.values()) if problem]
        self._line.value = f'<code style="white-space:pre-wrap">{html.escape(self.line)}</code>'
        for button in self._buttons:
            button.disabled = bool(problems)
            button.tooltip = problems[0] if problems else self.command.summary

    def _layout(self) -> Iterator[Any]:
        yield widgets.HTML(f"<b>{html.escape(self.command.name)}</b>: {html.escape(self.command.summary)}")
        groups: dict[str, list[Any]] = {}
        for field in self.fields.values():
            groups.setdefault(self._group(field), []).append(field.box)
        yield from groups.pop("", [])
        if groups:
            folded = widgets.Accordion([widgets.VBox(boxes) for boxes in groups.values()])
            for i, title in enumerate(groups):
                folded.set_title(i, title)
            yield folded

    def _group(self, field: Field) -> str:
        """Empty for fields that are always in sight; a title for those that are folded away."""
        flag = getattr(field.item, "flag", None)
        if flag is None or (flag in _FIRST and not self._is_short):
            return ""
        group = str(getattr(field.item, "group", "options"))
        return ("" if self._is_short else "more") if group in _MAIN else group

    @property
    def _is_short(self) -> bool:
        """Whether the command has few options of its own, so that all can be in sight."""
        own = [option for option in self.command.options if option.group in _MAIN]
        return len([option for option in own if option.flag not in _LEFT_OUT]) <= _IN_SIGHT

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The form where no widget can be drawn: the line to fill in and what each word means."""
        rows = [
            (getattr(field.item, "shown", ""), field.item.help, " (needed)" if field.is_needed else "")
            for field in self.fields.values()
        ]
        width = max((len(name) for name, _, _ in rows), default=0)
        lines = [f"  {name:<{width}}  {help_}{needed}" for name, help_, needed in rows]
        return "\n".join([f"{self.command.name}: {self.command.summary}", self.line, *lines])

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return mime_bundle(self.box) | {
            "text/plain": self.text(),
            "text/html": f"<pre>{html.escape(self.text())}</pre>",
        }


class _Shown:
    """A text with its HTML twin."""

    def __init__(self, text: str, markup: str) -> None:
        self._text, self._markup = text, markup

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._markup
