from __future__ import annotations

import stat
import zipfile

import pytest
from helpers.answers import official

from iexec_lab.crypto import decrypt_dataset, file_checksum
from iexec_lab.errors import AbortedError, ApiError, CryptoError, OrderError, ValidationError
from iexec_lab.project.encrypt_folder import encrypt_folder

IPFS = "/ipfs/QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ"


@pytest.fixture
def project(tmp_path):
    for folder in (".secrets/datasets", "datasets/original", "datasets/encrypted"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


class TestEncrypt:
    def test_each_file_has_a_key_of_its_own(self, project):
        (project / "datasets/original/a.txt").write_text("alpha")
        (project / "datasets/original/b.csv").write_text("x,y\n1,2\n")
        raw = encrypt_folder(project)
        assert raw["secretPath"] == str(project / ".secrets/datasets")
        first, second = raw["encryptedFiles"]
        assert first["original"].endswith("a.txt")
        assert first["checksum"] == file_checksum(first["encrypted"])
        keys = [(project / ".secrets/datasets" / name).read_text() for name in ("a.txt.key", "b.csv.key")]
        assert keys[0] != keys[1]
        assert (project / ".secrets/datasets/dataset.key").read_text() == keys[1]
        assert stat.S_IMODE((project / ".secrets/datasets/a.txt.key").stat().st_mode) == 0o600
        decrypt_dataset(second["encrypted"], project / "back.csv", keys[1])
        assert (project / "back.csv").read_text() == "x,y\n1,2\n"

    def test_a_folder_is_zipped_first(self, project):
        (project / "datasets/original/photos/deep").mkdir(parents=True)
        (project / "datasets/original/photos/deep/one.txt").write_text("1")
        [made] = encrypt_folder(project)["encryptedFiles"]
        key = (project / ".secrets/datasets/photos.zip.key").read_text()
        decrypt_dataset(made["encrypted"], project / "back.zip", key)
        assert zipfile.ZipFile(project / "back.zip").namelist() == ["deep/one.txt"]

    def test_a_folder_and_its_own_zip_do_not_replace_each_other(self, project):
        (project / "datasets/original/photos").mkdir()
        (project / "datasets/original/photos.zip").write_text("x")
        with pytest.raises(CryptoError, match="the same encrypted file"):
            encrypt_folder(project)

    def test_links_are_passed_over(self, project):
        (project / "datasets/original/a.txt").write_text("alpha")
        (project / "datasets/original/link").symlink_to(project)
        assert len(encrypt_folder(project)["encryptedFiles"]) == 1

    def test_nothing_is_replaced_unasked(self, project):
        (project / "datasets/original/a.txt").write_text("alpha")
        encrypt_folder(project)
        before = (project / ".secrets/datasets/a.txt.key").read_text()
        with pytest.raises(AbortedError, match="Operation aborted by user"):
            encrypt_folder(project)
        asked = []
        with pytest.raises(AbortedError):
            encrypt_folder(project, overwrite=lambda path: bool(asked.append(path.name)))
        assert asked == ["a.txt.key"]
        assert (project / ".secrets/datasets/a.txt.key").read_text() == before
        encrypt_folder(project, force=True)
        assert (project / ".secrets/datasets/a.txt.key").read_text() != before

    def test_folders_by_option(self, tmp_path):
        for name in ("k", "o", "e"):
            (tmp_path / name).mkdir()
        (tmp_path / "o/a").write_text("1")
        encrypt_folder(
            tmp_path,
            dataset_keystoredir="k",
            original_dataset_dir=str(tmp_path / "o"),
            encrypted_dataset_dir="e",
        )
        assert {path.name for path in (tmp_path / "k").iterdir()} == {"a.key", "dataset.key"}

    def test_missing_and_empty_folders(self, tmp_path, project):
        with pytest.raises(CryptoError, match="is empty"):
            encrypt_folder(project)
        with pytest.raises(CryptoError, match="are missing") as caught:
            encrypt_folder(tmp_path / "elsewhere")
        assert "dataset init --encrypted" in caught.value.message

    def test_progress_tells_the_file_and_the_bytes(self, project):
        (project / "datasets/original/a.bin").write_bytes(bytes(3 << 20))
        told = []
        encrypt_folder(project, progress=lambda *step: told.append(step))
        assert told[-1] == ("a.bin", 3 << 20, 3 << 20)

    def test_the_verb_works_in_the_project_folder(self, lab):
        for folder in (".secrets/datasets", "datasets/original", "datasets/encrypted"):
            (lab.session.folder / folder).mkdir(parents=True)
        (lab.session.folder / "datasets/original/a.txt").write_text("alpha")
        frame = lab.dataset.encrypt()
        assert list(frame.columns) == ["original", "encrypted", "key_file", "checksum"]


class TestDeploy:
    def test_deploy_and_show(self, lab, unique):
        address = lab.dataset.deploy(unique, IPFS)
        assert address == lab.dataset.predict(unique, IPFS)
        frame = lab.dataset.show(address)
        assert frame.loc[0, "name"] == unique
        assert frame.loc[0, "multiaddr"] == "/p2p/" + IPFS.removeprefix("/ipfs/")
        assert frame["checksum"].isna().all()
        assert lab.dataset.count() >= 1

    def test_a_name_is_needed(self, lab):
        with pytest.raises(ValidationError, match="name is a required field"):
            lab.dataset.deploy("", IPFS)


class TestSecret:
    def test_the_key_of_the_default_file(self, lab, unique):
        address = lab.dataset.deploy(unique, IPFS)
        folder = lab.session.folder / ".secrets/datasets"
        folder.mkdir(parents=True)
        (folder / "dataset.key").write_text(lab.dataset.generate_key() + "\n")
        assert lab.dataset.check_secret(address) is False
        assert official(lab, "dataset.push_secret", address) == {}
        assert lab.dataset.check_secret(address) is True
        with pytest.raises(ApiError, match="can't be updated"):
            lab.dataset.push_secret(address)

    def test_no_such_file(self, lab, unique):
        with pytest.raises(CryptoError, match="Failed to load dataset key from"):
            lab.dataset.push_secret(lab.session.address, "nowhere.key")


class TestPublish:
    def test_a_confidential_dataset_needs_its_key_first(self, lab, unique, hello):
        address = lab.dataset.deploy(unique, IPFS)
        with pytest.raises(OrderError, match=r"^Dataset encryption key is not set for dataset"):
            lab.dataset.publish(address, tag="tee")
        lab.dataset.push_secret(address, secret_value=lab.dataset.generate_key())
        lab.dataset.publish(address, tag="tee", app_restrict=hello)
        assert lab.orderbook.dataset(address).empty
        assert lab.orderbook.dataset(address, app=hello).loc[0, "app_restrict"] == hello
        assert len(lab.orderbook.dataset(address, app="any")) == 1
        assert len(lab.orderbook.dataset(dataset_owner=lab.session.address, app=hello, app_strict=True)) >= 1
