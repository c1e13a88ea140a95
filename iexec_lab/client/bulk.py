"""Bulks: many datasets in one request, their orders kept on IPFS.

The orders are cut into slices, one for each task; each slice is uploaded as the JSON array of its orders,
then the array of the slices' CIDs. Facts: official SDK 8.22 and later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError, ValidationError
from iexec_lab.networks import BULK
from iexec_lab.protocol import DATASET_INFINITE_VOLUME, DatasetOrder
from iexec_lab.protocol.javascript import dumps
from iexec_lab.services.ipfs import Ipfs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.client.session import Session

MOST_PER_TASK = 100
LEAST_VOLUME = DATASET_INFINITE_VOLUME - 1
THE_GRAPH = "https://ipfs.thegraph.com"
"""Bulks of known networks are copied there, as the official SDK does; nobody waits for it."""


def prepare_bulk(session: Session, orders: Sequence[Any], max_dataset_per_task: int = 100) -> dict[str, Any]:
    """Upload the orders; ``{cid, volume}``: what goes into ``params.bulk_cid``, and the number of tasks.

    Raises:
        ValidationError: No orders, or one that bulks can not use.
        ConfigurationError: The network has no bulks, or no IPFS node.
    """
    session.network.require(BULK)
    if max_dataset_per_task < 1:
        raise ValidationError("maxDatasetPerTask must be greater than or equal to 1")
    if max_dataset_per_task > MOST_PER_TASK:
        raise ValidationError(f"maxDatasetPerTask must be less than or equal to {MOST_PER_TASK}")
    checked = [check_bulk_order(order) for order in orders]
    if not checked:
        raise ValidationError("datasetorders field must have at least 1 items")
    slices = [
        checked[start : start + max_dataset_per_task]
        for start in range(0, len(checked), max_dataset_per_task)
    ]
    cids = session.each(lambda part: _upload(session, dumps([order.to_json() for order in part])), slices)
    return {"cid": _upload(session, dumps(cids)), "volume": len(slices)}


def check_bulk_order(order: Any) -> DatasetOrder:
    """A signed dataset order that bulks can use: free, and of boundless volume.

    Raises:
        ValidationError: It is another one.
    """
    read = (
        order
        if isinstance(order, DatasetOrder)
        else DatasetOrder.from_json(order, stage="signed", frameworks=None)
    )
    if read.signature is None:
        raise ValidationError("sign is a required field")
    if read.datasetprice != 0:
        raise ValidationError(
            f"datasetprice ({read.datasetprice}) is not valid for bulk datasetorder expected 0"
        )
    if read.volume < LEAST_VOLUME:
        raise ValidationError(
            f"volume ({read.volume}) is not valid for bulk datasetorder "
            f"expected DATASET_INFINITE_VOLUME ({DATASET_INFINITE_VOLUME})"
        )
    return read


def _upload(session: Session, text: str) -> str:
    data = text.encode()
    cid = session.ipfs.add(data)
    if session.network.tdx_only:
        try:
            Ipfs(THE_GRAPH, THE_GRAPH, timeout=5).add(data, check=False)
        except IexecError:
            return cid  # a copy for a third party: its absence changes nothing for the bulk
    return cid
