"""What a task finds in /iexec_in: dataset, input files, bulk slice; checked, in TEE deals decrypted."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from iexec_lab.crypto import decrypt_dataset
from iexec_lab.errors import ChainError, IexecError
from iexec_lab.ethereum.contracts import DATASET, HUB
from iexec_lab.protocol import (
    DATASET_INFINITE_VOLUME,
    NULL_ADDRESS,
    NULL_BYTES32,
    DatasetOrder,
    to_address,
)
from iexec_lab.protocol.javascript import loads
from iexec_lab.protocol.multiaddr import decode_multiaddr
from iexec_lab.sandbox.work.results import FaultError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iexec_lab.sandbox.chain.client import Chain
    from iexec_lab.sandbox.state.blobs import BlobStore
    from iexec_lab.sandbox.state.secrets import SecretStore
    from iexec_lab.sandbox.work.deal import DealTerms

LARGEST_DOWNLOAD = 8 << 30
"""Bytes of one input file or dataset."""
_CHUNK = 1 << 20


@dataclass(slots=True)
class Inputs:
    """The input folder's share of the environment, and what could not be fetched."""

    env: dict[str, str] = field(default_factory=dict)
    faults: list[FaultError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where an encrypted or plain dataset is and what its bytes must hash to."""

    address: str
    location: str
    checksum: str


class InputFetcher:
    """Fetches inputs; ``largest`` bytes each."""

    def __init__(
        self,
        chain: Chain,
        hub: str,
        blobs: BlobStore,
        secrets: SecretStore,
        *,
        largest: int = LARGEST_DOWNLOAD,
    ) -> None:
        self._chain = chain
        self._hub = hub
        self._blobs = blobs
        self._secrets = secrets
        self._largest = largest

    async def fetch(self, terms: DealTerms, index: int, folder: Path) -> Inputs:
        """Fill ``folder`` for the task at ``index`` of the deal; all faults are gathered, none is raised."""
        inputs = Inputs()
        inputs.env["IEXEC_DATASET_ADDRESS"] = inputs.env["IEXEC_DATASET_FILENAME"] = (
            terms.dataset or NULL_ADDRESS
        )
        try:
            async with asyncio.timeout(terms.time_limit):
                if terms.dataset:
                    await self._guard(inputs, self._dataset(terms, terms.dataset, folder))
                if terms.bulk_cid:
                    await self._bulk(terms, terms.bulk_cid, index, folder, inputs)
                await self._files(terms, folder, inputs)
        except TimeoutError:
            message = f"not all inputs came within {terms.time_limit} s"
            inputs.faults.append(FaultError(_cause(terms, "file"), message))
        return inputs

    async def _guard(self, inputs: Inputs, fetching: Any) -> None:
        try:
            await fetching
        except FaultError as fault:
            inputs.faults.append(fault)

    async def _files(self, terms: DealTerms, folder: Path, inputs: Inputs) -> None:
        urls = terms.input_files
        inputs.env["IEXEC_INPUT_FILES_NUMBER"] = str(len(urls))
        for number, url in enumerate(urls, 1):
            name = "0x" + hashlib.sha256(url.encode()).hexdigest()
            inputs.env[f"IEXEC_INPUT_FILE_NAME_{number}"] = name
            await self._guard(inputs, self._save(url, folder / name, _cause(terms, "file")))

    async def _dataset(self, terms: DealTerms, address: str, folder: Path) -> None:
        name, multiaddr, checksum = await self._chain.calls(
            [
                (address, DATASET.m_datasetName, ()),
                (address, DATASET.m_datasetMultiaddr, ()),
                (address, DATASET.m_datasetChecksum, ()),
            ]
        )
        dataset = Dataset(address, decode_multiaddr(multiaddr), "0x" + checksum.hex())
        key = None
        if terms.tee:
            key = self._secrets.dataset_key(address)
            if key is None:
                message = f"no key of dataset {address} ({name}) was pushed to the SMS"
                raise FaultError("PRE_COMPUTE_DATASET_DECRYPTION_FAILED", message)
        await self._place(terms, dataset, key, folder)

    async def _place(self, terms: DealTerms, dataset: Dataset, key: str | None, folder: Path) -> None:
        """Fetch, compare with the checksum on chain, decrypt when there is a key."""
        target = folder / dataset.address
        fetched = target.with_suffix(".enc") if key else target
        digest = await self._save(dataset.location, fetched, _cause(terms, "dataset"))
        if dataset.checksum not in {NULL_BYTES32, digest}:
            fetched.unlink()
            message = f"{dataset.location} has sha256 {digest}, on chain it is {dataset.checksum}"
            raise FaultError(_cause(terms, "checksum"), message)
        if key is None:
            return
        try:
            await asyncio.to_thread(decrypt_dataset, fetched, target, key)
        except (IexecError, OSError) as error:
            message = f"dataset {dataset.address}: {error}"
            raise FaultError("PRE_COMPUTE_DATASET_DECRYPTION_FAILED", message) from None
        finally:
            fetched.unlink(missing_ok=True)

    async def _bulk(self, terms: DealTerms, cid: str, index: int, folder: Path, inputs: Inputs) -> None:
        """One slice of a bulk: the datasets of the orders that the slice lists, in their order."""
        orders = await asyncio.to_thread(self._slice, cid, index)
        inputs.env["IEXEC_BULK_SLICE_SIZE"] = str(len(orders))
        for number, order in enumerate(orders, 1):
            inputs.env[f"IEXEC_DATASET_{number}_FILENAME"] = order.dataset
            await self._guard(inputs, self._bulk_dataset(terms, order, folder))

    def _slice(self, cid: str, index: int) -> list[DatasetOrder]:
        """An unreadable bulk has no datasets, as in iExec's SMS."""
        try:
            slices = loads(b"".join(self._blobs.read(cid)))
            orders = loads(b"".join(self._blobs.read(slices[index])))
            return [DatasetOrder.from_json(order, stage="signed", frameworks=None) for order in orders]
        except (IexecError, ValueError, LookupError, TypeError):
            return []

    async def _bulk_dataset(self, terms: DealTerms, order: DatasetOrder, folder: Path) -> None:
        call = HUB.assertDatasetDealCompatibility, (order.to_tuple(), bytes.fromhex(terms.id[2:]))
        try:
            if order.volume < DATASET_INFINITE_VOLUME - 1:
                raise FaultError(_cause(terms, "dataset"), f"the order of {order.dataset} is not for bulks")
            await self._chain.call(self._hub, call[0], *call[1])
        except ChainError as error:
            message = f"the order of dataset {order.dataset} does not fit the deal: {error}"
            raise FaultError(_cause(terms, "dataset"), message) from None
        await self._dataset(terms, to_address(order.dataset), folder)

    async def _save(self, location: str, target: Path, cause: str) -> str:
        """Write what is at ``location`` to a file; its sha256 as 0x text."""
        digest, size = hashlib.sha256(), 0
        try:
            with target.open("wb") as file:
                async for chunk in self._read(location):
                    size += len(chunk)
                    if size > self._largest:
                        raise FaultError(cause, f"{location} has more than {self._largest} bytes")
                    digest.update(chunk)
                    file.write(chunk)
        except (aiohttp.ClientError, IexecError, OSError, ValueError) as error:
            await asyncio.to_thread(target.unlink, missing_ok=True)
            reason = str(error) or type(error).__name__
            raise FaultError(cause, f"{location} could not be fetched: {reason}") from None
        return "0x" + digest.hexdigest()

    async def _read(self, location: str) -> AsyncIterator[bytes]:
        if location.startswith(("http://", "https://")):
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(location) as response:
                response.raise_for_status()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    yield chunk
            return
        _, kind, *path = location.split("/") if location.startswith("/") else ("", "")
        if kind not in {"ipfs", "p2p"} or not path:
            raise ValueError("neither an http(s) address nor /ipfs/<cid>")
        async for chunk in self._blobs.chunks(path[0], "/".join(path[1:])):
            yield chunk


def _cause(terms: DealTerms, what: str) -> str:
    """In TEE deals the enclave's pre-compute fetches, otherwise the worker does."""
    return _CAUSES[what][terms.tee]


_CAUSES = {
    "dataset": ("DATASET_FILE_DOWNLOAD_FAILED", "PRE_COMPUTE_DATASET_DOWNLOAD_FAILED"),
    "checksum": ("DATASET_FILE_BAD_CHECKSUM", "PRE_COMPUTE_INVALID_DATASET_CHECKSUM"),
    "file": ("INPUT_FILES_DOWNLOAD_FAILED", "PRE_COMPUTE_INPUT_FILE_DOWNLOAD_FAILED"),
}
