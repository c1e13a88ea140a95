"""A real notebook server, started apart from the user's settings, and how to drive a notebook of it.

One server shows notebooks in JupyterLab, Notebook 7 and Voilà, in either theme; ``fronts`` drives all.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    # Cells off the screen stay in the page.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
CONFIG = {
    "LabApp": {"expose_app_in_browser": True, "extension_manager": "readonly"},
    "JupyterNotebookApp": {"expose_app_in_browser": True},
}
THEMES = "@jupyterlab/apputils-extension/themes.jupyterlab-settings"
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
PATIENCE = 300
"""Seconds for what happens at once on an idle machine."""
# "idle" in the indicator is there before the kernel is connected; this is what ready means.
READY = """async (patience) => {
  for (const end = Date.now() + patience; Date.now() < end;) {
    const widget = window.jupyterapp?.shell.currentWidget;
    const session = widget?.context?.sessionContext;
    const kernel = session?.session?.kernel;
    if (session?.isReady && widget.context.isReady && kernel?.connectionStatus === 'connected'
        && kernel.status === 'idle') return true;
    await new Promise(done => setTimeout(done, 50));
  }
  return false;
}"""
RUN = """([index, patience]) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = index; notebook.deselectAll();
  const done = window.jupyterapp.commands.execute('notebook:run-cell').then(() => true);
  return Promise.race([done, new Promise(stop => setTimeout(() => stop(false), patience))]);
}"""


@dataclass
class Server:
    url: str
    token: str
    folder: Path
    settings: Path
    theme: str = LIGHT

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook; its name."""
        import nbformat  # takes seconds, and every worker that collects tests imports this module

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, self.folder / name)
        return name

    def use_theme(self, theme: str) -> None:
        """Pages that are opened from now on have it."""
        chosen = self.settings / THEMES
        chosen.parent.mkdir(parents=True, exist_ok=True)
        chosen.write_text(json.dumps({"theme": theme}))
        self.theme = theme


@contextlib.contextmanager
def start(folder: Path, sandboxes: Path, *, app: str = "lab"):
    """A server on ``folder`` whose kernels find the sandboxes of ``sandboxes`` by name.

    ``app`` is the program: "lab", which serves all front ends of this environment; "nbclassic".
    """
    place = Path(tempfile.mkdtemp(prefix="iexec-lab-jupyter-"))
    config = place / "config"
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    (config / "jupyter_server_config.json").write_text(json.dumps(CONFIG))
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    environment = os.environ | {name: str(place / part) for name, part in folders.items()}
    environment["IEXEC_LAB_STATE"] = str(sandboxes)
    token = secrets.token_hex(16)
    # Jupyter looks for a free port from here on; below those that connections take from moment to moment.
    port = 20_000 + secrets.randbelow(10_000)
    command = [sys.executable, "-m", "jupyter", app, "--no-browser", "--allow-root"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=50"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    with (place / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            port = _port(process, place)
            yield Server(f"http://127.0.0.1:{port}", token, folder, place / "settings")
        finally:
            _stop(process)
            shutil.rmtree(place, ignore_errors=True)


def _port(process, place):
    """The port that the server found, from the file in which it says so."""
    log, deadline = place / "log.txt", time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        for info in (place / "runtime").glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):  # half written
                return json.loads(info.read_text())["port"]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


def _stop(process):
    """End the server, which ends its kernels."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def open_notebook(page, server: Server, name: str) -> None:
    """Open a notebook in a workspace of its own and wait for its kernel."""
    workspace = secrets.token_hex(4)
    page.goto(f"{server.url}/lab/workspaces/{workspace}/tree/{name}?reset&token={server.token}")
    wait_for_kernel(page)


def wait_for_kernel(page) -> None:
    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
    assert page.evaluate(READY, PATIENCE * 1000), "no kernel"


def run_cell(page, index: int, patience: float = PATIENCE) -> None:
    assert page.evaluate(RUN, [index, int(patience * 1000)]), f"cell {index} did not end"


def output(page, index: int):
    """The output area of a cell."""
    return (
        page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")
        .nth(index)
        .locator(".jp-OutputArea")
        .first
    )
