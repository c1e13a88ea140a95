"""The notebooks of ``examples/`` run from the first cell to the last on a fresh sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import ROOT


@pytest.mark.sandbox
@pytest.mark.parametrize("notebook", sorted((ROOT / "examples").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs(notebook, tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "run.py"), str(notebook), "--output", str(tmp_path)],
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "IPYTHONDIR": str(tmp_path / "ipython"),  # neither settings nor history of who runs the tests
        },
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("demo OK: ")
    assert (tmp_path / f"{notebook.stem}.html").stat().st_size > 100_000


@pytest.mark.parametrize("notebook", sorted((ROOT / "examples").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(notebook):
    cells = json.loads(notebook.read_bytes())["cells"]
    assert cells
    assert all(not cell.get("outputs") for cell in cells)
