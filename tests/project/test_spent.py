"""The record of a folder: nothing is lost, whoever writes beside us, and whatever stands in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from iexec_lab.project import spent
from iexec_lab.project.spent import SPENT, SpentRecord

WRITER = """
import sys, pathlib
from iexec_lab.project.spent import SpentRecord
record = SpentRecord(pathlib.Path(sys.argv[1]))
for number in range(50):
    assert record.add({"id": sys.argv[2], "number": number}, {"id": sys.argv[2], "second": number})
"""


@pytest.fixture
def record(tmp_path):
    return SpentRecord(tmp_path)


def test_lines_come_back_in_order(record):
    assert record.lines() == []
    assert record.add({"id": "a", "ä": "ö"}, {"id": "b"})
    assert record.add({"id": "c"})
    assert record.lines() == [{"id": "a", "ä": "ö"}, {"id": "b"}, {"id": "c"}]


def test_kernels_beside_each_other_lose_nothing(record, tmp_path):
    programs = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(n)]) for n in range(3)]
    threads = [
        threading.Thread(target=lambda: [record.add({"id": "t", "number": n}) for n in range(50)])
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for each in (*threads, *programs):
        each.join() if isinstance(each, threading.Thread) else each.wait()
    lines = record.lines()
    assert len(lines) == 3 * 100 + 3 * 50
    for name in ("0", "1", "2"):
        assert [line["number"] for line in lines if line["id"] == name and "number" in line] == [*range(50)]


def test_half_a_line_of_somebody_who_was_killed(record, tmp_path):
    record.add({"id": "a"})
    path = tmp_path / SPENT
    path.write_bytes(path.read_bytes() + b'{"id": "half')
    record.add({"id": "b"})
    assert record.lines() == [{"id": "a"}, {"id": "b"}]


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\xff\xfe",
        b"[1]\n7\nnull\n",
        b'{"id":\n',
        b"{" * 5000 + b"\n",
        b'{"a":' * 500 + b"1" + b"}" * 500 + b"\n",
        b'{"a":' + b"9" * 3000 + b"}\n" + b'{"a":' + b"9" * 5000 + b"}\n",
        b'{"a":NaN}\r\n',
        b"x" * 10_000,
    ],
)
def test_what_makes_no_sense_is_left_out_and_does_no_harm(record, tmp_path, content):
    (tmp_path / SPENT).write_bytes(content)
    assert all(isinstance(line, dict) for line in record.lines())
    assert record.add({"id": "a"})
    assert record.lines()[-1] == {"id": "a"}


def test_a_file_of_any_size_is_read_from_its_end_and_cut(record, tmp_path, monkeypatch):
    monkeypatch.setattr(spent, "LARGEST", 1000)
    for number in range(300):
        record.add({"id": "a", "number": number})
    found = [line["number"] for line in record.lines()]
    assert found == [*range(found[0], 300)]
    assert 30 < len(found) < 60
    assert (tmp_path / SPENT).stat().st_size < 2200


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "link to nothing"])
def test_what_is_no_file_of_ours_is_neither_read_nor_written(record, tmp_path, kind):
    path, other = tmp_path / SPENT, tmp_path / "other"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        other.write_text("precious")
        path.symlink_to(other)
    else:
        path.symlink_to(other)
    assert not record.add({"id": "a"})
    assert record.lines() == []
    if kind == "link":
        assert other.read_text() == "precious"
    else:
        assert not other.exists()


def test_a_folder_that_is_not_there(tmp_path):
    record = SpentRecord(tmp_path / "gone")
    assert not record.add({"id": "a"})
    assert record.lines() == []


def test_a_decision_that_fails_leaves_the_file_as_it_was(record, tmp_path):
    record.add({"id": "a"})

    def refuse(lines):
        assert lines == [{"id": "a"}]
        raise KeyError("no")

    with pytest.raises(KeyError):
        record.change(refuse)
    assert record.lines() == [{"id": "a"}]
    assert json.loads((tmp_path / SPENT).read_text()) == {"id": "a"}
