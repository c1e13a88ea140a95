"""Bulks: many datasets in one request, their orders kept on IPFS.

The orders are cut into slices, one for each task; each slice is uploaded as the JSON array of its orders,
then the array of the slices' CIDs. Facts: official SDK 8.22 and later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError
from iexec_lab.networks import BULK
from iexec_lab.protocol.bulk import MAX_DATASETS_PER_TASK, bulk_root, bulk_slices
from iexec_lab.services.ipfs import Ipfs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iexec_lab.client.session import Session

THE_GRAPH = "https://ipfs.thegraph.com"
"""Bulks of known networks are copied there, as the official SDK does; nobody waits for it."""


def prepare_bulk(
    session: Session, orders: Iterable[Any], max_dataset_per_task: int = MAX_DATASETS_PER_TASK
) -> dict[str, Any]:
    """Upload the orders; return ``{cid, volume}``: the value of ``params.bulk_cid``, and the number of tasks.

    Raises:
        ValidationError: No orders, or one that bulks cannot use.
        ConfigurationError: The network has no bulks, or no IPFS node.
    """
    session.network.require(BULK)
    slices = bulk_slices(orders, max_dataset_per_task, frameworks=session.network.frameworks)
    cids = session.each(lambda document: _upload(session, document), slices)
    return {"cid": _upload(session, bulk_root(cids)), "volume": len(slices)}


def _upload(session: Session, text: str) -> str:
    data = text.encode()
    cid = session.ipfs.add(data)
    if session.network.tdx_only:
        try:
            Ipfs(THE_GRAPH, THE_GRAPH, timeout=5).add(data, check=False)
        except IexecError:
            return cid  # a copy for a third party: its absence changes nothing for the bulk
    return cid
