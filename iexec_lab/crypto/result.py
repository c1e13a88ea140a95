"""Encrypted results: a zip of an AES key, encrypted for the beneficiary (RSA), and the output under that key.

There are two layouts. Current (SDK 8.15 and later): raw RSA, AES-256-CBC after its IV. Legacy: base64 of RSA
over the base64 of the key, and base64 of AES-128-ECB. The content tells which one a file has, without trying:
the length of the RSA part, then the length of the AES key.
"""

from __future__ import annotations

import base64
import os
import zipfile
from typing import TYPE_CHECKING, Final, cast

from iexec_lab.crypto.aes import (
    BLOCK,
    cbc_decryptor,
    cbc_encryptor,
    decrypt_chunks,
    ecb_decryptor,
    ecb_encryptor,
    encrypt_chunks,
)
from iexec_lab.crypto.archive import Member, open_archive, source_chunks
from iexec_lab.crypto.base64text import decode_base64, decode_base64_chunks, encode_base64_chunks
from iexec_lab.crypto.keys import load_private_key, load_public_key, rsa_decrypt, rsa_encrypt
from iexec_lab.crypto.streams import Helper, Meter, open_target, read_chunks, read_exactly
from iexec_lab.errors import CryptoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from iexec_lab.crypto.streams import Progress, Source, Target

KEY_ENTRY: Final = "aes-key.rsa"
PAYLOAD_ENTRY: Final = "iexec_out.zip.aes"
MAX_KEY_SIZE: Final = 1000
MAX_PAYLOAD_SIZE: Final = 1_000_000_000

_CURRENT_KEY: Final = 32
_LEGACY_KEY: Final = 16
_DAMAGED: Final = "Failed to load encrypted results zip file"


def encrypt_result(
    source: Source,
    target: Target,
    public_key_pem: str | bytes,
    *,
    legacy: bool = False,
    progress: Progress | None = None,
) -> int:
    """Encrypt an output folder, or its zip, for a beneficiary; return the number of encrypted bytes.

    Args:
        source: A folder, or a zip as path, binary file or bytes.
        target: A path or a binary file.
        public_key_pem: The beneficiary's RSA public key.
        legacy: The layout from before SDK 8.15.
        progress: Called with bytes done and bytes in all (None when unknown).

    Raises:
        CryptoError: the key is not an RSA public key, or a file cannot be read or written.
    """
    public_key = load_public_key(public_key_pem)
    aes_key = os.urandom(_LEGACY_KEY if legacy else _CURRENT_KEY)
    if legacy:
        wrapped = base64.b64encode(rsa_encrypt(public_key, base64.b64encode(aes_key)))
    else:
        wrapped = rsa_encrypt(public_key, aes_key)
    size = 0
    with open_target(target) as out, zipfile.ZipFile(out, "w") as archive:
        payload = zipfile.ZipInfo(PAYLOAD_ENTRY)
        with archive.open(payload, "w", force_zip64=True) as entry:
            for piece in _encrypted(source_chunks(source, progress), aes_key, legacy=legacy):
                entry.write(piece)
                size += len(piece)
        archive.writestr(zipfile.ZipInfo(KEY_ENTRY), wrapped)
    return size


def _encrypted(chunks: Iterable[memoryview], key: bytes, *, legacy: bool) -> Iterator[bytes | memoryview]:
    if legacy:
        yield from encode_base64_chunks(encrypt_chunks(ecb_encryptor(key), chunks))
        return
    iv = os.urandom(BLOCK)
    yield iv
    yield from encrypt_chunks(cbc_encryptor(key, iv), chunks)


def decrypt_result(
    source: Source,
    target: Target,
    private_key_pem: str | bytes,
    *,
    max_bytes: int = MAX_PAYLOAD_SIZE,
    progress: Progress | None = None,
) -> int:
    """Decrypt a result to the zip of the output folder; return its size in bytes.

    Args:
        source: The encrypted result's zip as path, binary file or bytes.
        target: A path (only the owner can read its file), or a binary file.
        private_key_pem: The beneficiary's RSA private key, PKCS#8 or PKCS#1.
        max_bytes: Size of the largest payload accepted.
        progress: Called with bytes done and bytes in all.

    Raises:
        CryptoError: the key is wrong or not a key; the archive is damaged, cut off or too large.
    """
    private_key = load_private_key(private_key_pem)
    size = 0
    with open_archive(source, _DAMAGED) as archive:
        key_info, payload_info = _find_entries(archive, max_bytes)
        aes_key = _unwrap(private_key, Member(archive, key_info, _DAMAGED).read_all(MAX_KEY_SIZE))
        payload = cast("BinaryIO", Member(archive, payload_info, _DAMAGED))
        with open_target(target, private=True) as out, Helper() as helper:
            for piece in _decrypted(payload, aes_key, Meter(progress, payload_info.file_size)):
                helper.do(out.write, piece)
                size += len(piece)
    return size


def _find_entries(archive: zipfile.ZipFile, max_bytes: int) -> tuple[zipfile.ZipInfo, zipfile.ZipInfo]:
    entries = {info.filename: info for info in archive.infolist()}
    for name in (KEY_ENTRY, PAYLOAD_ENTRY):
        if name not in entries:
            raise CryptoError(f"Missing {name} file in zip input file", hint=_what_it_is(entries))
    for name, limit in ((KEY_ENTRY, MAX_KEY_SIZE), (PAYLOAD_ENTRY, max_bytes)):
        size = entries[name].file_size
        if size > limit:
            raise CryptoError(
                f"{name} is too large", details={"size": f"{size} bytes", "limit": f"{limit} bytes"}
            )
    return entries[KEY_ENTRY], entries[PAYLOAD_ENTRY]


def _what_it_is(names: Iterable[str]) -> str:
    """What a zip is that is no encrypted result, by the names in it."""
    if "computed.json" in names:
        return "This result is not encrypted, or was decrypted already: unzip it."
    return "Give the zip of an encrypted result, as it was downloaded."


def _unwrap(private_key: RSAPrivateKey, wrapped: bytes) -> bytes:
    """The AES key; the legacy text form does not have the length of the RSA modulus."""
    try:
        if len(wrapped) == private_key.key_size // 8:
            return rsa_decrypt(private_key, wrapped)
        return decode_base64(rsa_decrypt(private_key, decode_base64(wrapped)))
    except CryptoError:
        raise CryptoError(
            "Failed to decrypt results key with beneficiary key",
            hint="The result was encrypted for another beneficiary key, the one that was pushed: "
            "use that one. From now on with the key at hand: "
            "iexec-lab result push-encryption-key --force-update.",
        ) from None


def _decrypted(file: BinaryIO, key: bytes, meter: Meter) -> Iterator[memoryview]:
    try:
        yield from _decrypt_payload(file, key, meter)
    except CryptoError as error:
        raise CryptoError(
            "Failed to decrypt results with decrypted results key",
            details={"why": error.message, **error.details},
        ) from error


def _decrypt_payload(file: BinaryIO, key: bytes, meter: Meter) -> Iterator[memoryview]:
    if len(key) == _CURRENT_KEY:
        iv = read_exactly(file, BLOCK)
        meter.add(len(iv))
        return decrypt_chunks(cbc_decryptor(key, iv), read_chunks(file, meter))
    if len(key) == _LEGACY_KEY:
        return decrypt_chunks(ecb_decryptor(key), decode_base64_chunks(read_chunks(file, meter)))
    raise CryptoError(f"an AES key of {len(key)} bytes is not supported")
