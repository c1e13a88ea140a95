from __future__ import annotations

import json
import zipfile

import pandas as pd
import pytest

from iexec_lab.client.result_files import Result, check_downloadable
from iexec_lab.client.watching import TaskView
from iexec_lab.errors import CryptoError, JobError, ObjectNotFoundError
from iexec_lab.protocol import NULL_BYTES32, Task

PNG = bytes.fromhex("89504e470d0a1a0a") + b"rest"


@pytest.fixture
def make(tmp_path):
    def write(**files):
        path = tmp_path / "result.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return Result(path, task_id="0xabc")

    return write


def declared(path):
    return json.dumps({"deterministic-output-path": path})


class TestDefault:
    def test_what_the_app_declared(self, make):
        files = {"computed.json": declared("/iexec_out/a.txt"), "a.txt": "A", "b.txt": "B", "stdout.txt": "S"}
        assert make(**files).text() == "A"

    def test_a_declared_folder_of_one_file(self, make):
        files = {"computed.json": declared("/iexec_out/out"), "out/a.txt": "A", "stdout.txt": "S"}
        assert make(**files).text() == "A"

    def test_else_what_it_printed(self, make):
        files = {"computed.json": declared("/iexec_out"), "a.txt": "A", "stdout.txt": "S"}
        assert make(**files).text() == "S"

    def test_else_the_only_file(self, make):
        assert make(**{"a.txt": "A", "computed.json": "not json"}).text() == "A"

    def test_else_one_has_to_choose(self, make):
        with pytest.raises(ObjectNotFoundError) as caught:
            make(**{"a.txt": "A", "b.txt": "B"}).text()
        assert caught.value.hint == "Name one of: a.txt, b.txt."


class TestKinds:
    def test_json(self, make):
        result = make(**{"a.json": '{"x": [1, 2]}', "b.json": "nope"})
        assert result.json("a.json") == {"x": [1, 2]}
        with pytest.raises(CryptoError, match=r"b.json is no JSON"):
            result.json("b.json")

    def test_table(self, make):
        result = make(**{"computed.json": "{}", "data.csv": "a,b\n1,x\n2,y\n", "t.txt": "1"})
        expected = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
        pd.testing.assert_frame_equal(result.table(), expected)
        assert list(result.table("data.csv", usecols=["b"]).columns) == ["b"]

    def test_other_tables(self, make):
        result = make(**{"a.tsv": "x\ty\n1\t2\n", "b.json": '[{"x": 1}]', "c.parquet": "no"})
        assert result.table("a.tsv").loc[0, "y"] == 2
        assert result.table("b.json").loc[0, "x"] == 1
        with pytest.raises(CryptoError, match="is no table"):
            result.table("c.parquet")

    def test_image(self, make):
        picture = make(**{"plot.png": PNG, "note.txt": ""}).image()
        bundle = picture._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "image/png"}
        assert picture.data == PNG
        assert repr(picture) == "<Picture plot.png, 12 bytes>"

    def test_text_that_is_none(self, make):
        assert make(a=b"\xff\xfe").text() == "\ufffd\ufffd"

    def test_no_such_file(self, make):
        with pytest.raises(ObjectNotFoundError, match="No file found for id b") as caught:
            make(a="1").read("b")
        assert "Files: a." in caught.value.hint


class TestExtract:
    def test_all_files(self, make, tmp_path):
        paths = make(**{"a/b.txt": "1", "c.txt": "2"}).extract(tmp_path / "out")
        assert sorted(path.relative_to(tmp_path).as_posix() for path in paths) == ["out/a/b.txt", "out/c.txt"]

    @pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
    def test_nothing_leaves_the_folder(self, make, tmp_path, name):
        with pytest.raises(CryptoError, match="outside of its folder"):
            make(**{name: "1"}).extract(tmp_path / "deep" / "out")
        assert not (tmp_path / "evil").exists()

    def test_save(self, make, tmp_path):
        result = make(a="1")
        assert Result(result.save(tmp_path / "kept" / "copy.zip")).text() == "1"


def test_what_is_no_zip(tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"no zip at all")
    with pytest.raises(CryptoError):
        Result(tmp_path / "bad.zip").text()


def view(status, results=b"", now=0):
    task = Task.from_abi(
        (status, bytes(32), 0, 1, 1, 1, 100, bytes(32), 0, 0, [], bytes(32), results, 0, b"")
    )
    return TaskView("0x" + "11" * 32, NULL_BYTES32, 0, task, now, 100)


@pytest.mark.parametrize(
    ("task", "message", "hint"),
    [
        (view(1), "Task is not completed", "Wait for it"),
        (view(1, now=100), "Task is not completed", "task claim"),
        (view(4), "Task is not completed", "task debug"),
        (view(3), "No result uploaded for this task", None),
        (
            view(3, b'{"storage":"dropbox","location":"/x"}'),
            "Task result stored on dropbox, download not",
            None,
        ),
        (view(3, b'{"storage":"ipfs"}'), "Missing location key in task results", None),
    ],
)
def test_why_there_is_nothing_to_download(task, message, hint):
    with pytest.raises(JobError, match=message) as caught:
        check_downloadable(task)
    assert hint is None or hint in caught.value.hint
