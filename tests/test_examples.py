"""The notebooks of ``examples/``: they run on a fresh sandbox, and show what their code writes."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from helpers.places import ROOT
from helpers.saved import complaints

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
TOOLS = runpy.run_path(str(ROOT / "examples" / "run.py"))
CHECKS = {"market_analysis": ROOT / "tests" / "helpers" / "market_figures.py"}
"""Notebook -> what runs in its kernel after it: its figures, found by other means."""


@pytest.mark.sandbox
@every_notebook
def test_a_notebook_runs_and_shows_what_is_kept(notebook, tmp_path):
    check = ["--check", str(CHECKS[notebook.stem])] if notebook.stem in CHECKS else []
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "run.py"), str(notebook), "--output", str(tmp_path), *check],
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
    kept, new = (shapes(code_cells(path)) for path in (notebook, tmp_path / notebook.name))
    assert kept == new, f"run: make notebooks (the kept outputs of {notebook.name} are not those of today)"


def code_cells(path):
    return [cell for cell in json.loads(path.read_bytes())["cells"] if cell["cell_type"] == "code"]


def shapes(cells):
    """What each cell wrote, without what every run makes anew: hashes, addresses, figures."""
    return [[shape(output) for output in cell["outputs"] if is_answer(output)] for cell in cells]


def is_answer(output):
    """Progress is there only on a machine that was slow enough."""
    return output["output_type"] != "stream" and not "".join(output["data"].get("text/plain", "")).startswith(
        "✔ "
    )


def shape(output):
    data = output["data"]
    words = re.sub(r"\S*[/\d…]\S*|[^\w\s]+", " ", "".join(data.get("text/plain", ""))).split()
    # How many columns fit depends on how wide the values are.
    return sorted(data), sorted({*words} - {"also"}) if "image/png" not in data else []


@every_notebook
def test_a_notebook_is_kept_with_the_outputs_of_its_code(notebook):
    saved = nbformat.read(notebook, as_version=4)
    assert saved.metadata["iexec_lab"]["code_sha256"] == TOOLS["code_hash"](saved), "run: make notebooks"
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    assert not any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
    assert sum(bool(cell["outputs"]) for cell in cells) > len(cells) / 2


@every_notebook
def test_a_notebook_does_not_tell_where_it_ran(notebook):
    TOOLS["check_private"](nbformat.read(notebook, as_version=4))


@every_notebook
def test_a_notebook_reads_right_as_it_is_kept_and_as_a_page_and_holds_no_secret(notebook):
    assert complaints(notebook) == []


def test_a_place_of_this_machine_in_an_output_is_found():
    saved = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    saved.cells[0].outputs = [nbformat.v4.new_output("stream", text=f"wrote {ROOT}/x")]
    with pytest.raises(SystemExit, match="tells where it ran"):
        TOOLS["check_private"](saved)
