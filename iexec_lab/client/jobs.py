"""Running work of an account, found again from any kernel: the market lists deals, the chain their tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.client.job import read_deals
from iexec_lab.client.watching import JobStatus, look
from iexec_lab.errors import WalletError
from iexec_lab.protocol import NULL_ADDRESS

if TYPE_CHECKING:
    from iexec_lab.client.session import Session


def find_jobs(session: Session, requester: str | None, limit: int) -> list[dict[str, Any]]:
    """Deals with tasks that have not ended, newest first; two round trips for all of them.

    Raises:
        WalletError: Nobody was named and there is no wallet.
    """
    owner = session.to_address(requester or session.address)
    if owner == NULL_ADDRESS:
        raise WalletError("Wallet file not found", hint="Name the requester, or connect with a wallet.")
    known = [deal["dealid"] for deal in session.market.deals_all(limit=limit, requester=owner).deals]
    if not known:
        return []
    deals = read_deals(session, known)
    views = look(session, [ref for deal in deals for ref in deal.refs()])
    rows = []
    for deal in deals:
        status = JobStatus(tuple(view for view in views if view.deal_id == deal.deal_id))
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
    return rows
