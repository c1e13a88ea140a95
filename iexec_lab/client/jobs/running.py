"""Work that was paid for, found again from any kernel: where to look, and what the chain says of it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from iexec_lab.client.jobs.detached import typed
from iexec_lab.client.jobs.mine import CONNECTED, Mine, find_mine
from iexec_lab.client.jobs.polling import look, read_deals
from iexec_lab.client.jobs.status import MAX_TASKS, JobStatus
from iexec_lab.errors import WalletError, as_typed, has_magic
from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.protocol.states import TIMEOUT
from iexec_lab.services.rows import Rows
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iexec_lab.client.jobs.status import JobDeal, TaskView
    from iexec_lab.client.session import Session
    from iexec_lab.protocol import Deal

SENT: Final = "sent"
RUNNING: Final = "running"
LATE: Final = "late"
ENDED: Final = "ended"
"""States of a job: its transaction is on its way; tasks go on; none does, but the RLC of some is locked;
nothing is left to do."""


class JobRows(Rows):
    """Jobs, and the nRLC that can be claimed back from the late tasks of all that were looked at.

    Attributes:
        claimable: That of the connected wallet, or of the requester who was asked for.
        late_deals: How many deals that is.
        others: nRLC claimable for other wallets.
        other_deals: How many deals that is.
        unseen: What could not be looked at.
    """

    claimable: int = 0
    late_deals: int = 0
    others: int = 0
    other_deals: int = 0
    unseen: str = ""

    @property
    def remark(self) -> str:
        """What to do with them: the line that claims what is late, and how to come back to a job."""
        said = [_claim(self.claimable, self.late_deals, typed("deal claim --all"))]
        said += [_claim(self.others, self.other_deals, typed("deal claim DEAL"), " for other wallets")]
        said += [self.unseen, as_typed(_BACK[has_magic()]) if self else ""]
        return "; ".join(filter(None, said))


_BACK = {
    True: "lab.job(deal_id) is the job again (lab = %iexec connect)",
    False: "lab.job(deal_id) is the job again, iexec-lab deal show DEAL --watch waits for it",
}


def _claim(nrlc: int, deals: int, line: str, whose: str = "") -> str:
    if not nrlc:
        return ""
    return (
        f"{in_rlc(nrlc)} in late tasks of {'1 deal' if deals == 1 else f'{deals} deals'} "
        f"is claimable{whose}: {line}"
    )


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
    found = _looked(session, told, lambda deal: deal.requester == owner)
    return found, page.left_out + len(page.deals) - len(found)


def _looked(session: Session, told: Sequence[str], only: Callable[[Deal], bool]) -> list[Looked]:
    """Deals that the market told of, and their tasks, as the chain knows them."""
    deals = _within_reach(read_deals(session, told, only=only))
    refs = [ref for deal in deals for ref in deal.refs()]
    views = defaultdict(list)
    for view in look(session, refs) if refs else ():
        views[view.deal_id].append(view)
    return [Looked(deal, JobStatus(tuple(views[deal.deal_id]))) for deal in deals]


def find_jobs(
    session: Session, requester: str | None, limit: int | None, *, running: bool = False
) -> JobRows:
    """Deals of an account, or of all wallets that were used here: running ones first, then late ones.

    Args:
        session: Where to look.
        requester: Whose; None for those of all wallets that are known here.
        limit: How many of the newest deals of a wallet to look at; None for all.
        running: Only those whose tasks go on.

    Raises:
        WalletError: As for ``find_deals``.
    """
    mine = Mine({}, (), (), (), 0, "")
    if requester is None:
        mine = find_mine(session, limit)
        noted = [Looked(held, JobStatus(tuple(views))) for held, views in mine.noted]
        known = {looked.held.deal_id for looked in noted}
        told = [name for name in mine.told if name not in known]
        others = _looked(session, told, lambda deal: deal.requester in mine.wallets) if told else []
        found, left_out = [*noted, *others], mine.left_out + len(told) - len(others)
    else:
        found, left_out = find_deals(session, requester, limit)
    found.sort(key=lambda looked: -looked.held.deal.start_time)
    found = found[:limit]
    places = (RUNNING, LATE, ENDED)
    rows = JobRows(
        {**row, "state": SENT, "done": 0, "failed": 0, "walletIs": mine.wallets[row["requester"]]}
        for row in mine.pending
    )
    rows += [
        {
            "dealid": held.deal_id,
            **held.deal.to_json(),
            "finalTime": str(held.final_time),
            "state": looked.state,
            "done": status.completed,
            "failed": len(status.failed),
            "running": status.total - status.done,
            "claimable": str(looked.claimable),
            **({"walletIs": mine.wallets[held.deal.requester]} if mine.wallets else {}),
        }
        for looked in sorted(found, key=lambda each: places.index(each.state))
        if not running or looked.state == RUNNING
        for held, status in [looked]
    ]
    rows.left_out, rows.unseen = left_out, mine.remark
    for looked in found:
        if looked.claimable and mine.wallets.get(looked.held.deal.requester, CONNECTED) == CONNECTED:
            rows.claimable += looked.claimable
            rows.late_deals += 1
        elif looked.claimable:
            rows.others += looked.claimable
            rows.other_deals += 1
    return rows


def _within_reach(deals: Sequence[JobDeal]) -> list[JobDeal]:
    """The newest deals that have at most ``MAX_TASKS`` tasks together."""
    found, tasks = [], 0
    for deal in deals:
        if tasks + deal.deal.bot_size <= MAX_TASKS:
            found.append(deal)
            tasks += deal.deal.bot_size
    return found
