from __future__ import annotations

import hashlib
import json
import os
import zipfile

import pytest

from iexec_lab.protocol import keccak
from iexec_lab.sandbox.work import results
from iexec_lab.sandbox.work.results import FaultError


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "iexec_out"
    folder.mkdir()
    return folder


def computed(out, **values):
    (out / "computed.json").write_text(json.dumps(values))


def sha(data):
    return hashlib.sha256(data).digest()


def digest_of(out, path, **options):
    computed(out, **{"deterministic-output-path": path})
    return results.compute(out, callback=False, **options).digest


class TestDigest:
    def test_of_a_file_is_its_sha256(self, out):
        (out / "a").write_bytes(b"content")
        assert digest_of(out, "/iexec_out/a") == sha(b"content")

    def test_of_an_empty_file(self, out):
        (out / "a").touch()
        assert digest_of(out, "/iexec_out/a") == sha(b"")

    def test_of_a_folder_is_the_keccak_of_its_files_in_order(self, out):
        folder = out / "results"
        (folder / "deep").mkdir(parents=True)
        for name in ("b", "a", "B"):
            (folder / name).write_text(name)
        (folder / "deep" / "ignored").write_text("x")
        assert digest_of(out, "/iexec_out/results") == keccak(sha(b"B") + sha(b"a") + sha(b"b"))

    def test_of_an_empty_folder(self, out):
        (out / "empty").mkdir()
        assert digest_of(out, "/iexec_out/empty/") == keccak(b"")

    def test_of_the_whole_output(self, out):
        (out / "a").write_text("a")
        digest = digest_of(out, "/iexec_out")
        assert digest == keccak(sha(b"a") + sha((out / "computed.json").read_bytes()))

    def test_with_the_real_path_of_a_folder_shown_as_it_is(self, out):
        (out / "a").write_text("a")
        assert digest_of(out, f"{out}/a", shown_as=str(out)) == sha(b"a")

    def test_with_a_relative_path(self, out):
        (out / "a").write_text("a")
        assert digest_of(out, "a") == sha(b"a")

    @pytest.mark.parametrize(
        "path", ["/iexec_out/missing", "/etc/passwd", "/iexec_out/../secret", "/iexec_outside", "", None, 7]
    )
    def test_of_anything_else_is_refused(self, out, path):
        (out.parent / "secret").touch()
        with pytest.raises(FaultError, match="POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED"):
            digest_of(out, path)

    def test_does_not_follow_a_link_out_of_the_folder(self, out):
        (out / "link").symlink_to("/etc/passwd")
        with pytest.raises(FaultError, match="not under /iexec_out"):
            digest_of(out, "/iexec_out/link")

    def test_without_computed_json(self, out):
        with pytest.raises(FaultError, match="POST_COMPUTE_COMPUTED_FILE_NOT_FOUND"):
            results.compute(out, callback=False)

    def test_without_the_folder(self, tmp_path):
        with pytest.raises(FaultError, match="POST_COMPUTE_COMPUTED_FILE_NOT_FOUND"):
            results.compute(tmp_path / "gone", callback=False)

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "\xff"])
    def test_with_a_damaged_computed_json(self, out, text):
        (out / "computed.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(FaultError, match="DIGEST_COMPUTATION_FAILED"):
            results.compute(out, callback=False)

    def test_with_a_link_for_computed_json(self, out):
        (out / "computed.json").symlink_to("/dev/zero")
        with pytest.raises(FaultError, match="DIGEST_COMPUTATION_FAILED"):
            results.compute(out, callback=False)


class TestCallback:
    @pytest.mark.parametrize("text", ["0x00ff", "00ff"])
    def test_digest_is_the_keccak_of_the_data(self, out, text):
        computed(out, **{"callback-data": text})
        done = results.compute(out, callback=True)
        assert (done.digest, done.callback_data) == (keccak(b"\0\xff"), b"\0\xff")

    @pytest.mark.parametrize("data", [None, "", "0x", "0x0", "zz", 12])
    def test_without_data(self, out, data):
        computed(out, **{"callback-data": data, "deterministic-output-path": "/iexec_out"})
        with pytest.raises(FaultError, match="callback"):
            results.compute(out, callback=True)


class TestArchive:
    def names(self, path):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            return sorted(archive.namelist())

    def test_has_the_contents_at_its_root(self, out, tmp_path):
        (out / "deep" / "er").mkdir(parents=True)
        (out / "deep" / "file").write_text("1")
        (out / "top").write_text("2")
        assert results.pack(out, tmp_path / "z") == []
        assert self.names(tmp_path / "z") == ["deep/", "deep/er/", "deep/file", "top"]

    def test_links_pipes_and_sockets_stay_outside(self, out, tmp_path):
        (out / "passwd").symlink_to("/etc/passwd")
        (out / "etc").symlink_to("/etc")
        (out / "loop").symlink_to(out)
        os.mkfifo(out / "pipe")
        (out / "file").write_text("kept")
        assert sorted(results.pack(out, tmp_path / "z")) == ["etc", "loop", "passwd", "pipe"]
        assert self.names(tmp_path / "z") == ["file"]

    def test_what_the_app_locked_is_in_it(self, out, tmp_path):
        (out / "locked").mkdir()
        (out / "locked" / "file").write_text("1")
        (out / "locked" / "file").chmod(0)
        (out / "locked").chmod(0)
        results.pack(out, tmp_path / "z")
        assert self.names(tmp_path / "z") == ["locked/", "locked/file"]

    def test_names_that_are_no_text_and_times_before_zip(self, out, tmp_path):
        path = out / os.fsdecode(b"\xff\xfe")
        path.touch()
        os.utime(path, (0, 0))
        results.pack(out, tmp_path / "z")
        assert len(self.names(tmp_path / "z")) == 1

    def test_deep_folders(self, out, tmp_path):
        here = out
        for _ in range(300):
            here /= "d"
        here.mkdir(parents=True)
        results.pack(out, tmp_path / "z")
        assert len(self.names(tmp_path / "z")) == 300

    @pytest.mark.slow
    def test_ten_thousand_files(self, out, tmp_path):
        for number in range(10_000):
            os.close(os.open(out / str(number), os.O_CREAT))  # quicker than touch
        results.pack(out, tmp_path / "z")
        assert len(self.names(tmp_path / "z")) == 10_000


def test_names_of_31_characters_pass_and_of_32_do_not(out):
    (out / "folder with a very long name, which does not matter").mkdir()
    (out / ("a" * 31)).touch()
    results.check_files(out)
    (out / "deep").mkdir()
    (out / "deep" / ("b" * 32)).touch()
    with pytest.raises(FaultError, match="POST_COMPUTE_TOO_LONG_RESULT_FILE_NAME"):
        results.check_files(out)


def test_an_error_is_a_result(out):
    results.write_error(out, [FaultError("A_CAUSE", "why"), FaultError("OTHER", "too")])
    text = (out / "error.txt").read_text()
    assert text == "[IEXEC] Errors occurred while computing the task\nA_CAUSE: why\nOTHER: too\n"
    assert results.compute(out, callback=False).digest == sha(text.encode())
    assert results.read_computed(out)["error-message"] == "A_CAUSE, OTHER"


def test_links_are_written_with_blanks():
    assert results.link("ipfs", "/ipfs/Qm") == '{ "storage": "ipfs", "location": "/ipfs/Qm" }'
