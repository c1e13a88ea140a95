from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ObjectNotFoundError, ValidationError
from iexec_lab.sandbox.state.apps import HELLO, Apps, normalise


@pytest.fixture
def apps(tmp_path):
    return Apps(tmp_path / "register")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "my app"
    path.mkdir()
    (path / "app.py").write_text("print('hi')")
    return path


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("docker.io/me/app:1", "me/app:1"),
        ("index.docker.io/me/app:1", "me/app:1"),
        ("library/python", "python"),
        ("docker.io/library/python:3", "python:3"),
        ("ghcr.io/me/app", "ghcr.io/me/app"),
        (" me/app ", "me/app"),
    ],
)
def test_names_of_docker_hub_are_the_same_with_and_without_host(image, name):
    assert normalise(image) == name


@pytest.mark.parametrize("image", ["", "  ", "two words", "a\nb"])
def test_no_image_name(apps, folder, image):
    with pytest.raises(ValidationError, match="is not an image name"):
        apps.add(image, folder)


@given(st.from_regex(r"[a-z0-9]{1,60}", fullmatch=True), st.sampled_from(["", ":1", "@sha256:" + "ab" * 32]))
def test_normalising_twice_changes_nothing(name, tag):
    assert normalise(normalise("docker.io/" + name + tag)) == normalise(name + tag)


def test_an_image_with_tag_stands_for_itself_only(apps, folder):
    apps.add("me/app:1", folder)
    assert apps.find("docker.io/me/app:1").folder == folder
    assert apps.find("me/app:2") is None
    assert apps.find("me/app") is None


def test_an_image_without_tag_stands_for_every_tag(apps, folder):
    apps.add("localhost:5000/me/app", folder)
    assert apps.find("localhost:5000/me/app:2").folder == folder
    assert apps.find("localhost:5000/me/app@sha256:" + "00" * 32).folder == folder
    assert apps.find("me/app:2") is None


def test_an_exact_name_comes_before_its_repository(apps, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "app.py").touch()
    apps.add("me/app", folder)
    apps.add("me/app:2", other)
    assert apps.find("me/app:2").folder == other
    assert [app.image for app in apps.list()] == ["me/app", "me/app:2"]


@pytest.mark.parametrize(
    "image",
    [
        "iexechub/python-hello-world:7.0.5",
        "docker.io/iexechub/python-hello-world:8.0.4",
        "docker.io/iexechub/python-hello-world:8.0.0-sconify-5.9.1-v15-production",
        "iexechub/tee-python-hello-world:8.0.3-gramine",
    ],
)
def test_the_images_of_the_official_templates_are_our_hello_app(apps, image):
    assert apps.find(image).folder == HELLO
    assert apps.list() == []


def test_the_hello_app_can_be_replaced_and_comes_back(apps, folder):
    apps.add("iexechub/python-hello-world", folder)
    assert apps.find("iexechub/python-hello-world:8.0.4").folder == folder
    apps.remove("docker.io/iexechub/python-hello-world")
    assert apps.find("iexechub/python-hello-world:8.0.4").folder == HELLO


def test_what_is_not_registered_can_not_be_removed(apps):
    with pytest.raises(ObjectNotFoundError):
        apps.remove("me/app")


class TestEntryPoint:
    def test_app_py_by_default_with_the_interpreter_of_the_sandbox(self, apps, folder):
        assert apps.add("a", folder).argv("/app") == [sys.executable, "/app/app.py"]

    def test_the_layout_of_iapp_templates(self, apps, tmp_path):
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "app.py").touch()
        assert apps.add("a", tmp_path).argv("/app") == [sys.executable, "/app/src/app.py"]

    def test_any_executable(self, apps, tmp_path):
        script = tmp_path / "start.sh"
        script.write_text("#!/bin/sh\n")
        with pytest.raises(ValidationError, match="not executable"):
            apps.add("a", tmp_path, "start.sh")
        script.chmod(0o755)
        assert apps.add("a", tmp_path, "start.sh --fast").argv("/app") == ["/app/start.sh", "--fast"]

    def test_a_program_of_the_machine(self, apps, tmp_path):
        app = apps.add("a", tmp_path, "node 'my server.js'")
        assert app.argv("/app") == ["node", "my server.js"]
        assert apps.find("a") == app

    def test_words(self, apps, folder):
        assert apps.add("a", folder, ["python3", "-O", "app.py"]).argv("/x") == ["python3", "-O", "app.py"]

    def test_nothing_to_run(self, apps, tmp_path):
        with pytest.raises(ValidationError, match="nothing to run") as caught:
            apps.add("a", tmp_path)
        assert "app.py" in caught.value.hint

    def test_no_folder(self, apps, tmp_path):
        with pytest.raises(ValidationError, match="is not a folder"):
            apps.add("a", tmp_path / "missing")

    def test_a_folder_that_went_away_is_named_when_it_is_run(self, apps, folder):
        app = apps.add("a", folder)
        (folder / "app.py").unlink()
        folder.rmdir()
        with pytest.raises(ValidationError, match="is missing"):
            app.argv("/app")

    @pytest.mark.parametrize(
        "name", ["x" * 5000, "/x" * 4000, "a\0b", "\ud800", "circle", "circle/x", "~no-such-user/x"]
    )
    def test_a_folder_that_can_not_be(self, apps, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "circle").symlink_to("circle")
        for given_as in (name, tmp_path / name):
            with pytest.raises(ValidationError, match="is not a folder"):
                apps.add("a", given_as)

    @pytest.mark.parametrize("line", ["x" * 5000, "a\0b", "\ud800"])
    def test_a_program_that_can_be_no_file_is_one_of_the_machine(self, apps, folder, line):
        assert apps.add("a", folder, line).argv("/app") == [line]

    def test_an_entry_point_that_is_no_command_line(self, apps, folder):
        with pytest.raises(ValidationError, match="is no command line: No closing quotation"):
            apps.add("a", folder, "it's")
