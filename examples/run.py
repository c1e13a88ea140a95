"""Execute a notebook on a fresh sandbox, keep it and an HTML page, and say what was done.

python examples/run.py examples/quickstart.ipynb --output build
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from iexec_lab.sandbox import control


def execute(notebook: Path, output: Path) -> tuple[int, float, Path]:
    """Run ``notebook`` in its own folder; return tasks completed, seconds, and the HTML page."""
    cells = nbformat.read(notebook, as_version=4)
    started = time.monotonic()
    client = NotebookClient(
        cells,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(notebook.parent)}},
    )
    client.execute()
    seconds = time.monotonic() - started
    output.mkdir(parents=True, exist_ok=True)
    nbformat.write(cells, output / notebook.name)
    page = output / f"{notebook.stem}.html"
    body, _ = HTMLExporter().from_notebook_node(cells)
    page.write_text(body)
    texts = [
        str(item.get("data", {}).get("text/plain", ""))
        for cell in cells.cells
        if cell.cell_type == "code"
        for item in cell.outputs
    ]
    done = set(re.findall(r"(0x[0-9a-f]{64})\s+COMPLETED", "\n".join(texts)))
    return len(done), seconds, page


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--output", type=Path, default=Path("build"))
    options = parser.parse_args()
    state = tempfile.mkdtemp(prefix="iexec-lab-demo-")
    os.environ["IEXEC_LAB_STATE"] = state
    try:
        tasks, seconds, page = execute(options.notebook.resolve(), options.output)
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
