"""What a form leaves in the saved notebook: an ordinary output below it, text and HTML.

A widget is gone when its kernel is; this stays. Before a run it is the form as a page to read, afterwards the
line that was run, the deal and the outcome. On a live page the widget says all of it, so the widget's own
style sheet hides this while the widget is drawn; without the widget (a notebook reopened, an exported
page) the style sheet in here hides what a front end says about a widget that it cannot find. No script: the
style decides, wherever the notebook is shown.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from iexec_lab import markup
from iexec_lab.errors import IexecError, in_notebook
from iexec_lab.plain_text import plain, plain_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MOST_RUNS: Final = 20
_LINES: Final = "white-space:pre-wrap;overflow-wrap:anywhere"
_OUTPUTS: Final = (".jp-OutputArea-child", ".output_area")
"""What holds one output of a cell: in JupyterLab, Notebook 7 and Voilà; in the classic notebook."""


class Run:
    """One run of a form, in its trace.

    Args:
        line: What is run, without secrets.
        changed: Called when it shows something else.
    """

    def __init__(self, line: str, changed: Callable[[], None]) -> None:
        self.line, self._changed = line, changed
        self.text, self.html = "running", markup.element("div", markup.badge("running", "going"))
        self.deals: tuple[str, ...] = ()
        self._card: tuple[str, markup.Markup] | None = None

    def draw(self, bundle: Mapping[str, str]) -> None:
        """A card of what it started, again and again; by MIME type, from ``markup``."""
        self._card = bundle["text/plain"], markup.Markup(bundle["text/html"])
        self.text, self.html = self._card
        self._changed()

    def end(self, value: Any, said: Sequence[str] = ()) -> None:
        """It ended.

        Args:
            value: What it gave; an IexecError that it ended with; None where nothing came back.
            said: What was said beside the answer.
        """
        self.deals = _deals(value)
        remarks = "\n".join(said)
        if self._card is not None and isinstance(value, IexecError):
            error = drawn(value)
            self.text = f"{self._card[0]}\n{error[0]}"
            self.html = markup.join(self._card[1], error[1])
        elif self._card is None or value is not None:
            self.text, self.html = ("", markup.Markup()) if value is None and said else drawn(value)
        if remarks:
            self.text = "\n".join(filter(None, [remarks, self.text]))
            self.html = markup.join(markup.element("div", remarks, style=_LINES), self.html)
        self._changed()


class Trace:
    """The output of one form.

    Args:
        text: The form where no HTML is drawn.
        html: The form as a page to read.
    """

    def __init__(self, text: str, html: markup.Markup) -> None:
        self._name = f"iexec-lab-trace-{secrets.token_hex(6)}"
        self._live = f"{self._name}-live"
        self._text, self._html = text, html
        self._runs: list[Run] = []
        self._handle: Any = None

    @property
    def style(self) -> markup.Markup:
        """For the widget (``pieces.page``): hides this output while the widget is drawn."""
        hidden = ", ".join([f".{self._name}", *(f"{box}:has(.{self._name})" for box in _OUTPUTS)])
        return markup.join(
            markup.sheet(f"{hidden} {{display:none}}"), markup.element("span", class_=self._live)
        )

    def show(self) -> None:
        """Put it below what the running cell has shown so far."""
        from IPython.display import display

        self._handle = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def describe(self, text: str, html: markup.Markup) -> None:
        """Another page to read: the form's values have changed."""
        self._text, self._html = text, html
        self._update()

    def begin(self, line: str) -> Run:
        """A run begins: its line stands here from now on."""
        run = Run(line, self._update)
        self._runs.append(run)
        del self._runs[:-_MOST_RUNS]
        self._update()
        return run

    def tell(self, line: str, value: Any) -> None:
        """A run that has ended already: see ``Run.end``."""
        self.begin(line).end(value)

    def _update(self) -> None:
        if self._handle is not None:
            self._handle.update(self)

    def text(self) -> str:
        if not self._runs:
            return self._text
        blocks = []
        for run in self._runs:
            deals = [f"deal {deal}" for deal in run.deals if deal not in run.text]
            blocks.append("\n".join(filter(None, [run.line, *deals, run.text])))
        return "\n\n".join(blocks)

    def html(self) -> markup.Markup:
        # A widget that is not found is an output with a sentence; it stands before this one.
        rules = " ".join(
            f"{box}:has(+ {box} .{self._name}):not(:has(.{self._live})) {{display:none}}" for box in _OUTPUTS
        )
        inner = [_page(run) for run in self._runs] or [self._html]
        return markup.element("div", markup.sheet(rules), *inner, class_=self._name)

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self.html()}


def _page(run: Run) -> markup.Markup:
    deals = [markup.element("div", "deal ", markup.whole(deal)) for deal in run.deals if deal not in run.html]
    return markup.element("div", markup.line(run.line), *deals, run.html, style="margin:.3em 0")


def _deals(value: Any) -> tuple[str, ...]:
    found: Sequence[Any] = getattr(value, "deal_ids", None) or ()
    return tuple(plain(deal) for deal in found)


def drawn(value: Any) -> tuple[str, markup.Markup]:
    """A value as text and as HTML, as a cell would show it."""
    if value is None:
        return "done", markup.element("div", markup.badge("done", "good"))
    if isinstance(value, IexecError):
        text = in_notebook("\n".join(value.lines()))
        return text, markup.note(text, tone="bad")
    if isinstance(value, (str, int)):
        text = plain_lines(value)
        return text, markup.element("div", markup.whole(text))
    bundle = _bundle(value)
    text = str(bundle.get("text/plain") or value)
    for kind in ("image/png", "image/jpeg"):
        if kind in bundle:
            return text, _picture(kind, bundle[kind], text)
    # The formatter's HTML is what any cell shows of this value.
    html = markup.Markup(bundle["text/html"]) if "text/html" in bundle else markup.block(text)
    return text, html


def _picture(kind: str, data: Any, text: str) -> markup.Markup:
    encoded = b64encode(data).decode() if isinstance(data, bytes) else str(data)
    address = f"data:{kind};base64,{''.join(encoded.split())}"
    return markup.Markup(str(markup.element("img", src=address, alt=text)).replace("</img>", ""))


def _bundle(value: Any) -> dict[str, Any]:
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or hasattr(value, "_ipython_display_"):  # it would draw itself instead
        own = getattr(value, "_repr_mimebundle_", None)
        return dict(own() or {}) if own is not None else {}
    bundle, _about = shell.display_formatter.format(value)
    return dict(bundle)
