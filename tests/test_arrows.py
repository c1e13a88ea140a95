"""The rooms of the house depend on each other in one direction only (the picture is in README.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from helpers.places import PACKAGE

if TYPE_CHECKING:
    from pathlib import Path

BASE = {"errors", "plain_text", "regular_files", "units", "urls"}
PURE = BASE | {"protocol"}
EDGE = PURE | {"crypto", "ipfs", "networks", "patience"}
MAY_IMPORT = {
    "plain_text": set(),
    "regular_files": set(),
    "urls": set(),
    "errors": {"plain_text"},
    "units": BASE,
    "protocol": PURE,
    "networks": PURE,
    "patience": BASE,
    "crypto": PURE | {"crypto"},
    "ipfs": PURE | {"ipfs"},
    "wallet": EDGE | {"wallet"},
    "ethereum": EDGE | {"ethereum", "wallet"},
    "services": EDGE | {"services", "wallet"},
    "frames": EDGE,
    "project": EDGE | {"wallet", "project"},
    "client": EDGE | {"wallet", "ethereum", "services", "client", "frames", "project"},
    "sandbox": EDGE | {"wallet", "ethereum", "services", "sandbox"},
    "commands": EDGE
    | {"wallet", "ethereum", "services", "client", "frames", "project", "commands", "sandbox"},
    "cli": BASE | {"commands", "project"},
    "notebook": EDGE | {"wallet", "client", "frames", "project", "commands", "notebook"},
}
# Two doors are opened upwards, lazily, because users expect them on the object they hold:
# `connect("sandbox")` finds or starts the market on loopback, `lab.form(...)` draws a form.
EXCEPTIONS = {("client", "sandbox"), ("client", "notebook")}
HEAVY = {
    "IPython": {"notebook"},
    "ipywidgets": {"notebook"},
    "anywidget": {"notebook"},
    "pandas": {"frames", "client", "commands", "notebook"},
}


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "iexec_lab")


MODULES = [path for path in PACKAGE.rglob("*.py") if room(path) in MAY_IMPORT]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_stands_below_it(path):
    here = room(path)
    for name in imports(path):
        top, *rest = name.split(".")
        if top in HEAVY:
            assert here in HEAVY[top], f"{here} imports {top}"
        if top == "iexec_lab" and rest and rest[0] in MAY_IMPORT and (here, rest[0]) not in EXCEPTIONS:
            assert rest[0] in MAY_IMPORT[here], f"{here} imports {rest[0]}"


def test_every_module_belongs_to_a_known_room():
    known = {*MAY_IMPORT, "__init__", "__main__"}
    assert {room(path) for path in PACKAGE.rglob("*.py")} <= known


def test_no_module_is_longer_than_600_lines():
    lengths = {str(path): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path: count for path, count in lengths.items() if count > 600} == {}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import iexec_lab", "web3 pandas ipywidgets IPython requests eth_account eth_abi argparse"),
        ("import iexec_lab.cli", "web3 pandas ipywidgets IPython requests eth_account eth_abi"),
        ("import iexec_lab.services.market", "web3 pandas ipywidgets IPython"),
        ("import iexec_lab.protocol", "web3 pandas ipywidgets IPython eth_account"),
        ("import iexec_lab.ethereum.hub", "web3 pandas ipywidgets IPython eth_account"),
        ("import iexec_lab.sandbox.control", "web3 pandas ipywidgets IPython eth_account"),
    ],
)
def test_importing_one_room_imports_nothing_heavy(statement, absent):
    code = f"{statement}; import sys; print(*[m for m in {absent.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
