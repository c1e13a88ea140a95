"""A refused line is in no history: tried in a process of its own, whose shell has a history file."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from iexec_lab.commands.tree import SECRET_KINDS, walk
from iexec_lab.notebook.typed_secrets import FLAGS

pytestmark = pytest.mark.slow

SECRET = "hunter2-hunter2"
PROGRAM = """
import json, sqlite3, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.io import capture_output

line, before, first = json.loads(sys.argv[1])
shell = InteractiveShell.instance()
shell.history_manager.db_cache_size = before  # 0: another thread writes each input at once
with capture_output() as shown:
    for cell in ("%load_ext iexec_lab", first, line, "after = 2"):
        shell.run_cell(cell, store_history=True)
    shell.run_line_magic("history", "")
    shell.run_line_magic("history", "-t")
    shell.run_cell("print(In, _i, _ii, _iii, dir(), [str(v) for k, v in globals().items() if k[:2] == '_i'])")
shell.history_manager.end_session()
with sqlite3.connect(shell.history_manager.hist_file) as file:
    stored = [row[0] for row in file.execute("SELECT source_raw FROM history ORDER BY line")]
file.close()
print(json.dumps({"shown": shown.stdout, "stored": stored}))
"""


def run(line, tmp_path, before=0, first="kept = 1"):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([line, before, first])],
        env={**os.environ, "IPYTHONDIR": str(tmp_path), "NO_COLOR": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("before", [0, 1000])
@pytest.mark.parametrize(
    "line",
    [
        f"%iexec requester push-secret my-name --secret-value {SECRET}",
        f"%iexec app push-secret --secret-value={SECRET}",
        f"%iexec storage init dropbox --token {SECRET}",
        f"%%iexec wallet create\n--password '{SECRET}'",
        f"%iexec wallet create --password '{SECRET}",
        f"%iexec wallet create --password {SECRET} --chain {{nope}}",
        f"%%iexec wallet create -o 1bad\n--password {SECRET}",
        f"%iexec walet create --password {SECRET}",
        f"%iexec wallet create --pasword {SECRET}",
        f"%iexec wallet create --Password={SECRET}",
        f"%iexec help wallet create --password {SECRET}",
        f"%iexec form wallet create --password {SECRET}",
        f"kept = 1\n%iexec wallet create --password {SECRET}{{kept}}",
        f"get_ipython().run_line_magic('iexec', 'wallet create --password {SECRET}')",
    ],
)
def test_a_refused_line_is_in_no_history(line, before, tmp_path):
    told = run(line, tmp_path, before)
    assert "The line was taken out of the history; delete it from this cell too." in told["shown"]
    assert SECRET not in told["shown"]
    assert told["stored"][1:3] == ["kept = 1", "# a line with a secret was here"]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


DIGITS = "a1" * 31


@pytest.mark.parametrize("key", [f"0x{DIGITS}b", DIGITS, f"'0x{DIGITS[:30]} {DIGITS[30:]}1'"])
def test_a_key_with_a_slip_is_a_key(key, tmp_path):
    told = run(f"%iexec wallet import {key}", tmp_path)
    assert "Refused a private key on a line" in told["shown"]
    assert DIGITS[:30] not in json.dumps(told)


@pytest.mark.parametrize("before", [0, 1000])
@pytest.mark.parametrize(
    ("first", "line"),
    [
        (f"def work():\n    %iexec wallet create --password {SECRET}", "work()"),
        ("%alias_magic lab iexec", f"%lab wallet create --password {SECRET}"),
    ],
    ids=["function", "alias"],
)
def test_the_input_that_holds_the_secret_is_forgotten(first, line, before, tmp_path):
    told = run(line, tmp_path, before, first)
    assert "The line was taken out of the history" in told["shown"]
    assert SECRET not in json.dumps(told)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_every_option_for_a_secret_is_known():
    kinds = {option.flag for command in walk() for option in command.options if option.kind in SECRET_KINDS}
    assert kinds == set(FLAGS)


def test_a_line_that_is_not_refused_stays(tmp_path):
    for line in ("%iexec account show --password {word}", "%iexec wallet create --pasword {first} --chain"):
        assert line in run(line, tmp_path)["stored"]
