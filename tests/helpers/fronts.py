"""The front ends that a real browser shows: how each opens a notebook and runs a cell, and where what is."""

from __future__ import annotations

import secrets
from importlib.util import find_spec

from helpers import jupyterlab
from helpers.jupyterlab import DARK, PATIENCE

START = """(index) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = index; notebook.deselectAll();
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
CONTEXT = "window.jupyterapp.shell.currentWidget.context"
RUN_CLASSIC = """([index, patience]) => {
  const notebook = window.Jupyter.notebook, cell = notebook.get_cell(index);
  const done = new Promise(done => notebook.events.on('finished_execute.CodeCell', (_, { cell: ended }) => {
    if (ended === cell) setTimeout(() => done(true), 0);
  }));
  notebook.execute_cells([index]);
  return Promise.race([done, new Promise(stop => setTimeout(() => stop(false), patience))]);
}"""
READY_CLASSIC = (
    "() => window.Jupyter?.notebook?.kernel?.is_connected() && !window.Jupyter.notebook.kernel_busy"
)
AT_THE_END_CLASSIC = """(index) => {
  const notebook = window.Jupyter.notebook;
  notebook.select(index); notebook.edit_mode();
  const editor = notebook.get_cell(index).code_mirror;
  editor.focus(); editor.setCursor(editor.lineCount(), 0); editor.execCommand('goDocEnd');
}"""


class Front:
    name = ""
    program = "lab"

    def open(self, page, server, notebook) -> None:
        """Open a notebook of the server, and wait for its kernel."""

    def run(self, page, index) -> None:
        """Run a cell to its end."""

    def start(self, page, index) -> None:
        """Run a cell, which may ask."""

    def interrupt(self, page) -> None:
        """Interrupt the kernel."""

    def save(self, page) -> None:
        """Save the notebook, to the end."""

    def leave(self, page) -> None:
        """End the kernel and close the page."""

    def output(self, page, index):
        """Where a cell's outputs are, and what it asks."""

    def answer(self, area, text, *, hidden=False) -> None:
        """Type into the field of a question."""
        kind = "[type=password]" if hidden else ":not([type=password])"
        field = area.locator(f"input.jp-Stdin-input{kind}, input.raw_input{kind}").last
        asked = field.element_handle()
        asked.fill(text)
        asked.press("Enter")
        asked.wait_for_element_state("hidden")  # the next question has a field of its own

    def complete(self, page, index) -> list[str]:
        """What Tab offers at the end of a cell, or what is there once it has put in the only one."""
        raise NotImplementedError


class Lab(Front):
    """JupyterLab 4."""

    name = "JupyterLab 4"

    def open(self, page, server, notebook) -> None:
        jupyterlab.open_notebook(page, server, notebook)

    def run(self, page, index) -> None:
        jupyterlab.run_cell(page, index)

    def start(self, page, index) -> None:
        page.evaluate(START, index)

    def interrupt(self, page) -> None:
        page.evaluate(f"{CONTEXT}.sessionContext.session.kernel.interrupt()")

    def save(self, page) -> None:
        page.evaluate(f"{CONTEXT}.save()")

    def leave(self, page) -> None:
        page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
        page.close()

    def output(self, page, index):
        return jupyterlab.output(page, index)

    def complete(self, page, index) -> list[str]:
        page.locator(".jp-CodeCell").nth(index).locator(".cm-content").click()
        page.keyboard.press("End")
        before = self._source(page, index)
        page.keyboard.press("Tab")
        items = page.locator(".jp-Completer-item")
        page.wait_for_function(
            "([index, before]) => document.querySelector('.jp-Completer-item') || "
            "jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.source !== before",
            arg=[index, before],
        )
        return [*items.all_inner_texts(), *self._source(page, index).split()]

    def _source(self, page, index) -> str:
        return page.evaluate(
            "index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.source",
            index,
        )


class Notebook7(Lab):
    """Notebook 7: the cells of JupyterLab, one notebook a page."""

    name = "Notebook 7"

    def open(self, page, server, notebook) -> None:
        page.goto(f"{server.url}/notebooks/{notebook}?token={server.token}")
        jupyterlab.wait_for_kernel(page)


class Voila(Front):
    """Voilà: all cells have run before there is a page, and none is shown."""

    name = "Voila"

    def open(self, page, server, notebook) -> None:
        theme = "dark" if server.theme == DARK else "light"
        page.goto(f"{server.url}/voila/render/{notebook}?token={server.token}&voila-theme={theme}")
        page.wait_for_selector(".jp-Cell", state="attached")  # one without outputs is not seen

    def output(self, page, index):
        return page.locator(".jp-CodeCell").nth(index).locator(".jp-OutputArea").first


class Classic(Front):
    """The classic notebook, on which hosted notebooks are built."""

    name = program = "nbclassic"

    def open(self, page, server, notebook) -> None:
        page.goto(f"{server.url}/nbclassic/notebooks/{notebook}?token={server.token}&{secrets.token_hex(4)}")
        page.wait_for_function(READY_CLASSIC)

    def run(self, page, index) -> None:
        assert page.evaluate(RUN_CLASSIC, [index, PATIENCE * 1000]), f"cell {index} did not end"

    def start(self, page, index) -> None:
        page.evaluate("index => window.Jupyter.notebook.execute_cells([index])", index)

    def interrupt(self, page) -> None:
        page.evaluate("window.Jupyter.notebook.kernel.interrupt()")

    def save(self, page) -> None:
        page.evaluate("window.Jupyter.notebook.save_notebook()")

    def leave(self, page) -> None:
        page.evaluate("new Promise(done => window.Jupyter.notebook.session.delete(done, done))")
        page.close()

    def output(self, page, index):
        return page.locator(".code_cell").nth(index).locator(".output_wrapper")

    def complete(self, page, index) -> list[str]:
        page.evaluate(AT_THE_END_CLASSIC, index)
        before = self._source(page, index)
        page.keyboard.press("Tab")
        page.wait_for_function(
            "([index, before]) => document.querySelector('.completions option') || "
            "window.Jupyter.notebook.get_cell(index).get_text() !== before",
            arg=[index, before],
        )
        offered = page.locator(".completions option").all_inner_texts()
        return [*offered, *self._source(page, index).split()]

    def _source(self, page, index) -> str:
        return page.evaluate("index => window.Jupyter.notebook.get_cell(index).get_text()", index)


# Hosted notebooks have the classic one beside ipywidgets 7, and tests/hosted an environment like theirs.
INSTALLED: tuple[Front, ...] = (Classic(),) if find_spec("nbclassic") else (Lab(), Notebook7(), Voila())
