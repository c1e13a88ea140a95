"""Files of a project that somebody else wrote, or broke: read, or an error that names the file."""

from __future__ import annotations

import json
import os
from contextlib import suppress

import pytest
from helpers.mutated import mutated
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import IexecError, ProjectError
from iexec_lab.project import Project, jsonfile, templates
from iexec_lab.project.chains import ChainEntry
from iexec_lab.project.files import CHAINS, CONFIG, DEPLOYED, ORDERS, make_secret_folder

ADDRESS = "0xa760FEfAd0a38D494890501120cB79f5EEAFeE28"
REAL = {
    CONFIG: {
        **templates.PROJECT,
        "app": {
            "owner": ADDRESS,
            "name": "a",
            "type": "DOCKER",
            "multiaddr": "x",
            "checksum": "0x" + "00" * 32,
        },
        "order": {"apporder": {"app": ADDRESS, "appprice": "0", "volume": "1"}},
    },
    CHAINS: {
        "default": "one",
        "providers": {"infura": {"projectId": "x"}, "quorum": 1},
        "chains": {
            "one": {
                "id": "65535",
                "host": "http://localhost:8545",
                "hub": ADDRESS,
                "sms": {"scone": "http://localhost:1"},
                "native": True,
                "bridge": {"contract": ADDRESS, "bridgedChainName": "two"},
            },
            "arbitrum-mainnet": {},
            "two": {"id": "1337", "defaultTeeFramework": "scone"},
        },
    },
    DEPLOYED: {"app": {"42161": ADDRESS}, "dataset": {"42161": ADDRESS, "134": ADDRESS}},
    ORDERS: {"42161": {"apporder": {"app": ADDRESS, "sign": "0x" + "11" * 65}}, "134": {}},
}
NOTHING = type(None)
WORK = {
    CONFIG: {
        lambda project: project.config(): dict,
        lambda project: project.resource("app"): dict,
        lambda project: project.order("apporder"): dict,
        lambda project: project.save_resource("app", {"name": "x"}) or project.resource("app")["name"]: str,
        lambda project: project.save_order("apporder", {}): NOTHING,
    },
    CHAINS: {
        lambda project: project.chain(): ChainEntry,
        lambda project: project.chain("one"): ChainEntry,
        lambda project: project.chain("42161"): ChainEntry,
        lambda project: project.chain("9" * 5000): ChainEntry,
        lambda project: project.chain_names(): list,
        lambda project: project.save_default_chain("two") or project.chain(): ChainEntry,
        lambda project: (
            project.save_default_chain("x", {"host": "http://x"}) or project.chain("x")
        ): ChainEntry,
    },
    DEPLOYED: {
        lambda project: project.deployed("app", 42161): (str, NOTHING),
        lambda project: project.all_deployed("app"): list,
        lambda project: project.all_deployed("user"): list,
        lambda project: project.require_deployed("dataset", 134): str,
        lambda project: project.prepare_deployed(): NOTHING,
        lambda project: project.save_deployed("app", 1, ADDRESS) or project.require_deployed("app", 1): str,
    },
    ORDERS: {
        lambda project: project.signed_orders(42161): dict,
        lambda project: project.save_signed_order("apporder", 42161, {}): NOTHING,
    },
}


def write(document):
    """As a person or another tool would: any JSON, and what is none."""
    try:
        return json.dumps(document, indent=1).encode("utf-8", "surrogatepass")
    except ValueError:  # a number of more digits than Python writes
        return b'{"chains": {"x": {"id": ' + b"9" * 5000 + b"}}}"


def check_work(project, name):
    """What each piece of work gives is of its kind, and what was saved is read again."""
    for work, kind in WORK[name].items():
        with suppress(IexecError):
            assert isinstance(work(project), kind)


@pytest.mark.parametrize("name", REAL)
@given(data=st.data())
def test_a_spoilt_file_is_read_or_an_error(tmp_path_factory, name, data):
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / name).write_bytes(write(data.draw(mutated(REAL[name]))))
    check_work(project, name)


@pytest.mark.parametrize("name", REAL)
@given(content=st.binary(max_size=60) | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode))
def test_any_bytes_are_read_or_an_error(tmp_path_factory, name, content):
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / name).write_bytes(content)
    check_work(project, name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"x": ' + b"9" * 5000 + b"}", "SyntaxError: Exceeds the limit"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"x": \xff}', "UnicodeDecodeError"),
        (b"NaN", "NaN is not JSON"),
        (b'{"' + b"9" * 5000 + b'": 1}', None),
        (b'{"\\ud800": "\\udfff"}', None),
    ],
)
def test_numbers_keys_and_depths_that_nothing_sensible_has(tmp_path, content, words):
    (tmp_path / "iexec.json").write_bytes(content)
    if words is None:
        Project(tmp_path).save_resource("app", {})
        assert jsonfile.read(tmp_path / "iexec.json")["app"] == {}
        return
    with pytest.raises(ProjectError, match=words):
        Project(tmp_path).save_resource("app", {})


def test_a_chain_id_of_thousands_of_digits(tmp_path):
    (tmp_path / "chain.json").write_text(json.dumps({"chains": {"x": {"id": "9" * 5000}}}))
    with pytest.raises(ProjectError, match="is not a valid chain id"):
        Project(tmp_path).chain("x")


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "huge", "circle"])
def test_only_regular_files_of_a_sensible_size_are_read(tmp_path, kind):
    path = tmp_path / "iexec.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "circle":
        path.symlink_to("iexec.json")
    else:
        with path.open("wb") as file:
            file.truncate(10 << 30)
    project = Project(tmp_path)
    for work in WORK[CONFIG]:
        with pytest.raises(ProjectError):
            work(project)
    if kind == "circle":
        with pytest.raises(ProjectError, match="Cannot write"):
            project.create("iexec.json")


@pytest.mark.parametrize("folder", ["a" * 5000, "a\0b", "\ud800"])
def test_a_folder_that_can_not_be(tmp_path, folder):
    project = Project(tmp_path / folder)
    assert not project.has("iexec.json")
    for work in (
        lambda: project.create("iexec.json"),
        project.config,
        project.prepare_deployed,
        lambda: project.save_deployed("app", 1, ADDRESS),
        lambda: make_secret_folder(tmp_path / folder),
    ):
        with pytest.raises(IexecError):
            work()
