"""Bulks as they are on IPFS: every document is compared with its CID. Which datasets did a task have?"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.results.cid_check import matches
from iexec_lab.errors import IexecError, IpfsError, ValidationError
from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.protocol.bulk import Bulk, bulk_cid, read_root, read_slice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iexec_lab.client.jobs.status import JobDeal, TaskView
    from iexec_lab.client.session import Session

_LARGEST: Final = 4 << 20
"""Bytes of a document: a slice of 100 orders has about 80,000."""
MOST_SLICES: Final = 1000
"""Slices of a bulk that are read at most."""


def read_bulk(session: Session, cid: str) -> Bulk:
    """A whole bulk.

    Raises:
        ValidationError: That is not a CID, or not a bulk.
        IpfsError: The gateway was not reached, or served other content.
        ApiError: It does not have it.
    """
    slices = read_root(_read(session, cid))
    if not slices or len(slices) > MOST_SLICES:
        raise ValidationError(
            f"A bulk of {len(slices)} tasks cannot be used",
            details={"cid": cid},
            hint=f"It has at least 1 task and at most {MOST_SLICES}.",
        )
    return Bulk(cid, tuple(session.each(lambda each: read_slice(_read(session, each)), slices)))


def task_rows(session: Session, deals: Iterable[JobDeal], views: Iterable[TaskView]) -> list[dict[str, Any]]:
    """Tasks as rows of a frame, with the datasets that each had.

    ``datasets`` is the deal's dataset, or those of the task's slice of the bulk, which is read once for a
    session; None for a task without any, and where the bulk cannot be read.
    """
    held, seen = {each.deal_id: each.deal for each in deals}, list(views)
    bulks: dict[str, dict[int, list[str]]] = {}
    for deal_id, deal in held.items():
        cid = bulk_cid(deal.params) if deal.dataset.pointer == NULL_ADDRESS else None
        if cid is not None:
            bulks[deal_id] = _datasets(session, cid, [view.index for view in seen if view.deal_id == deal_id])

    def datasets(view: TaskView) -> list[str] | None:
        single = held[view.deal_id].dataset.pointer
        return [single] if single != NULL_ADDRESS else bulks.get(view.deal_id, {}).get(view.index)

    return [{**view.to_json(), "datasets": datasets(view)} for view in seen]


def _datasets(session: Session, cid: str, indices: Iterable[int]) -> dict[int, list[str]]:
    """The datasets of these tasks; those that cannot be read are left out, and asked for again next time."""
    known = session.bulks_seen.setdefault(cid, {})
    missing = [index for index in indices if index not in known][:MOST_SLICES]
    if not missing:
        return known
    try:
        slices = read_root(_read(session, cid))
    except IexecError:
        return known

    def of(index: int) -> list[str] | None:
        try:
            return [order.dataset for order in read_slice(_read(session, slices[index]))]
        except (ValidationError, IndexError):
            return []  # workers take none from such a slice
        except IexecError:
            return None

    for index, found in zip(missing, session.each(of, missing), strict=True):
        if found is not None:
            known[index] = found
    return known


def _read(session: Session, cid: str) -> bytes:
    file = BytesIO()
    session.ipfs.download(f"/ipfs/{cid}", file, max_bytes=_LARGEST)
    if not matches(file, f"/ipfs/{cid}"):
        raise IpfsError(
            f"The gateway served other content than /ipfs/{cid}, a part of a bulk",
            details={"gateway": session.network.ipfs_gateway},
            hint="Try another ipfsGateway.",
        )
    return file.getvalue()
