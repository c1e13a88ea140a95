"""``.iexec-lab-spent.jsonl``: what was signed and bought in a folder, whatever wallet did it.

A kernel that is gone, with a wallet that was kept in memory, leaves here what it takes to find its deals.
One line of JSON for each step, written before the next one is taken: ids, addresses and amounts, never a key
or a password. Lines are only added, under a lock, so that kernels beside each other lose nothing and a kill
costs half a line at most. It is a convenience: a line that says nothing sensible is as good as none.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.project.jsonfile import hold
from iexec_lab.protocol.javascript import check_shape
from iexec_lab.regular_files import open_regular, possible

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPENT: Final = ".iexec-lab-spent.jsonl"
LONGEST_LINE: Final = 4096
"""Bytes of a line; longer ones are not ours."""
LARGEST: Final = 4 << 20
"""Bytes that are read, those at the end; from twice as many on the file is cut to these."""

_FLAGS: Final = (
    os.O_RDWR
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)  # a folder of somebody else's may lead us to another file
    | getattr(os, "O_NONBLOCK", 0)  # a pipe would wait for a reader
    | getattr(os, "O_CLOEXEC", 0)
)


class SpentRecord:
    """The record of one folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SPENT

    def lines(self) -> list[dict[str, Any]]:
        """What is written down, oldest first; empty when there is nothing that can be read."""
        try:
            with contextlib.closing(open_regular(self._path)) as file:
                return _parse(_tail(file.fileno()))
        except OSError:
            return []

    def add(self, *lines: dict[str, Any]) -> bool:
        """Write lines down, on the disk at the return; False when that is impossible."""
        return self.change(lambda _before: lines, reads=False)

    def change(
        self,
        decide: Callable[[list[dict[str, Any]]], tuple[dict[str, Any], ...]],
        *,
        reads: bool = True,
    ) -> bool:
        """Add the lines that ``decide`` makes of those that are there, while nobody else adds any.

        What ``decide`` raises leaves the file as it was. False when the file cannot be written.
        """
        try:
            descriptor = os.open(possible(self._path), _FLAGS, 0o666)
        except OSError:
            decide(self.lines() if reads else [])
            return False
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                decide([])
                return False
            hold(descriptor)
            made = decide(_parse(_tail(descriptor)) if reads else [])
            try:
                _write(descriptor, made)
            except OSError:
                return False
        finally:
            os.close(descriptor)
        return True


def _write(descriptor: int, lines: tuple[dict[str, Any], ...]) -> None:
    if not lines:
        return
    size = os.fstat(descriptor).st_size
    if size > 2 * LARGEST:
        kept = _tail(descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, kept)
    elif size and _read(descriptor, size - 1, 1) != b"\n":  # somebody was killed in the middle of a line
        os.write(descriptor, b"\n")
    os.write(descriptor, _text(lines))
    os.fsync(descriptor)


def _text(lines: Any) -> bytes:
    return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


def _tail(descriptor: int) -> bytes:
    """The end of the file, from the beginning of a line on."""
    size = os.fstat(descriptor).st_size
    start = max(size - LARGEST, 0)
    found = _read(descriptor, start, LARGEST)
    return found.partition(b"\n")[2] if start else found


def _read(descriptor: int, start: int, most: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)
    found = bytearray()
    while len(found) < most and (piece := os.read(descriptor, most - len(found))):
        found += piece
    return bytes(found)


def _parse(text: bytes) -> list[dict[str, Any]]:
    """The lines that are JSON objects; the others are left out."""
    found = []
    for line in text.split(b"\n"):
        if not line.startswith(b"{") or len(line) > LONGEST_LINE:
            continue
        try:
            check_shape(line)
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
