"""Work of an account, found again from any kernel: the market lists deals, the chain their tasks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from iexec_lab.client.jobs.detached import typed
from iexec_lab.client.jobs.polling import look, read_deals
from iexec_lab.client.jobs.status import MAX_TASKS, JobStatus
from iexec_lab.errors import WalletError
from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.protocol.states import TIMEOUT
from iexec_lab.services.rows import Rows
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.client.jobs.status import JobDeal, TaskView
    from iexec_lab.client.session import Session

RUNNING: Final = "running"
LATE: Final = "late"
ENDED: Final = "ended"
"""States of a job: tasks go on; none does, but the RLC of some is still locked; nothing is left to do."""


class JobRows(Rows):
    """Jobs, and the nRLC that can be claimed back from the late tasks of all that were looked at."""

    claimable: int = 0
    late_deals: int = 0

    @property
    def remark(self) -> str:
        """The line that claims it; nothing when there is nothing."""
        if not self.claimable:
            return ""
        deals = "1 deal" if self.late_deals == 1 else f"{self.late_deals} deals"
        claim = typed("deal claim --all")
        return f"{in_rlc(self.claimable)} in late tasks of {deals} is claimable: {claim}"


class Looked(NamedTuple):
    """A deal and its tasks as they are now."""

    held: JobDeal
    status: JobStatus

    @property
    def late(self) -> list[TaskView]:
        """Tasks that nobody finished in time and nobody claimed."""
        return [view for view in self.status.tasks if view.status == TIMEOUT]

    @property
    def claimable(self) -> int:
        """What they cost, nRLC."""
        return len(self.late) * self.held.deal.task_price

    @property
    def state(self) -> str:
        """``RUNNING``, ``LATE`` or ``ENDED``."""
        if not self.status.ended:
            return RUNNING
        return LATE if self.claimable else ENDED


def find_deals(session: Session, requester: str | None, limit: int | None) -> tuple[list[Looked], int]:
    """The deals of an account, newest first, and how many were left out; two round trips for all of them.

    The market only says where to look: deals that the chain does not know, or knows as somebody else's, are
    left out, and so are those whose tasks are too many to be looked at.

    Raises:
        WalletError: No requester was given and there is no wallet.
    """
    owner = session.to_address(requester or session.address)
    if owner == NULL_ADDRESS:
        raise WalletError("Wallet file not found", hint="Name the requester, or connect with a wallet.")
    page = session.market.deals_all(limit=limit, requester=owner)
    told = list(dict.fromkeys(deal["dealid"].lower() for deal in page.deals))
    deals = _within_reach(read_deals(session, told, only=lambda deal: deal.requester == owner))
    refs = [ref for deal in deals for ref in deal.refs()]
    views = defaultdict(list)
    for view in look(session, refs) if refs else ():
        views[view.deal_id].append(view)
    found = [Looked(deal, JobStatus(tuple(views[deal.deal_id]))) for deal in deals]
    return found, page.left_out + len(page.deals) - len(deals)


def find_jobs(session: Session, requester: str | None, limit: int, *, ended: bool = False) -> JobRows:
    """Deals with tasks that have not ended, or all deals: running ones first, then late ones.

    Raises:
        WalletError: As for ``find_deals``.
    """
    found, left_out = find_deals(session, requester, limit)
    places = (RUNNING, LATE, ENDED)
    rows = JobRows(
        {
            "dealid": held.deal_id,
            **held.deal.to_json(),
            "finalTime": str(held.final_time),
            "state": looked.state,
            "done": status.completed,
            "failed": len(status.failed),
            "running": status.total - status.done,
            "claimable": str(looked.claimable),
        }
        for looked in sorted(found, key=lambda each: places.index(each.state))
        if ended or looked.state == RUNNING
        for held, status in [looked]
    )
    rows.left_out = left_out
    rows.claimable = sum(looked.claimable for looked in found)
    rows.late_deals = sum(looked.claimable > 0 for looked in found)
    return rows


def _within_reach(deals: Sequence[JobDeal]) -> list[JobDeal]:
    """The newest deals that have at most ``MAX_TASKS`` tasks together."""
    found, tasks = [], 0
    for deal in deals:
        if tasks + deal.deal.bot_size <= MAX_TASKS:
            found.append(deal)
            tasks += deal.deal.bot_size
    return found
