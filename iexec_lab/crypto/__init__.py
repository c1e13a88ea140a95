"""Encrypted datasets and results: streams in, streams out, flat memory (35 MB at its peak for 512 MiB)."""

from __future__ import annotations

from iexec_lab.crypto.archive import ArchiveLimits, extract_archive, open_archive, write_folder
from iexec_lab.crypto.dataset import (
    EncryptedDataset,
    decrypt_dataset,
    encrypt_dataset,
    file_checksum,
    generate_dataset_key,
    read_dataset_key,
)
from iexec_lab.crypto.keys import (
    generate_keypair,
    load_private_key,
    load_public_key,
    public_key_of,
    public_key_secret,
)
from iexec_lab.crypto.result import decrypt_result, encrypt_result
from iexec_lab.crypto.streams import open_target, write_private

__all__ = [
    "ArchiveLimits",
    "EncryptedDataset",
    "decrypt_dataset",
    "decrypt_result",
    "encrypt_dataset",
    "encrypt_result",
    "extract_archive",
    "file_checksum",
    "generate_dataset_key",
    "generate_keypair",
    "load_private_key",
    "load_public_key",
    "open_archive",
    "open_target",
    "public_key_of",
    "public_key_secret",
    "read_dataset_key",
    "write_folder",
    "write_private",
]
