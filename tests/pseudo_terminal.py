"""A program on a pseudo terminal, and somebody who answers its questions."""

from __future__ import annotations

import os
import pty
import select
import time

PATIENCE = 120


def on_terminal(words: list[str], *answers: str, env: dict[str, str] | None = None) -> tuple[str, int]:
    """What a person sees, and the exit code; an answer is typed once the screen has been still."""
    pid, screen = pty.fork()
    if pid == 0:
        os.execve(words[0], words, {**os.environ, **(env or {})})
    seen, waiting, deadline = b"", list(answers), time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([screen], [], [], 0.3)
            if ready:
                try:
                    chunk = os.read(screen, 4096)
                except OSError:
                    break
                if not chunk:
                    break
                seen += chunk
            elif waiting and seen.rstrip().endswith((b")", b":")):
                os.write(screen, waiting.pop(0).encode() + b"\n")
                seen += b"\n"
    finally:
        os.close(screen)
        _, status = os.waitpid(pid, 0)
    return seen.decode(), os.waitstatus_to_exitcode(status)
