"""Which tests start a sandbox, a node, Node.js, a notebook server or a browser, and that the others do not.

``make check`` runs the others. A test has the mark ``sandbox`` when it uses one of ``FIXTURES``, is in one of
``FOLDERS`` or carries the mark itself; one without it that starts such a process fails, in every run.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.alone import alone

from iexec_lab.errors import IexecError
from iexec_lab.sandbox.artifacts import anvil_binary, poco_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURES = {
    "iexec_sandbox",
    "native_sandbox",
    "_populated_market",
    "anvil",
    "world",
    "start_anvil",
    "deployed",
    "make_nodes",
    "universe",
    "chromium",
}
"""Those that start something; a fixture that uses one of them is found by pytest."""
FOLDERS = {"interop", "browser"}
PROGRAMS = {"anvil", "node", "npm", "npx", "chromium", "chromium-browser", "google-chrome"}
MODULES = {"iexec_lab.sandbox.daemon", "jupyter"}
ANVIL = "IEXEC_LAB_ANVIL"
TRAP = "/nowhere/a test that starts a sandbox needs the mark: @pytest.mark.sandbox"


def something(item: pytest.Item) -> bool:
    """Whether a test starts something, as far as its fixtures and its place tell."""
    names = set(getattr(item, "fixturenames", ()))
    return bool(names & FIXTURES) or item.path.parent.name in FOLDERS


class _Watch:
    """What the test that runs now may not start, and did."""

    refuses = False
    started: list[str] | None = None
    fetched = False


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event != "subprocess.Popen" or not _Watch.refuses:
        return
    words = arguments[1]
    line = [os.fsdecode(word) for word in (words if isinstance(words, list | tuple) else [words])]
    if MODULES.intersection(line) or any(Path(word).name in PROGRAMS for word in line):
        _Watch.started = line
        complain()


def complain() -> None:
    """Fail the test that started something; a second time if something swallowed the first."""
    if _Watch.started is not None:
        pytest.fail(f"needs @pytest.mark.sandbox, since it starts: {' '.join(_Watch.started)}"[:400])


def forget() -> bool:
    """Forgive what was started; whether there was something."""
    started, _Watch.started = _Watch.started, None
    return started is not None


@contextmanager
def refused() -> Iterator[None]:
    """No such process may start from here, which is seen, and no sandbox from a program of the test."""
    before = os.environ.get(ANVIL)
    _Watch.refuses, _Watch.started = True, None
    os.environ[ANVIL] = TRAP
    try:
        yield
    finally:
        _Watch.refuses, _Watch.started = False, None
        os.environ.pop(ANVIL)
        if before is not None:
            os.environ[ANVIL] = before


@contextmanager
def allowed() -> Iterator[None]:
    """The first such test of a worker fetches what a sandbox is made of, while no other worker does."""
    if not _Watch.fetched:
        _Watch.fetched = True
        with alone("packages"), suppress(IexecError):  # else the test itself says it
            anvil_binary()
            poco_folder()
    yield


sys.addaudithook(_audit)
