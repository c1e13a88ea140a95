"""The rooms of the house depend on each other in one direction only, and so do the wings inside a room.

The picture is in README.md, the walks through it in docs/architecture.md.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from helpers.places import PACKAGE

if TYPE_CHECKING:
    from pathlib import Path

BASE = {
    *(
        "doors",
        "errors",
        "frameworks",
        "libraries",
        "looks",
        "markup",
        "packed",
        "plain_text",
        "regular_files",
        "retired",
        "spelling",
        "units",
    ),
    "urls",
}
PURE = BASE | {"protocol"}
EDGE = PURE | {"crypto", "ipfs", "networks", "http_deadline"}
MAY_IMPORT = {
    "plain_text": set(),
    "regular_files": set(),
    "urls": set(),
    "looks": set(),
    "markup": {"spelling"},
    "spelling": {"units"},
    "packed": set(),
    "doors": set(),
    "frameworks": set(),
    "retired": set(),
    "errors": {"doors", "plain_text"},
    "libraries": BASE,
    "units": BASE,
    "protocol": PURE,
    "networks": BASE,
    "http_deadline": BASE,
    "crypto": PURE | {"crypto"},
    "ipfs": PURE | {"ipfs"},
    "wallet": EDGE | {"wallet"},
    "ethereum": EDGE | {"ethereum", "wallet"},
    "services": EDGE | {"services", "wallet"},
    "frames": EDGE | {"frames"},
    "history": EDGE | {"wallet", "ethereum", "services", "frames", "history"},
    "plots": EDGE | {"frames", "history", "plots"},
    "project": EDGE | {"wallet", "project"},
    "client": EDGE | {"wallet", "ethereum", "services", "client", "frames", "history", "plots", "project"},
    "sandbox": EDGE | {"wallet", "ethereum", "services", "sandbox"},
    "commands": EDGE
    | {
        "wallet",
        "ethereum",
        "services",
        "client",
        "frames",
        "history",
        "plots",
        "project",
        "commands",
        "sandbox",
    },
    "cli": BASE | {"commands", "project"},
    "python_calls": BASE | {"client", "commands", "networks"},
    "notebook": EDGE | {"wallet", "client", "frames", "history", "plots", "project", "commands", "notebook"},
}
# One door is opened upwards, lazily: `connect("sandbox")` finds or starts the market. What the client asks of
# the notebook is handed in (`doors.py`).
DOORS = {("client.iexec", "sandbox"), ("client.choice", "sandbox")}
WINGS = {
    # one way only: verbs lead to deals and to jobs, both to the session; jobs and matching do not meet
    "client.nouns": {"client.live", "client.market", "client.jobs", "client.matching", "client.results"},
    "client.live": {"client.market", "client.jobs"},
    "client.market": {"client.jobs", "client.matching"},
    "client.jobs": {"client.results"},
    "client.results": set(),
    "client.matching": set(),
    "commands.nouns": set(),
    # services work for the chain, and all of them keep what they know on disk
    "sandbox.services": {"sandbox.work", "sandbox.chain", "sandbox.state"},
    "sandbox.work": {"sandbox.chain", "sandbox.state"},
    "sandbox.chain": {"sandbox.state"},
    "sandbox.state": set(),
}
"""Wing -> the other wings of its room that it may import."""
PURE_RECORDS = {"client.jobs.status"}
"""A module of a wing that holds records only: everybody in the room may name them."""
ABOVE_THE_WINGS = {
    "client.iexec",
    "sandbox.control",
    "sandbox.daemon",
    "sandbox.pytest_plugin",
}
"""Modules beside the wings that stand above them; all others stand below."""
HEAVY = {
    "IPython": {"notebook"},
    "ipywidgets": {"notebook"},
    "anywidget": {"notebook"},
    "pandas": {"frames", "history", "plots", "client", "commands", "notebook"},
}
MOST_MODULES, MOST_LINES = 25, 450


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def room(name: str) -> str:
    return name.partition(".")[0]


def wing(name: str) -> str | None:
    return next((each for each in WINGS if name == each or name.startswith(f"{each}.")), None)


MODULES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py")) if dotted(path) != "__init__"}


def imports(path: Path):
    """Everything a module imports, wherever in it and for whatever: types and lazy ones too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole.removeprefix("iexec_lab.") in MODULES else node.module
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            yield from (each.value for each in node.args if isinstance(each, ast.Constant))


def ours(path: Path):
    return [name.removeprefix("iexec_lab.") for name in imports(path) if name.startswith("iexec_lab.")]


GRAPH = {name: [each for each in ours(path) if each in MODULES] for name, path in MODULES.items()}


@pytest.mark.parametrize("name", [name for name in MODULES if room(name) in MAY_IMPORT])
def test_a_room_imports_only_what_stands_below_it(name):
    here = room(name)
    for imported in imports(MODULES[name]):
        top = imported.partition(".")[0]
        if top in HEAVY:
            assert here in HEAVY[top], f"{here} imports {top}"
    for imported in GRAPH[name]:
        there = room(imported)
        if there in MAY_IMPORT and (name, there) not in DOORS and there != here:
            assert there in MAY_IMPORT[here], f"{name} imports {imported}"


@pytest.mark.parametrize("name", MODULES)
def test_a_wing_imports_only_what_stands_below_it(name):
    here = wing(name)
    for imported in GRAPH[name]:
        there = wing(imported)
        if room(imported) != room(name) or there == here or imported in PURE_RECORDS:
            continue
        if here is not None and there is not None:
            assert there in WINGS[here], f"{name} imports {imported}"
        if here is not None and there is None:
            assert imported not in ABOVE_THE_WINGS, f"{name} imports {imported}"


def test_no_module_imports_itself_in_a_circle():
    seen, done = [], set()

    def visit(name):
        assert name not in seen, f"circle: {' -> '.join([*seen[seen.index(name) :], name])}"
        if name in done:
            return
        seen.append(name)
        for imported in GRAPH[name]:
            if imported != name and (name, room(imported)) not in DOORS:
                visit(imported)
        done.add(seen.pop())

    for name in GRAPH:
        visit(name)


def test_the_door_is_the_only_way_upwards():
    upwards = {
        (name, room(imported))
        for name, found in GRAPH.items()
        for imported in found
        if room(name) in MAY_IMPORT and room(imported) in MAY_IMPORT
        if room(imported) not in MAY_IMPORT[room(name)] | {room(name)}
    }
    assert upwards == DOORS


def test_every_module_belongs_to_a_known_room():
    assert {room(name) for name in MODULES} <= {*MAY_IMPORT, "__main__"}


def test_no_folder_and_no_module_is_too_large_to_walk():
    sizes = Counter(path.parent for path in MODULES.values() if path.name != "__init__.py")
    assert {str(folder): count for folder, count in sizes.items() if count > MOST_MODULES} == {}
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: count for name, count in lengths.items() if count > MOST_LINES} == {}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import iexec_lab", "web3 pandas ipywidgets IPython requests eth_account eth_abi argparse"),
        ("import iexec_lab.cli", "web3 pandas ipywidgets IPython requests eth_account eth_abi"),
        ("import iexec_lab.services.market", "web3 pandas ipywidgets IPython"),
        ("import iexec_lab.protocol", "web3 pandas ipywidgets IPython eth_account"),
        ("import iexec_lab.ethereum.hub", "web3 pandas ipywidgets IPython eth_account"),
        ("import iexec_lab.sandbox.control", "web3 pandas ipywidgets IPython eth_account"),
        ("from iexec_lab import IExec; IExec(None).app.run", "web3 pandas ipywidgets IPython eth_account"),
    ],
)
def test_importing_one_room_imports_nothing_heavy(statement, absent):
    code = f"{statement}; import sys; print(*[m for m in {absent.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
