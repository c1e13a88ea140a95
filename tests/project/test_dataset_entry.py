"""What is filled into the dataset of ``iexec.json``, and what is told before it is deployed."""

from __future__ import annotations

import json

import pytest

from iexec_lab.project import dataset_entry, templates
from iexec_lab.project.encrypt_folder import encrypt_folder
from iexec_lab.protocol import NULL_ADDRESS

ME, OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
ZERO = "0x" + "00" * 32
SAMPLE = templates.resource("dataset", ME)
MINE = {**SAMPLE, "name": "x", "multiaddr": "/ipfs/y", "checksum": "0x" + "12" * 32}


@pytest.fixture
def project(tmp_path):
    for folder in (".secrets/datasets", "datasets/original", "datasets/encrypted"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "datasets/original/a b.csv").write_text("1")
    return tmp_path


def entry(project):
    return json.loads((project / "iexec.json").read_text())["dataset"]


def write(project, value):
    (project / "iexec.json").write_text(value if isinstance(value, str) else json.dumps(value))


def test_checksum_and_name_come_from_the_file_and_the_address_from_the_upload(project):
    write(project, {"dataset": SAMPLE, "app": {"name": "stays"}})
    [made] = encrypt_folder(project)["encryptedFiles"]
    said = dataset_entry.fill_encrypted(project, made)
    assert entry(project) == {**SAMPLE, "name": "a b.csv", "checksum": made["checksum"]}
    assert said.endswith(
        "Next: iexec-lab storage upload 'datasets/encrypted/a b.csv.enc' fills in multiaddr."
    )
    assert dataset_entry.refusal("dataset", entry(project)).hint.count("storage upload") == 1
    other = project / "other"
    other.write_text("2")
    assert dataset_entry.fill_uploaded(project, other, "/ipfs/Qm1") is None
    assert "dataset deploy" in dataset_entry.fill_uploaded(project, made["encrypted"], "/ipfs/Qm1")
    assert entry(project)["multiaddr"] == "/ipfs/Qm1"
    assert dataset_entry.refusal("dataset", entry(project)) is None
    assert json.loads((project / "iexec.json").read_text())["app"] == {"name": "stays"}


def test_a_name_and_an_address_of_ones_own_stay(project):
    write(project, {"dataset": {**MINE, "multiaddr": "https://data.example/x"}})
    [made] = encrypt_folder(project)["encryptedFiles"]
    dataset_entry.fill_encrypted(project, made)
    assert (entry(project)["name"], entry(project)["checksum"]) == ("x", made["checksum"])
    assert dataset_entry.fill_uploaded(project, made["encrypted"], "/ipfs/Qm1") is None
    assert entry(project)["multiaddr"] == "https://data.example/x"


@pytest.mark.parametrize("content", [None, {}, {"dataset": {}}, {"dataset": 5}])
def test_a_project_without_a_dataset_stays(project, content):
    if content is not None:
        write(project, content)
    [made] = encrypt_folder(project)["encryptedFiles"]
    before = (project / "iexec.json").read_text() if content is not None else None
    dataset_entry.fill_encrypted(project, made)
    assert dataset_entry.fill_uploaded(project, made["encrypted"], "/ipfs/Qm1") is None
    assert (project / "iexec.json").exists() is (content is not None)
    assert content is None or json.loads((project / "iexec.json").read_text()) == json.loads(before)


def test_a_broken_project_file_is_told_and_the_encrypted_file_counts(project):
    write(project, "{")
    [made] = encrypt_folder(project)["encryptedFiles"]
    assert dataset_entry.fill_encrypted(project, made).startswith("iexec.json stays as it was: SyntaxError")


def test_what_is_ones_own_needs_no_remark():
    assert list(dataset_entry.remarks("dataset", MINE, ME)) == []
    assert list(dataset_entry.remarks("app", templates.app(ME), ME)) == []
    assert list(dataset_entry.remarks("app", templates.app(ME), NULL_ADDRESS)) == []
    assert dataset_entry.refusal("app", {**SAMPLE, "checksum": MINE["checksum"]}) is None


@pytest.mark.parametrize(
    ("kind", "values", "word"),
    [
        ("dataset", SAMPLE, "is the sample, not a file of yours"),
        ("dataset", {**MINE, "name": "my-dataset"}, 'still "my-dataset"'),
        ("dataset", {**MINE, "checksum": ZERO}, "checksum in iexec.json is zero"),
        ("app", {**templates.app(ME), "checksum": ZERO}, "whether its image is yours"),
        ("workerpool", templates.resource("workerpool", ME), 'still "my-workerpool"'),
        ("app", templates.app(OTHER), f"The owner in iexec.json is {OTHER}, not this wallet ({ME})"),
        ("workerpool", {"owner": OTHER.lower(), "description": "d"}, "the workerpool will be theirs"),
    ],
)
def test_what_is_the_samples_or_somebody_elses_is_told(kind, values, word):
    [remark] = dataset_entry.remarks(kind, values, ME)
    assert word in remark


def test_only_a_checksum_of_one_file_at_the_address_of_another_is_refused():
    assert dataset_entry.refusal("dataset", SAMPLE) is None
    assert dataset_entry.refusal("dataset", MINE) is None
    error = dataset_entry.refusal("dataset", {**SAMPLE, "checksum": MINE["checksum"]})
    assert "still the sample's multiaddr" in error.message
