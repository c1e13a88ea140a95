"""``make check`` starts no sandbox: a test that does so without the mark fails."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress

import pytest
from helpers import starts

COMPLAINT = "needs @pytest.mark.sandbox, since it starts"


@pytest.mark.parametrize(
    "command",
    [
        ["/somewhere/bin/anvil", "--port", "0"],
        ["python", "-I", "leash.py", "/somewhere/anvil"],
        ["python", "-m", "iexec_lab.sandbox.daemon", "folder", "{}"],
        ["python", "-m", "jupyter", "lab"],
        ["node", "script.mjs"],
        ["/usr/bin/npm", "pack"],
        ["chromium", "--headless"],
    ],
    ids=" ".join,
)
def test_nothing_of_a_sandbox_is_started_without_the_mark(command, tmp_path):
    with pytest.raises(pytest.fail.Exception, match=COMPLAINT):
        subprocess.run(command, cwd=tmp_path, check=False)  # what starts nevertheless writes there
    assert starts.forget()


def test_whoever_swallows_it_is_told_at_the_end():
    async def start():
        with suppress(BaseException):
            await asyncio.create_subprocess_exec("anvil")

    asyncio.run(start())
    with pytest.raises(pytest.fail.Exception, match=COMPLAINT):
        starts.complain()
    assert starts.forget()


def test_a_program_of_the_test_gets_no_sandbox():
    code = "from iexec_lab import Sandbox; Sandbox().start()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "a test that starts a sandbox needs the mark" in done.stderr


def test_other_programs_may_start():
    assert subprocess.run([sys.executable, "-c", "print('anvil')"], check=True).returncode == 0
    starts.complain()


@pytest.mark.sandbox
def test_with_the_mark_it_may():
    with pytest.raises(FileNotFoundError):
        subprocess.run(["/nowhere/anvil"], check=False)
