"""Names of what a job uses, for people: they come along with a look at its tasks, or are not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import CallError
from iexec_lab.ethereum.ahead import are_here, expect
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import APP, DATASET, WORKERPOOL
from iexec_lab.plain_text import plain
from iexec_lab.protocol import NULL_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iexec_lab.client.jobs.status import JobDeal
    from iexec_lab.client.session import Session

    Uses = Iterable[tuple[str, str]]
    """Kind and address of what a job uses: ``("app", "0x...")``."""

MOST: Final = 12
"""Names that are asked for together: a job may have any number of deals."""
LONGEST: Final = 80
"""Characters of a name that are kept."""
_NAMES: Final = {
    "app": APP.m_appName,
    "dataset": DATASET.m_datasetName,
    "workerpool": WORKERPOOL.m_workerpoolDescription,
}


def used_by(deals: Iterable[JobDeal]) -> list[tuple[str, str]]:
    """What these deals use."""
    return [(kind, getattr(held.deal, kind).pointer) for held in deals for kind in _NAMES]


def used_in(match: Any) -> list[tuple[str, str]]:
    """What a match of orders uses: it has each order by its kind, which names its asset by its kind."""
    return [(kind, getattr(getattr(match, kind), kind)) for kind in _NAMES]


def foresee_names(session: Session, uses: Uses) -> None:
    """Let the names of what is used come along with the next reads."""
    expect(session.rpc, [call.request() for _, call in _missing(session, uses)])


def learn_names(session: Session, uses: Uses) -> None:
    """Keep the names that came along; nobody is asked."""
    missing = _missing(session, uses)
    if missing and are_here(session.rpc, [call.request() for _, call in missing]):
        found = attempt(session.rpc, [call for _, call in missing])
        for (address, _), name in zip(missing, found, strict=True):
            session.names_seen[address] = "" if isinstance(name, CallError) else plain(name, LONGEST)


def _missing(session: Session, uses: Uses) -> list[tuple[str, Call]]:
    wanted = {
        address: Call(address, _NAMES[kind])
        for kind, address in uses
        if address != NULL_ADDRESS and address not in session.names_seen
    }
    return [*wanted.items()][:MOST]
