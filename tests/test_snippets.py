"""The Python that the pages show is what type checkers take, and what it gives is what they promise."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from helpers.places import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPEN = "from iexec_lab import connect\n\nlab = connect()\n"


def snippets():
    """Name -> program; those of notebooks, with lines of ``%iexec``, are no Python."""
    found = {}
    for page in PAGES:
        for place, block in enumerate(BLOCK.findall(page.read_text())):
            if "%" not in block:
                name = f"{re.sub(r'[^a-z_]', '_', page.stem.lower())}_{place}"
                found[name] = block if "connect" in block else f"{OPEN}{block}"
    return found


PROMISES = (
    OPEN
    + """
from typing import assert_type

import pandas as pd

from iexec_lab import Job, RunPlan

book = lab.orderbook.workerpool(category=0)
assert_type(book, pd.DataFrame)
assert_type(book["remaining"].sum() > 3, bool)
assert_type(lab.app.run("0x..."), Job)
assert_type(lab.app.run("0x...", dry_run=True), RunPlan)
assert_type(lab.app.run("0x...", watch=True), Job)
assert_type(lab.deal.show("0x...", watch=True), pd.DataFrame)
"""
)


@pytest.mark.slow  # mypy and pyright take some seconds
def test_type_checkers_take_what_the_pages_show(tmp_path):
    programs = snippets()
    assert len(programs) >= 3
    for name, program in {**programs, "promises": PROMISES}.items():
        (tmp_path / f"{name}.py").write_text(program)
    files = sorted(map(str, tmp_path.glob("*.py")))
    checkers = {
        "mypy": ["mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), *files],
        "pyright": ["pyright", "--pythonpath", sys.executable, *files],
    }
    for name, command in checkers.items():
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
