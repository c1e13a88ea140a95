"""What older notebooks lack; the rest of this room is written for today's.

IPython 7 (Colab and Kaggle): version 2 of the matcher interface, whose matchers see the whole cell, replace
what they like, and stand alone.

ipywidgets 7 (Colab, Kaggle, Databricks): ``_repr_mimebundle_``, with which a widget says how it is drawn
instead of drawing itself; and ``tooltip`` of every widget, which is ``description_tooltip`` there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core import completer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.completer import Completion
    from IPython.core.interactiveshell import InteractiveShell

    from iexec_lab.commands.complete import Proposal

    Complete = Callable[[str], tuple[str, list[Proposal]] | None]
    """From the cell up to the cursor to what is replaced and by what; None where others may complete."""


def add_completion(shell: InteractiveShell, complete: Complete) -> Callable[[], None]:
    """Complete with ``complete``, alone where it has an answer; call the result to stop.

    IPython calls version 2 of the matcher interface provisional; only this function uses it.
    """
    beside = _beside if getattr(shell, "kernel", None) is None else _on_one_line
    if not hasattr(completer, "context_matcher"):
        return _add_in_front(shell.Completer, complete, beside)

    @completer.context_matcher(identifier="iexec_lab")  # type: ignore[untyped-decorator]
    def iexec_matcher(context: Any) -> dict[str, Any]:
        above = context.full_text.split("\n")[: context.cursor_line]
        found = complete("\n".join([*above, context.text_until_cursor]))
        if found is None or not context.text_until_cursor.endswith(found[0]):
            return {"completions": []}
        there, texts = found
        return {
            "completions": [completer.SimpleCompletion(text=each.text, type=beside(each)) for each in texts],
            "matched_fragment": there,
            "suppress": True,
            "ordered": True,
        }

    matchers = shell.Completer.custom_matchers
    matchers.append(iexec_matcher)
    return lambda: matchers.remove(iexec_matcher)


def _beside(proposal: Proposal) -> str:
    """The type of a completion, the one text that front ends show beside it."""
    return proposal.brief or "magic"


def _on_one_line(proposal: Proposal) -> str:
    """The same for JupyterLab, which breaks a type at blanks and hyphens and draws the lines over others."""
    return _beside(proposal).replace(" ", "\N{NO-BREAK SPACE}").replace("-", "\N{NON-BREAKING HYPHEN}")


def _add_in_front(before: Any, complete: Complete, beside: Callable[[Proposal], str]) -> Callable[[], None]:
    """Ask ``complete`` before an IPython whose matchers see a single word and add to what others find."""
    theirs, theirs_of_line = before.completions, before.complete

    def completions(text: str, offset: int) -> Iterator[Completion]:
        found = complete(text[:offset])
        if found is None or not text[:offset].endswith(found[0]):
            yield from theirs(text, offset)
        else:
            for each in found[1]:
                yield completer.Completion(offset - len(found[0]), offset, each.text, type=beside(each))

    def complete_line(
        text: str | None = None, line_buffer: str | None = None, cursor_pos: int | None = None
    ) -> Any:
        line = line_buffer or text or ""
        found = complete(line[:cursor_pos])
        if found is None:
            return theirs_of_line(text, line_buffer, cursor_pos)
        return found[0], [each.text for each in found[1]]

    before.completions, before.complete = completions, complete_line

    def remove() -> None:
        del before.completions, before.complete

    return remove


def tooltip(text: str) -> dict[str, str]:
    """The argument with which a widget is given its tooltip."""
    from ipywidgets import DOMWidget

    return {"tooltip" if DOMWidget.class_traits().get("tooltip") else "description_tooltip": text}


def mime_bundle(widget: Any) -> dict[str, Any]:
    """What a front end needs to draw the widget, by MIME type; empty where there is no kernel."""
    if hasattr(widget, "_repr_mimebundle_"):
        return dict(widget._repr_mimebundle_() or {})
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": view} if widget.model_id else {}


def uploaded(value: Any) -> list[tuple[str, bytes]]:
    """Names and contents of what a ``FileUpload`` holds: a dictionary in ipywidgets 7, then a tuple."""
    if isinstance(value, dict):
        return [(str(name), bytes(each["content"])) for name, each in value.items()]
    return [(str(each["name"]), bytes(each["content"])) for each in value]


def widget_of(model_id: str) -> Any:
    """The widget that a view shows; None if there is none."""
    from ipywidgets.widgets import widget

    known = getattr(widget, "_instances", None)  # from ipywidgets 8 on; the public name is deprecated there
    return (widget.Widget.widgets if known is None else known).get(model_id)
