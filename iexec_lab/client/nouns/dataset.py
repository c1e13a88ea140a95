"""Datasets: encrypt, deploy, show, sell, give their keys to the secret manager, prepare bulks."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.client.matching.bulk import prepare_bulk
from iexec_lab.client.nouns._asset import Asset
from iexec_lab.client.nouns._verb import framed, picked, verb
from iexec_lab.crypto import encrypt_dataset, file_checksum, generate_dataset_key, write_private
from iexec_lab.crypto.archive import write_folder
from iexec_lab.errors import AbortedError, CryptoError
from iexec_lab.ethereum.contracts import DATASET, DATASET_REGISTRY
from iexec_lab.protocol import NULL_BYTES32, dataset_arguments
from iexec_lab.regular_files import exists, is_file, is_folder, read_regular

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import pandas as pd

    Overwrite = Callable[[Path], bool]
    Progress = Callable[[str, int | None, int | None], None]

KEYS = ".secrets/datasets"
ORIGINALS = "datasets/original"
ENCRYPTED = "datasets/encrypted"


class Datasets(Asset):
    """``lab.dataset``: encrypt, deploy, show and sell datasets."""

    kind = "dataset"
    _create = DATASET_REGISTRY.createDataset
    _terms = ("owner", "name", "multiaddr", "checksum")
    _predicted = DATASET_REGISTRY.predictDataset
    _views = {  # noqa: RUF012
        "datasetChecksum": DATASET.m_datasetChecksum,
        "datasetMultiaddr": DATASET.m_datasetMultiaddr,
        "datasetName": DATASET.m_datasetName,
        "owner": DATASET.owner,
        "registry": DATASET.registry,
    }

    @verb(value=picked("address"))
    def deploy(
        self,
        name: str,
        multiaddr: str,
        checksum: str = NULL_BYTES32,
        *,
        owner: str | None = None,
        force: bool = False,
    ) -> dict[str, Any]:
        """Register a dataset; its address.

        Args:
            name: Free text; together with the rest it decides the address.
            multiaddr: Where the (encrypted) file is: ``/ipfs/<cid>`` or a URL.
            checksum: SHA-256 of that file as 0x text, from ``encrypt``.
            owner: Who will own it (default: the wallet).
            force: Do it without asking.

        Raises:
            ValidationError: A value can not be right.
            OrderError: The same dataset is deployed already.
            AbortedError: It was not confirmed.
        """
        return self._deploy(self._creation(name, multiaddr, checksum, owner), force=force)

    @verb()
    def predict(
        self, name: str, multiaddr: str, checksum: str = NULL_BYTES32, *, owner: str | None = None
    ) -> str:
        """The address that ``deploy`` with the same values would give.

        Args:
            name: As for ``deploy``, and so are the rest.
            multiaddr: Where the file is.
            checksum: SHA-256 of that file as 0x text.
            owner: Who would own it (default: the wallet).

        Raises:
            ValidationError: A value can not be right.
        """
        return self._predict(self._creation(name, multiaddr, checksum, owner))

    def _creation(self, name: str, multiaddr: str, checksum: str, owner: str | None) -> tuple[Any, ...]:
        values = {"owner": self._owner(owner), "name": name, "multiaddr": multiaddr, "checksum": checksum}
        return dataset_arguments(values)

    @verb(raw=lambda order_hash: {"orderHash": order_hash})
    def publish(
        self,
        address: str,
        *,
        price: Any = 0,
        volume: int = 1_000_000,
        tag: Any = None,
        app_restrict: str | None = None,
        workerpool_restrict: str | None = None,
        requester_restrict: str | None = None,
        skip_preflight_check: bool = False,
        force: bool = False,
    ) -> str:
        """Sign an order that lets others use the dataset, and publish it; its hash.

        Args:
            address: The dataset, which the wallet owns (address or ENS name).
            price: Of one task: 1500000000 (nRLC), ``"1.5 RLC"`` or ``["1.5", "RLC"]``.
            volume: How many tasks.
            tag: What uses of it need: words (``"tee,tdx"`` or a list), or 32 bytes as 0x text. ``tee`` keeps
                an encrypted dataset inside enclaves.
            app_restrict: Only for this app (address or ENS name).
            workerpool_restrict: Only on this workerpool.
            requester_restrict: Only for this requester.
            skip_preflight_check: Do not check that app, tag and secrets fit each other.
            force: Do it without asking.

        Raises:
            OrderError: No such dataset, it is not the wallet's, or a check failed.
            MarketError, ApiError: The market was not reached, or refused.
            AbortedError: It was not confirmed.
        """
        values = {
            "dataset": address,
            "datasetprice": price,
            "volume": volume,
            "tag": tag,
            "apprestrict": app_restrict,
            "workerpoolrestrict": workerpool_restrict,
            "requesterrestrict": requester_restrict,
        }
        return self._publish(values, skip_preflight_check=skip_preflight_check, force=force)

    @verb(raw=lambda is_set: {"isSecretSet": is_set})
    def check_secret(self, address: str, tee_framework: str | None = None) -> bool:
        """Whether the key of an encrypted dataset is in the secret management service (SMS).

        Args:
            address: The dataset (address or ENS name).
            tee_framework: Whose secret service: ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            SmsError: The SMS was not reached.
        """
        return self.session.sms(tee_framework).has_dataset_secret(self.session.to_address(address))

    @verb(raw=lambda _none: {})
    def push_secret(
        self,
        address: str,
        secret_path: str | os.PathLike[str] | None = None,
        *,
        secret_value: str | None = None,
        tee_framework: str | None = None,
    ) -> None:
        """Give the key of an encrypted dataset to the secret management service (SMS), once and for ever.

        Args:
            address: The dataset, which the wallet owns (address or ENS name).
            secret_path: File with the key (default: ``.secrets/datasets/dataset.key``).
            secret_value: The key itself (base64 of 32 bytes), in place of a file.
            tee_framework: Whose secret service: ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            CryptoError: The file can not be read.
            ApiError: One is there already, or the wallet does not own the dataset.
            SmsError: The SMS was not reached.
        """
        if secret_value is None:
            path = self.session.folder / (secret_path or f"{KEYS}/dataset.key")
            try:
                secret_value = read_regular(path).decode().strip()
            except (OSError, ValueError) as error:
                raise CryptoError(
                    f"Failed to load dataset key from {path}",
                    details={"why": getattr(error, "strerror", None) or "not a text file"},
                    hint="dataset encrypt makes it; or give --secret-path.",
                ) from None
        sms = self.session.sms(tee_framework)
        sms.push_dataset_secret(self.session.to_address(address), secret_value, self.session.gate)

    @verb(value=framed("encrypted_file", lambda plain: plain["encryptedFiles"]))
    def encrypt(
        self,
        *,
        force: bool = False,
        dataset_keystoredir: str | None = None,
        original_dataset_dir: str | None = None,
        encrypted_dataset_dir: str | None = None,
        overwrite: Overwrite | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Encrypt what is in ``datasets/original``, each file or folder under a key of its own.

        Needs no chain and no wallet. Keys are written as ``<name>.key`` and also as ``dataset.key`` (the last
        one wins); folders are zipped.

        Args:
            force: Replace files without asking.
            dataset_keystoredir: Where keys go (default: ``.secrets/datasets``).
            original_dataset_dir: What to encrypt (default: ``datasets/original``).
            encrypted_dataset_dir: Where encrypted files go (default: ``datasets/encrypted``).
            overwrite: Asked with the path before a file is replaced; None refuses.
            progress: Called with the name, bytes done and bytes in all (None when unknown).

        Returns:
            DataFrame, one row a file: ``original``, ``encrypted``, ``key_file``, ``checksum``.

        Raises:
            CryptoError: A folder is missing or empty.
            AbortedError: A file was not to be replaced.
        """
        return encrypt_folder(
            self.session.folder,
            force=force,
            dataset_keystoredir=dataset_keystoredir,
            original_dataset_dir=original_dataset_dir,
            encrypted_dataset_dir=encrypted_dataset_dir,
            overwrite=overwrite,
            progress=progress,
        )

    @verb()
    def prepare_bulk(self, orders: list[Any], max_dataset_per_task: int = 100) -> dict[str, Any]:
        """Upload dataset orders for a bulk, one request that uses many datasets.

        Args:
            orders: Signed dataset orders, free and of boundless volume; objects or their JSON.
            max_dataset_per_task: 1 to 100.

        Returns:
            ``{"cid", "volume"}``: what goes into ``params`` as ``bulk_cid``, and the number of tasks.

        Raises:
            ValidationError: No orders, or one that bulks can not use.
            ConfigurationError: The network has no bulks, or no IPFS node.
            IpfsError: The node was not reached, or refused.
        """
        return prepare_bulk(self.session, orders, max_dataset_per_task)

    @staticmethod
    def generate_key() -> str:
        """A new dataset key: base64 of 32 random bytes."""
        return generate_dataset_key()

    @staticmethod
    def checksum(path: str | os.PathLike[str]) -> str:
        """SHA-256 of an encrypted file, as 0x text: the checksum to deploy it with.

        Raises:
            CryptoError: The file can not be read.
        """
        return file_checksum(path)


def encrypt_folder(
    folder: Path | str = ".",
    *,
    force: bool = False,
    dataset_keystoredir: str | None = None,
    original_dataset_dir: str | None = None,
    encrypted_dataset_dir: str | None = None,
    overwrite: Overwrite | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Encrypt every file and folder of ``datasets/original``; needs no chain and no wallet.

    Each gets a random key, ``<name>.key`` and also ``dataset.key`` (the last one wins). Folders are zipped.

    Args:
        folder: Project folder, which relative paths start from.
        force: Replace files without asking.
        dataset_keystoredir: Where keys go, ``.secrets/datasets``.
        original_dataset_dir: What to encrypt, ``datasets/original``.
        encrypted_dataset_dir: Where encrypted files go, ``datasets/encrypted``.
        overwrite: Asked before a file is replaced; None refuses.
        progress: Called with the name, bytes done and bytes in all.

    Raises:
        CryptoError: A folder is missing or empty.
        AbortedError: A file was not to be replaced.
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
            )
    sources = sorted(
        path for path in originals.iterdir() if (is_file(path) or is_folder(path)) and not path.is_symlink()
    )
    if not sources:
        raise CryptoError(
            f'Input folder "{originals}" is empty, nothing to encrypt', hint="Put the files to encrypt there."
        )
    targets = [encrypted / f"{source.name}{_suffix(source)}.enc" for source in sources]
    if len(set(targets)) < len(targets):
        raise CryptoError(
            "A folder and a zip file of the same name would become the same encrypted file",
            details={"folder": originals},
            hint="Rename one of them.",
        )
    places = [keys / f"{source.name}{_suffix(source)}.key" for source in sources]
    for path in (*places, keys / "dataset.key", *targets):
        if exists(path) and not force and not (overwrite and overwrite(path)):
            raise AbortedError(
                "Operation aborted by user.", details={"file": path}, hint="Replace it with --force."
            )
    done = [
        _encrypt(source, target, place, keys / "dataset.key", progress)
        for source, target, place in zip(sources, targets, places, strict=True)
    ]
    return {
        "encryptedDatasetFolderPath": str(encrypted),
        "secretPath": str(keys),
        "encryptedFiles": done,
    }


def encrypted_frame(raw: dict[str, Any]) -> pd.DataFrame:
    """One row for each file of ``encrypt_folder``."""
    from iexec_lab import frames

    return frames.build("encrypted_file", raw["encryptedFiles"])


def _suffix(source: Path) -> str:
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
    return {"original": str(source), "encrypted": str(target), "key": str(place), "checksum": made.checksum}


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
