"""Colours of a terminal: NO_COLOR (no-color.org), TERM=dumb and pipes have none, whatever is printed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from helpers.pseudo_terminal import on_terminal

COLOUR = "\x1b["
LINES = {
    "an answer": ("category", "init"),
    "a mistake": ("category", "shwo", "1"),
    "a failure": ("category", "create"),
    "a warning": ("wallet", "create", "--unencrypted", "--keystoredir", "local"),
}
PLAIN = [{"NO_COLOR": "1"}, {"NO_COLOR": "yes", "FORCE_COLOR": "1"}, {"TERM": "dumb"}]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    (tmp_path / "iexec.json").write_text("{}")


def seen(words, **settings):
    screen, _ = on_terminal([sys.executable, "-m", "iexec_lab", *words], env=settings)
    return screen


def test_a_terminal_has_colours():
    assert COLOUR in seen(LINES["an answer"])
    assert COLOUR in seen(LINES["an answer"], NO_COLOR="")  # empty is not set
    assert COLOUR in seen(LINES["a failure"])


@pytest.mark.parametrize("settings", PLAIN, ids=str)
@pytest.mark.parametrize("words", LINES.values(), ids=[*LINES])
def test_none_where_nobody_wants_them(words, settings):
    screen = seen(words, **settings)
    assert screen.strip()
    assert COLOUR not in screen


def test_none_in_a_pipe_even_by_force(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = subprocess.run(
        [sys.executable, "-m", "iexec_lab", *LINES["an answer"]], capture_output=True, text=True, check=True
    )
    assert done.stdout
    assert COLOUR not in done.stdout + done.stderr
