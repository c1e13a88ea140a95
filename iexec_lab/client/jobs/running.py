"""Running work of an account, found again from any kernel: the market lists deals, the chain their tasks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from iexec_lab.client.jobs.polling import look, read_deals
from iexec_lab.client.jobs.status import MAX_TASKS, JobStatus
from iexec_lab.errors import WalletError
from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.services.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.client.jobs.status import JobDeal
    from iexec_lab.client.session import Session


def find_jobs(session: Session, requester: str | None, limit: int) -> Rows:
    """Deals with tasks that have not ended, newest first; two round trips for all of them.

    The market only says where to look: deals that the chain does not know, or knows as somebody else's, are
    left out, and so are those whose tasks are too many to be looked at.

    Raises:
        WalletError: No requester was given and there is no wallet.
    """
    owner = session.to_address(requester or session.address)
    if owner == NULL_ADDRESS:
        raise WalletError("Wallet file not found", hint="Name the requester, or connect with a wallet.")
    page = session.market.deals_all(limit=limit, requester=owner)
    told = [deal["dealid"].lower() for deal in page.deals]
    deals = _within_reach(read_deals(session, told, only=lambda deal: deal.requester == owner))
    refs = [ref for deal in deals for ref in deal.refs()]
    views = defaultdict(list)
    for view in look(session, refs) if refs else ():
        views[view.deal_id].append(view)
    rows = []
    for deal in deals:
        status = JobStatus(tuple(views[deal.deal_id]))
        if status.ended:
            continue
        rows.append(
            {
                "dealid": deal.deal_id,
                **deal.deal.to_json(),
                "finalTime": str(deal.final_time),
                "done": status.done,
                "failed": len(status.failed),
                "running": status.total - status.done,
            }
        )
    return Rows.of(rows, page.left_out + len(told) - len(deals))


def _within_reach(deals: Sequence[JobDeal]) -> list[JobDeal]:
    """The newest deals that have at most ``MAX_TASKS`` tasks together."""
    found, tasks = [], 0
    for deal in deals:
        if tasks + deal.deal.bot_size <= MAX_TASKS:
            found.append(deal)
            tasks += deal.deal.bot_size
    return found
