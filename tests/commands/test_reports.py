"""Results that are error reports, or that the key at hand does not open: what a person is told."""

from __future__ import annotations

import secrets

import pytest
from helpers.labs import CHECKSUM, IMAGE, open_lab

from iexec_lab.client.results.result import Result
from iexec_lab.crypto import generate_keypair
from iexec_lab.errors import CryptoError
from iexec_lab.wallet.signer import LocalSigner


@pytest.fixture
def owner(iexec_sandbox, tmp_path):
    return open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[4].key), tmp_path / "owner")


def test_an_image_that_is_not_here_does_not_look_like_success(iexec, owner, tmp_path):
    name = f"me/nothere-{secrets.token_hex(4)}:1"
    app = owner.app.deploy(name, name, CHECKSUM)
    owner.app.publish(app, volume=10)
    iexec("account deposit 1 RLC")
    out, err = iexec.text(f"app run {app} --watch")
    deal = out.split()[2].rstrip(":")
    task = iexec(f"deal show {deal}")["deal"]["tasks"][0]
    (tmp_path / "folder").mkdir()
    run = f"app run {app} --download folder"
    for line in (None, run, f"deal show {deal} --watch", f"task show {task} --watch --download a/b.zip"):
        said = iexec.text(line)[1] if line else err
        assert "The result is an error report, the app did not run: APP_IMAGE_DOWNLOAD_FAILED" in said
        assert "Register the image: iexec-lab sandbox app add IMAGE FOLDER." in said
    assert Result(tmp_path / "a/b.zip").error_message == "APP_IMAGE_DOWNLOAD_FAILED"
    assert len([*(tmp_path / "folder").glob("0x*.zip")]) == 1
    assert owner.job(deal).why().startswith("The result is an error report, the app did not run: APP_IMAGE_")


def test_a_target_that_cannot_be_written_is_refused_before_anything_is_paid(iexec, tmp_path):
    (tmp_path / "file").write_text("")
    said = iexec.fails(f"app run 0x{'11' * 20} --download file/x.zip")
    assert "file/x.zip: not a folder" in said


def test_a_result_for_another_key_is_kept(iexec, owner, tmp_path, monkeypatch):
    pairs = [generate_keypair(2048), generate_keypair(2048)]
    monkeypatch.setattr("iexec_lab.client.nouns.result.generate_keypair", pairs.pop)
    app = owner.app.deploy(f"app {secrets.token_hex(4)}", IMAGE, CHECKSUM)
    owner.app.publish(app, volume=10, tag="tee,tdx")
    iexec("account deposit 1 RLC")
    iexec("result generate-encryption-keypair --force")
    iexec("result push-encryption-key --force-update")
    iexec("result generate-encryption-keypair --force")
    run = f"app run {app} --encrypt-result --tag tee,tdx --category 0 --watch --download sub/enc.zip"
    out, err = iexec.text(run, code=1)
    assert "encrypted results in " in out
    assert "sub/enc.zip" in out
    assert "Failed to decrypt results key with beneficiary key" in err
    assert "iexec-lab result push-encryption-key --force-update" in err
    kept = Result(tmp_path / "sub/enc.zip")
    assert kept.encrypted
    deal = out.split()[2].rstrip(":")
    task = iexec(f"deal show {deal}")["deal"]["tasks"][0]
    assert task in err
    with pytest.raises(CryptoError, match="Failed to decrypt results key"):
        kept.decrypt(generate_keypair(2048)[0])
