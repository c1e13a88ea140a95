"""Progress of tasks that are waited for, and their card where a terminal shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab import doors

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.client.jobs.shown import Shown
    from iexec_lab.client.jobs.status import JobStatus, TaskView
    from iexec_lab.commands.context import Step


def telling(step: Step) -> Callable[[JobStatus], None]:
    """Show the progress of a job in a step."""

    def tell(status: JobStatus) -> None:
        counts = ", ".join(f"{count} {name.lower()}" for name, count in status.counts.items())
        step.update(counts, status.done, status.total)

    return tell


def telling_task(step: Step) -> Callable[[TaskView], None]:
    """Show the progress of one task in a step."""
    return lambda view: step.update(view.status.lower())


def has_card(shown: Shown) -> bool:
    """Whether the card of this work stands where the command was typed: it says what a line would say."""
    page = doors.live()
    return page is not None and page.stands_here(shown)


def rows_of(shown: Shown) -> dict[str, Any]:
    """The card as names and values of an answer; without the deal, which the line above names."""
    card = shown.card()
    return {"progress": card.progress(), **dict(card.facts())} if card.deals else {}
