"""The face of a terminal: questions on a terminal only, progress on one line, nothing in a pipe."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from iexec_lab import doors
from iexec_lab.commands.context import Sight, unanswered
from iexec_lab.commands.text import Style, safe
from iexec_lab.commands.work import Work
from iexec_lab.errors import AbortedError
from iexec_lab.looks import YELLOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.client.live.follow import Stream
    from iexec_lab.client.plan import Plan

_PATIENCE = 0.4  # seconds without a word; most commands are done by then
_TICK = 0.25


class Terminal:
    """Asks on the terminal, tells on standard error.

    Args:
        quiet: No notes and no progress.
        style: Colours of standard error.
    """

    def __init__(self, *, quiet: bool = False, style: Style | None = None) -> None:
        self.quiet = quiet
        self.style = style or Style(colours=False)
        self._line: _Line | None = None

    def confirm(self, question: str) -> bool:
        self._require_person(question, "Add --force, or answer on a terminal.")
        with self._pause():
            while True:
                print(f"{safe_lines(question)} (Y/n) ", end="", file=sys.stderr, flush=True)
                answer = self._answer(question).strip().lower()
                if answer in {"", "y", "yes"}:
                    return True
                if answer in {"n", "no"}:
                    return False

    def agree(self, plan: Plan) -> bool:
        return self.confirm("\n".join([*plan.lines(), "Continue?"]))

    def secret(self, question: str) -> str:
        from getpass import getpass

        self._require_person(question, "Give it as an option, or answer on a terminal.")
        with self._pause():
            try:
                return getpass(f"{safe(question)}: ", stream=sys.stderr)
            except (EOFError, KeyboardInterrupt) as error:
                raise _nobody(question) from error

    def note(self, text: str) -> None:
        if not self.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        with self._pause():
            print(self.style.paint(YELLOW, "! ") + safe_lines(text), file=sys.stderr, flush=True)

    def remark(self, text: str) -> None:
        self.note(text)

    @contextmanager
    def working(self, doing: str) -> Iterator[_Line]:
        line = _Line(doing, sys.stderr, shown=not self.quiet and sys.stderr.isatty())
        before, self._line = self._line, line
        try:
            with doors.showing(line):
                yield line
        finally:
            line.close()
            self._line = before

    @contextmanager
    def watching(self, doing: str) -> Iterator[Sight]:
        with self.working(doing) as line:
            yield Sight(line, self.warn)

    def follow(self, stream: Stream, *, raw: bool) -> None:
        from iexec_lab.commands.following import LISTED, change_line, json_line, line

        def say(text: str) -> None:
            print(text, flush=True)

        for row in stream.as_listed(stream.rows):
            say(json_line(LISTED, row) if raw else line(LISTED, row, stream.kind))
        with suppress(KeyboardInterrupt):
            for change in stream:
                [row] = stream.as_listed([change.row])
                say(change_line(change._replace(row=row), raw=raw))

    def form(self, name: str) -> str:
        from iexec_lab.commands import parser

        return parser.help_of(name)

    @contextmanager
    def _pause(self) -> Iterator[None]:
        """Keep the progress line away while something else is on the screen."""
        if self._line is None:
            yield
        else:
            with self._line.hidden():
                yield

    def _require_person(self, question: str, hint: str) -> None:
        if not sys.stdin or not sys.stdin.isatty():
            raise unanswered(question.splitlines()[-1], hint)

    def _answer(self, question: str) -> str:
        try:
            return input()
        except (EOFError, KeyboardInterrupt) as error:
            raise _nobody(question) from error


class _Line:
    """One line at the bottom, drawn by a thread so that waiting code needs no clock."""

    def __init__(self, doing: str, stream: TextIO, *, shown: bool) -> None:
        self._work = Work(doing)
        self._stream = stream
        self._moves = os.environ.get("TERM") != "dumb"
        self._lock = threading.Lock()
        self._ended = threading.Event()
        if shown:
            threading.Thread(target=self._draw, daemon=True).start()

    def update(self, text: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        self._work.update(text, done, total, unit)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        with self._lock:
            self._erase()
            yield

    def close(self) -> None:
        with self._lock:
            self._ended.set()
            self._erase()

    def _draw(self) -> None:
        self._ended.wait(_PATIENCE)
        while not self._ended.is_set():
            with self._lock:
                if not self._ended.is_set():
                    self._erase()
                    self._stream.write(self._work.words() + ("" if self._moves else "\n"))
                    self._stream.flush()
            if not self._moves:  # a line that is read out, or logged, is said once
                return
            self._ended.wait(_TICK)

    def _erase(self) -> None:
        if self._stream.isatty() and self._moves:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def safe_lines(text: str) -> str:
    """Text of several lines without control characters."""
    return "\n".join(safe(line) for line in text.splitlines())


def _nobody(question: str) -> AbortedError:
    return AbortedError(f"No answer: {question.splitlines()[-1]}")
