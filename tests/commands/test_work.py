"""Long work in words, and who is told of its parts."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from iexec_lab import doors
from iexec_lab.commands.work import Work


def work(*update, state="going", seconds=6, doing="Uploading data.zip"):
    made = Work(doing, _begun=0.0, _ended=float(seconds))
    if update:
        made.update(*update)
    made.state = state
    return made.words()


@pytest.mark.parametrize(
    ("update", "going", "done", "stopped"),
    [
        ((), "Reading … 6 s", "✔ Reading: 6 s", "✖ Reading: stopped after 6 s"),
        (
            ("", 3_200_000, 12_000_000, "bytes"),
            "Reading: 3.2 MB of 12.0 MB … 6 s",
            "✔ Reading: 3.2 MB, 6 s",
            "✖ Reading: stopped after 6 s (3.2 MB of 12.0 MB)",
        ),
        (
            ("table.csv", 12, 50, "results"),
            "Reading: table.csv, 12 of 50 results … 6 s",
            "✔ Reading: 12 results, 6 s",
            "✖ Reading: stopped after 6 s (table.csv, 12 of 50 results)",
        ),
        (
            ("120 rows, 5 a second", 40, 100, "%"),
            "Reading: 120 rows, 5 a second, 40 % … 6 s",
            "✔ Reading: 6 s",
            "✖ Reading: stopped after 6 s (120 rows, 5 a second, 40 %)",
        ),
        (
            ("bytes", 7, None, "bytes"),
            "Reading: bytes … 6 s",
            "✔ Reading: 6 s",
            "✖ Reading: stopped after 6 s (bytes)",
        ),
    ],
)
def test_words(update, going, done, stopped):
    assert work(*update, doing="Reading") == going
    assert work(*update, doing="Reading", state="done") == done
    assert work(*update, doing="Reading", state="stopped") == stopped


def test_strangers_words_are_safe():
    assert "\x1b" not in work("\x1b[2J")


class Step:
    def __init__(self):
        self.told = []

    def update(self, *args):
        self.told.append(args)


@pytest.fixture
def steps(monkeypatch):
    """What a notebook would show."""
    opened = []

    @contextmanager
    def working(doing):
        step = Step()
        opened.append((doing, step))
        with doors.showing(step):
            yield step

    monkeypatch.setattr(doors, "working", [working])
    return opened


def test_a_part_is_told_where_the_whole_is_shown(steps):
    with doors.progress("Publishing") as whole:
        whole.update("looking")
        with doors.progress("Uploading") as part:
            part.update("", 1, 2, "bytes")
    with doors.progress("Reading"):
        pass
    assert [doing for doing, _ in steps] == ["Publishing", "Reading"]
    assert steps[0][1].told == [("looking",), ("Uploading",), ("Uploading", 1, 2, "bytes")]


def test_a_program_sees_nothing(monkeypatch, capsys):
    monkeypatch.setattr(doors, "working", [])
    with doors.progress("Uploading") as step:
        step.update("", 1, 2, "bytes")
    assert capsys.readouterr() == ("", "")
