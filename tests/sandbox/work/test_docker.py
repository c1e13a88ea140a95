from __future__ import annotations

import asyncio
import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iexec_lab.errors import ValidationError
from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.sandbox.work.app_process import AppSupervisor
from iexec_lab.sandbox.work.docker import Docker, container
from iexec_lab.sandbox.work.results import FaultError
from iexec_lab.sandbox.work.runtime import Runtime

pytestmark = pytest.mark.slow

HOSTILE = [
    "--privileged",
    "-v/:/host",
    "--volume=/:/host",
    "-it",
    "--",
    "--help",
    "-",
    " --privileged",
    "\t-v",
    "me/app -v /:/host",
    "me/app\n--privileged",
]
ARGUMENTS = ["-v", "/:/host", "--privileged", "--", "me/other", "-e", "IEXEC_TASK_ID=0"]
VARIABLES = {"IEXEC_TASK_ID": "0x" + "cd" * 32, "IEXEC_TEXT": "two\nlines --privileged", "IEXEC_EMPTY": ""}
FAKE = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["HOME"] + "/calls", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
sys.exit(sys.argv[1] == "image")
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A docker command that only writes down what it was told; no engine runs where tests do."""
    (tmp_path / "bin").mkdir()
    path = tmp_path / "bin" / "docker"
    path.write_text(FAKE)
    path.chmod(0o700)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("iexec_lab.sandbox.work.docker._ANSWER_SECONDS", 60)
    calls = tmp_path / "calls"
    return lambda: [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []


def run(arguments, image="me/app:1", folder=Path("/work")):
    return container(image, "iexec-1", arguments, VARIABLES, (folder / "in", folder / "out"))


def test_what_a_requester_writes_stands_behind_the_image():
    argv = run(ARGUMENTS).argv
    end = argv.index("--")
    assert argv[end:] == ["--", "me/app:1", *ARGUMENTS]
    options = argv[2:end]
    assert options[0] == "--rm"
    assert options[1::2] == ["--name", "--mount", "--mount", "--env", "--env", "--env"]
    assert options[-1::-2][:3] == ["IEXEC_EMPTY", "IEXEC_TEXT", "IEXEC_TASK_ID"]


def test_values_go_by_the_environment():
    command = run([])
    assert VARIABLES.items() <= command.env.items()
    assert not [word for word in command.argv if "two" in word or "0xcdcd" in word]


def test_a_container_is_killed_by_its_name():
    assert run([]).on_kill == ["docker", "kill", "--", "iexec-1"]


@pytest.mark.parametrize("name", ["a,b", "a:b", 'a"b', "a=b,target=/etc", "a b", "-v", "a\nb", "é,'"])
def test_any_path_is_mounted_as_it_is(name):
    argv = run([], folder=Path("/work") / name).argv
    values = [argv[number + 1] for number, word in enumerate(argv) if word == "--mount"]
    for value, inside in zip(values, ("in", "out"), strict=True):
        ((kind, source, target),) = csv.reader(value.splitlines(keepends=True))
        assert (kind, source) == ("type=bind", f"source=/work/{name}/{inside}")
        assert target == f"target=/iexec_{inside}"


@pytest.mark.parametrize("image", HOSTILE)
def test_no_hostile_image_gets_into_a_command(image, engine):
    with pytest.raises(ValidationError):
        run([], image)
    with pytest.raises(ValidationError):
        asyncio.run(Docker().fetch(image))
    assert engine() == []


@pytest.mark.parametrize("image", HOSTILE)
def test_a_hostile_image_fails_its_task_before_docker_hears_of_it(image, engine, tmp_path):
    async def main():
        async with AppSupervisor() as supervisor:
            await Runtime(supervisor, Apps(tmp_path / "register"), tmp_path, isolated=False).prepare(image)

    with pytest.raises(FaultError, match=r"APP_IMAGE_DOWNLOAD_FAILED.*is not an image name"):
        asyncio.run(main())
    assert engine() == []


@pytest.mark.parametrize("name", ["A=B", "A\nB", "", "-e", "A B"])
def test_only_names_are_names_of_variables(name):
    with pytest.raises(ValueError, match="no names for Docker"):
        container("me/app", "iexec-1", [], {name: "x"}, (Path("/in"), Path("/out")))


def test_what_is_asked_about_an_image_ends_the_options_before(engine):
    assert asyncio.run(Docker().fetch("me/app:1")) == ""
    assert engine() == [["image", "inspect", "--", "me/app:1"], ["pull", "--", "me/app:1"]]


@pytest.mark.skipif(
    shutil.which("docker") is None,
    reason="needs the docker command, not its engine (Debian: apt-get install docker.io)",
)
def test_the_real_command_line_understands_it(tmp_path):
    """It parses all of it, and only then finds no engine at an address where there is none."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none"}
    for argv in (
        run(ARGUMENTS).argv,
        run([]).on_kill,
        ["docker", "pull", "--", "me/app:1"],
        ["docker", "image", "inspect", "--", "me/app:1"],
    ):
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert "Cannot connect" in done.stderr or "failed to connect" in done.stderr, done.stderr
