"""Encrypt one file once: it finds its key and its encrypted form again, and another file never takes them.

Both have the names that ``dataset encrypt`` gives (``<name>.key``, ``<name>.enc``); where these belong to
another content, a part of the content's SHA-256 follows the name. The key is on disk before the encrypted
file is.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from iexec_lab.crypto import decrypt_dataset, encrypt_dataset, file_checksum, generate_dataset_key
from iexec_lab.crypto.archive import source_chunks
from iexec_lab.crypto.streams import os_errors
from iexec_lab.errors import CryptoError, ValidationError
from iexec_lab.project.encrypt_folder import ENCRYPTED, KEYS, suffix_of
from iexec_lab.project.files import SECRET_MODE, Project, make_folder, make_secret_folder
from iexec_lab.regular_files import exists, is_file, read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[int, int | None], None]

_DIGITS: Final = 12
"""Of the SHA-256, in a name; what has that name is still compared."""


@dataclass(frozen=True, slots=True)
class EncryptedFile:
    """A file with its encrypted form and key.

    Attributes:
        original: What was encrypted: a file, or a folder, which is zipped.
        encrypted: The encrypted file.
        key_file: Its key, base64; only the owner can read it.
        checksum: SHA-256 of the encrypted file, as 0x text.
        new: It was encrypted now.
    """

    original: Path
    encrypted: Path
    key_file: Path
    checksum: str
    new: bool = False

    def key(self) -> str:
        """The key.

        Raises:
            CryptoError: Its file cannot be read any more.
        """
        with os_errors(f"cannot read {self.key_file}"):
            return read_regular(self.key_file).decode().strip()


def find_encrypted(
    folder: Path | str, source: Path, progress: Progress | None = None
) -> EncryptedFile | None:
    """What ``encrypt_once`` made of this very content; None when it has not. Writes nothing.

    Raises:
        CryptoError: The source cannot be read.
    """
    digest = _digest(source, progress)
    for place in _places(folder, source, digest):
        if found := place.holding(source, digest):
            return found
    return None


def encrypt_once(folder: Path | str, source: Path, progress: Progress | None = None) -> EncryptedFile:
    """The encrypted form of a file or folder, made if it is not there.

    Args:
        folder: Its ``.secrets/datasets`` and ``datasets/encrypted`` keep key and encrypted file.
        source: What to encrypt.
        progress: Called with bytes done and bytes in all (None when unknown).

    Raises:
        CryptoError: The source cannot be read, or the files cannot be written.
        ConfigurationError: The folders cannot be made.
    """
    digest = _digest(source, progress)
    places = list(_places(folder, source, digest))
    for place in places:
        if found := place.holding(source, digest):
            return found
    project = Project(folder)
    make_secret_folder(project.dataset_keys())
    make_folder(project.encrypted_datasets())
    for place in places:
        with suppress(FileExistsError):
            if place.is_free:
                return place.fill(source, progress)
    return places[-1].finish(source, progress)


@dataclass(frozen=True, slots=True)
class _Place:
    encrypted: Path
    key_file: Path

    @property
    def is_free(self) -> bool:
        return not exists(self.encrypted) and not exists(self.key_file)

    def holding(self, source: Path, digest: str) -> EncryptedFile | None:
        """What is here, if it is this content; None for anything else."""
        if not (is_file(self.encrypted) and is_file(self.key_file)):
            return None
        found, clear = EncryptedFile(source, self.encrypted, self.key_file, ""), _Sink()
        try:
            decrypt_dataset(self.encrypted, cast("BinaryIO", clear), found.key())
        except (CryptoError, ValidationError):
            return None
        if clear.digest.hexdigest() != digest:
            return None
        return EncryptedFile(source, self.encrypted, self.key_file, file_checksum(self.encrypted))

    def fill(self, source: Path, progress: Progress | None) -> EncryptedFile:
        """Encrypt with a new key.

        Raises:
            FileExistsError: Somebody else's key came in between.
        """
        return self._encrypt(source, generate_dataset_key(), progress, is_new=True)

    def finish(self, source: Path, progress: Progress | None) -> EncryptedFile:
        """Encrypt with the key that is here: the name says that it is for this content.

        Raises:
            CryptoError: The encrypted file is there too, and it is not this content's.
        """
        if exists(self.encrypted) or not is_file(self.key_file):
            raise CryptoError(
                f"{self.encrypted.name} is there, but it is not the encrypted form of {source.name}",
                details={"file": self.encrypted, "key": self.key_file},
                hint="It was changed, or its key was. Move both away.",
            )
        key = EncryptedFile(source, self.encrypted, self.key_file, "").key()
        return self._encrypt(source, key, progress, is_new=False)

    def _encrypt(self, source: Path, key: str, progress: Progress | None, *, is_new: bool) -> EncryptedFile:
        part = self.encrypted.with_name(f".{secrets.token_hex(8)}.part")
        try:
            made = encrypt_dataset(source, part, key, progress=progress)
            if is_new:
                _write_new(self.key_file, key)
            with os_errors(f"cannot write {self.encrypted}"):
                part.replace(self.encrypted)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return EncryptedFile(source, self.encrypted, self.key_file, made.checksum, new=True)


class _Sink:
    """Hashes what is written."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return len(data)


def _digest(source: Path, progress: Progress | None) -> str:
    digest = hashlib.sha256()
    for piece in source_chunks(source, progress):
        digest.update(piece)
    return digest.hexdigest()


def _places(folder: Path | str, source: Path, digest: str) -> Iterator[_Place]:
    base = Path(folder).absolute()
    name = f"{source.absolute().name}{suffix_of(source)}"
    names = [name] if name != "dataset" else []  # dataset.key is the last one of ``dataset encrypt``
    for each in (*names, f"{name}.{digest[:_DIGITS]}"):
        yield _Place(base / ENCRYPTED / f"{each}.enc", base / KEYS / f"{each}.key")


def _write_new(path: Path, key: str) -> None:
    """Write a key where there is none: no other key is ever replaced."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    except FileExistsError:
        raise
    except OSError as error:
        raise CryptoError(f"cannot write {path}: {error.strerror}") from error
    with os_errors(f"cannot write {path}"), os.fdopen(descriptor, "wb") as file:
        file.write(key.encode())
        file.flush()
        os.fsync(file.fileno())
