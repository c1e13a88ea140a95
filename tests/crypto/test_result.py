from __future__ import annotations

import base64
import io
import os
import stat
import zipfile
from contextlib import suppress

import pytest
from helpers.wrong_key import surely
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.crypto import decrypt_result, encrypt_result, generate_keypair, public_key_of
from iexec_lab.crypto.keys import load_public_key, rsa_encrypt
from iexec_lab.crypto.streams import CHUNK, PIECE, RING
from iexec_lab.errors import CryptoError

pytestmark = pytest.mark.slow


def names(folder):
    return sorted(path.name for path in folder.iterdir())


PRIVATE, PUBLIC = generate_keypair(2048)
OTHER, _ = generate_keypair(2048)


def encrypt(clear, **options):
    target = io.BytesIO()
    encrypt_result(clear, target, PUBLIC, **options)
    return target.getvalue()


def decrypt(envelope, key=PRIVATE, **options):
    target = io.BytesIO()
    decrypt_result(envelope, target, key, **options)
    return target.getvalue()


def make_envelope(entries):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return target.getvalue()


def entries_of(envelope):
    with zipfile.ZipFile(io.BytesIO(envelope)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, CHUNK + 1, PIECE - 16, PIECE, (RING + 2) * PIECE + 5])
def test_results_come_back(legacy, size):
    clear = os.urandom(size)
    assert decrypt(encrypt(clear, legacy=legacy)) == clear


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=30)
def test_any_result_comes_back(clear, legacy):
    assert decrypt(encrypt(clear, legacy=legacy)) == clear


def test_the_two_layouts():
    current, legacy = entries_of(encrypt(b"x" * 20)), entries_of(encrypt(b"x" * 20, legacy=True))
    assert {name: len(data) for name, data in current.items()} == {
        "iexec_out.zip.aes": 48,
        "aes-key.rsa": 256,
    }
    assert {name: len(data) for name, data in legacy.items()} == {"iexec_out.zip.aes": 44, "aes-key.rsa": 344}
    assert base64.b64decode(legacy["aes-key.rsa"], validate=True)


def test_an_output_folder_is_zipped(tmp_path):
    (tmp_path / "iexec_out").mkdir()
    (tmp_path / "iexec_out" / "result.txt").write_text("hello")
    (tmp_path / "iexec_out" / "computed.json").write_text("{}")
    encrypt_result(tmp_path / "iexec_out", tmp_path / "result.zip", PUBLIC.decode())
    size = decrypt_result(tmp_path / "result.zip", tmp_path / "clear.zip", PRIVATE.decode())
    assert size == (tmp_path / "clear.zip").stat().st_size
    assert stat.S_IMODE((tmp_path / "clear.zip").stat().st_mode) == 0o600
    with zipfile.ZipFile(tmp_path / "clear.zip") as archive:
        assert archive.namelist() == ["computed.json", "result.txt"]


def test_a_source_that_can_not_seek():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise OSError

    assert decrypt(Pipe(encrypt(b"through a pipe"))) == b"through a pipe"


@pytest.mark.parametrize("legacy", [False, True])
def test_another_beneficiary_learns_that_the_key_is_wrong(legacy):
    """PKCS#1 v1.5 in OpenSSL 3.2 answers a wrong key with random bytes; we tell it all the same."""

    def make():
        envelope = encrypt(b"secret", legacy=legacy)
        wrapped = entries_of(envelope)["aes-key.rsa"]
        return envelope, base64.b64decode(wrapped) if legacy else wrapped

    envelope = surely(make, OTHER)
    for key in (OTHER, generate_keypair(3072)[0]):
        with pytest.raises(CryptoError) as caught:
            decrypt(envelope, key)
        assert caught.value.message == "Failed to decrypt results key with beneficiary key"
        assert "another beneficiary" in caught.value.hint


def test_an_aes_key_of_another_length():
    entries = entries_of(encrypt(b"x"))
    entries["aes-key.rsa"] = rsa_encrypt(load_public_key(PUBLIC), b"k" * 24)
    with pytest.raises(CryptoError) as caught:
        decrypt(make_envelope(entries))
    assert caught.value.message == "Failed to decrypt results with decrypted results key"
    assert "24 bytes" in caught.value.details["why"]


def test_damaged_payloads_leave_nothing_behind(tmp_path):
    (tmp_path / "out").write_text("before")
    entries = entries_of(encrypt(b"x" * 100))
    payload = entries["iexec_out.zip.aes"]
    # The last byte of the block before is added to the last byte of the padding, 12.
    no_padding = payload[:-17] + bytes([payload[-17] ^ 0x80]) + payload[-16:]
    for damaged in (payload[:-16], payload[:-1], payload[:16], payload[:5], b"", no_padding):
        envelope = make_envelope({**entries, "iexec_out.zip.aes": damaged})
        with pytest.raises(CryptoError, match=r"(?m)^Failed to decrypt results with decrypted results key$"):
            decrypt_result(envelope, tmp_path / "out", PRIVATE)
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == "before"


@pytest.mark.parametrize("missing", ["aes-key.rsa", "iexec_out.zip.aes"])
def test_missing_entries(missing):
    entries = entries_of(encrypt(b"x"))
    del entries[missing]
    with pytest.raises(CryptoError, match=f"(?m)^Missing {missing} file in zip input file$"):
        decrypt(make_envelope(entries))


def test_a_result_that_is_not_encrypted():
    plain = make_envelope({"computed.json": b"{}", "result.txt": b"x"})
    with pytest.raises(CryptoError, match="Missing") as caught:
        decrypt(plain)
    assert "not encrypted, or was decrypted already" in caught.value.hint


def test_limits():
    entries = entries_of(encrypt(b"x" * 100))
    with pytest.raises(CryptoError, match=r"(?m)^iexec_out\.zip\.aes is too large$"):
        decrypt(make_envelope(entries), max_bytes=100)
    with pytest.raises(CryptoError, match=r"(?m)^aes-key\.rsa is too large$"):
        decrypt(make_envelope({**entries, "aes-key.rsa": b"\1" * 1001}))
    assert decrypt(make_envelope(entries), max_bytes=128) == b"x" * 100


@pytest.mark.parametrize("envelope", [b"", b"foo", b"PK\5\6" + bytes(18)[:10]])
def test_what_is_no_archive(envelope):
    with pytest.raises(CryptoError, match=r"(?m)^Failed to load encrypted results zip file$"):
        decrypt(envelope)


@pytest.mark.parametrize(
    "key", ["", "x", b"\xff", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", PUBLIC]
)
def test_what_is_no_private_key(key):
    with pytest.raises(CryptoError, match=r"(?m)^Invalid beneficiary key$") as caught:
        decrypt(encrypt(b"x"), key)
    assert caught.value.__cause__ is None


def test_what_is_no_public_key():
    for key in ("", PRIVATE):
        with pytest.raises(CryptoError, match=r"(?m)^Invalid beneficiary public key$"):
            encrypt_result(b"x", io.BytesIO(), key)


def test_text_of_legacy_results_may_have_line_breaks():
    entries = entries_of(encrypt(b"hello" * 50, legacy=True))
    broken = {
        name: b"\r\n".join(data[i : i + 61] for i in range(0, len(data), 61))
        for name, data in entries.items()
    }
    assert decrypt(make_envelope(broken)) == b"hello" * 50


def test_progress_is_told():
    told = []
    envelope = encrypt(bytes(CHUNK))
    decrypt(envelope, progress=lambda *now: told.append(now))
    assert told[0] == (0, CHUNK + 32)
    assert told[-1] == (CHUNK + 32, CHUNK + 32)


@given(st.data())
@settings(max_examples=60)
def test_any_damage_is_refused_or_harmless(data):
    envelope = bytearray(ENVELOPE)
    for _ in range(data.draw(st.integers(1, 4))):
        envelope[data.draw(st.integers(0, len(envelope) - 1))] = data.draw(st.integers(0, 255))
    with suppress(CryptoError):
        # Every entry has a checksum: what is decrypted is what was encrypted.
        spoilt = bytes(envelope[: data.draw(st.integers(0, len(envelope)) | st.just(len(envelope)))])
        assert decrypt(spoilt) == b"hello" * 10


ENVELOPE = encrypt(b"hello" * 10)


def test_the_public_half_of_a_private_key():
    assert public_key_of(PRIVATE) == PUBLIC
