"""Who takes part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.populate.size import Size

SHARES = {"apporder": 20, "datasetorder": 22, "workerpoolorder": 38, "requestorder": 20}
"""Percent of the open orders that are of each kind."""
ORDERS_EACH = 30
"""Open orders of a kind that a wallet has about; the market lets it have 50."""
WORKERS_EACH = 8
"""Workers that a workerpool can call."""


@dataclass(frozen=True, slots=True)
class People:
    """Accounts by role; everybody's money comes from ``funder``, ``beneficiaries`` never act."""

    funder: Account
    app_owners: tuple[Account, ...]
    dataset_owners: tuple[Account, ...]
    schedulers: tuple[Account, ...]
    workers: tuple[Account, ...]
    requesters: tuple[Account, ...]
    sponsors: tuple[Account, ...]
    beneficiaries: tuple[Account, ...]

    @property
    def active(self) -> Iterator[Account]:
        """All who send transactions, but the funder."""
        yield from self.app_owners
        yield from self.dataset_owners
        yield from self.schedulers
        yield from self.workers
        yield from self.requesters
        yield from self.sponsors

    def by_role(self) -> dict[str, tuple[str, ...]]:
        """Addresses."""
        roles = (
            *("app_owners", "dataset_owners", "schedulers", "workers", "requesters"),
            *("sponsors", "beneficiaries"),
        )
        return {role: tuple(one.address for one in getattr(self, role)) for role in roles}


def people(size: Size) -> People:
    """As many as the orders and deals need."""
    sellers = {kind: -(-count // ORDERS_EACH) for kind, count in wanted(size).items()}
    schedulers = max(3, sellers["workerpoolorder"], size.deals // 60)
    counts = {
        "app_owners": max(3, sellers["apporder"]),
        "dataset_owners": max(3, sellers["datasetorder"]),
        "schedulers": schedulers,
        "workers": max(WORKERS_EACH + 2, 2 * schedulers),
        "requesters": max(5, sellers["requestorder"], size.deals // 25),
        "sponsors": 2,
        "beneficiaries": 4,
    }
    made = {
        role: tuple(size.account(role, number) for number in range(count)) for role, count in counts.items()
    }
    return People(funder=size.account("funder"), **made)


def wanted(size: Size) -> dict[str, int]:
    """Open orders at the end, by kind."""
    counts = {kind: size.orders * share // 100 for kind, share in SHARES.items()}
    counts["workerpoolorder"] += size.orders - sum(counts.values())
    return counts
