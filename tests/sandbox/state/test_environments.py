"""Environments of apps, made of packages of this machine: no registry is asked."""

from __future__ import annotations

import json
import subprocess
import zipfile

import pytest

from iexec_lab.errors import SandboxError, ValidationError
from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.sandbox.state.environments import wanted
from iexec_lab.sandbox.state.recipe import recipe_of


@pytest.fixture
def apps(tmp_path):
    return Apps(tmp_path / "register")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "app"
    path.mkdir()
    (path / "app.py").write_text("import greeting; print(greeting.WORD)")
    return path


@pytest.fixture
def wheel(tmp_path):
    """A package with one module, as pip installs it without asking anybody."""
    path = tmp_path / "greeting-1.0-py3-none-any.whl"
    about = "greeting-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("greeting.py", "WORD = 'hello'")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


class TestWanted:
    @pytest.mark.parametrize(
        ("files", "words", "names", "node"),
        [
            ({"requirements.txt": "a==1\n"}, [], ["requirements.txt"], False),
            ({"pyproject.toml": "[project]\ndependencies = ['a>=1', 'b']"}, ["a>=1", "b"], [], False),
            ({"pyproject.toml": "[tool.x]", "package.json": '{"dependencies": {"a": "1"}}'}, [], [], True),
            ({"requirements.txt": "", "package.json": "{}"}, [], [], False),
            ({"requirements.txt": "# a\n--pre\n"}, [], [], False),
        ],
    )
    def test_by_the_files_of_the_folder(self, folder, files, words, names, node):
        for name, text in files.items():
            (folder / name).write_text(text)
        found = wanted(folder, None)
        assert found.words == words
        assert [path.name for path in found.files if found.python] == names
        assert (found.node == folder) is node
        assert bool(found) is bool(words or names or node)

    @pytest.mark.parametrize(
        ("run", "words", "files", "node_words"),
        [
            ("pip3 install pyfiglet eth_abi", ["pyfiglet", "eth_abi"], [], []),
            ("pip install --upgrade pip && pip install -r needs.txt", [], ["needs.txt"], []),
            (
                "SCONE_MODE=sim python3 -m pip install --no-cache-dir -t /x --pre a[b]==1",
                ["--pre", "a[b]==1"],
                [],
                [],
            ),
            ("cd sub && pip install -rmore.txt -i https://x.y", ["-i", "https://x.y"], ["more.txt"], []),
            ("mkdir /app && cd /app && npm install figlet@1.x --save", [], [], ["figlet@1.x"]),
            ('["pip", "install", "a"]', ["a"], [], []),
            ("npm ci --omit=dev; yarn", [], [], []),
        ],
    )  # fmt: skip
    def test_by_the_run_lines_of_a_dockerfile(self, folder, run, words, files, node_words):
        (folder / "sub").mkdir()
        for name in ("needs.txt", "sub/more.txt"):
            (folder / name).write_text("a")
        (folder / "Dockerfile").write_text(f"FROM x\nWORKDIR /app\nCOPY . .\nRUN {run}\nCMD python app.py")
        found = wanted(folder, recipe_of(folder, folder / "Dockerfile"))
        assert (found.words, [path.name for path in found.files]) == (words, files)
        assert found.node_words == node_words


@pytest.mark.slow
class TestPython:
    def run(self, app):
        return subprocess.run(
            [app.argv("")[0], str(app.folder / "app.py")], capture_output=True, text=True, check=False
        )

    def test_an_app_has_its_own_packages_and_the_folder_stays_as_it_is(self, apps, folder, wheel):
        (folder / "requirements.txt").write_text(f"{wheel}\n")
        said = []
        first = apps.add("me/app", folder, install=True, tell=said.append)
        assert self.run(first).stdout == "hello\n"
        assert any("greeting" in line for line in said)
        assert sorted(path.name for path in folder.iterdir()) == ["app.py", "requirements.txt"]
        assert "in an environment of its own" in repr(first)
        assert apps.find("me/app") == first

        said.clear()
        assert apps.add("me/app", folder, install=True, tell=said.append) == first
        assert said == []  # nothing changed

        (folder / "requirements.txt").write_text("# nothing more\n")
        assert apps.add("me/app", folder, install=True).environment is None
        assert not first.environment.exists()

    def test_what_pip_says_is_told_and_nothing_is_kept(self, apps, folder, wheel):
        (folder / "requirements.txt").write_text(f"{wheel.with_name('missing-1-py3-none-any.whl')}\n")
        with pytest.raises(SandboxError, match="pip could not install") as caught:
            apps.add("me/app", folder, install=True)
        assert "missing-1-py3-none-any.whl" in caught.value.details["pip"]
        assert list(apps.folder.glob("*.env")) == []
        assert apps.list() == []

    def test_it_is_forgotten_with_the_app(self, apps, folder, wheel):
        (folder / "requirements.txt").write_text(f"{wheel}\n")
        added = apps.add("me/app", folder, install=True)
        assert added.environment.is_dir()
        apps.remove("me/app")
        assert not added.environment.exists()

    def test_no_key_of_the_users_reaches_what_is_installed(self, apps, folder, tmp_path, monkeypatch):
        source = tmp_path / "source"
        source.mkdir()
        (source / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]'
        )
        (source / "own.py").write_text("import os; raise SystemExit(' '.join(os.environ))")
        (folder / "requirements.txt").write_text(f"{source}\n")
        monkeypatch.setenv("IEXEC_PRIVATE_KEY", "0x" + "ab" * 32)
        with pytest.raises(SandboxError) as caught:
            apps.add("me/app", folder, install=True)
        assert "PATH" in caught.value.details["pip"].split()
        assert "IEXEC_PRIVATE_KEY" not in caught.value.details["pip"]


def test_a_folder_that_names_no_packages(apps, folder):
    with pytest.raises(ValidationError, match="does not say which packages") as caught:
        apps.add("me/app", folder, install=True)
    assert "requirements.txt" in caught.value.hint


@pytest.mark.sandbox
def test_node(apps, tmp_path):
    module, folder = tmp_path / "module", tmp_path / "app"
    for path in (module, folder):
        path.mkdir()
    (module / "package.json").write_text('{"name": "greeting", "version": "1.0.0", "main": "m.js"}')
    (module / "m.js").write_text("module.exports = 'hello'")
    (folder / "package.json").write_text(json.dumps({"dependencies": {"greeting": f"file:{module}"}}))
    (folder / "index.js").touch()
    app = apps.add("me/app", folder, install=True)
    assert (app.modules / "greeting" / "m.js").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["index.js", "package.json"]
    assert app.launch("/app", []).recipe.find("/app/index.js") == folder / "index.js"
