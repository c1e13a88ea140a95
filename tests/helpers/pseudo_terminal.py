"""A program on a pseudo terminal, and somebody who answers its questions."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

PATIENCE = 300
#: What ends with it waits for an answer; a colon may also stand before a list.
QUESTION = re.compile(rb"(?:\(Y/n\) |(?i:password)[^\n]*: )\Z")
STEERING = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>])")
# The terminal becomes that of the program, as it would not be by a mere start in a session of its own.
STARTER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def on_terminal(
    words: list[str],
    *answers: str,
    env: dict[str, str] | None = None,
    question: re.Pattern[bytes] = QUESTION,
) -> tuple[str, int]:
    """What a person sees, and the exit code; an answer is typed when the program waits for one.

    ``question`` matches what ends with the wait; what steers the terminal is not in it. An answer that ends
    with a tab is typed without a line's end.
    """
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, *words],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, **(env or {})},
        start_new_session=True,
    )
    os.close(terminal)
    seen, asked, waiting, deadline = b"", 0, list(answers), time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([screen], [], [], 1)
            if not ready:
                continue
            try:
                chunk = os.read(screen, 4096)
            except OSError:  # nobody holds the other side any more
                break
            if not chunk:
                break
            seen += chunk
            if waiting and question.search(STEERING.sub(b"", seen[asked:])):
                answer = waiting.pop(0)
                os.write(screen, answer.encode() + (b"" if answer.endswith("\t") else b"\r"))
                asked = len(seen)
        else:
            process.kill()
    finally:
        os.close(screen)
        process.wait()
    return seen.decode(), process.returncode
