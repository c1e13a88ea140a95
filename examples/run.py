"""Execute a notebook on a fresh sandbox, keep it and an HTML page, and say what was done.

python examples/run.py examples/quickstart.ipynb --output build
python examples/run.py examples/quickstart.ipynb --save      # keep the outputs in the notebook itself
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import requests
from jupyter_client import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from iexec_lab.sandbox import control


def code_hash(cells: nbformat.NotebookNode) -> str:
    """The sha256 of all code, kept beside the outputs that it wrote."""
    code = "\0".join(cell.source for cell in cells.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()


def tidy(cells: nbformat.NotebookNode) -> None:
    """What the next run would change for no reason is left out, and where the notebook ran is not told."""
    cells.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "file_extension": ".py"},
        "iexec_lab": {"code_sha256": code_hash(cells)},
    }
    for cell in cells.cells:
        cell.metadata = {}
        cell.pop("attachments", None)


def check_private(cells: nbformat.NotebookNode) -> None:
    """Refuse outputs that name a folder of this machine."""
    outputs = str([cell.outputs for cell in cells.cells if cell.cell_type == "code"])
    for place in (Path.home(), Path(__file__).resolve().parents[1]):
        if str(place) in outputs:
            sys.exit(f"an output tells where it ran: {place}")


def execute(notebook: Path, output: Path, *, save: bool, check: Path | None = None) -> tuple[float, Path]:
    """Run ``notebook`` in its own folder; return the seconds it took and its HTML page.

    The code of ``check`` runs after its last cell, in its kernel, and is not kept.
    """
    cells = nbformat.read(notebook, as_version=4)
    if check is not None:
        paths = f"import sys; sys.path.insert(0, {str(check.parents[1])!r})\n"
        cells.cells.append(nbformat.v4.new_code_cell(paths + check.read_text(encoding="utf-8")))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as sockets:
        # Over Unix sockets nobody else on this machine can listen to what the kernel prints.
        manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/kernel")
        resources = {"metadata": {"path": str(notebook.parent)}}
        try:
            # Without the last two, outputs that come late on a busy machine would be left out.
            NotebookClient(
                cells,
                km=manager,
                resources=resources,
                timeout=600,
                startup_timeout=600,
                iopub_timeout=600,
                raise_on_iopub_timeout=True,
            ).execute()
        finally:
            run_sync(manager.shutdown_kernel)(now=True)
    seconds = time.monotonic() - started
    if check is not None:
        cells.cells.pop()
    if save:
        tidy(cells)
        check_private(cells)
        nbformat.write(cells, notebook)
    output.mkdir(parents=True, exist_ok=True)
    nbformat.write(cells, output / notebook.name)
    page = output / f"{notebook.stem}.html"
    body, _ = HTMLExporter().from_notebook_node(cells)
    page.write_text(body, encoding="utf-8")
    return seconds, page


def tasks_completed() -> int:
    """What the sandbox's workerpool says."""
    sandbox = control.find()
    if sandbox is None:
        return 0
    metrics = requests.get(f"{sandbox.urls['workerpool']}/metrics", timeout=60).json()
    return int(metrics["currentTaskStatusesCount"].get("COMPLETED", 0))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--output", type=Path, default=Path("build"))
    parser.add_argument("--save", action="store_true", help="keep the outputs in the notebook itself")
    parser.add_argument(
        "--check",
        type=lambda path: Path(path).resolve(),
        help="code to run in the kernel after the last cell",
    )
    options = parser.parse_args()
    state = tempfile.mkdtemp(prefix="iexec-lab-demo-")
    os.environ["IEXEC_LAB_STATE"] = state
    os.environ["COLUMNS"] = "240"  # tables as text have all that they show, however wide the values are
    try:
        seconds, page = execute(
            options.notebook.resolve(), options.output, save=options.save, check=options.check
        )
        tasks = tasks_completed()
    finally:
        control.stop()
        shutil.rmtree(state, ignore_errors=True)
    if not tasks:
        print("demo FAILED: no task COMPLETED", file=sys.stderr)
        return 1
    print(f"demo OK: {tasks} tasks COMPLETED in {seconds:.1f} s, see {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
