from __future__ import annotations

import stat

import pytest
from helpers.answers import facts
from helpers.labs import CHECKSUM, IMAGE

from iexec_lab.crypto import encrypt_result, generate_keypair
from iexec_lab.errors import AbortedError, ApiError, CryptoError


@pytest.fixture(scope="module")
def pair():
    return generate_keypair(2048)


@pytest.fixture
def quick_keys(monkeypatch, pair):
    """4096 bits take a second; the tests do not need them."""
    monkeypatch.setattr("iexec_lab.client.nouns.result.generate_keypair", lambda: pair)


@pytest.mark.usefixtures("quick_keys")
class TestKeyPair:
    def test_files(self, lab):
        raw = facts(lab, "result.generate_encryption_keypair")
        address = lab.session.address
        folder = lab.session.folder / ".secrets/beneficiary"
        assert raw == {
            "secretPath": str(folder.absolute()),
            "privateKeyFile": f"{address}_key",
            "publicKeyFile": f"{address}_key.pub",
        }
        assert stat.S_IMODE((folder / f"{address}_key").stat().st_mode) == 0o600
        assert (folder / f"{address}_key.pub").read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")

    def test_a_key_is_not_lost_by_accident(self, lab):
        lab.result.generate_encryption_keypair()
        with pytest.raises(AbortedError):
            lab.result.generate_encryption_keypair()
        lab.result.generate_encryption_keypair(overwrite=lambda _path: True)
        lab.result.generate_encryption_keypair(force=True, beneficiary_keystoredir="elsewhere")
        assert (lab.session.folder / "elsewhere").is_dir()

    def test_push_check_update(self, newcomer):
        lab = newcomer()
        lab.result.generate_encryption_keypair()
        assert lab.result.check_encryption_key() is False
        assert facts(lab, "result.push_encryption_key") == {"isPushed": True, "isUpdated": False}
        assert lab.result.check_encryption_key(lab.session.address) is True
        with pytest.raises(ApiError, match='Secret "iexec-result-encryption-public-key" already exists'):
            lab.result.push_encryption_key()
        assert facts(lab, "result.push_encryption_key", force_update=True)["isUpdated"] is True

    def test_no_key_to_push(self, lab):
        with pytest.raises(CryptoError, match="Failed to load the public key from"):
            lab.result.push_encryption_key(secret_path="nowhere.pub")


class TestDecrypt:
    @pytest.fixture
    def encrypted(self, lab, tmp_path, pair):
        (tmp_path / "out").mkdir()
        (tmp_path / "out/result.txt").write_text("for you only")
        encrypt_result(tmp_path / "out", lab.session.folder / "encryptedResults.zip", pair[1])
        folder = lab.session.folder / ".secrets/beneficiary"
        folder.mkdir(parents=True)
        (folder / f"{lab.session.address}_key").write_bytes(pair[0])
        return lab.session.folder

    def test_the_default_files(self, lab, encrypted):
        result = lab.result.decrypt()
        assert result.path == (encrypted / "results.zip").absolute()
        assert result.text() == "for you only"

    def test_results_are_not_replaced_by_accident(self, lab, encrypted):
        (encrypted / "results.zip").write_text("mine")
        with pytest.raises(AbortedError):
            lab.result.decrypt()
        assert (encrypted / "results.zip").read_text() == "mine"
        assert lab.result.decrypt(force=True).text() == "for you only"

    def test_a_key_by_name(self, lab, encrypted, pair):
        (encrypted / "keys").mkdir()
        (encrypted / "keys/mine").write_bytes(pair[0])
        options = {"beneficiary_keystoredir": "keys", "beneficiary_key_file": "mine"}
        assert lab.result.decrypt("encryptedResults.zip", **options).text() == "for you only"

    def test_missing_files(self, lab, encrypted):
        with pytest.raises(CryptoError, match="Failed to load encrypted results from"):
            lab.result.decrypt("nowhere.zip")
        with pytest.raises(CryptoError, match="Failed to load the private key from"):
            lab.result.decrypt(beneficiary_key_file="nowhere")


@pytest.mark.usefixtures("quick_keys")
def test_a_confidential_run_from_end_to_end(newcomer, unique):
    """Dataset, requester secret and result are all encrypted; the result is read as if they were not."""
    lab = newcomer(nrlc=10**9)
    lab.account.deposit("1 RLC")
    folder = lab.session.folder
    for name in (".secrets/datasets", "datasets/original", "datasets/encrypted"):
        (folder / name).mkdir(parents=True)
    (folder / "datasets/original/answers.txt").write_text("42 is the answer")
    made = facts(lab, "dataset.encrypt")["encryptedFiles"][0]
    cid = lab.session.ipfs.add(folder / "datasets/encrypted/answers.txt.enc")
    dataset = lab.dataset.deploy(unique, f"/ipfs/{cid}", made["checksum"])
    lab.dataset.push_secret(dataset)
    lab.requester.push_secret("login", "me")
    app = lab.app.deploy(unique, IMAGE, CHECKSUM)
    lab.app.push_secret(app, "developer's")
    lab.result.generate_encryption_keypair()
    lab.result.push_encryption_key()
    job = lab.app.run(app, dataset=dataset, secret={1: "login"}, encrypt_result=True, category=0)
    result = job.wait(300).result()
    assert not result.encrypted
    text = result.text()
    assert "16 bytes" in text
    assert "app secret: there" in text
    assert "requester secret 1: there" in text
    (folder / ".secrets/beneficiary" / f"{lab.session.address}_key").rename(folder / "hidden")
    sealed = lab.job(job.deal_id).result()
    assert sealed.encrypted
    with pytest.raises(CryptoError, match="encrypted for its beneficiary") as caught:
        sealed.text()
    assert ".secrets/beneficiary" in caught.value.hint
    assert caught.value.details["beneficiary"] == lab.session.address
    assert caught.value.details["looked for"].name == f"{lab.session.address}_key"
    assert "wallet" not in caught.value.details
    for opened in (
        sealed.decrypt((folder / "hidden").read_bytes()),
        sealed.decrypt(folder / "hidden"),
        lab.job(job.deal_id).result(key=folder / "hidden"),
        lab.job(job.deal_id).results(key=folder / "hidden")[0],
        lab.task.result(job.task_ids[0], key=folder / "hidden"),
    ):
        assert opened.text() == text
    (folder / "another").write_bytes(generate_keypair(2048)[0])
    with pytest.raises(CryptoError, match="Failed to decrypt results key"):
        job.results(key=folder / "another")
    [unopened] = job.results(partial=True, key=folder / "another").failed
    assert (unopened.status, unopened.encrypted) == ("COMPLETED", True)
    assert unopened.error.details["key"] == folder / "another"
