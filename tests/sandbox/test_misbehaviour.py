"""Apps that do what apps do: each ends in its documented state, and the sandbox goes on."""

from __future__ import annotations

import os
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest
from helpers.sandbox.buyer import TDX, Buyer, statuses
from helpers.waiting import until

from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.sandbox.state.untidy_folders import remove_tree

DONE = """
with open(OUT + "/computed.json", "w") as file:
    json.dump({"deterministic-output-path": OUT + "/result.txt"}, file)
"""
START = """
import json, os, sys, time
OUT = os.environ["IEXEC_OUT"]
def result(text="done"):
    with open(OUT + "/result.txt", "w") as file:
        file.write(text)
"""


@pytest.fixture(scope="module")
def buyer(iexec_sandbox):
    return Buyer(iexec_sandbox)


@pytest.fixture
def run(buyer, tmp_path):
    """Run an app with this body once, and wait for its replicate's end; task and replicate."""

    def run(body, **options):
        app = buyer.install(tmp_path / "app", START + body)
        (task,) = buyer.tasks(buyer.match(app, **options))
        return task, buyer.wait_replicate(task)

    return run


def end_of(replicate):
    """The last status before ABORTED, and its cause."""
    update = replicate["statusUpdateList"][-2]
    return update["status"], update.get("cause")


class TestFailures:
    def test_a_crash_that_had_written_its_result_counts(self, buyer, run):
        task, replicate = run("result()" + DONE + "os.abort()")
        assert (replicate["currentStatus"], replicate["appExitCode"]) == ("COMPLETED", 134)
        assert "stdout.txt" not in buyer.files(task)

    def test_a_traceback_is_in_the_logs(self, buyer, run):
        task, replicate = run("1 / 0")
        assert end_of(replicate) == ("CONTRIBUTE_FAILED", "DETERMINISM_HASH_NOT_FOUND")
        assert replicate["appExitCode"] == 1
        stderr = buyer.stderr(task)
        assert "ZeroDivisionError" in stderr
        assert "[iexec-lab] APP_COMPUTE_FAILED: the app ended with exit code 1" in stderr

    def test_no_computed_json(self, buyer, run):
        task, replicate = run("result()")
        assert end_of(replicate) == ("COMPUTE_FAILED", "POST_COMPUTE_COMPUTED_FILE_NOT_FOUND")
        assert "the app wrote no /iexec_out/computed.json" in buyer.stderr(task)

    def test_a_result_that_is_not_there(self, buyer, run):
        task, replicate = run(DONE)
        assert end_of(replicate) == ("COMPUTE_FAILED", "POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED")
        assert "/iexec_out/result.txt does not exist" in buyer.stderr(task)

    def test_a_name_that_is_too_long(self, buyer, run):
        task, replicate = run("result(); open(OUT + '/' + 'n' * 32, 'w')" + DONE)
        assert end_of(replicate) == ("COMPUTE_FAILED", "POST_COMPUTE_TOO_LONG_RESULT_FILE_NAME")
        assert "at most 31" in buyer.stderr(task)

    def test_a_tee_task_of_a_failing_app_is_given_up_at_once(self, buyer, run):
        task, replicate = run("result()", tag=TDX)
        assert end_of(replicate)[0] == "COMPUTE_FAILED"
        assert statuses(buyer.wait(task)["dateStatusList"])[-3:] == ["RUNNING", "RUNNING_FAILED", "FAILED"]

    def test_what_is_not_installed_is_the_last_line_of_the_logs(self, buyer, run, tmp_path):
        task, _ = run("import no_such_module_here")
        last = buyer.stderr(task).splitlines()[-1]
        assert last.startswith("[iexec-lab] the Python module no_such_module_here is not installed")
        assert last.endswith(f" {tmp_path / 'app'} --install")

    def test_a_tee_app_that_ends_badly_waits_for_the_deadline(self, buyer, run):
        task, replicate = run("sys.exit(1)", tag=TDX)
        assert end_of(replicate) == ("CONTRIBUTE_AND_FINALIZE_FAILED", "DETERMINISM_HASH_NOT_FOUND")
        assert buyer.model(task)["currentStatus"] == "RUNNING"

    def test_an_unknown_image_is_a_result_that_says_so(self, buyer, monkeypatch):
        task = buyer.run(buyer.deploy_app("nobody/nothing:1"))
        files = buyer.files(task)
        assert b"APP_IMAGE_DOWNLOAD_FAILED" in files["error.txt"]
        assert b"iexec-lab sandbox app add" in files["error.txt"]
        model = buyer.model(task)
        assert model["currentStatus"] == "COMPLETED"
        assert "APP_DOWNLOAD_FAILED" in statuses(model["replicates"][0]["statusUpdateList"])

    def test_a_folder_that_went_away_too(self, buyer, tmp_path):
        folder = tmp_path / "gone"
        app = buyer.install(folder, "")
        remove_tree(folder)
        assert b"is missing" in buyer.files(buyer.run(app))["error.txt"]

    def test_a_shell_script_that_is_not_executable_any_more(self, buyer, tmp_path):
        script = tmp_path / "go"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        Apps(buyer.handle.folder / "apps").add("test/script:1", tmp_path, "./go")
        app = buyer.deploy_app("test/script:1")
        script.chmod(0o644)
        assert b"not executable" in buyer.files(buyer.run(app))["error.txt"]

    def test_encryption_outside_tee_is_no_valid_description(self, run):
        _, replicate = run("result()" + DONE, params={"iexec_result_encryption": True})
        assert end_of(replicate) == ("START_FAILED", "TASK_DESCRIPTION_INVALID")


class TestExcess:
    def test_a_gigabyte_of_output(self, buyer, run):
        body = "line = 'x' * 1023\nfor _ in range(1024):\n    print('\\n'.join([line] * 1024))\nresult()"
        task, replicate = run(body + DONE)
        assert replicate["currentStatus"] == "COMPLETED"
        assert len(buyer.files(task)["stdout.txt"]) == 100_000
        assert len(buyer.logs(task)["computeLogsList"][0]["stdout"]) == 100_000

    def test_ten_thousand_files(self, buyer, run):
        task, replicate = run("result()\nfor n in range(10_000): open(f'{OUT}/{n}', 'w')" + DONE)
        assert replicate["currentStatus"] == "COMPLETED"
        assert len(buyer.files(task)) == 10_002

    def test_a_result_of_300_megabytes(self, buyer, run, tmp_path):
        body = (
            "block = os.urandom(1 << 20)\n"
            "with open(OUT + '/result.txt', 'wb') as file:\n"
            "    for _ in range(300): file.write(block)\n"
        )
        task, replicate = run(body + DONE)
        assert replicate["currentStatus"] == "COMPLETED"
        url = buyer.handle.urls["ipfs_gateway"] + buyer.task(task).result()["location"]
        path, _ = urllib.request.urlretrieve(url, tmp_path / "result.zip")
        with zipfile.ZipFile(path) as archive:
            assert archive.getinfo("result.txt").file_size == 300 << 20
        Path(path).unlink()

    def test_children_that_stay_behind(self, buyer, run, tmp_path):
        mark = f"left-behind-{time.time_ns()}"
        body = (
            "import subprocess\n"
            f"code = [sys.executable, '-c', 'import time; time.sleep(600)', {mark!r}]\n"
            "for _ in range(3): subprocess.Popen(code, start_new_session=True)\n"
            "result()"
        )
        _, replicate = run(body + DONE)
        assert replicate["currentStatus"] == "COMPLETED"
        assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in _read(path)]


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


DEEP = "result()" + DONE + "os.chdir(OUT)\nfor _ in range({}): os.mkdir('d'); os.chdir('d')"


class TestOddities:
    def test_a_pipe_as_the_result(self, buyer, run):
        task, replicate = run("os.mkfifo(OUT + '/result.txt')" + DONE)
        assert end_of(replicate) == ("COMPUTE_FAILED", "POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED")
        assert "neither a file nor a folder" in buyer.stderr(task)

    def test_a_result_of_terabytes_that_take_no_room(self, buyer, run):
        task, replicate = run("open(OUT + '/result.txt', 'wb').truncate(1 << 42)" + DONE)
        assert end_of(replicate) == ("COMPUTE_FAILED", "POST_COMPUTE_OUT_FOLDER_ZIP_FAILED")
        assert "at most" in buyer.stderr(task)

    def test_folders_more_than_a_thousand_deep(self, buyer, run):
        task, replicate = run(DEEP.replace("{}", "1200"))
        assert replicate["currentStatus"] == "COMPLETED"
        buyer.wait(task)
        folder = buyer.handle.folder / "workerpool" / "work" / task[2:]
        assert until(lambda: not folder.exists(), seconds=60)

    def test_folders_deeper_than_any_path_is_long(self, run):
        _, replicate = run(DEEP.replace("{}", "2500"))
        assert end_of(replicate) == ("COMPUTE_FAILED", "POST_COMPUTE_FAILED_UNKNOWN_ISSUE")

    @pytest.mark.parametrize(
        "text",
        [
            "[" * 100_000,
            "[]",
            '{"deterministic-output-path": 5}',
            '{"deterministic-output-path": "/iexec_out/a\\u0000b"}',
            '{"deterministic-output-path": "/iexec_out/\\ud800"}',
            '{"deterministic-output-path": "/iexec_out/../../../../etc/passwd"}',
        ],
        ids=["nested", "list", "number", "zero", "surrogate", "outside"],
    )
    def test_a_computed_json_that_makes_no_sense(self, buyer, run, text):
        task, replicate = run(f"result(); open(OUT + '/computed.json', 'w').write({text!r})")
        assert end_of(replicate) == ("COMPUTE_FAILED", "POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED")
        assert str(buyer.handle.folder) not in buyer.stderr(task)


class TestLinks:
    def test_links_are_never_followed(self, buyer, run, tmp_path):
        (tmp_path / "secret").write_text("do not copy me")
        body = (
            f"os.symlink({str(tmp_path / 'secret')!r}, OUT + '/link')\n"
            "os.symlink('/etc', OUT + '/etc')\n"
            "result()"
        )
        task, replicate = run(body + DONE)
        assert replicate["currentStatus"] == "COMPLETED"
        assert sorted(buyer.files(task)) == ["computed.json", "result.txt"]
        assert "left out of the result" in buyer.stderr(task)

    def test_a_link_as_the_result(self, run):
        _, replicate = run("os.symlink('/etc/passwd', OUT + '/result.txt')" + DONE)
        assert end_of(replicate) == ("COMPUTE_FAILED", "POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED")

    def test_a_link_where_the_worker_writes(self, buyer, run, tmp_path):
        target = tmp_path / "precious"
        target.write_text("precious")
        body = f"os.symlink({str(target)!r}, OUT + '/stdout.txt'); print('printed'); result()"
        task, _ = run(body + DONE)
        assert target.read_text() == "precious"
        assert buyer.files(task)["stdout.txt"] == b"printed\n"


class TestFolders:
    def test_an_app_that_deletes_its_output(self, buyer, run):
        body = "import shutil; result()" + DONE + "shutil.rmtree(OUT, ignore_errors=True)"
        _, replicate = run(body)
        assert end_of(replicate) == ("COMPUTE_FAILED", "POST_COMPUTE_COMPUTED_FILE_NOT_FOUND")

    def test_an_app_that_deletes_itself(self, buyer, run, tmp_path):
        body = "import shutil; result()" + DONE + "shutil.rmtree(os.getcwd(), ignore_errors=True)"
        _, replicate = run(body)
        assert replicate["currentStatus"] == "COMPLETED"
        assert (tmp_path / "app" / "app.py").exists()

    def test_an_app_that_locks_its_output(self, buyer, run):
        body = "result()" + DONE + "os.mkdir(OUT + '/d'); os.chmod(OUT + '/d', 0); os.chmod(OUT, 0)"
        task, replicate = run(body)
        assert replicate["currentStatus"] == "COMPLETED"
        assert "d/" in buyer.files(task)

    def test_what_a_failed_app_wrote_is_deleted_at_once(self, buyer, run):
        task, replicate = run("result('x' * 1_000_000); sys.exit(1)")
        assert end_of(replicate) == ("CONTRIBUTE_FAILED", "DETERMINISM_HASH_NOT_FOUND")
        folder = buyer.handle.folder / "workerpool" / "work" / task[2:]
        assert not list(folder.rglob("result.txt"))

    def test_nothing_is_left_on_disk_but_the_result(self, buyer, run):
        task, _ = run("result()" + DONE)
        buyer.wait(task)
        folder = buyer.handle.folder / "workerpool" / "work" / task[2:]
        assert until(lambda: not folder.exists(), seconds=60)


def test_the_sandbox_is_as_well_as_before(buyer):
    assert buyer.run(buyer.deploy_app("iexechub/python-hello-world:8.0.4"))
    assert not os.path.ismount("/iexec_in")
