"""A wait that no page shows: IPython in a terminal has a line for it, a plain program has none."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from helpers.jobs import held, view

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
