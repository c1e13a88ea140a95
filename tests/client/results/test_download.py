from __future__ import annotations

import io
import json
import os
import zipfile
from contextlib import suppress
from types import SimpleNamespace
from typing import ClassVar

import pandas as pd
import pytest
from helpers.mutated import mutated
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.client.jobs.reports import in_result
from iexec_lab.client.jobs.status import TaskView
from iexec_lab.client.results import download, result, table_readers
from iexec_lab.client.results.download import (
    beneficiary_key_file,
    check_downloadable,
    check_target,
    targets,
)
from iexec_lab.client.results.key import read_key
from iexec_lab.client.results.result import Result
from iexec_lab.crypto import ArchiveLimits, encrypt_result, generate_keypair
from iexec_lab.errors import CryptoError, IexecError, JobError, ObjectNotFoundError
from iexec_lab.protocol import NULL_BYTES32, Task

REAL_FOLDER = download.results_folder  # before the tests have a place of their own
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


class TestErrorReport:
    FILES: ClassVar = {
        "computed.json": json.dumps(
            {"deterministic-output-path": "/iexec_out/error.txt", "error-message": "A_CAUSE"}
        ),
        "error.txt": "[IEXEC] Errors occurred\nA_CAUSE: the image is not here\n",
    }

    def test_a_missing_file_says_that_the_task_failed(self, make):
        found = make(**self.FILES)
        assert found.error_message == "A_CAUSE"
        with pytest.raises(ObjectNotFoundError) as caught:
            found.text("result.txt")
        assert caught.value.details == {"why": "the result is an error report: A_CAUSE"}
        assert caught.value.hint == 'Files: computed.json, error.txt. Read it: .text("error.txt").'

    @pytest.mark.parametrize(("network", "line"), [("sandbox", "sandbox app add"), ("bellecour", "--logs")])
    def test_what_is_said_about_it(self, make, network, line):
        files = {**self.FILES, "error.txt": self.FILES["error.txt"].replace("A_CAUSE", "APP_IMAGE_X")}
        session = SimpleNamespace(network=SimpleNamespace(name=network))
        report = in_result(session, make(**files))
        assert report.said == "APP_IMAGE_X: the image is not here"
        assert line in report.advice()

    @pytest.mark.parametrize("computed", ["[]", "no", "{}", '{"error-message": 3}', '{"error-message": ""}'])
    def test_what_is_none(self, make, computed):
        found = make(**{"computed.json": computed, "a.txt": "A"})
        assert found.error_message is None
        assert in_result(SimpleNamespace(), found) is None
        with pytest.raises(ObjectNotFoundError) as caught:
            found.text("result.txt")
        assert caught.value.details == {}


class TestTargets:
    def test_names(self, tmp_path):
        (tmp_path / "there").mkdir()
        for name, expected in {
            True: ["0xa.zip"],
            "x": ["x.zip"],
            "no/x.zip": ["no/x.zip"],
            "there": ["there/0xa.zip"],
            "new/": ["new/0xa.zip"],
            ".": ["0xa.zip"],
        }.items():
            assert targets(tmp_path, name, ["0xa"]) == [tmp_path / each for each in expected]
            check_target(tmp_path, name)
        assert targets(tmp_path, "x.zip", ["0xa", "0xb"]) == [tmp_path / "x-0.zip", tmp_path / "x-1.zip"]
        assert [path.name for path in tmp_path.iterdir()] == ["there"]  # nothing is made

    @pytest.mark.parametrize("name", ["file/x.zip", "full", "bad\0name", "x" * 300 + "/y"])
    def test_what_cannot_be_written(self, tmp_path, name):
        (tmp_path / "file").write_text("")
        (tmp_path / "full.zip").mkdir()
        with pytest.raises(CryptoError, match="cannot"):
            check_target(tmp_path, name)

    def test_a_folder_of_somebody_else(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda _path, _mode: False)
        with pytest.raises(CryptoError, match="cannot be written to"):
            check_target(tmp_path, "x")


class TestKinds:
    def test_json(self, make):
        result = make(**{"a.json": '{"x": [1, 2]}', "b.json": "nope"})
        assert result.json("a.json") == {"x": [1, 2]}
        with pytest.raises(CryptoError, match=r"b.json is not JSON"):
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
        with pytest.raises(CryptoError, match="is not a table"):
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
        with pytest.raises(ObjectNotFoundError, match="No file b in result") as caught:
            make(a="1").read("b")
        assert "Files: a." in caught.value.hint


class TestLimits:
    """How much is read at once, and how much of it is shown."""

    def test_what_is_read_into_memory(self):
        assert table_readers.MAX_FILE == 1 << 30
        assert ArchiveLimits(1 << 30, 100_000, 200, 64 << 20) == table_readers.IN_MEMORY
        assert result._COMPUTED == 1 << 20

    def test_json_may_have_nan(self, make):
        assert str(make(**{"a.json": "[NaN, Infinity, 1]"}).json()) == "[nan, inf, 1]"

    def test_a_list_of_files_is_not_endless(self, make):
        result = make(**{f"{place}-{'x' * 100}": "" for place in range(9)})
        shown = repr(result).partition(": ")[2].rstrip(">").split(", ")
        assert len(shown) == 6
        assert shown == [f"{name[:80]}…" for name in result.files[:6]]
        assert len(result.files) == 9

    def test_a_folder_in_use_is_left_alone_unless_it_may_be_replaced(self, make, tmp_path):
        result = make(a="1")
        for options in ({}, {"overwrite": False}):
            (tmp_path / "out").mkdir(exist_ok=True)
            (tmp_path / "out" / "mine").write_text("mine")
            with pytest.raises(CryptoError, match="already exists and is not empty"):
                result.extract(tmp_path / "out", **options)
        [path] = result.extract(tmp_path / "out", overwrite=True)
        assert [each.name for each in (tmp_path / "out").iterdir()] == [path.name] == ["a"]

    def test_a_copy_goes_to_a_new_folder(self, make, tmp_path):
        result = make(a="1")
        target = tmp_path / "new" / "deep" / "r.zip"
        assert result.save(target) == target
        result.save(target)
        assert target.read_bytes() == result.path.read_bytes()

    def test_decrypted_beside_or_elsewhere(self, tmp_path, pair, make):
        private, public = pair
        encrypt_result(make(**{"stdout.txt": "secret"}).path, tmp_path / "enc.zip", public)
        result = Result(tmp_path / "enc.zip", task_id="0xabc", location="/ipfs/x")
        assert (result.encrypted, "encrypted" in repr(result)) == (True, True)
        for target, path in ((None, "enc.decrypted.zip"), (tmp_path / "b.zip", "b.zip")):
            opened = result.decrypt(private, target)
            assert (opened.path, opened.task_id, opened.location) == (tmp_path / path, "0xabc", "/ipfs/x")
            assert not opened.encrypted


def test_where_results_are_kept(monkeypatch, tmp_path):
    session = SimpleNamespace(network=SimpleNamespace(id=134), folder=tmp_path)
    monkeypatch.setenv("IEXEC_LAB_HOME", str(tmp_path))
    assert REAL_FOLDER(session) == tmp_path / "cache" / "results" / "134"
    monkeypatch.delenv("IEXEC_LAB_HOME")
    assert REAL_FOLDER(session).parts[-2:] == ("results", "134")
    assert not REAL_FOLDER(session).is_relative_to(tmp_path)
    for options, path in (
        ((), ".secrets/beneficiary/0xa_key"),
        (("keys",), "keys/0xa_key"),
        ((None, "mine"), ".secrets/beneficiary/mine"),
        (("keys", "mine"), "keys/mine"),
    ):
        assert beneficiary_key_file(session, "0xa", *options) == tmp_path / path


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


def bomb(size, method=zipfile.ZIP_DEFLATED, name="big"):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr(name, bytes(size))
    return target.getvalue()


class TestTooMuch:
    """What unpacks to much more than it is, on the way into memory."""

    def test_a_file_that_is_packed_suspiciously_well(self, tmp_path):
        (tmp_path / "r.zip").write_bytes(bomb(70 << 20))
        result = Result(tmp_path / "r.zip")
        for read in (result.read, result.text, result.json, result.table, result.image):
            with pytest.raises(CryptoError, match="big is too large to be read at once") as caught:
                read("big")
            assert "extract(folder)" in caught.value.hint
            assert caught.value.details["unpacked"] == f"{70 << 20} bytes"

    def test_how_to_go_on(self, tmp_path):
        (tmp_path / "r.zip").write_bytes(bomb(70 << 20))
        result = Result(tmp_path / "r.zip")
        assert len(result.read("big", max_bytes=1 << 30)) == 70 << 20
        with pytest.raises(CryptoError, match="big is too large") as caught:
            result.read("big", max_bytes=1000)
        assert caught.value.details["limit"] == "1000 bytes"

    def test_small_zeros_are_no_bomb(self, tmp_path):
        (tmp_path / "r.zip").write_bytes(bomb(10 << 20))
        assert len(Result(tmp_path / "r.zip").read()) == 10 << 20

    def test_a_declared_size_is_not_believed(self, tmp_path):
        """The table of contents says 100 bytes, the data is a mebibyte."""
        data = bytearray(bomb(1 << 20))
        place = data.index(b"PK\1\2") + 24
        data[place : place + 4] = (100).to_bytes(4, "little")
        (tmp_path / "r.zip").write_bytes(data)
        with pytest.raises(CryptoError):
            Result(tmp_path / "r.zip").read()

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_methods_that_unpack_a_gigabyte_at_once_are_not_used(self, tmp_path, method):
        (tmp_path / "r.zip").write_bytes(bomb(1 << 20, method))
        result = Result(tmp_path / "r.zip")
        for read in (result.read, lambda: result.extract(tmp_path / "out")):
            with pytest.raises(CryptoError, match="uses a compression that is not supported"):
                read()
        assert not (tmp_path / "out").exists()

    def test_what_the_app_declares_is_read_when_it_is_small(self, tmp_path):
        target = tmp_path / "r.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("computed.json", b'{"deterministic-output-path":"/iexec_out/' + bytes(5 << 20))
            archive.writestr("stdout.txt", b"S")
        assert Result(target).text() == "S"


def test_names_of_files_steer_no_terminal(make):
    name = "\x1b[2J\u202egnp.evil" + "a" * 5000 + ".png"
    result = make(**{name: PNG, "other": b"1"})
    for shown in (repr(result), repr(result.image(name))):
        assert shown.isprintable()
        assert len(shown) < 1000
    assert result.files == [name, "other"]
    with pytest.raises(ObjectNotFoundError) as caught:
        result.read("x\x1b[31m")
    assert all(line.isprintable() for line in caught.value.lines())


def test_an_entry_without_a_name(tmp_path):
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = ""
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr(info, b"evil")
        archive.writestr("stdout.txt", b"good")
    result = Result(tmp_path / "r.zip")
    assert result.files == ["", "stdout.txt"]
    assert result.text() == "good"
    with pytest.raises(CryptoError, match="outside of its folder"):
        result.extract(tmp_path / "out")


@pytest.mark.parametrize("name", ["a" * 5000, "a\x00b", "\ud800", "a/" * 3000])
def test_a_name_that_no_file_can_have(make, tmp_path, name):
    result = make(a="1")
    for work in (
        result.save,
        result.extract,
        lambda path: Result(path).files,
        lambda path: result.decrypt(b"", path),
    ):
        with pytest.raises(CryptoError):
            work(tmp_path / name)


def mode(path):
    return path.stat().st_mode & 0o777


def test_what_is_private_stays_private(make, tmp_path):
    result = make(**{"a/b.txt": "1"})
    result.path.chmod(0o644)
    assert mode(result.save(tmp_path / "public.zip")) & 0o044
    result.path.chmod(0o600)
    assert mode(result.save(tmp_path / "private.zip")) == 0o600
    [path] = result.extract(tmp_path / "out")
    assert (mode(path), mode(tmp_path / "out")) == (0o600, 0o700)


@pytest.fixture(scope="module")
def pair():
    return generate_keypair(2048)


def test_a_decrypted_result_is_for_its_owner_only(tmp_path, pair, make):
    private, public = pair
    clear = make(**{"stdout.txt": "secret"})
    encrypt_result(clear.path, tmp_path / "enc.zip", public)
    result = Result(tmp_path / "enc.zip")
    (tmp_path / "old.zip").write_bytes(b"readable by all")
    for target in (None, tmp_path / "new.zip", tmp_path / "old.zip"):
        opened = result.decrypt(private, target)
        assert opened.text() == "secret"
        assert mode(opened.path) == 0o600
        assert mode(opened.save(tmp_path / "download.zip")) == 0o600


@pytest.mark.parametrize("which", ["fifo", "folder", "device", "huge", "missing"])
def test_a_key_is_a_small_regular_file(tmp_path, which):
    path = tmp_path / "key"
    if which == "fifo":
        os.mkfifo(path)
    elif which == "folder":
        path.mkdir()
    elif which == "huge":
        with path.open("wb") as file:
            file.truncate(10 << 30)
    with pytest.raises(CryptoError, match="Failed to load the private key"):
        read_key("/dev/zero" if which == "device" else path, "private")


GOOD = io.BytesIO()
with zipfile.ZipFile(GOOD, "w", zipfile.ZIP_DEFLATED) as _archive:
    _archive.writestr("computed.json", '{"deterministic-output-path": "/iexec_out/a"}')
    _archive.writestr("a/b.csv", "x,y\n1,2\n" * 20)
    _archive.writestr("plot.png", PNG)
    _archive.writestr("empty/", "")


CONTENTS = {b'{"deterministic-output-path": "/iexec_out/a"}', b"x,y\n1,2\n" * 20, PNG}


def check_reads(result, name):
    """Each way to read a file gives what it says, of the same bytes."""
    data = None
    with suppress(IexecError):
        data = result.read(name)
        assert result.text(name) == data.decode(errors="replace")
    with suppress(IexecError):
        assert json.dumps(result.json(name)) == json.dumps(json.loads(data))
    with suppress(IexecError):
        assert isinstance(result.table(name), pd.DataFrame | pd.Series)
    with suppress(IexecError):
        picture = result.image(name)
        assert not name or (picture.name, picture.data) == (name, data)


@given(data=st.data())
def test_a_spoilt_zip_is_read_or_an_error(tmp_path_factory, data):
    spoilt = bytearray(GOOD.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(spoilt) - 1))
        what = data.draw(
            st.binary(min_size=1, max_size=8) | st.sampled_from([b"\0\0", b"\xff" * 4, b"PK\5\6"])
        )
        spoilt[place : place + len(what)] = what
    folder = tmp_path_factory.mktemp("zip")
    path = folder / "r.zip"
    path.write_bytes(spoilt[: data.draw(st.none() | st.integers(0, len(spoilt)))])
    result = Result(path)
    with suppress(IexecError):
        assert repr(result).isprintable()
        for name in [None, *result.files]:
            check_reads(result, name)
    try:
        paths = result.extract(folder / "out")
    except IexecError:
        assert not (folder / "out").exists()
    else:
        assert all(path.is_file() and path.is_relative_to(folder / "out") for path in paths)
        assert {path.read_bytes() for path in paths} <= CONTENTS


@given(answer=mutated({"deterministic-output-path": "/iexec_out/a", "callback-data": "0x"}))
def test_whatever_an_app_declares(tmp_path_factory, answer):
    path = tmp_path_factory.mktemp("zip") / "r.zip"
    with suppress(ValueError), zipfile.ZipFile(path, "w") as archive:
        archive.writestr("computed.json", json.dumps(answer))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("stdout.txt", "S")
        archive.writestr("a", "A")
    assert Result(path).text() in {"A", "S"}


@given(
    data=st.binary(max_size=200)
    | st.sampled_from(
        [b"[" * 5000, b"9" * 5000, b"\xff", b"a,b\n1,2,3\n4", b'{"a":1e999}', b"[[1],2]", b'"x"', b"PAR1"]
    )
)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.parquet", "a.png"])
def test_a_file_of_any_bytes_is_what_it_says_or_an_error(tmp_path_factory, name, data):
    path = tmp_path_factory.mktemp("zip") / "r.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, data)
    result = Result(path)
    assert result.read(name) == data
    check_reads(result, name)


@given(
    results=st.binary(max_size=60)
    | mutated({"storage": "ipfs", "location": "/ipfs/x"})
    .map(repr)
    .map(lambda text: text.encode("utf-8", "replace"))
)
def test_whatever_a_task_names_as_its_result(results):
    with suppress(JobError):
        location = check_downloadable(view(3, results))
        assert location
        assert json.loads(results)["storage"] == "ipfs"
        assert json.loads(results)["location"] == location


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
