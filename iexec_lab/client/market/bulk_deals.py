"""Deals that had a dataset among others, in a bulk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.jobs.bulks import read_bulk
from iexec_lab.client.market.listing import Listed, Past, completed, gather, to_limit
from iexec_lab.client.market.wanted import Test, Wanted
from iexec_lab.errors import IexecError
from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.protocol.bulk import bulk_cid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iexec_lab.client.session import Session

_SLICE: Final = re.compile(r"(0x[0-9a-f]{64})-[0-9]{1,18}").fullmatch
_SLICES: Final = """query slices($where: BulkSlice_filter!) {
  rows: bulkSliceice(first: 1000, orderBy: id, where: $where) { id }
}"""


def bulk_deals(session: Session, dataset: str, values: Mapping[str, Any]) -> Listed:
    """Deals whose bulk has a dataset, newest first; ``values`` are those of ``ChildFilters``.

    A subgraph knows the bulks that it could read; otherwise each is read from IPFS, and those that cannot be
    read are told.
    """
    past = Past(session, values.get("source"))
    span, most = past.span(values.get("since"), values.get("until")), to_limit(values.get("limit"))
    unread: set[str] = set()
    if isinstance(past.source, SubgraphSource):
        wanted = Wanted({"deal_id": _from_subgraph(past.source, dataset.lower()) or "no deal"}, [])
    else:
        holds = _has(session, dataset, unread)
        wanted = Wanted({"bulk": True}, [Test(("params", "first_index", "tasks"), holds)])
    listed = completed(past.now, "deal", gather(past, "deals", span, wanted, limit=most))
    if unread:
        listed.remark = f"{len(unread)} bulks could not be read from IPFS"
    return listed


def _from_subgraph(source: SubgraphSource, dataset: str) -> list[str]:
    """Ids of the deals, from those of the slices: ``<deal>-<index of the task>``."""
    slices = (_SLICE(row["id"]) for row in source.subgraph.rows(_SLICES, {"datasets_": {"id": dataset}}))
    return list(dict.fromkeys(each[1] for each in slices if each))


def _has(session: Session, dataset: str, unread: set[str]) -> Callable[[str, int, int], bool]:
    """Tells of a deal whether the slices of its tasks have the dataset."""
    known: dict[str, list[set[str]]] = {}

    def has(params: str, first: int, tasks: int) -> bool:
        cid = bulk_cid(params) or ""
        if cid not in known:
            known[cid] = []
            try:
                known[cid] = [{order.dataset for order in each} for each in read_bulk(session, cid).slices]
            except IexecError:
                unread.add(cid)
        return any(dataset in each for each in known[cid][first : first + tasks])

    return has
