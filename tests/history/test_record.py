"""Recordings of a list: what is read back is what was there, to the change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.history import record
from iexec_lab.history.record import Recorder, read_past

KIND = "apporder"
START = datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch):
    """Moves only when a test says so."""

    class Clock:
        now = START

        def forward(self, seconds):
            self.now += timedelta(seconds=seconds)

    made = Clock()
    monkeypatch.setattr(record, "_now", lambda: int(made.now.timestamp() * 10**6))
    return made


CHANGES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([None, 1, 2**70]), st.floats(0, 3), st.booleans()),
    max_size=30,
)


@settings(max_examples=40)
@given(CHANGES, st.floats(0, 1))
def test_it_is_what_it_was(tmp_path_factory, changes, share):
    """Changes, files and whole lists in any order: the list is that of the last change before the moment."""
    folder = tmp_path_factory.mktemp("book")
    recorder, rows, now = Recorder(folder, 1, KIND), {"a": {"n": 0}}, START
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(record, "_now", lambda: int(now.timestamp() * 10**6))
        recorder.begin(rows.items())
        states = [(now, dict(rows))]
        for name, number, seconds, whole in changes:
            now += timedelta(seconds=round(seconds, 3) + 0.001)
            if number is None and name in rows:
                recorder.change("removed", name, rows.pop(name), now)
            elif number is not None:
                event = "changed" if name in rows else "added"
                rows[name] = {"n": number, "ö": '"\\u2028'}
                recorder.change(event, name, rows[name], now)
            states.append((now, dict(rows)))
            if whole:
                recorder.begin(rows.items())
        recorder.flush()
    when = START + (now - START) * share
    expected = [state for at, state in states if at <= when][-1]
    assert read_past(folder, 1, KIND, when).rows == expected


def test_what_was_not_recorded_is_not_known(tmp_path, clock):
    recorder = Recorder(tmp_path, 1, KIND)
    recorder.begin([("a", {"n": 1})])
    clock.forward(10)
    recorder.flush()
    assert read_past(tmp_path, 1, KIND, clock.now + timedelta(seconds=5)).rows == {"a": {"n": 1}}
    for when, words in (
        (START - timedelta(seconds=1), "reaches back"),
        (clock.now + timedelta(hours=1), "Nothing was"),
    ):
        with pytest.raises(ValidationError, match=words):
            read_past(tmp_path, 1, KIND, when)
    for chain, kind in ((2, KIND), (1, "datasetorder")):
        with pytest.raises(ValidationError, match="reaches back"):
            read_past(tmp_path, chain, kind, clock.now)


def test_while_the_feed_was_cut_nobody_is_sure(tmp_path, clock):
    recorder = Recorder(tmp_path, 1, KIND)
    recorder.begin([("a", {"n": 1})])
    clock.forward(1)
    recorder.cut()
    clock.forward(1)
    recorder.change("removed", "a", {"n": 1}, clock.now)
    clock.forward(1)
    recorder.flush()
    past = [read_past(tmp_path, 1, KIND, START + timedelta(seconds=seconds)) for seconds in (0.5, 1.5, 2.5)]
    assert [each.unsure for each in past] == [False, True, False]
    assert [len(each.rows) for each in past] == [1, 1, 0]


def test_two_recordings_in_one_folder(tmp_path, clock):
    first, second = (Recorder(tmp_path, 1, KIND) for _ in range(2))
    first.begin([("a", {"n": 1})])
    clock.forward(1)
    second.begin([("a", {"n": 1}), ("b", {"n": 2})])
    first.change("removed", "a", {}, clock.now)
    clock.forward(1)
    first.flush()
    second.flush()
    assert set(read_past(tmp_path, 1, KIND, clock.now).rows) == {"a", "b"}


def test_a_kill_loses_no_more_than_what_waited(tmp_path, clock):
    recorder = Recorder(tmp_path, 1, KIND)
    recorder.begin([("a", {"n": 1})])
    next(tmp_path.rglob("*.parquet")).with_suffix(".unfinished").write_bytes(b"half")
    recorder.change("added", "b", {"n": 2}, clock.now)
    del recorder
    assert read_past(tmp_path, 1, KIND, clock.now).rows == {"a": {"n": 1}}


def test_a_file_of_somebody_else(tmp_path, clock):
    Recorder(tmp_path, 1, KIND).begin([])
    next(tmp_path.rglob("*.parquet")).write_bytes(b"PAR1 or not")
    with pytest.raises(ValidationError, match="cannot be read as a recording"):
        read_past(tmp_path, 1, KIND, clock.now)


def test_many_changes_make_files_at_once(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(record, "MOST_ROWS", 10)
    recorder = Recorder(tmp_path, 1, KIND)
    recorder.begin([])
    for number in range(35):
        recorder.change("added", str(number), {"n": number}, clock.now)
    assert recorder.files == 4
    recorder.flush()
    assert len(read_past(tmp_path, 1, KIND, clock.now).rows) == 35
