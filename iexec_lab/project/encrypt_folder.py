"""Encrypt the datasets of a project folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from iexec_lab.crypto import (
    decrypt_dataset,
    encrypt_dataset,
    file_checksum,
    generate_dataset_key,
    write_private,
)
from iexec_lab.crypto.archive import write_folder
from iexec_lab.errors import AbortedError, CryptoError
from iexec_lab.regular_files import exists, is_file, is_folder, read_regular

Overwrite = Callable[[Path], bool]
Progress = Callable[[str, int | None, int | None], None]

KEYS = ".secrets/datasets"
ORIGINALS = "datasets/original"
ENCRYPTED = "datasets/encrypted"


def encrypt_folder(
    folder: Path | str = ".",
    *,
    force: bool = False,
    keep: bool = False,
    dataset_keystoredir: str | None = None,
    original_dataset_dir: str | None = None,
    encrypted_dataset_dir: str | None = None,
    overwrite: Overwrite | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Encrypt every file and folder in ``datasets/original``; needs no chain and no wallet.

    Each gets a random key, ``<name>.key`` and also ``dataset.key`` (the last one wins). Folders are zipped.

    Args:
        folder: Project folder; relative paths start there.
        force: Replace files without asking.
        keep: Leave what is encrypted already and has not changed since; its key stays valid.
        dataset_keystoredir: Where keys go (default: ``.secrets/datasets``).
        original_dataset_dir: What to encrypt (default: ``datasets/original``).
        encrypted_dataset_dir: Where encrypted files go (default: ``datasets/encrypted``).
        overwrite: Asked before a file is replaced; None refuses.
        progress: Called with the name, bytes done and bytes in total.

    Raises:
        CryptoError: A folder is missing or empty.
        AbortedError: Replacing a file was refused.
    """
    base = Path(folder)
    keys = (base / (dataset_keystoredir or KEYS)).absolute()
    originals = (base / (original_dataset_dir or ORIGINALS)).absolute()
    encrypted = (base / (encrypted_dataset_dir or ENCRYPTED)).absolute()
    for needed in (originals, keys, encrypted):
        if not is_folder(needed):
            raise CryptoError(
                "Folders for dataset encryption are missing, did you forget to run "
                '"iexec dataset init --encrypted"?',
                details={"missing": needed},
                hint="Make them: iexec-lab dataset init --encrypted.",
            )
    sources = sorted(
        path for path in originals.iterdir() if (is_file(path) or is_folder(path)) and not path.is_symlink()
    )
    if not sources:
        raise CryptoError(
            f'Input folder "{originals}" is empty, nothing to encrypt', hint="Put the files to encrypt there."
        )
    targets = [encrypted / f"{source.name}{suffix_of(source)}.enc" for source in sources]
    if len(set(targets)) < len(targets):
        raise CryptoError(
            "A folder and a zip file of the same name would become the same encrypted file",
            details={"folder": originals},
            hint="Rename one of them.",
        )
    places = [keys / f"{source.name}{suffix_of(source)}.key" for source in sources]
    kept = [keep and _is_done(*each) for each in zip(sources, targets, places, strict=True)]
    at_stake = [
        path for paths in (places, targets) for path, is_kept in zip(paths, kept, strict=True) if not is_kept
    ]
    for path in [*at_stake, *([] if keep else [keys / "dataset.key"])]:
        if exists(path) and not force and not (overwrite and overwrite(path)):
            raise AbortedError(
                "Operation aborted by user.", details={"file": path}, hint="Replace it with --force."
            )
    done = [
        _made(source, target, place, file_checksum(target))
        if is_kept
        else _encrypt(source, target, place, keys / "dataset.key", progress)
        for source, target, place, is_kept in zip(sources, targets, places, kept, strict=True)
    ]
    if any(kept):  # dataset.key is the last one's, whatever was encrypted now
        write_private(keys / "dataset.key", read_regular(places[-1]))
    return {
        "encryptedDatasetFolderPath": str(encrypted),
        "secretPath": str(keys),
        "encryptedFiles": done,
    }


def _is_done(source: Path, target: Path, place: Path) -> bool:
    """Whether a file or folder was encrypted and has not changed since."""
    if not (is_file(target) and is_file(place)):
        return False
    parts = [source, *(Path(at, name) for at, dirs, files in os.walk(source) for name in (*dirs, *files))]
    if max(part.lstat().st_mtime_ns for part in parts) < target.stat().st_mtime_ns:
        return True
    return is_file(source) and _decrypts_to(source, target, place)


def _decrypts_to(source: Path, target: Path, place: Path) -> bool:
    """Whether an encrypted file is this file: a copy of it is newer than the encrypted one."""
    with tempfile.TemporaryDirectory(prefix="iexec-dataset-") as folder:
        plain = Path(folder) / "plain"
        try:
            decrypt_dataset(target, plain, read_regular(place).decode())
        except (CryptoError, OSError, UnicodeDecodeError):
            return False
        return file_checksum(plain) == file_checksum(source)


def _made(source: Path, target: Path, place: Path, checksum: str) -> dict[str, str]:
    return {"original": str(source), "encrypted": str(target), "key": str(place), "checksum": checksum}


def suffix_of(source: Path) -> str:
    """What follows a name: folders are zipped."""
    return ".zip" if is_folder(source) else ""


def _encrypt(
    source: Path, target: Path, place: Path, last: Path, progress: Progress | None
) -> dict[str, str]:
    """Encrypt one file or folder; the key is on disk before the encrypted file is."""
    key = generate_dataset_key()
    for path in (place, last):
        write_private(path, key.encode())

    def told(done: int, total: int | None) -> None:
        if progress is not None:
            progress(source.name, done, total)

    with _as_file(source) as file:
        made = encrypt_dataset(file, target, key, progress=told)
    return _made(source, target, place, made.checksum)


class _as_file:  # noqa: N801
    """A folder as a temporary zip; a file as itself."""

    def __init__(self, source: Path) -> None:
        self.source, self.folder = source, ""

    def __enter__(self) -> Path:
        if is_file(self.source):
            return self.source
        self.folder = tempfile.mkdtemp(prefix="iexec-dataset-")
        path = Path(self.folder) / "folder.zip"
        with path.open("wb") as file:
            for piece in write_folder(self.source):
                file.write(piece)
        return path

    def __exit__(self, *_: object) -> None:
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
