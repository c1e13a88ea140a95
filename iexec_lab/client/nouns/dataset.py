"""Datasets: encrypt, deploy, show, sell, give their keys to the secret manager, prepare bulks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from iexec_lab import doors
from iexec_lab.client.market.filters import ChildFilters, DatasetDealFilters
from iexec_lab.client.matching.bulk import prepare_bulk
from iexec_lab.client.matching.file_sale import STEPS, publish_file
from iexec_lab.client.nouns._asset import Asset
from iexec_lab.client.nouns._noun import Frame, detailed
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.nouns._sale_options import DatasetSale, FileSale
from iexec_lab.client.options import takes, with_defaults
from iexec_lab.crypto import file_checksum, generate_dataset_key
from iexec_lab.errors import CryptoError
from iexec_lab.ethereum.contracts import DATASET, DATASET_REGISTRY
from iexec_lab.project.dataset_entry import fill_encrypted
from iexec_lab.project.encrypt_folder import KEYS, Overwrite, Progress, encrypt_folder
from iexec_lab.protocol import NULL_BYTES32, dataset_arguments
from iexec_lab.regular_files import read_regular

if TYPE_CHECKING:
    from iexec_lab.client.market.listing import Listed


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    """The steps of ``publish_file`` as words."""
    words = {name: ", ".join(STEPS[step] for step in facts[name]) for name in ("done", "skipped")}
    return {**facts, **words}


class Datasets(Asset):
    """``lab.dataset``: encrypt, deploy, show and sell datasets."""

    _FRAMES: ClassVar = {
        "show": Frame(detailed("dataset")),
        "encrypt": Frame("encrypted_file", lambda facts: facts["encryptedFiles"]),
        "publish_file": Frame("published_file", one=_told),
    }

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

    @takes(DatasetDealFilters)
    def deals(  # pyright: ignore[reportIncompatibleMethodOverride] - it takes one filter more
        self, address: str, **filters: Unpack[DatasetDealFilters]
    ) -> pd.DataFrame:
        """The deals of a dataset, newest first: a DataFrame as from ``lab.deal.list``.

        Args:
            address: The dataset (address or ENS name).
            **filters: Those of ``DatasetDealFilters``; with ``bulk`` the deals whose bulk has it, as the
                subgraph knows, or as IPFS has them; ``attrs["remark"]`` tells of bulks that cannot be read.

        Raises:
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("deals", self._fetch_deals(address, **filters))

    def _fetch_deals(self, address: str, **filters: Any) -> Listed:
        from iexec_lab.client.market.deals import bulk_deals

        if not filters.pop("bulk", False):
            return super()._fetch_deals(address, **filters)
        found = bulk_deals(
            self.session, self.session.to_address(address), with_defaults(ChildFilters, filters)
        )
        self._require_if_empty(found, address)
        return found

    def deploy(
        self,
        name: str,
        multiaddr: str,
        checksum: str = NULL_BYTES32,
        *,
        owner: str | None = None,
        exist_ok: bool = True,
        force: bool = False,
    ) -> str:
        """Register a dataset; return its address.

        Args:
            name: Free text; together with the rest it decides the address.
            multiaddr: Where the (encrypted) file is: ``/ipfs/<cid>`` or a URL.
            checksum: SHA-256 of that file as 0x text, from ``encrypt``.
            owner: Who will own it (default: the wallet).
            exist_ok: If exactly this is deployed already, its address is the answer: one line on standard
                error says so, and nothing is sent. False makes it an error.
            force: Do it without asking.

        Raises:
            ValidationError: A value is not valid.
            OrderError: The same dataset is deployed already, and ``exist_ok`` is False.
            AbortedError: It was not confirmed.
        """
        facts = self._fetch_deploy(name, multiaddr, checksum, owner=owner, exist_ok=exist_ok, force=force)
        return self._told(facts)

    def _fetch_deploy(
        self,
        name: str,
        multiaddr: str,
        checksum: str = NULL_BYTES32,
        *,
        owner: str | None = None,
        exist_ok: bool = True,
        force: bool = False,
    ) -> dict[str, Any]:
        return self._deploy(self._creation(name, multiaddr, checksum, owner), exist_ok=exist_ok, force=force)

    def predict(
        self, name: str, multiaddr: str, checksum: str = NULL_BYTES32, *, owner: str | None = None
    ) -> str:
        """The address that ``deploy`` would return for the same values.

        Args:
            name: As for ``deploy``, like the rest.
            multiaddr: Where the file is.
            checksum: SHA-256 of that file as 0x text.
            owner: Who would own it (default: the wallet).

        Raises:
            ValidationError: A value is not valid.
        """
        return self._predict(self._creation(name, multiaddr, checksum, owner))

    def _creation(self, name: str, multiaddr: str, checksum: str, owner: str | None) -> tuple[Any, ...]:
        values = {"owner": self._owner(owner), "name": name, "multiaddr": multiaddr, "checksum": checksum}
        return dataset_arguments(values)

    @takes(DatasetSale)
    def publish(self, address: str, *, force: bool = False, **options: Unpack[DatasetSale]) -> str:
        """Sign an order that lets others use the dataset, and publish it; return its hash.

        Args:
            address: The dataset, which the wallet owns (address or ENS name).
            force: Do it without asking.
            **options: Those of ``DatasetSale``.

        Raises:
            OrderError: No such dataset, it is not the wallet's, or a check failed.
            MarketError, ApiError: The market was not reached, or refused.
            AbortedError: It was not confirmed.
        """
        return self._publish(address, options, force=force)

    @takes(FileSale, tag="tee")
    def publish_file(
        self,
        path: str | os.PathLike[str],
        *,
        force: bool = False,
        progress: Progress | None = None,
        **options: Unpack[FileSale],
    ) -> pd.DataFrame:
        """Sell a file as a dataset: encrypt, upload, deploy, give its key to the SMS, publish an order.

        What is done already is left out, so the same call again changes nothing, and ends what was
        interrupted. The key stays in ``.secrets/datasets`` of the project folder; without it nobody can
        ever read the encrypted file.

        Args:
            path: The file, or a folder, which is zipped.
            force: Do it without asking.
            progress: Called with what is done, bytes done and bytes in total (None when unknown).
            **options: Those of ``FileSale``; the tag is ``tee`` by default.

        Returns:
            DataFrame, one row: ``dataset`` (its address), ``order_hash``, ``price_nrlc``, ``cid``,
                ``checksum``, ``key_file``, and what was ``done`` and ``skipped``.

        Raises:
            CryptoError: The file cannot be read, or nothing can be written beside it.
            OrderError: The dataset belongs to another wallet, or a check failed.
            IpfsError, SmsError, MarketError, ApiError: A service was not reached, or refused.
            ConfigurationError: The network has no IPFS node or no SMS.
            AbortedError: It was not confirmed.
        """
        facts = self._fetch_publish_file(path, force=force, progress=progress, **options)
        return self._draw("publish_file", facts)

    @takes(FileSale, tag="tee")
    def _fetch_publish_file(
        self,
        path: str | os.PathLike[str],
        *,
        force: bool = False,
        progress: Progress | None = None,
        **options: Unpack[FileSale],
    ) -> dict[str, Any]:
        with doors.progress("Publishing the file") as step:
            told = progress or (lambda doing, done, total: step.update(doing, done, total, doors.BYTES))
            return publish_file(self.session, self.session.folder / path, options, force=force, progress=told)

    def check_secret(self, address: str, tee_framework: str | None = None) -> bool:
        """Whether the key of an encrypted dataset is in the secret management service (SMS).

        Args:
            address: The dataset (address or ENS name).
            tee_framework: Secret service of ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            SmsError: The SMS was not reached.
        """
        return self.session.sms(tee_framework).has_dataset_secret(self.session.to_address(address))

    def push_secret(
        self,
        address: str,
        secret_path: str | os.PathLike[str] | None = None,
        *,
        secret_value: str | None = None,
        tee_framework: str | None = None,
    ) -> None:
        """Give an encrypted dataset's key to the secret management service (SMS); it can never be replaced.

        Args:
            address: The dataset, which the wallet owns (address or ENS name).
            secret_path: File with the key (default: ``.secrets/datasets/dataset.key``).
            secret_value: The key itself (base64 of 32 bytes) instead of a file.
            tee_framework: Secret service of ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            CryptoError: The file cannot be read.
            ApiError: There is one already, or the wallet does not own the dataset.
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
                    hint="Make it with iexec-lab dataset encrypt, or give --secret-path.",
                ) from None
        sms = self.session.sms(tee_framework)
        sms.push_dataset_secret(self.session.to_address(address), secret_value, self.session.gate)

    def encrypt(
        self,
        *,
        force: bool = False,
        dataset_keystoredir: str | None = None,
        original_dataset_dir: str | None = None,
        encrypted_dataset_dir: str | None = None,
        overwrite: Overwrite | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Encrypt what is in ``datasets/original``, each file or folder with a key of its own.

        Needs no chain and no wallet. Keys are written as ``<name>.key`` and also as ``dataset.key`` (the last
        one wins); folders are zipped. A dataset in ``iexec.json`` gets the last one's checksum, and its name
        where it had the sample's.

        Args:
            force: Replace files without asking.
            dataset_keystoredir: Where keys go (default: ``.secrets/datasets``).
            original_dataset_dir: What to encrypt (default: ``datasets/original``).
            encrypted_dataset_dir: Where encrypted files go (default: ``datasets/encrypted``).
            overwrite: Asked with the path before a file is replaced; None refuses.
            progress: Called with the name, bytes done and bytes in total (None when unknown).

        Returns:
            DataFrame, one row per file: ``original``, ``encrypted``, ``key_file``, ``checksum``.

        Raises:
            CryptoError: A folder is missing or empty.
            AbortedError: Replacing a file was refused.
        """
        return self._draw(
            "encrypt",
            self._fetch_encrypt(
                force=force,
                dataset_keystoredir=dataset_keystoredir,
                original_dataset_dir=original_dataset_dir,
                encrypted_dataset_dir=encrypted_dataset_dir,
                overwrite=overwrite,
                progress=progress,
            ),
        )

    def _fetch_encrypt(
        self,
        *,
        force: bool = False,
        dataset_keystoredir: str | None = None,
        original_dataset_dir: str | None = None,
        encrypted_dataset_dir: str | None = None,
        overwrite: Overwrite | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        with doors.progress("Encrypting") as step:
            made = encrypt_folder(
                self.session.folder,
                force=force,
                dataset_keystoredir=dataset_keystoredir,
                original_dataset_dir=original_dataset_dir,
                encrypted_dataset_dir=encrypted_dataset_dir,
                overwrite=overwrite,
                progress=progress or (lambda name, done, total: step.update(name, done, total, doors.BYTES)),
            )
        fill_encrypted(self.session.folder, made["encryptedFiles"][-1])
        return made

    def prepare_bulk(self, orders: Any, max_dataset_per_task: int = 100) -> dict[str, Any]:
        """Upload dataset orders for a bulk, one request that uses many datasets.

        Args:
            orders: Dataset orders, free and of unlimited volume: a DataFrame of the order book, its rows,
                hashes of published orders, signed orders or their JSON, or a list of any of them.
            max_dataset_per_task: Datasets per task, 1 to 100.

        Returns:
            ``{"cid", "volume"}``: what ``lab.app.run(bulk=...)`` takes, and the number of tasks.

        Raises:
            ValidationError: No orders, or one that bulks cannot use.
            OrderError: A published order is not (or no longer) its owner's, or used up.
            ConfigurationError: The network has no bulks, or no IPFS node.
            MarketError, ApiError: The market was not reached, or does not know an order.
            IpfsError: The node was not reached, or refused.
        """
        with doors.progress("Preparing the bulk"):
            made = prepare_bulk(self.session, orders, max_dataset_per_task)
        return {"cid": made.cid, "volume": len(made.slices)}

    @staticmethod
    def generate_key() -> str:
        """A new dataset key: base64 of 32 random bytes."""
        return generate_dataset_key()

    @staticmethod
    def checksum(path: str | os.PathLike[str]) -> str:
        """SHA-256 of an encrypted file, as 0x text: the checksum to deploy it with.

        Raises:
            CryptoError: The file cannot be read.
        """
        return file_checksum(path)
