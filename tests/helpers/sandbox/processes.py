"""What runs on this machine: by its number, or by a text that only our processes carry (Linux)."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path


def carrying(mark):
    """Process number to command line of each process with ``mark`` in its command line or environment."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
            if line and mark.encode() in line + (entry / "environ").read_bytes():
                found[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
    return found


def environment(pid):
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with suppress(OSError):  # no /proc, or gone in this moment
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return True


def children(pid):
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return {int(own): command for own, parent, command in rows if int(parent) == pid}
