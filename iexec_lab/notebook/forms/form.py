"""One command as a form: its controls, the line they make, what running it shows and leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from IPython.display import display

from iexec_lab import markup
from iexec_lab.commands.recent import Seen
from iexec_lab.errors import AbortedError, IexecError, UsageError, in_notebook
from iexec_lab.notebook.compat import mime_bundle
from iexec_lab.notebook.drawing import live, stage
from iexec_lab.notebook.face import remarks
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.fields import Field
from iexec_lab.notebook.forms.hand.desk import line_of
from iexec_lab.notebook.forms.moving import Moving
from iexec_lab.notebook.forms.proposals import propose
from iexec_lab.notebook.forms.sink import Sink
from iexec_lab.notebook.forms.trace import Run, Trace, drawn
from iexec_lab.protocol import is_address

if TYPE_CHECKING:
    from iexec_lab.commands.tree import Argument, Command, Option
    from iexec_lab.notebook.forms.signed import Held

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
_LEFT_OUT = {"--raw", "--quiet", "--wide", "--force", "--dry-run", "--show-private-key"}
"""A private key would stay in the state of the widget that shows it, and in the saved notebook."""
_NAMED = 7
"""Fields that the title of a closed group names."""
INTERRUPTED = "It was interrupted"
STAYS = "A form: it needs the kernel that drew it. What it held, and what it did, stands below."
"""What a front end shows in place of the widget, where it draws none."""


class Form:
    """A command as a form.

    Args:
        command: Its declaration.
        execute: Runs words and returns the value; raises IexecError.
        seen: Ids and addresses to suggest.
        folder: The project folder.
        values: What the controls hold at first, by option name with underscores.
        drafts: What of the project's files the command works from, to look at and perhaps to edit.
    """

    def __init__(
        self,
        command: Command,
        execute: Execute,
        *,
        seen: Seen | None = None,
        folder: Path | None = None,
        values: dict[str, Any] | None = None,
        drafts: Held | None = None,
    ) -> None:
        self.command = command
        self.value: Any = None
        self.market: Any = None
        self.drafts = drafts
        self._asked = False
        self._proposed_for = ""
        self._execute = execute
        self.fields = _fields(command, seen or Seen(), folder or Path())
        self._fill(values or {})
        self._line = pieces.line_box()
        self._output = Sink()
        self._card = widgets.HTML()
        self._moving = Moving()
        self._waits = widgets.HTML()
        self._run_: Run | None = None
        self._run = pieces.action(_verb(command), "play", self.run, primary=True, help=command.summary)
        self._buttons = [self._run]  # the one that acts stands last
        self._cost: pieces.Money | None = None
        if any(option.flag == "--dry-run" for option in command.options):
            self._cost = pieces.money(self._rehearse, lambda plan: drawn(plan)[1])
            self._buttons.insert(0, self._cost.button)
        self._folds: dict[str, tuple[pieces.Fold, list[Field]]] = {}
        self.trace = Trace(self.text(), markup.Markup())
        self.box = pieces.page(
            pieces.heading(command.name, _about(command)),
            *self._layout(),
            self._line.box,
            *([self._cost.box] if self._cost is not None else []),
            pieces.buttons(*self._buttons, self._waits),
            widgets.VBox(
                [self._moving.box, self._card, self._output], layout=widgets.Layout(overflow="visible")
            ),
            style=self.trace.style,
        )
        self._refresh()
        for field in self.fields.values():
            field.on_change(self._changed)
        if drafts is not None:
            drafts.on_change(self._changed)

    def _fill(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if name not in self.fields:
                raise UsageError(
                    f"{self.command.name} has no option {name}", hint=f"Options: {', '.join(self.fields)}."
                )
            self.fields[name].value = value

    @property
    def line(self) -> str:
        """The equivalent magic line, without secrets."""
        return line_of([*self.command.path, *self._tokens(hide=True)])

    def run(self, *more: str) -> None:
        """What the button does: run the words, show the value or the short error, and leave a trace of it."""
        words, line = [*self.command.path, *self._tokens(), *more], self.line
        self.value = None
        run = self._run_ = self.trace.begin(line)
        for button in self._buttons:
            button.disabled = True
        self._output.clear()
        self._card.value = ""
        outcome: Any = AbortedError(INTERRUPTED)
        said: list[str] = []

        def draw(bundle: dict[str, str]) -> None:
            if self._run_ is run:  # a job of an earlier run goes on below its own line
                self._card.value = bundle["text/html"]
            run.draw(bundle)

        try:
            with self._output, stage.on(self._moving.place), live.into(draw), remarks() as said:
                outcome = self._carry_out(words)
        finally:
            self._moving.clear()
            run.end(outcome, said)
            for field in self.fields.values():
                field.forget()
            if self._cost is not None:
                self._cost.clear()
            self._refresh()

    def _carry_out(self, words: list[str]) -> Any:
        """Run and show; the value, or the error that it ended with."""
        try:
            if self.drafts is not None:
                self.drafts.save(self._tokens())
        except IexecError as error:
            display(_Shown(error))  # type: ignore[no-untyped-call]
            return error
        return self._show(words)

    def _show(self, words: list[str]) -> Any:
        try:
            self.value = self._execute(words)
        except IexecError as error:
            display(_Shown(error))  # type: ignore[no-untyped-call]
            return error
        except KeyboardInterrupt as stop:  # where something goes on, its text says how to come back to it
            stopped = AbortedError(str(stop) or INTERRUPTED)
            display(_Shown(stopped))  # type: ignore[no-untyped-call]
            return stopped
        if self.value is not None:
            display(self.value)  # type: ignore[no-untyped-call]
        return self.value

    def _rehearse(self) -> Any:
        """What the line would cost. Beside the answer, what is said of it is not shown twice."""
        self._output.clear()
        refused: IexecError | None = None
        plan: Any = None
        with self._output, stage.on(self._moving.place):
            try:
                plan = self._execute([*self.command.path, *self._tokens(), "--dry-run"])
            except IexecError as error:  # an Output would print the traceback of what leaves it
                refused = error
        self._moving.clear()
        self._refresh()
        if refused is not None:
            raise refused
        return plan

    def _tokens(self, *, hide: bool = False) -> list[str]:
        options: list[str] = []
        positionals: list[str] = []
        for field in self.fields.values():
            if field.item.kind == "unit" and not self.fields["amount"].value:
                continue
            words = field.tokens(hide=hide)
            (options if getattr(field.item, "flag", None) else positionals).extend(words)
        return [*positionals, *options]

    def _changed(self) -> None:
        if self._cost is not None:
            self._cost.stale()
        self._refresh()
        self._propose_again()

    def _refresh(self) -> None:
        problems = [field.waits for field in self.fields.values() if field.check()]
        if self.drafts is not None:
            problems += self.drafts.check(self._tokens())
        self._line.show(self.line)
        self._waits.value = markup.element("span", problems[0], role="status") if problems else ""
        for button in self._buttons:
            button.disabled = bool(problems)
            button.tooltip = problems[0] if problems else self.command.summary
        for fold, fields in self._folds.values():
            if any(field.value and field.problem for field in fields):
                fold.open()  # what holds the button back must be seen

    def _layout(self) -> list[Any]:
        groups: dict[str, list[Field]] = {}
        for field in sorted(
            self.fields.values(), key=lambda field: field.is_ticked
        ):  # ticks below what is typed
            if field.box is not None:
                groups.setdefault(self._group(field), []).append(field)
        shown = groups.pop("", [])
        drawn_: list[Any] = [pieces.grid(*(field.box for field in shown))] if shown else []
        if self.drafts is not None:
            drawn_.append(self.drafts.box)
        for title in sorted(groups, key=_later):
            fields = groups[title]
            inner = pieces.grid(*(field.box for field in fields))
            names = [field.label[:1].lower() + field.label[1:] for field in fields]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED + 1 else ""
            said = f"{title.capitalize()}: {', '.join(names[:_NAMED] if more else names)}{more}"
            is_open = any(field.value for field in fields) or (title == "more" and not drawn_)
            self._folds[title] = pieces.Fold(said, inner, is_open=is_open), fields
            drawn_.append(self._folds[title][0].box)
        return drawn_

    def propose(self) -> None:
        """Begin to ask the market in use for what could be chosen; without one, nothing."""
        if self.market is None or self._asked:
            return
        self._asked = True
        fields = [*self.fields.values(), *(self.drafts.fields if self.drafts is not None else [])]
        self._proposing = propose(self.market, fields, self._app)
        self._proposed_for = self._app()

    def _app(self) -> str:
        field = self.fields.get("app")
        return field.value if field is not None and field.item.kind == "app" else ""

    def _propose_again(self) -> None:
        """Another app was chosen: what depends on it is another."""
        app = self._app()
        if self._asked and is_address(app) and app != self._proposed_for:
            self._proposed_for = app
            fields = [field for field in self.fields.values() if field.item.kind in {"dataset", "workerpool"}]
            self._proposing = propose(self.market, fields, self._app)

    def _group(self, field: Field) -> str:
        """Empty for fields that are always in sight; a title for those that are folded away."""
        flag = getattr(field.item, "flag", None)
        if flag is None or field.is_needed or (flag in _FIRST and not self._is_short):
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
        held = self.drafts.text() if self.drafts is not None else ""
        return "\n".join(
            filter(None, [f"{self.command.name}: {self.command.summary}", self.line, held, *lines])
        )

    def html(self) -> markup.Markup:
        """The same as a page to read: what is filled in, and what else there is."""
        filled = [(field.label, shown) for field in self.fields.values() if (shown := _shown(field))]
        rest = [
            (field.label, field.item.help)
            for field in self.fields.values()
            if field.box and not _shown(field)
        ]
        return markup.card(
            f"{self.command.name}: {self.command.summary}",
            markup.element("div", markup.line(self.line)),
            *([self.drafts.html()] if self.drafts is not None else []),
            *([markup.upright(filled)] if filled else []),
            *([markup.folded("What else it takes", markup.upright(rest))] if rest else []),
            label=f"form {self.command.name}",
        )

    def _ipython_display_(self) -> None:
        """The widget, and below it what stays when the widget is gone."""
        view = mime_bundle(self.box)
        kind = next((name for name in view if name.endswith("widget-view+json")), None)
        if kind is None:
            print(self.text())  # noqa: T201 - no page: the text is the form
            return
        self.trace.describe(self.text(), self.html())
        display({kind: view[kind], "text/plain": STAYS}, raw=True)  # type: ignore[no-untyped-call]
        self.trace.show()
        self.propose()

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return mime_bundle(self.box) | {"text/plain": self.text(), "text/html": self.html()}


def _fields(command: Command, seen: Seen, folder: Path) -> dict[str, Field]:
    """A field for each word of the command; the unit of an amount is drawn beside it."""
    options = [option for option in command.options if option.flag not in _LEFT_OUT]
    items: list[Argument | Option] = [*command.args, *options]
    units = {item.dest: Field(item, seen, folder) for item in items if item.kind == "unit"}
    unit = units.get("unit")
    return {
        item.dest: units.get(item.dest)
        or Field(item, seen, folder, unit=unit if unit is not None and item.dest == "amount" else None)
        for item in items
    }


def _later(group: str) -> int:
    """The groups in the order in which they are needed."""
    order = ("more", "follow", "wallet", "network", "output")
    return order.index(group) if group in order else 0


def _shown(field: Field) -> str:
    """What a field holds, to be read: no secret, ticked flags as yes."""
    words = field.tokens(hide=True)
    if not words or field.item.kind == "unit":
        return ""
    flag = getattr(field.item, "flag", None)
    return " ".join(words[1:]) or "yes" if words[0] == flag else " ".join(words)


def _verb(command: Command) -> str:
    """What the button says: the last word of the command."""
    word = command.path[-1].replace("-", " ")
    return word[:1].upper() + word[1:]


def _about(command: Command) -> str:
    text = command.summary[:1].upper() + command.summary[1:]
    notes = in_notebook(" ".join(command.notes.split()))
    return f"{text}. {notes}".strip() if notes else f"{text}."


class _Shown:
    """An error in short, as text and HTML."""

    def __init__(self, error: IexecError) -> None:
        self._error = error

    def __repr__(self) -> str:
        return in_notebook("\n".join(self._error.lines()))

    def _repr_html_(self) -> str:
        return pieces.mistake(self._error)
