"""What a form's line prints and displays becomes widgets: in a real kernel, whatever the page can route."""

from __future__ import annotations

import nbformat
import pytest

pytestmark = pytest.mark.slow

CELL = """
import ipywidgets
from IPython.display import HTML, display
from iexec_lab.notebook.forms.sink import Sink

sink = Sink()
with sink:
    print("one"); print("two <b>")
    shown = display(HTML("<i>first</i>"), display_id=True)
    shown.update(HTML("<i>last</i>"))
    inner = ipywidgets.Button(description="a widget")
    display(inner)
    gone = ipywidgets.Button()
    display(gone)
    gone.close()
    print("after it")
    raise ValueError("a fault")
[getattr(child, "value", child is inner) for child in sink.children]
"""


def test_a_sink_holds_what_is_printed_and_displayed():
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=120).execute()
    outputs = notebook.cells[0].outputs
    assert [each.output_type for each in outputs] == ["execute_result"]
    text = outputs[0].data["text/plain"]
    assert "two &lt;b&gt;" in text
    assert "<i>last</i>" in text
    assert "<i>first</i>" not in text
    assert "True" in text
    assert "after it" in text
    assert "ValueError: a fault" in text


def test_without_a_kernel_nothing_is_caught(capsys):
    from iexec_lab.notebook.forms.sink import Sink

    def fail():
        print("one")  # noqa: T201
        raise ValueError("a fault")

    sink = Sink()
    with pytest.raises(ValueError, match="a fault"), sink:
        fail()
    assert capsys.readouterr().out == "one\n"
    assert sink.children == ()
