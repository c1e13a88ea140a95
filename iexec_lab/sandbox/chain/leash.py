"""Become a program that does not outlive its parent: ``python -I -S leash.py PARENT LOCK PROGRAM ARGUMENTS``.

The kernel of Linux kills it with its parent (to be exact, with the thread that started it). Elsewhere, and
should that fail, the file LOCK tells the next parent which process is left: it is locked for as long as the
program runs, and holds its number.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
CAN_NOT_RUN = 126
"""Exit code, as a shell has it, of a program that could not be run; why is on standard error."""


def die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it went before it could be told
        os._exit(1)


def hold(path: str) -> None:
    """Lock ``path`` until the program ends; the descriptor is not closed, and stays open in it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.ftruncate(file, 0)
    os.write(file, str(os.getpid()).encode())
    os.set_inheritable(file, True)


def main(parent: str, lock: str, *command: str) -> None:
    die_with(int(parent))
    try:
        hold(lock)
        os.execv(command[0], command)  # noqa: S606 -- the program we were given
    except OSError as error:
        os.write(2, f"{error.strerror}: {command[0]}\n".encode())
        os._exit(CAN_NOT_RUN)


if __name__ == "__main__":
    main(*sys.argv[1:])
