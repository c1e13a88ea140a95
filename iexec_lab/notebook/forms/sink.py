"""Where a form shows what running its line prints and displays: widgets, one below the other.

Ours because ``ipywidgets.Output`` needs the page to route messages: JupyterLab does not update what it holds,
and nbclassic's page with ipywidgets 7 cannot load it at all. Here the kernel itself turns what is displayed
into widgets that every page draws.
"""

from __future__ import annotations

import io
import traceback
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, Self

import ipywidgets as widgets
from IPython import get_ipython

from iexec_lab import markup
from iexec_lab.notebook.compat import widget_of

if TYPE_CHECKING:
    from types import TracebackType

_PICTURES = ("image/png", "image/jpeg", "image/gif")
_VIEW = "application/vnd.jupyter.widget-view+json"


class Sink(widgets.VBox):  # type: ignore[misc]
    """In a ``with`` block, what is printed and displayed is drawn here instead of in the cell.

    Where no kernel shows anything, as in a terminal, nothing is caught. An exception that is no error of ours
    is shown with its traceback, and goes no further: behind a button nobody could see it.
    """

    def __init__(self) -> None:
        super().__init__(layout=widgets.Layout(overflow="visible"))
        self.children: tuple[Any, ...]
        self._named: dict[str, Any] = {}  # display id -> widget
        self._open, self._is_catching = ExitStack(), False
        self._printed: widgets.HTML | None = None
        self._text = ""

    def clear(self) -> None:
        """Empty it."""
        self.children = ()
        self._named.clear()
        self._printed = None

    def __enter__(self) -> Self:
        publisher = getattr(get_ipython(), "display_pub", None)
        self._is_catching = hasattr(publisher, "register_hook")
        self._open = ExitStack()
        if publisher is not None and self._is_catching:
            publisher.register_hook(self._hear)
            self._open.callback(publisher.unregister_hook, self._hear)
            writer = TextSink(self)
            self._open.enter_context(redirect_stdout(writer))
            self._open.enter_context(redirect_stderr(writer))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._open.close()
        if not self._is_catching or not isinstance(error, Exception):
            return False
        self._add(markup.block("".join(traceback.format_exception(error))))
        return True

    def _hear(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """What a kernel would send to the page: ours is drawn here, anything else goes on."""
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "clear_output":
            self.clear()
            return None
        if kind not in {"display_data", "update_display_data"}:
            return message
        name = content.get("transient", {}).get("display_id")
        known = self._named.get(name)
        if known is not None:
            known.value = _page(content["data"])
            return None
        if kind == "update_display_data":
            return message
        view = content["data"].get(_VIEW)
        widget = widget_of(view["model_id"]) if view else None
        drawn = self._add(_page(content["data"]) if widget is None else widget)
        if name is not None and widget is None:
            self._named[name] = drawn
        return None

    def _add(self, piece: Any) -> Any:
        if isinstance(piece, str):
            piece = widgets.HTML(piece)
            for page in ("jp-RenderedHTMLCommon", "rendered_html"):  # tables look as in an output
                piece.add_class(page)
        self._printed = None
        self.children = (*self.children, piece)
        piece.observe(self._drop_closed, names="comm")
        return piece

    def _drop_closed(self, _change: Any) -> None:
        """A question that was answered is closed: a page cannot be told of a widget that is gone."""
        self.children = tuple(child for child in self.children if child.comm is not None)

    def tell(self, text: str) -> None:
        """Add to what was printed last, or begin anew."""
        if self._printed is None:
            if not text.strip():
                return
            self._text, printed = "", self._add("")
        else:
            printed = self._printed
        self._text += text
        printed.value = markup.note(self._text.strip("\n"))
        self._printed = printed


class TextSink(io.TextIOBase):
    """What is written, in a sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._sink.tell(text)
        return len(text)


def _page(bundle: dict[str, Any]) -> str:
    """What was displayed, as HTML."""
    if "text/html" in bundle:
        return str(bundle["text/html"])
    kind = next((each for each in _PICTURES if each in bundle), None)
    if kind is not None:
        return f'<img alt="" style="max-width:100%" src="data:{kind};base64,{bundle[kind].strip()}">'
    return markup.block(bundle.get("text/plain", ""))
