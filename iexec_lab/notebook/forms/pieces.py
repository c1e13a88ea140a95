"""What forms are made of: labelled controls, a grid that folds, secrets, buttons, the line, the cost.

Labels stand above their controls and are never cut; what is wrong with a value takes the place of its help,
so that nothing jumps. The look is one style sheet (``look.css``), which ``page`` puts in front; colours of
text are the theme's.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import ipywidgets as widgets
import traitlets

from iexec_lab import markup
from iexec_lab.errors import IexecError, in_notebook
from iexec_lab.notebook.compat import tooltip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORM: Final = "iexec-lab-form"
COLUMN: Final = "27em"
"""Least width of a column: an address in a monospaced font fits."""
_SECOND_CLICK: Final = 0.3
"""Seconds in which what the page sent while a button was at work arrives."""
_SHEET: Final = markup.sheet(Path(__file__).with_name("look.css").read_text("utf-8"))


def page(*children: Any, style: markup.Markup | None = None) -> widgets.VBox:
    """The whole form: its pieces below each other, with the style sheet in front.

    Args:
        children: Widgets.
        style: One more style sheet: that of a ``Trace``.
    """
    sheets = widgets.HTML(
        markup.join(_SHEET, style or markup.Markup()), layout=widgets.Layout(display="none")
    )
    return _with_class(widgets.VBox([sheets, *children]), FORM)


_AS_TEXT: Final = str.maketrans({'"': "\u201d", "<": "\u2039", ">": "\u203a", "&": "+"})


def only_text(word: str) -> str:
    """``word`` without what could end an attribute of a page, or begin a tag or an entity."""
    return word.translate(_AS_TEXT)


class Suggestions(widgets.Combobox):  # type: ignore[misc]
    """A field to type in, with values to choose from, which strangers may have named.

    The page of ipywidgets 7 puts them into its HTML as they are: a dataset's name would run there.
    """

    @traitlets.validate("options")
    def _only_text(self, proposal: Any) -> tuple[str, ...]:
        return tuple(only_text(str(word)) for word in proposal["value"])


class Labelled(widgets.VBox):  # type: ignore[misc]
    """A control with its label above and its help below.

    Attributes:
        control: The control itself.
        label: What it is called.
    """

    def __init__(self, control: Any, label: str, help: str = "", unit: Any = None) -> None:  # noqa: A002
        self.control, self.label, self._help = control, label, help
        control.description = label
        is_flag = isinstance(control, widgets.Checkbox)
        if is_flag:
            control.indent = False
        for name, text in tooltip(help or label).items():
            setattr(control, name, text)
        self._note = widgets.HTML()
        first = control
        if unit is not None:
            unit.description = f"unit of {label}"
            first = _with_class(widgets.HBox([control, _with_class(unit, "iexec-lab-unit")]), "iexec-lab-row")
        super().__init__([first, self._note])
        _with_class(self, "iexec-lab-field")
        if is_flag:
            _with_class(self, "iexec-lab-flag")
        self._draw_note("", "bad")

    def tell(self, text: str = "", tone: markup.Tone = "bad") -> None:
        """Say in place of the help what is wrong, or what is known of the value; nothing: the help."""
        self._draw_note(text, tone)

    def wide(self) -> Labelled:
        """Give it a row of its own."""
        self.add_class("iexec-lab-wide")
        return self

    def mono(self) -> Labelled:
        """Show what is typed in a monospaced font, as ids are."""
        self.add_class("iexec-lab-mono")
        return self

    def _draw_note(self, text: str, tone: markup.Tone) -> None:
        if text and tone == "calm":  # as high as the help, so that nothing moves
            said = markup.element("div", text, class_="iexec-lab-known")
        elif text:
            said = markup.note(text, tone=tone, role="alert" if tone == "bad" else "note")
        else:
            said = markup.element("div", self._help, class_="iexec-lab-help")
        if self._note.value != said:
            self._note.value = said


def labelled(control: Any, label: str, help: str = "", *, unit: Any = None) -> Labelled:  # noqa: A002
    """A control with its label, its help in full, and a place for what is wrong with it.

    Args:
        control: An input, choice or checkbox; its description becomes the label.
        label: What it is called, also for screen readers.
        help: One sentence below it.
        unit: A second, small control beside it, such as the unit of an amount.
    """
    return Labelled(control, label, help, unit)


def grid(*fields: Any) -> widgets.GridBox:
    """Fields beside each other, as many as the page has room for; one column on a narrow page."""
    layout = widgets.Layout(
        display="grid",
        grid_template_columns=f"repeat(auto-fill, minmax(min(100%, {COLUMN}), 1fr))",
        grid_auto_flow="row dense",  # no hole beside a field before one that has a row of its own
        grid_gap=".7em 1.4em",
    )
    return _with_class(widgets.GridBox(list(fields), layout=layout), "iexec-lab-grid")


class Fold:
    """A group that opens and closes, by click and by keyboard.

    Attributes:
        box: What is drawn.
        title: What it says whether it is open or not.
    """

    def __init__(self, title: str, *children: Any, is_open: bool = False) -> None:
        self.title = title
        self._inner = widgets.VBox(list(children), layout=widgets.Layout(overflow="visible"))
        self._button = _with_class(widgets.ToggleButton(value=is_open), "iexec-lab-fold")
        self._button.observe(lambda _change: self._draw(), names="value")
        self.box = widgets.VBox([self._button, self._inner], layout=widgets.Layout(overflow="visible"))
        self._draw()

    @property
    def is_open(self) -> bool:
        return bool(self._button.value)

    def rename(self, title: str) -> None:
        self.title = title
        self._draw()

    def open(self) -> None:
        """Open it; closing is the reader's."""
        self._button.value = True

    def _draw(self) -> None:
        is_open = self.is_open
        self._button.description = self.title
        self._button.icon = "caret-down" if is_open else "caret-right"
        for name, text in tooltip(f"{'Hide' if is_open else 'Show'}: {self.title}").items():
            setattr(self._button, name, text)
        self._inner.layout.display = "" if is_open else "none"


class Secret(Labelled):
    """A password or key: taken from the page as soon as it is typed, and forgotten after use.

    The control is empty again before anything can save it; ``value`` is in this process only.
    """

    def __init__(self, label: str, help: str = "") -> None:  # noqa: A002
        self.__held = ""
        self._heard: list[Callable[[], None]] = []
        super().__init__(widgets.Password(continuous_update=False), label, help)
        self.control.observe(self._take, names="value")

    @property
    def value(self) -> str:
        return self.__held

    def forget(self) -> None:
        """Forget it: after every use."""
        if self.__held:
            self._hold("")

    def on_change(self, act: Callable[[], None]) -> None:
        """Call ``act`` when a secret was typed, or was forgotten."""
        self._heard.append(act)

    def hold(self, secret: str) -> None:
        """Take it from elsewhere than the page."""
        self._hold(secret)

    def _take(self, change: Any) -> None:
        if change["new"]:
            typed = str(change["new"])
            self.control.value = ""
            self._hold(typed)

    def _hold(self, secret: str) -> None:
        self.__held = secret
        self.control.placeholder = "typed; it is used once and forgotten" if secret else ""
        for act in self._heard:
            act()


def action(
    description: str,
    icon: str,
    act: Callable[[], Any],
    *,
    primary: bool = False,
    help: str = "",  # noqa: A002
) -> widgets.Button:
    """A button that does ``act()``; what was pressed meanwhile is not done afterwards."""
    is_busy = False

    def free() -> None:
        nonlocal is_busy
        is_busy = False

    button = widgets.Button(
        description=description,
        icon=icon,
        button_style="primary" if primary else "",
        **_button_tooltip(help or description),
    )

    def press(_button: Any) -> None:
        nonlocal is_busy
        if is_busy or button.disabled:
            return
        is_busy = button.disabled = True
        try:
            act()
        finally:
            button.disabled = False
            _later(free)

    button.on_click(press)
    return button


def buttons(*items: Any) -> widgets.HBox:
    """Buttons beside each other; they fold."""
    return _with_class(widgets.HBox(list(items)), "iexec-lab-buttons")


class _Copy(anywidget.AnyWidget):
    """The button beside a line."""

    _esm = Path(__file__).with_name("copy_button.js")
    text = traitlets.Unicode("").tag(sync=True)


class LineBox:
    """The line that a form stands for, whole, with a button that copies it.

    Attributes:
        box: What is drawn.
    """

    def __init__(self, line: str = "") -> None:
        self._shown = widgets.HTML()
        self._copy = _Copy()
        self.box = _with_class(widgets.HBox([self._shown, self._copy]), "iexec-lab-line")
        self.show(line)

    def show(self, line: str) -> None:
        self._shown.value = markup.line(line)
        self._copy.text = line


def line_box(line: str = "") -> LineBox:
    """The ``%iexec`` line, selected by one click and copied by one; without secrets, which it never gets."""
    return LineBox(line)


class Money:
    """What an action would cost: rehearsed when asked for, and said to be old once something changed.

    Attributes:
        box: What is drawn: the answer; nothing before.
        button: Asks.
    """

    def __init__(self, rehearse: Callable[[], Any], draw: Callable[[Any], markup.Markup]) -> None:
        self._rehearse, self._draw = rehearse, draw
        self._answer = widgets.HTML()
        self.box = self._answer
        self._shown = markup.Markup()
        self.button = action(
            "Show cost", "search", self.refresh, help="What it would cost; nothing is signed"
        )

    def refresh(self) -> None:
        """Rehearse now, and show the cost or why there would be none."""
        self._answer.value = markup.element("div", "Asking what it costs …", role="status")
        try:
            self._shown = self._draw(self._rehearse())
        except IexecError as error:
            self._shown = mistake(error)
        self._answer.value = self._shown

    def stale(self) -> None:
        """Something changed: what is shown is not what it would cost now."""
        if self._shown:
            self._shown = markup.Markup()
            self._answer.value = markup.note("The values have changed since the cost was shown.")

    def clear(self) -> None:
        self._shown = markup.Markup()
        self._answer.value = ""


def money(rehearse: Callable[[], Any], draw: Callable[[Any], markup.Markup]) -> Money:
    """A cost box: ``rehearse`` gives a plan or raises IexecError, ``draw`` makes the markup of it."""
    return Money(rehearse, draw)


def discard(*roots: Any) -> None:
    """Close widgets with all that they hold: a page and its kernel keep each that is not closed."""
    for widget in roots:
        held = [widget.trait_values().get(name) for name in widget.keys] if widget.comm is not None else []
        widget.close()
        for value in held:
            discard(*(each for each in _each(value) if isinstance(each, widgets.Widget)))


def _each(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else (value,)


def heading(title: str, summary: str = "") -> widgets.HTML:
    """The title of a form and what it is for."""
    more = [markup.element("div", summary, class_="iexec-lab-help")] if summary else []
    return widgets.HTML(
        markup.element("div", markup.element("strong", title, style="font-size:1.1em"), *more)
    )


def mistake(error: IexecError) -> markup.Markup:
    """An error in short, as a remark."""
    return markup.note(in_notebook("\n".join(error.lines())), tone="bad", role="alert")


def choice(options: Sequence[Any], value: Any = None) -> widgets.Dropdown:
    """A control with a fixed list: words, or pairs of what is shown and what is meant."""
    return widgets.Dropdown(options=list(options), value=value)


def _later(act: Callable[[], None]) -> None:
    """Act once the messages that wait in the kernel were handled: the second of two clicks is among them."""
    try:
        asyncio.get_running_loop().call_later(_SECOND_CLICK, act)
    except RuntimeError:  # no kernel
        act()


def _button_tooltip(text: str) -> dict[str, str]:
    return {"tooltip": text}  # ipywidgets 7 has it for buttons only, under this name


def _with_class(widget: Any, name: str) -> Any:
    widget.add_class(name)
    return widget
