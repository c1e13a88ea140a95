"""``chain.json``: the official sentences for what does not fit, the choice of a chain."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from iexec_lab import connect, networks
from iexec_lab.errors import ConfigurationError, ProjectError
from iexec_lab.networks import NETWORKS
from iexec_lab.project import Project, chains

SEED = {
    "default": "bellecour",
    "chains": {
        "dev": {
            "host": "http://localhost:8545",
            "id": "65535",
            "sms": {"scone": "http://localhost:5000"},
            "resultProxy": "http://localhost:8089",
            "ipfsGateway": "http://localhost:8080",
            "hub": "0xC129e7917b7c7DeDfAa5Fff1FB18d5D7050fE8ca",
            "bridge": {
                "contract": "0x1e32aFA55854B6c015D284E3ccA9aA5a463A1418",
                "bridgedChainName": "dev-sidechain",
            },
        },
        "dev-sidechain": {
            "host": "http://localhost:18545",
            "id": "123456",
            "native": True,
            "useGas": False,
            "bridge": {
                "contract": "0x1e32aFA55854B6c015D284E3ccA9aA5a463A1418",
                "bridgedChainName": "development",
            },
        },
        "mainnet": {},
        "bellecour": {},
    },
    "providers": {
        "alchemy": "A",
        "etherscan": "E",
        "infura": {"projectId": "P", "projectSecret": "S"},
        "quorum": 1,
    },
}


def project(folder, document) -> Project:
    (folder / "chain.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return Project(folder)


def test_chain_json_of_the_manual_loads(tmp_path):
    loaded = project(tmp_path, SEED)
    assert loaded.chain().name == "bellecour"
    assert loaded.chain().id == 134
    dev = loaded.chain("dev")
    assert (dev.id, dev.values["host"]) == (65535, "http://localhost:8545")
    assert dev.providers["quorum"] == 1


def test_missing_other_side_of_a_bridge_is_no_error_until_the_bridge_is_used(tmp_path):
    side = project(tmp_path, SEED).chain("dev-sidechain")
    assert side.values["bridge"]["bridgedChainName"] not in side.siblings


@pytest.mark.parametrize(
    ("name", "key"), [("134", "bellecour"), ("1", "mainnet"), ("bellecour", "bellecour")]
)
def test_built_in_ids_are_aliases(tmp_path, name, key):
    assert project(tmp_path, SEED).chain(name).name == key


def test_custom_ids_are_not_aliases(tmp_path):
    with pytest.raises(ProjectError, match=r'Missing "65535" chain in "chain\.json"') as caught:
        project(tmp_path, SEED).chain("65535")
    assert "dev, dev-sidechain" in caught.value.hint


def test_a_chain_may_override_the_id_of_a_built_in_name(tmp_path):
    entry = project(tmp_path, {"default": "mainnet", "chains": {"mainnet": {"id": "134"}}}).chain()
    assert entry.id == 134


def test_a_custom_chain_without_id_has_none(tmp_path):
    assert project(tmp_path, {"default": "x", "chains": {"x": {}}}).chain().id is None


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "ValidationError: chains is a required field in chain.json"),
        ([], "ValidationError: this must be a `object` type, but the final value was: `[]`. in chain.json"),
        ({"chains": {}, "foo": 1}, 'ValidationError: Unknown key "foo" in chain.json'),
        ({"chains": {"a": {"bar": 1}}}, 'ValidationError: Unknown key "bar" in chain.json'),
        (
            {"chains": {"a": []}},
            "ValidationError: this must be a `object` type, but the final value was: `[]`.",
        ),
        (
            {"chains": {"a": {"id": 1234}}},
            "ValidationError: id must be a `string` type, but the final value was: `1234`. in chain.json",
        ),
        ({"default": 1, "chains": {}}, "default must be a `string` type, but the final value was: `1`."),
        ({"chains": {"a": {"id": "x"}}}, "id x is not a valid chain id"),
        (
            {"chains": {"a": {"sms": "localhost"}}},
            'ValidationError: sms "localhost" is not a valid URL in chain.json',
        ),
        (
            {"chains": {"a": {"sms": {"foo": "http://x"}}}},
            "sms field has unspecified keys: foo in chain.json",
        ),
        ({"chains": {"a": {"sms": {"scone": 5}}}}, "sms.scone must be a `string` type"),
        ({"chains": {"a": {"native": "yes"}}}, "native must be a `boolean` type"),
        (
            {"chains": {"a": {"defaultTeeFramework": "SCONE"}}},
            "defaultTeeFramework is not a valid TEE framework",
        ),
        ({"chains": {"a": {"bridge": {"contract": "0x1"}}}}, "bridge.bridgedChainName is a required field"),
        (
            {"chains": {"a": {"bridge": {"contract": "0x1", "bridgedChainName": "b"}}}},
            "0x1 is not a valid ethereum address",
        ),
        ({"chains": {}, "providers": {"x": 1}}, 'Unknown key "x" in providers in chain.json'),
        (
            {"chains": {}, "providers": {"infura": {"x": 1}}},
            'Unknown key "x" in providers.infura in chain.json',
        ),
        ({"chains": {}, "providers": {"infura": {}}}, "providers.infura.projectId is a required field"),
        (
            {"chains": {}, "providers": {"quorum": 4}},
            "providers.quorum must be less than or equal to 3 in chain.json",
        ),
        ({"chains": {}, "providers": {"quorum": 0}}, "providers.quorum must be greater than or equal to 1"),
        ({"chains": {}, "providers": {"quorum": True}}, "providers.quorum must be a `number` type"),
    ],
)
def test_shape_errors_use_the_official_words(tmp_path, document, sentence):
    with pytest.raises(ProjectError) as caught:
        project(tmp_path, document).chain("a")
    assert sentence in caught.value.message
    assert caught.value.official_name == "Error"
    assert isinstance(caught.value, ConfigurationError)


def test_broken_json_names_file_line_and_fault(tmp_path):
    with pytest.raises(ProjectError) as caught:
        project(tmp_path, '{\n  "default": "a",\n}').chain()
    assert "SyntaxError" in caught.value.message
    assert "line 3" in caught.value.message
    assert "chain.json" in caught.value.message


def test_bytes_that_are_not_text_are_a_clear_error(tmp_path):
    (tmp_path / "chain.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ProjectError, match=r"in chain\.json"):
        Project(tmp_path).chain()


def test_missing_file_and_missing_default(tmp_path):
    with pytest.raises(ProjectError) as caught:
        Project(tmp_path).chain()
    assert caught.value.message == 'Missing "chain.json" file, did you forget to run "iexec init"?'
    with pytest.raises(ProjectError) as caught:
        project(tmp_path, {"chains": {"a": {}}}).chain()
    assert caught.value.message == 'Missing chain parameter. Check your "chain.json" file'


def test_chain_names_never_fail(tmp_path):
    assert Project(tmp_path).chain_names() == []
    assert project(tmp_path, "{").chain_names() == []
    assert project(tmp_path, SEED).chain_names() == ["dev", "dev-sidechain", "mainnet", "bellecour"]


def test_saving_the_default_keeps_the_rest(tmp_path):
    kept = project(tmp_path, SEED)
    kept.save_default_chain("dev")
    kept.save_default_chain("mine", {"id": "5", "host": "http://127.0.0.1:1"})
    document = json.loads((tmp_path / "chain.json").read_text())
    assert document["default"] == "mine"
    assert list(document) == ["default", "chains", "providers"]
    assert document["chains"]["mine"]["id"] == "5"


def test_a_wrong_chain_is_not_saved(tmp_path):
    kept = project(tmp_path, SEED)
    with pytest.raises(ProjectError):
        kept.save_default_chain("mine", {"id": 5})
    assert "mine" not in kept.chain_names()


def test_a_network_of_the_table_is_a_chain_of_projects(tmp_path, monkeypatch):
    """Adding it to ``NETWORKS`` is all that is needed, by name and by id."""
    fifth = replace(NETWORKS["bellecour"], name="fifth", id=55_555)
    monkeypatch.setattr(networks, "NETWORKS", {**NETWORKS, "fifth": fifth})
    monkeypatch.setattr(chains, "NETWORKS", networks.NETWORKS)
    (tmp_path / "chain.json").write_text('{"default": "fifth", "chains": {"fifth": {}}}')
    assert Project(tmp_path).chain(None).id == 55_555
    assert Project(tmp_path).chain("55555").name == "fifth"
    assert connect("fifth", project=tmp_path).session.network.hub == fifth.hub
    assert connect(55_555, project=tmp_path).network.name == "fifth"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"chains": {"dev": {"scheduler": "http://s"}}}, "Delete it: the API of a workerpool"),
        ({"chains": {"dev": {"server": "http://s"}}}, "Delete it"),
        ({"chains": {"dev": {"hubb": "0x"}}}, 'Did you mean "hub"?'),
        ({"chains": {}, "provider": {}}, '"host"'),
    ],
)
def test_keys_of_old_files_are_told_what_became_of_them(document, said):
    with pytest.raises(ProjectError, match="Unknown key") as caught:
        chains.check(document)
    assert said in caught.value.hint


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("viviani", "viviani (chain 133) is no longer in use."),
        ("5", "goerli (chain 5) is no longer in use."),
        ("77", "Chain 77 is called dev here."),
        ("mainet", "Did you mean mainnet?"),
        ("zzz", "Chains of this project: dev."),
    ],
)
def test_a_chain_that_is_not_there(name, said):
    with pytest.raises(ProjectError, match=f'Missing "{name}" chain') as caught:
        chains.choose({"chains": {"dev": {"id": "77"}}}, name)
    assert caught.value.hint.startswith(said)
