"""A wait that no page shows: a terminal has a line for it, whatever runs there, a pipe has none."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

import pytest
from helpers.jobs import held, view
from helpers.pseudo_terminal import on_terminal

from iexec_lab import doors
from iexec_lab.client.jobs.shown import Shown
from iexec_lab.client.jobs.status import Clock, JobStatus


class Work(Shown):
    def __init__(self):
        super().__init__()
        self.deal_ids, self.tx_hashes, self._last = (held().deal_id,), (None,), None

    key = ("work",)
    _clock = Clock()


@pytest.fixture
def lines(monkeypatch):
    """What a terminal's lines say, from begin to end."""
    found = []

    class Line:
        def update(self, *told):
            found.append(told)

        @contextmanager
        def hidden(self):
            found.append("put away")
            yield

    @contextmanager
    def working(doing):
        found.append(doing)
        yield Line()
        found.append("ended")

    monkeypatch.setattr(doors, "working", [working])
    monkeypatch.setattr(doors, "live", lambda: None)
    return found


def test_it_tells_each_look_once(lines, capsys):
    work = Work()
    with work._in_sight(), work._in_sight():  # of a job whose result waits for it
        work._saw(JobStatus((view(0, 3), view(1, 1))))
        work._teller(None)("somebody gave up")
    assert lines == [
        "Waiting for the tasks",
        ("1 completed, 1 active", 1, 2),
        "put away",
        ("1 completed, 1 active", 1, 2),
        "ended",
    ]
    assert capsys.readouterr().err == "somebody gave up\n"


def test_who_is_told_already_needs_no_line(lines):
    work = Work()
    with work._in_sight(told=True):
        work._saw(JobStatus((view(0, 1),)))
    work._saw(JobStatus((view(0, 3),)))
    assert lines == []


PROGRAM = """
import time
import iexec_lab
from iexec_lab import doors
with doors.progress("Waiting for the tasks") as step:
    with doors.progress("Downloading") as part:  # a part of it: the same line
        part.update("1 completed, 1 active", 1, 2)
        time.sleep(1)
print("after")
"""


def test_a_program_has_the_line_where_a_person_looks():
    seen, code = on_terminal([sys.executable, "-c", PROGRAM])
    assert code == 0
    assert "\x1b[KWaiting for the tasks: 1 completed, 1 active, 1 of 2 … " in seen
    assert seen.endswith("\x1b[Kafter\r\n")  # it is gone before anything else is said


def test_a_pipe_has_nothing():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("after\n", "")


def test_the_line_is_away_while_somebody_is_asked():
    away = []

    class Line:
        @contextmanager
        def hidden(self):
            away.append(True)
            yield
            away.append(False)

    with doors.hidden():
        assert away == []
    with doors.showing(Line()), doors.hidden():
        assert away == [True]
    assert away == [True, False]
