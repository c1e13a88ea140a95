"""What became of deals and tasks: one rule for lists, figures and pictures. The chain's time decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_UNDERWAY: Final = frozenset({"UNSET", "ACTIVE", "REVEALING", "TIMEOUT"})
STATUS_OF_DEAL: Final = ("tasks", "completed", "claimed", "final_deadline")
"""The columns that ``deal_status`` looks at."""


def deal_status(now: int) -> Callable[..., str | None]:
    """The status of a deal at a time of the chain: running, completed, claimable, failed, None if unknown."""

    def of(tasks: int, completed: int | None, claimed: int | None, final: int | None) -> str | None:
        if completed is None or claimed is None:
            return None
        if completed >= tasks:
            return "completed"
        if completed + claimed >= tasks:
            return "failed"
        return None if final is None else "claimable" if now >= final else "running"

    return of


def task_status(now: int) -> Callable[[str, int], str]:
    """The status of a task at a time of the chain's clock: TIMEOUT for one that nobody finished in time."""
    return lambda status, final: "TIMEOUT" if status in _UNDERWAY and now >= final else status
