"""Encrypted datasets: a random IV, then AES-256-CBC of the file (SDK 6.0.0 and later).

The checksum of a dataset is the SHA-256 of the encrypted file. The format has no authentication: only the
padding tells the output of a wrong key from real data, and one wrong key in 256 gets it right by chance.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from iexec_lab.crypto.aes import BLOCK, cbc_decryptor, cbc_encryptor, decrypt_chunks, encrypt_chunks
from iexec_lab.crypto.archive import source_chunks
from iexec_lab.crypto.base64text import decode_base64
from iexec_lab.crypto.streams import (
    Helper,
    Meter,
    file_path,
    open_source,
    open_target,
    os_errors,
    read_chunks,
    read_exactly,
)
from iexec_lab.errors import CryptoError, ValidationError
from iexec_lab.protocol.values import to_bytes32
from iexec_lab.regular_files import is_folder, real

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.crypto.streams import Progress, Source, Target

KEY_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class EncryptedDataset:
    """The outcome of encrypting a dataset.

    ``key`` is base64 text, as the SMS takes it; ``checksum`` goes on chain; ``size`` is the size of the
    encrypted file in bytes.
    """

    key: str = field(repr=False)
    checksum: str
    size: int


def generate_dataset_key() -> str:
    """32 random bytes in base64."""
    return base64.b64encode(os.urandom(KEY_SIZE)).decode()


def read_dataset_key(key: str) -> bytes:
    """The 32 bytes of a key, read as leniently as Node reads base64.

    Raises:
        ValidationError: it is not the key of a dataset. The message does not repeat the key, which could be
            right but for one letter.
    """
    data = decode_base64(key.encode(errors="replace")) if isinstance(key, str) else b""
    if len(data) != KEY_SIZE:
        hidden = "***" if key else ""
        raise ValidationError(f"{hidden} is not a valid encryption key (must be base64 encoded 256 bits key)")
    return data


def encrypt_dataset(
    source: Source,
    target: Target,
    key: str | None = None,
    *,
    iv: bytes | None = None,
    progress: Progress | None = None,
) -> EncryptedDataset:
    """Encrypt a file, or a folder, which is zipped on the way.

    Args:
        source: A path, a binary file, or bytes. Symbolic links inside a folder are refused.
        target: A path or a binary file.
        key: Base64 of 32 bytes; a new one when not given.
        iv: 16 bytes, for tests only: a key must never be used twice with the same IV.
        progress: Called with bytes done and bytes in all (None when unknown).

    Raises:
        ValidationError: the key is not valid.
        CryptoError: the source cannot be read or changes meanwhile, or the target cannot be written.
    """
    if _is_inside(target, source):
        raise CryptoError("the target is inside the folder to encrypt")
    text = key if key is not None else generate_dataset_key()
    raw = read_dataset_key(text)
    iv = os.urandom(BLOCK) if iv is None else iv
    digest = hashlib.sha256(iv)
    size = len(iv)
    with open_target(target) as out, Helper() as helper:

        def keep(piece: memoryview) -> None:
            out.write(piece)
            digest.update(piece)

        out.write(iv)
        for piece in encrypt_chunks(cbc_encryptor(raw, iv), source_chunks(source, progress)):
            helper.do(keep, piece)
            size += len(piece)
    return EncryptedDataset(key=text, checksum="0x" + digest.hexdigest(), size=size)


def _is_inside(target: Target, source: Source) -> bool:
    paths = (str, os.PathLike)
    if not isinstance(source, paths) or not isinstance(target, paths) or not is_folder(source):
        return False
    with os_errors(f"cannot write {os.fspath(target)}"):
        return real(file_path(target).absolute().parent).is_relative_to(real(source))


def decrypt_dataset(
    source: Source,
    target: Target,
    key: str,
    *,
    checksum: str | None = None,
    progress: Progress | None = None,
) -> int:
    """Decrypt a dataset; return the size of the clear file in bytes.

    Args:
        source: A path, a binary file, or bytes.
        target: A path (only the owner can read its file), or a binary file.
        key: Base64 of 32 bytes.
        checksum: The SHA-256 that the encrypted file must have.
        progress: Called with bytes done and bytes in all (None when unknown).

    Raises:
        ValidationError: the key or the checksum is not valid.
        CryptoError: the key is wrong, the data is cut off or does not have the checksum.
    """
    raw = read_dataset_key(key)
    if checksum is not None:
        to_bytes32(checksum)  # refuse an impossible one before the work
    digest = hashlib.sha256()
    size = 0
    with open_source(source) as (file, total), open_target(target, private=True) as out, Helper() as helper:
        meter = Meter(progress, total)
        iv = read_exactly(file, BLOCK)
        meter.add(len(iv))
        chunks = read_chunks(file, meter)
        if checksum is not None:
            digest.update(iv)
            chunks = _hash(chunks, digest)
        for piece in decrypt_chunks(cbc_decryptor(raw, iv), chunks):
            helper.do(out.write, piece)
            size += len(piece)
        helper.wait()
        got = "0x" + digest.hexdigest()
        if checksum is not None and got != to_bytes32(checksum):
            raise CryptoError(
                "the encrypted file does not have the expected checksum",
                details={"expected": checksum, "got": got},
            )
    return size


def file_checksum(source: Source) -> str:
    """SHA-256 of an encrypted file: the checksum that its dataset has on chain."""
    digest = hashlib.sha256()
    with open_source(source) as (file, _):
        for piece in read_chunks(file):
            digest.update(piece)
    return "0x" + digest.hexdigest()


def _hash(chunks: Iterator[memoryview], digest: hashlib._Hash) -> Iterator[memoryview]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
