from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import SandboxError
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, Deal, Resource
from iexec_lab.sandbox.state.apps import Apps, LocalApp
from iexec_lab.sandbox.state.untidy_folders import remove_tree
from iexec_lab.sandbox.work.app_process import AppSupervisor, can_isolate
from iexec_lab.sandbox.work.deal import DealTerms
from iexec_lab.sandbox.work.docker import Docker
from iexec_lab.sandbox.work.layout import lay_out, translated
from iexec_lab.sandbox.work.results import FaultError
from iexec_lab.sandbox.work.runtime import APP, Runtime, Workspace, split_arguments, task_environment

pytestmark = pytest.mark.slow

NOBODY = Resource(NULL_ADDRESS, NULL_ADDRESS, 0)


def terms(image="me/app", *, limit=120, **params):
    deal = Deal(
        app=NOBODY,
        dataset=NOBODY,
        workerpool=NOBODY,
        trust=1,
        category=0,
        tag=NULL_BYTES32,
        requester=NULL_ADDRESS,
        beneficiary=NULL_ADDRESS,
        callback=NULL_ADDRESS,
        params=json.dumps(params),
        start_time=0,
        bot_first=3,
        bot_size=5,
        worker_stake=0,
        scheduler_reward_ratio=1,
        sponsor=NULL_ADDRESS,
    )
    return DealTerms("0x" + "ab" * 32, deal, image, limit, params)


class TestArguments:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", []),
            ("a b  c", ["a", "b", "c"]),
            ("'a b' \"c d\"", ["a b", "c d"]),
            ("--name='a b'", ["--name=a b"]),
            ("a\"b 'c' d\"e", ["ab 'c' de"]),
            ("'' \"\"", ["", ""]),
            (r"a\ b \n \"", []),
            (r"C:\dir *.txt $HOME `id` #no;|&", [r"C:\dir", "*.txt", "$HOME", "`id`", "#no;|&"]),
            ("tab\tand\nline", ["tab\tand\nline"]),
            ("'unbalanced", []),
            ('one "two', []),
            ("héé 日本", ["héé", "日本"]),
        ],
    )
    def test_are_split_as_the_worker_does(self, text, words):
        assert split_arguments(text) == words

    @given(st.lists(st.text(st.characters(exclude_characters="'\" ", codec="utf-8"), min_size=1)))
    def test_words_without_quotes_come_back(self, words):
        assert split_arguments("  ".join(words)) == words

    @given(st.lists(st.text(st.characters(exclude_characters="'", codec="utf-8"))))
    def test_quoted_words_come_back(self, words):
        assert split_arguments(" ".join(f"'{word}'" for word in words)) == words


def test_variables_of_every_app():
    assert task_environment(terms(), 4, "0x" + "cd" * 32) == {
        "IEXEC_TASK_ID": "0x" + "cd" * 32,
        "IEXEC_DEAL_ID": "0x" + "ab" * 32,
        "IEXEC_TASK_INDEX": "4",
        "IEXEC_BOT_SIZE": "5",
        "IEXEC_BOT_FIRST_INDEX": "3",
        "IEXEC_BOT_TASK_INDEX": "4",
    }


class TestParams:
    """Whatever a requester wrote on chain, nothing stops the workerpool."""

    @pytest.mark.parametrize(
        ("value", "text"), [("a b", "a b"), (None, ""), (7, "7"), (True, "True"), (["a"], "['a']")]
    )
    def test_arguments(self, value, text):
        assert terms(iexec_args=value).arguments == text

    @pytest.mark.parametrize(
        ("value", "urls"),
        [
            (None, []),
            ([], []),
            ("", []),
            (["a", 1], ["a", "1"]),
            ("a,b", ["a", "b"]),
            ({"x": 1}, ["{'x': 1}"]),
        ],
    )
    def test_input_files(self, value, urls):
        assert terms(iexec_input_files=value).input_files == urls

    @pytest.mark.parametrize(
        ("value", "wanted"),
        [(True, True), ("true", True), (False, False), ("no", False), ([], False), (1, True)],
    )
    def test_encryption(self, value, wanted):
        assert terms(iexec_result_encryption=value).encrypts_result is wanted

    @pytest.mark.parametrize(
        ("value", "names"),
        [
            (None, []),
            (["a"], []),
            ({"1": "a", "2": "b"}, [(1, "a"), (2, "b")]),
            ({"0": "a", "-1": "a", "x": "a", "٣": "a", "1": 5}, []),
        ],
    )
    def test_secrets(self, value, names):
        assert list(terms(iexec_secrets=value).secret_names()) == names


@pytest.fixture
def space(tmp_path):
    space = Workspace(tmp_path / "work")
    space.create()
    return space


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "app"
    path.mkdir()
    return path


def execute(tmp_path, space, folder, wanted, *, isolated, env=None):
    """Run what is in ``folder`` for ``wanted``."""

    async def main():
        async with AppSupervisor() as supervisor:
            if isolated and not await can_isolate(supervisor):
                pytest.skip("needs user namespaces (Linux: sysctl user.max_user_namespaces)")
            apps = Apps(tmp_path / "register")
            apps.add("me/app", folder)
            runtime = Runtime(supervisor, apps, tmp_path / "cache", isolated=isolated)
            app = await runtime.prepare(wanted.image)
            return await runtime.run(app, wanted, {"IEXEC_TASK_ID": "0x" + "cd" * 32, **(env or {})}, space)

    return asyncio.run(main())


SHOW = """
import json, os, sys
print(json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}))
"""


class TestIsolated:
    def test_the_app_sees_the_paths_of_the_contract(self, tmp_path, space, folder):
        (folder / "app.py").write_text(SHOW)
        ended = execute(tmp_path, space, folder, terms(iexec_args="x 'y z'"), isolated=True)
        shown = json.loads(ended.stdout)
        assert shown["argv"] == ["x", "y z"]
        assert shown["cwd"] == APP
        assert (shown["env"]["IEXEC_IN"], shown["env"]["IEXEC_OUT"]) == ("/iexec_in", "/iexec_out")

    def test_an_app_that_spells_the_paths_out_works(self, tmp_path, space, folder):
        (folder / "app.py").write_text("open('/iexec_out/copy', 'w').write(open('/iexec_in/data').read())")
        (space.inputs / "data").write_text("42")
        ended = execute(tmp_path, space, folder, terms(), isolated=True)
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert (space.outputs / "copy").read_text() == "42"


DOCKERFILE = """
FROM python:3.11
ENV GREETING="hello you" HERE=/srv/data
WORKDIR /srv/work
COPY main.py /opt/tool/main.py
COPY data /srv/data
COPY --chmod=755 go.sh /usr/local/bin/iexec-lab-go
ENTRYPOINT ["iexec-lab-go", "first"]
CMD ["default"]
"""
GO = """#!/bin/sh
cat "$HERE/known.txt"
echo written > "$HERE/known.txt"
exec python3 "$TOOL/opt/tool/main.py" "$@"
"""


@pytest.mark.parametrize("isolated", [True, False])
class TestDockerfile:
    """The folder's files stand where COPY puts them, and the folder stays as it was."""

    @pytest.fixture
    def folder(self, folder):
        (folder / "data").mkdir()
        (folder / "data" / "known.txt").write_text("known")
        (folder / "go.sh").write_text(GO)
        (folder / "main.py").write_text(SHOW)
        (folder / "Dockerfile").write_text(DOCKERFILE)
        return folder

    def test_entry_point_environment_and_folder(self, tmp_path, space, folder, isolated):
        env = {} if isolated else {"TOOL": str(space.tree)}
        ended = execute(tmp_path, space, folder, terms(iexec_args="x 'y z'"), isolated=isolated, env=env)
        assert (ended.exit_code, ended.stderr) == (0, "")
        shown = json.loads(ended.stdout.removeprefix("known"))
        root = "" if isolated else str(space.tree)
        assert shown["argv"] == ["first", "x", "y z"]
        assert shown["cwd"] == f"{root}/srv/work"
        assert shown["env"]["GREETING"] == "hello you"
        assert shown["env"]["HERE"] == f"{root}/srv/data"
        assert (folder / "data" / "known.txt").read_text() == "known"
        assert os.access(folder / "go.sh", os.X_OK) is False

    def test_command_without_arguments_and_what_the_machine_has_is_kept(
        self, tmp_path, space, folder, isolated
    ):
        (folder / "go.sh").write_text("#!/bin/sh\necho $@; LC_ALL=C ls -A /usr/local >&2; cat /dev/null")
        ended = execute(tmp_path, space, folder, terms(), isolated=isolated)
        assert (ended.exit_code, ended.stdout) == (0, "first default\n")
        assert ended.stderr.split() == sorted(path.name for path in Path("/usr/local").iterdir())

    def test_its_environment_is_that_of_the_dockerfile_before_ours(self, tmp_path, space, folder, isolated):
        lines = "ENV LANG=fr IEXEC_TASK_ID=x PATH=/srv/data:$PATH LD_LIBRARY_PATH=/srv/lib"
        text = f'FROM x\n{lines}\nCOPY main.py data /srv/data/\nENTRYPOINT ["python", "/srv/data/main.py"]'
        (folder / "Dockerfile").write_text(text)
        shown = json.loads(execute(tmp_path, space, folder, terms(), isolated=isolated).stdout)["env"]
        root = "" if isolated else str(space.tree)
        assert (shown["LANG"], shown["IEXEC_TASK_ID"]) == ("fr", "0x" + "cd" * 32)
        assert shown["PATH"].split(":")[:2] == [f"{root}/srv/data", str(Path(sys.executable).parent)]
        assert shown["LD_LIBRARY_PATH"].split(":")[0] == "/srv/lib"

    def test_arguments_that_are_no_command(self, tmp_path, space, folder, isolated):
        (folder / "Dockerfile").write_text("FROM x\nCMD true")
        with pytest.raises(SandboxError, match=r"no-such-word.*took the place of"):
            execute(tmp_path, space, folder, terms(iexec_args="no-such-word"), isolated=isolated)

    def test_a_file_in_the_root(self, tmp_path, space, folder, isolated):
        (folder / "Dockerfile").write_text('FROM x\nCOPY main.py /\nENTRYPOINT python /main.py "$HOSTNAME"a')
        ended = execute(tmp_path, space, folder, terms(), isolated=isolated)
        assert json.loads(ended.stdout)["argv"] == ["a"]

    def test_modules_of_node_are_beside_the_app(self, tmp_path, space, folder, isolated):
        modules = tmp_path / "environment" / "node_modules" / "greeting"
        modules.mkdir(parents=True)
        (modules / "index.js").write_text("module.exports = 'hello'")
        (folder / "Dockerfile").unlink()
        (folder / "app.js").write_text("console.log(require('greeting'), process.cwd())")
        app = LocalApp("me/app", folder, environment=tmp_path / "environment")
        recipe = app.launch(APP, []).recipe
        lay_out(recipe, space.tree, app.modules, link=isolated)
        assert (space.tree / APP[1:] / "node_modules" / "greeting" / "index.js").exists()
        assert not (folder / "node_modules").exists()


class TestPlain:
    def test_the_environment_tells_the_paths(self, tmp_path, space, folder):
        (folder / "app.py").write_text(SHOW)
        shown = json.loads(execute(tmp_path, space, folder, terms(), isolated=False).stdout)
        assert shown["cwd"] == str(folder)
        assert shown["env"]["IEXEC_IN"] == str(space.inputs)
        assert shown["env"]["IEXEC_OUT"] == str(space.outputs)

    def test_the_folder_of_input_files_too(self, tmp_path, space, folder):
        (folder / "app.py").write_text(SHOW)
        env = {"IEXEC_INPUT_FILES_NUMBER": "1"}
        shown = json.loads(execute(tmp_path, space, folder, terms(), isolated=False, env=env).stdout)
        assert shown["env"]["IEXEC_INPUT_FILES_FOLDER"] == str(space.inputs)


@pytest.mark.parametrize("isolated", [True, False])
class TestEveryWay:
    def test_nothing_of_the_environment_of_the_sandbox_leaks(
        self, tmp_path, space, folder, isolated, monkeypatch
    ):
        monkeypatch.setenv("IEXEC_PRIVATE_KEY", "secret")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("HOME", str(tmp_path / "mine"))
        (folder / "app.py").write_text(SHOW)
        ended = execute(tmp_path, space, folder, terms(), isolated=isolated)
        assert "secret" not in ended.stdout
        assert str(tmp_path / "mine") not in json.loads(ended.stdout)["env"].values()

    def test_an_edited_folder_counts_at_once(self, tmp_path, space, folder, isolated):
        for word in ("one", "two"):
            (folder / "app.py").write_text(f"print('{word}')")
            assert execute(tmp_path, space, folder, terms(), isolated=isolated).stdout == f"{word}\n"

    def test_any_executable(self, tmp_path, space, folder, isolated):
        script = folder / "run"
        script.write_text('#!/bin/sh\necho "$1" > "$IEXEC_OUT/said"\n')
        script.chmod(0o755)
        assert execute(tmp_path, space, folder, terms(iexec_args="hi"), isolated=isolated).exit_code == 0
        assert (space.outputs / "said").read_text() == "hi\n"

    def test_packages_of_the_sandbox_are_there(self, tmp_path, space, folder, isolated):
        (folder / "app.py").write_text("import cryptography, iexec_lab; print('ok')")
        assert execute(tmp_path, space, folder, terms(), isolated=isolated).stdout == "ok\n"

    def test_arguments_no_program_can_be_given(self, tmp_path, space, folder, isolated):
        (folder / "app.py").touch()
        ended = execute(tmp_path, space, folder, terms(iexec_args="\0"), isolated=isolated)
        assert ended.exit_code == 127
        assert "null byte" in ended.error

    @pytest.mark.slow
    def test_more_arguments_than_the_system_takes(self, tmp_path, space, folder, isolated):
        (folder / "app.py").touch()
        ended = execute(tmp_path, space, folder, terms(iexec_args="x" * 3_000_000), isolated=isolated)
        assert ended.exit_code == 127
        assert "too long" in ended.error

    def test_the_time_limit_is_the_categorys(self, tmp_path, space, folder, isolated):
        (folder / "app.py").write_text("import time; print('before'); time.sleep(600)")
        for limit in (1, 10, 100):  # more where that was too little to get as far as printing
            ended = execute(tmp_path, space, folder, terms(limit=limit), isolated=isolated)
            assert (ended.timed_out, ended.exit_code) == (True, 137)
            if ended.stdout:
                break
        assert ended.stdout == "before\n"


class TestImages:
    def prepare(self, tmp_path, image):
        async def main():
            async with AppSupervisor() as supervisor:
                runtime = Runtime(supervisor, Apps(tmp_path / "register"), tmp_path, isolated=False)
                return await runtime.prepare(image)

        return asyncio.run(main())

    def test_without_folder_and_engine_is_told_what_to_do(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(FaultError, match=r"APP_IMAGE_DOWNLOAD_FAILED.*sandbox app add"):
            self.prepare(tmp_path, "nobody/nothing:1")

    def test_whose_folder_went_away(self, tmp_path, folder):
        (folder / "app.py").touch()
        Apps(tmp_path / "register").add("me/app", folder)
        remove_tree(folder)
        with pytest.raises(FaultError, match=r"APP_IMAGE_DOWNLOAD_FAILED.*is missing"):
            self.prepare(tmp_path, "me/app")


FAKE_DOCKER = f"""#!{sys.executable}
import csv, json, os, subprocess, sys, time
with open(os.environ["HOME"] + "/calls", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
command, *rest = sys.argv[1:]
if command == "pull" and "missing" in rest[-1]:
    sys.exit("Error response from daemon: manifest unknown")
if command == "image":
    sys.exit(1)
if command == "run":
    if rest[-1] == "hang":
        time.sleep(600)
    mounts = [dict(field.split("=", 1) for field in row) for row in csv.reader(rest) if row[0] == "type=bind"]
    folders = {{mount["target"]: mount["source"] for mount in mounts}}
    with open(folders["/iexec_out"] + "/seen", "w") as file:
        json.dump({{"arguments": rest[rest.index("me/app:1") + 1:], "secret": os.environ["SECRET"]}}, file)
"""


class TestDocker:
    @pytest.fixture(autouse=True)
    def _engine(self, tmp_path, monkeypatch):
        folder = tmp_path / "bin"
        folder.mkdir()
        path = folder / "docker"
        path.write_text(FAKE_DOCKER)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr("iexec_lab.sandbox.work.docker._ANSWER_SECONDS", 60)

    def calls(self, tmp_path):
        return [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]

    def execute(self, tmp_path, space, wanted, env=None):
        async def main():
            async with AppSupervisor() as supervisor:
                runtime = Runtime(supervisor, Apps(tmp_path / "register"), tmp_path, isolated=False)
                app = await runtime.prepare(wanted.image)
                variables = {"IEXEC_TASK_ID": "0x" + "cd" * 32, **(env or {})}
                return await runtime.run(app, wanted, variables, space)

        return asyncio.run(main())

    def test_an_image_is_pulled_and_run(self, tmp_path, space):
        self.execute(tmp_path, space, terms("me/app:1", iexec_args="a 'b c'"), {"SECRET": "s3"})
        seen = json.loads((space.outputs / "seen").read_text())
        assert seen == {"arguments": ["a", "b c"], "secret": "s3"}
        version, inspect, pull, run = self.calls(tmp_path)
        assert (version, pull) == (["version"], ["pull", "--", "me/app:1"])
        assert inspect[:2] == ["image", "inspect"]
        assert "s3" not in " ".join(run)

    def test_its_container_is_killed_at_the_limit(self, tmp_path, space):
        for limit in (1, 10, 100):  # more where that was too little to start it
            wanted = terms("me/app:1", limit=limit, iexec_args="hang")
            ended = self.execute(tmp_path, space, wanted, {"SECRET": ""})
            assert ended.timed_out
            *_, run, kill = self.calls(tmp_path)
            assert kill[0] == "kill"
            if run[0] == "run":
                break
        assert kill[1:] == ["--", run[run.index("--name") + 1]]

    def test_an_image_that_can_not_be_pulled(self, tmp_path, space):
        with pytest.raises(FaultError, match=r"(?s)FAILED.*manifest unknown.*sandbox app add"):
            self.execute(tmp_path, space, terms("me/missing:1"))

    def test_a_folder_comes_before_the_image(self, tmp_path, space, folder):
        (folder / "app.py").write_text("print('folder')")
        Apps(tmp_path / "register").add("me/app:1", folder)
        assert self.execute(tmp_path, space, terms("me/app:1")).stdout == "folder\n"

    def test_an_engine_that_does_not_answer(self, tmp_path, monkeypatch):
        monkeypatch.setattr("iexec_lab.sandbox.work.docker._ANSWER_SECONDS", 0.2)
        (tmp_path / "bin" / "docker").write_text("#!/bin/sh\nexec sleep 60\n")
        assert asyncio.run(Docker().answers()) is False


def test_a_folder_is_removed_whatever_the_app_did_to_it(tmp_path):
    folder = tmp_path / "work"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "c").touch()
    (folder / "a" / "b").chmod(0)
    (folder / "a").chmod(0)
    (folder / "link").symlink_to("/etc")
    remove_tree(folder)
    remove_tree(folder)
    assert not folder.exists()


def test_paths_of_the_app_and_of_the_machine(tmp_path):
    for name in ("app/src/a.py", "usr/local/bin/own", "main.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    text = (
        "python /app/src/a.py -o=/app/new /usr/local/bin/own /bin/sh /usr/bin /main.py x/main.py http://a/b"
    )
    assert translated(text, tmp_path) == (
        f"python {tmp_path}/app/src/a.py -o={tmp_path}/app/new {tmp_path}/usr/local/bin/own /bin/sh /usr/bin "
        f"{tmp_path}/main.py x/main.py http://a/b"
    )
