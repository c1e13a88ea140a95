"""What the forms made by hand have in common: one column of decisions, their lines, a last button.

A form only collects words. What its buttons run are the lines that it shows, so everything is asked, signed
and refused as when they are typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import ipywidgets as widgets
from IPython.display import display

from iexec_lab import markup
from iexec_lab.commands.hand_made import HAND_MADE
from iexec_lab.errors import AbortedError, IexecError
from iexec_lab.notebook.compat import mime_bundle
from iexec_lab.notebook.drawing import live, stage
from iexec_lab.notebook.face import remarks
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.form import INTERRUPTED, STAYS
from iexec_lab.notebook.forms.hand.desk import SecretWord, line_of
from iexec_lab.notebook.forms.moving import Moving
from iexec_lab.notebook.forms.sink import Sink
from iexec_lab.notebook.forms.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iexec_lab.notebook.forms.hand.desk import Desk
    from iexec_lab.notebook.forms.trace import Run

    Check = Callable[[str], str]

COLUMN: Final = "46em"
"""Width of the column of decisions, at most."""


def reveal(part: Any, *, shown: bool) -> None:
    """Show a part of a form, or hide it."""
    part.layout.display = ("grid" if part.layout.grid_template_columns else None) if shown else "none"


def beside(*items: Any) -> Any:
    """Texts and buttons on one line, which folds."""
    row = pieces.buttons(*items)
    row.add_class("iexec-lab-beside")
    return row


def column(*children: Any, width: str = COLUMN) -> Any:
    """Pieces below each other, at most so wide."""
    layout = widgets.Layout(
        display="grid",
        grid_template_columns="minmax(0, 1fr)",
        grid_gap=".7em",
        overflow="visible",
        max_width=width,
    )
    return widgets.VBox(list(children), layout=layout)


def halves(left: Any, right: Any) -> Any:
    """Two columns beside each other where there is room, else below each other."""
    layout = widgets.Layout(
        display="grid",
        grid_template_columns=f"repeat(auto-fit, minmax(min(100%, {pieces.COLUMN}), 1fr))",
        grid_gap=".7em 1.8em",
        align_items="flex-start",
        overflow="visible",
    )
    return widgets.GridBox([left, right], layout=layout)


class Stopped(Exception):  # noqa: N818 - the way out of a form's work, whose error was shown
    """A line of the form failed, and the form has said so."""


class _Shown:
    """What is only shown where it has a meaning."""

    layout: Any

    @property
    def is_shown(self) -> bool:
        return bool(self.layout.display != "none")

    def appear(self, *, shown: bool) -> None:
        self.layout.display = None if shown else "none"


class Decision(_Shown, pieces.Labelled):
    """A control with what is wrong with its value, or what is known of it.

    Args:
        control: The control.
        label: What it is called.
        help: One sentence.
        check: Says what is wrong with a value that is not empty; may raise IexecError or ValueError.
        needed: What is said where nothing was typed; empty where that is all right.
        unit: A second, small control beside it.
    """

    def __init__(
        self,
        control: Any,
        label: str,
        help: str = "",  # noqa: A002 - as in pieces
        *,
        check: Check | None = None,
        needed: str = "",
        unit: Any = None,
    ) -> None:
        super().__init__(control, label, help, unit)
        self.help, self._check, self._needed = help, check, needed
        self.known = ""

    @property
    def value(self) -> str:
        """What was typed or chosen, as text; empty for nothing."""
        value = self.control.value
        return value.strip() if isinstance(value, str) else "" if value in {None, False} else str(value)

    @property
    def shown(self) -> str:
        """What is typed or chosen, as it is read."""
        if isinstance(self.control, widgets.Checkbox):
            return "yes" if self.control.value else "no"
        return str(getattr(self.control, "label", None) or self.value)

    def explain(self, help: str) -> None:  # noqa: A002 - as in pieces
        """Another sentence of help."""
        self.help = self._help = help
        self.tell()

    def on_change(self, act: Callable[[], None]) -> None:
        self.control.observe(lambda _change: act(), names="value")

    def problem(self) -> str:
        """What is wrong, told in place of the help; empty when nothing is, or it is not shown."""
        if not self.is_shown:
            return ""
        value, found = self.value, ""
        if value and self._check is not None:
            try:
                found = self._check(value)
            except IexecError as error:
                found = " ".join(filter(None, [f"{error.message}.", error.hint]))
            except ValueError as error:
                found = str(error)
        if found:
            self.tell(found)
        elif self.known:
            self.tell(self.known, "calm")
        else:
            self.tell()
        return found or ("" if value else self._needed)


class SecretDecision(_Shown, pieces.Secret):
    """A password or a key; whether one is missing is told when the button is pressed."""

    def __init__(self, label: str, help: str = "") -> None:  # noqa: A002 - as in pieces
        super().__init__(label, help)
        self.help = help

    @property
    def word(self) -> SecretWord:
        return SecretWord(self.value)

    def missing(self) -> bool:
        """Say so, where nothing was typed."""
        is_missing = self.is_shown and not self.value
        self.tell(f"{self.label} is missing." if is_missing else "")
        return is_missing


class Guided:
    """A form made by hand.

    Attributes:
        value: What its last button gave.
        box: What is drawn.
        has_halves: Whether it has two columns.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    go_label: ClassVar[str]
    go_icon: ClassVar[str] = "play"
    has_halves: ClassVar[bool] = False

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.value: Any = None
        self.decisions: list[Decision] = []
        self.secrets: list[SecretDecision] = []
        self._is_busy = False
        self.body = column(width="none" if self.has_halves else COLUMN)
        self._line = pieces.line_box()
        self.go_button = pieces.action(self.go_label, self.go_icon, self.go, primary=True)
        self.others = pieces.buttons()
        self.below = widgets.VBox(layout=widgets.Layout(overflow="visible"))
        self.after = widgets.VBox(layout=widgets.Layout(overflow="visible"))
        desk.trace = desk.trace or Trace("", markup.Markup())

    @property
    def trace(self) -> Trace:
        """What stays in the saved notebook; a form below another one leaves it where that one does."""
        assert self.desk.trace is not None
        return self.desk.trace

    @trace.setter
    def trace(self, trace: Trace) -> None:
        self.desk.trace = trace

    def propose(self) -> None:
        """As of other forms; one made by hand has begun to ask already."""

    def draw(self, *children: Any) -> None:
        """Put the decisions, in their order, above the line and the buttons."""
        self.body.children = children
        self.others.children = (*self.others.children, self.go_button)
        foot = widgets.VBox([self._line.box, self.others], layout=widgets.Layout(overflow="visible"))
        summary = HAND_MADE[self.name].summary
        head = pieces.heading(self.title, f"{summary[0].upper()}{summary[1:]}.")
        self._foot = foot
        self.box = pieces.page(head, self.body, foot, self.below, self.after, style=self.trace.style)
        for decision in self.decisions:
            decision.on_change(self.refresh)
        for secret in self.secrets:
            secret.on_change(self.refresh)
        self.refresh()

    def embedded(self) -> Any:
        """The form as a step of another one: without its heading."""
        _sheets, _head, *parts = self.box.children
        return widgets.VBox(parts, layout=widgets.Layout(overflow="visible"))

    def lines(self) -> list[list[str]]:
        """The words of each line that the last button runs, secrets as ``SecretWord``."""
        raise NotImplementedError

    def act(self) -> None:
        """Run the lines."""
        for words in self.lines():
            self.value = self.perform(words)

    @property
    def line(self) -> str:
        """The lines as they are typed, without secrets."""
        return line_of(*self.lines())

    def problems(self) -> list[str]:
        """What keeps the last button from being pressed."""
        return [found for decision in self.decisions if (found := decision.problem())]

    def refresh(self) -> None:
        """Draw the lines anew, and say what is wrong."""
        if self._is_busy:
            return
        problems = self.problems()
        self._line.show(self.line)
        self.go_button.disabled = bool(problems)
        self.go_button.tooltip = problems[0] if problems else HAND_MADE[self.name].summary
        self.trace.describe(self.text(), self.page())

    def go(self) -> None:
        """What the last button does."""
        if not any([*self.problems(), *[secret.missing() for secret in self.secrets]]):
            self.work(self.act)

    def work(self, act: Callable[[], None]) -> None:
        """Do something that runs lines; what they show stands below the buttons."""
        self.below.children = ()
        self._is_busy = True
        try:
            act()
        except Stopped:
            pass
        finally:
            self._is_busy = False
            self.forget()
            self.refresh()

    def forget(self) -> None:
        """Forget what was typed and must not stay."""
        for secret in self.secrets:
            secret.forget()

    def perform(self, words: Sequence[str], *, shown: bool = True) -> Any:
        """Run one line and show it with what it gives.

        Raises:
            Stopped: It failed; that was shown.
        """
        line = line_of(words)
        output = Sink()
        self.show(markup.element("div", markup.line(line), style="margin-top:.4em"))
        moving = Moving()
        self._add(output, moving.box)
        run = self.trace.begin(line)
        error: IexecError | None = None
        with output, stage.on(moving.place, self.hear), live.into(self._card(run)), remarks() as said:
            try:
                value = self.desk.execute(words)
            except IexecError as found:
                error = found
            except KeyboardInterrupt as stop:  # where something was sent, its text says how to find it
                error = AbortedError(str(stop) or INTERRUPTED)
        moving.clear()
        if error is not None:
            self.show(pieces.mistake(error))
            run.end(error, said)
            raise Stopped from error
        run.end(value if shown or not said else None, said)  # the widget may show it in another way
        if shown and value is not None:
            self.present(value)
        return value

    def hear(self, text: str, done: int, total: int) -> None:
        """What a line is doing."""

    def show(self, piece: markup.Markup) -> None:
        """Add something to what stands below the buttons."""
        self._add(widgets.HTML(piece))

    def present(self, value: Any) -> None:
        """Add a value, drawn as a cell would."""
        output = Sink()
        self._add(output)
        with output, live.into(self._card()):
            display(value)  # type: ignore[no-untyped-call]

    def _card(self, run: Run | None = None) -> Callable[[dict[str, str]], None]:
        """A place below the buttons for what moves, and in the trace; it is there once something is drawn."""
        widget = widgets.HTML()

        def draw(bundle: dict[str, str]) -> None:
            if widget not in self.below.children:
                self._add(widget)
            widget.value = bundle["text/html"]
            if run is not None:
                run.draw(bundle)

        return draw

    def _add(self, *children: Any) -> None:
        self.below.children = (*self.below.children, *children)

    def twin(self) -> list[tuple[str, str]]:
        """The decisions and what they are about, for a page that is only read."""
        return [(each.label, each.shown or each.help) for each in self.decisions if each.is_shown]

    def text(self) -> str:
        """The form where no widget can be drawn."""
        rows = self.twin()
        width = max((len(name) for name, _ in rows), default=0)
        lines = [f"  {name:<{width}}  {said}" for name, said in rows]
        return "\n".join([f"{self.title}: {HAND_MADE[self.name].summary}", self.line, *lines])

    def page(self) -> markup.Markup:
        """The form as a page to read."""
        return markup.card(self.title, markup.upright(self.twin()), markup.line(self.line), label=self.title)

    def __repr__(self) -> str:
        return self.text()

    def _ipython_display_(self) -> None:
        draw_with_trace(self.box, self.text(), self.trace)

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return mime_bundle(self.box) | {"text/plain": self.text(), "text/html": self.page()}


def draw_with_trace(box: Any, text: str, trace: Trace) -> None:
    """Draw a form, and below it what stays when its widget is gone; the text where no page is."""
    view = mime_bundle(box)
    kind = next((name for name in view if name.endswith("widget-view+json")), None)
    if kind is None:
        print(text)  # noqa: T201 - no page: the text is the form
        return
    display({kind: view[kind], "text/plain": STAYS}, raw=True)  # type: ignore[no-untyped-call]
    trace.show()
