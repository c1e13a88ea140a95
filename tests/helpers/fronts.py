"""Front ends in a real browser: how each opens a notebook and runs a cell, and where its output is."""

from __future__ import annotations

import secrets

from helpers import jupyterlab
from helpers.jupyterlab import DARK, PATIENCE

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


class Lab:
    """JupyterLab 4."""

    name = "JupyterLab 4"

    def open(self, page, server, notebook) -> None:
        jupyterlab.open_notebook(page, server, notebook)

    def run(self, page, index) -> None:
        jupyterlab.run_cell(page, index)

    def output(self, page, index):
        return jupyterlab.output(page, index)


class Notebook7(Lab):
    """Notebook 7: the same cells, one notebook a page."""

    name = "Notebook 7"

    def open(self, page, server, notebook) -> None:
        page.goto(f"{server.url}/notebooks/{notebook}?token={server.token}")
        jupyterlab.wait_for_kernel(page)


class Voila:
    """Voilà: all cells have run before there is a page."""

    name = "Voilà"

    def open(self, page, server, notebook) -> None:
        theme = "dark" if server.theme == DARK else "light"
        page.goto(f"{server.url}/voila/render/{notebook}?token={server.token}&voila-theme={theme}")
        page.wait_for_selector(".jp-Cell")

    def run(self, page, index) -> None:
        """It has run."""

    def output(self, page, index):
        return page.locator(".jp-CodeCell").nth(index).locator(".jp-OutputArea").first


class Classic:
    """The classic notebook, as hosted notebooks are built on it."""

    name = "nbclassic"

    def open(self, page, server, notebook) -> None:
        page.goto(f"{server.url}/notebooks/{notebook}?token={server.token}&{secrets.token_hex(4)}")
        page.wait_for_function(READY_CLASSIC)

    def run(self, page, index) -> None:
        assert page.evaluate(RUN_CLASSIC, [index, PATIENCE * 1000]), f"cell {index} did not end"

    def output(self, page, index):
        return page.locator(".code_cell").nth(index).locator(".output_wrapper")
