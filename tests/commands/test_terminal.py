"""Questions and progress of a terminal, on a real pseudo terminal."""

from __future__ import annotations

import subprocess
import sys

import pytest
from helpers.pseudo_terminal import on_terminal

pytestmark = pytest.mark.slow

ASK = "from iexec_lab.commands.terminal import Terminal; print('answer', Terminal().confirm('Really?'))"
SECRET = "from iexec_lab.commands.terminal import Terminal; print('answer', Terminal().secret('Password'))"
WORK = """
import sys, time
from iexec_lab.commands.terminal import Terminal

class Screen:
    def __init__(self, stream):
        self.stream, self.shown = stream, ""
    def write(self, text):
        self.shown += text
        return self.stream.write(text)
    def __getattr__(self, name):
        return getattr(self.stream, name)

sys.stderr = Screen(sys.stderr)
terminal = Terminal()
with terminal.working("Digging") as step:
    step.update("deep", 2, 5)
    if sys.stderr.isatty():
        while "deep, 2 of 5" not in sys.stderr.shown:
            time.sleep(0.01)
    else:
        time.sleep(1)
    terminal.note("careful")
print("done")
"""


def screen_of(code: str, *answers: str) -> str:
    """What a person sees of a piece of Python."""
    return on_terminal([sys.executable, "-c", code], *answers)[0]


@pytest.mark.parametrize(
    ("answers", "result"),
    [(("",), True), (("y",), True), (("YES",), True), (("no",), False), (("what", "n"), False)],
)
def test_confirm_says_yes_by_default_and_asks_again(answers, result):
    screen = screen_of(ASK, *answers)
    assert f"answer {result}" in screen
    assert screen.count("Really? (Y/n)") == len(answers)


def test_secrets_are_not_shown():
    screen = screen_of(SECRET, "hidden word")
    assert screen.count("hidden word") == 1  # our own print, not the echo
    assert "answer hidden word" in screen


def test_progress_is_one_line_that_goes_away():
    screen = screen_of(WORK)
    assert "Digging: deep, 2 of 5 …" in screen
    assert "! careful" in screen
    assert screen.rstrip().endswith("done")
    assert "\n" not in screen[screen.index("deep") : screen.index("careful")]


@pytest.mark.parametrize("code", [ASK, SECRET])
def test_without_a_terminal_a_question_is_an_error_and_never_waits(code):
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "AbortedError: Nobody is there to answer" in done.stderr


def test_nothing_is_drawn_in_a_pipe():
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"
    assert done.stderr == "! careful\n"


def test_a_terminal_that_moves_no_cursor_is_told_once():
    """As screen readers and logs have it: TERM=dumb."""
    slow = WORK.replace("while", "time.sleep(1)\n        while")
    screen = screen_of(f"import os; os.environ['TERM'] = 'dumb'\n{slow}")
    assert "\x1b" not in screen
    assert screen.count("Digging") == 1
