"""What is known of a job, or of one task, at one moment: records only, nothing is read here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from iexec_lab.plain_text import plain
from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.protocol.bulk import bulk_cid
from iexec_lab.protocol.states import ACTIVE, COMPLETED, FAILED, REVEALING, TIMEOUT, UNSET
from iexec_lab.spelling import short_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from iexec_lab.client.jobs.status import JobDeal, JobStatus, TaskView
    from iexec_lab.client.jobs.why import Trouble
    from iexec_lab.markup import Tone

MOST_NAMED: Final = 12
"""Tasks, or deals, that are named."""


class Part(NamedTuple):
    """The tasks in one state: how many, how it is drawn, what it is called."""

    tasks: int
    tone: Tone
    name: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a job, or of one task, at one moment; amounts in nRLC, times in seconds.

    Attributes:
        network: Its name.
        deal_ids: One deal or several.
        deals: The same as the hub knows them; empty before they were read.
        status: The tasks when they were looked at last; None before.
        names: Names of apps, datasets and workerpools that are known, by address.
        troubles: Why tasks have no result, as far as somebody was asked.
        now: The chain's clock.
        elapsed: Since the first deal, until the end; None where nobody saw the end.
        looked_at: When the tasks were looked at, UTC.
        remark: What hinders a look, such as a node that is away.
        is_task: It is about one task of the deal.
        tx_hashes: The transactions that made the deals, as far as known.
    """

    network: str
    deal_ids: tuple[str, ...]
    deals: tuple[JobDeal, ...] = ()
    status: JobStatus | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    now: float = 0
    elapsed: float | None = None
    looked_at: datetime | None = None
    remark: str = ""
    is_task: bool = False
    tx_hashes: tuple[str | None, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status is not None and self.status.ended

    @property
    def app(self) -> str | None:
        """Address of the app."""
        return self.deals[0].deal.app.pointer if self.deals else None

    @property
    def app_name(self) -> str | None:
        """Its name, if it is known."""
        return self.names.get(self.app or "") or None

    @property
    def dataset(self) -> str | None:
        """Address of the dataset, or the bulk of datasets; None where there is none."""
        if not self.deals:
            return None
        deal = self.deals[0].deal
        if deal.dataset.pointer != NULL_ADDRESS:
            return deal.dataset.pointer
        cid = bulk_cid(deal.params)
        return None if cid is None else f"bulk {plain(cid, 100)}"

    @property
    def workerpools(self) -> tuple[str, ...]:
        """Addresses of the workerpools."""
        return tuple(dict.fromkeys(held.deal.workerpool.pointer for held in self.deals))

    @property
    def task_prices_nrlc(self) -> tuple[int, ...]:
        """What a task costs, each price once, the lowest first."""
        return tuple(sorted({held.deal.task_price for held in self.deals}))

    @property
    def total_nrlc(self) -> int:
        """What all tasks cost when they succeed."""
        return sum(held.deal.task_price * self.size_of(held) for held in self.deals)

    @property
    def paid_nrlc(self) -> int:
        """What the tasks cost that ended with a result."""
        return self._sum(view for view in self.views if view.completed)

    @property
    def locked_nrlc(self) -> int:
        """The price of tasks that have not ended."""
        return self._sum(view for view in self.views if not view.ended)

    @property
    def claimable_nrlc(self) -> int:
        """The price of late tasks, which a claim gets back."""
        return self._sum(view for view in self.views if view.status == TIMEOUT)

    @property
    def returned_nrlc(self) -> int:
        """The price of failed tasks, which was claimed back."""
        return self._sum(view for view in self.views if view.task.status == FAILED)

    @property
    def seconds_left(self) -> int | None:
        """Until the last running task is too late; None where none runs."""
        ends = [view.final_time for view in self.views if not view.ended]
        return max(0, int(max(ends) - self.now)) if ends else None

    @property
    def parts(self) -> list[Part]:
        """The tasks by how they are, in the order of a bar."""
        stuck = {trouble.view.task_id for trouble in self._open}
        count = Counter(_state(view, stuck) for view in self.views)
        return [Part(count[name], tone, name) for name, tone in _TONES.items() if count[name]]

    @property
    def state(self) -> tuple[str, Tone]:
        """The whole in a word, and its tone."""
        if self.status is None:
            return ("unknown" if self.remark else "looking", "calm")
        names = {part.name for part in self.parts}
        if not self.status.ended:
            if "stuck" in names:
                return "needs attention", "late"
            return ("waiting", "calm") if names == {"waiting"} else ("running", "going")
        if "late" in names:
            return "late", "late"
        return ("failed", "bad") if "failed" in names else ("completed", "good")

    @property
    def late(self) -> list[str]:
        """Who is late, in a phrase for each: what they should have done, and for which tasks."""
        found: dict[str, list[int]] = {}
        for view in self.views:
            who = self._late(view)
            if who:
                found.setdefault(who, []).append(view.index)
        return [f"{who} ({numbered(indices)})" for who, indices in found.items()]

    def _late(self, view: TaskView) -> str:
        task, pool = view.task, self._pool_of(view.deal_id)
        if view.status == TIMEOUT:
            return f"workerpool {pool}, no result in time"
        trouble = next((each for each in self._open if each.view.task_id == view.task_id), None)
        if task.status == UNSET:
            return f"workerpool {pool}, it has not begun" if trouble else ""
        if task.status == REVEALING and self.now >= task.reveal_deadline:
            who = ", ".join(map(short_id, task.contributors[:3])) or f"workers of {pool}"
            return f"{who}, contributed and revealed nothing"
        if task.status == ACTIVE and self.now >= task.contribution_deadline:
            return f"workers of {pool}, no contribution in time"
        return f"workerpool {pool}, {trouble.headline}" if trouble else ""

    @property
    def views(self) -> tuple[TaskView, ...]:
        return self.status.tasks if self.status else ()

    @property
    def _open(self) -> list[Trouble]:
        """Troubles of tasks that have not ended, where nobody went on since."""
        seen = {view.task_id: view for view in self.views if not view.ended}
        return [
            each
            for each in self.troubles
            if each.headline and each.view.task_id in seen and seen[each.view.task_id].task == each.view.task
        ]

    @property
    def reasons(self) -> list[tuple[Trouble, list[int]]]:
        """Why tasks have no result: each reason once, with the indices of its tasks."""
        ended = {view.task_id: view for view in self.views if view.ended and not view.completed}
        found: dict[tuple[object, ...], tuple[Trouble, list[int]]] = {}
        over = [
            replace(each, view=ended[each.view.task_id])
            for each in self.troubles
            if each.view.task_id in ended
        ]
        for each in (*self._open, *over):
            reason = (each.view.deal_id, each.headline, each.app, each.stderr, each.unasked)
            found.setdefault(reason, (each, []))[1].append(each.view.index)
        return [*found.values()]

    def size_of(self, held: JobDeal) -> int:
        return 1 if self.is_task else held.deal.bot_size

    def _sum(self, views: Iterable[TaskView]) -> int:
        prices = {held.deal_id: held.deal.task_price for held in self.deals}
        return sum(prices[view.deal_id] for view in views)

    def _pool_of(self, deal_id: str) -> str:
        return next(short_id(held.deal.workerpool.pointer) for held in self.deals if held.deal_id == deal_id)


_TONES: Final[dict[str, Tone]] = {
    "completed": "good",
    "failed": "bad",
    "late": "late",
    "stuck": "late",
    "running": "going",
    "waiting": "calm",
}


def _state(view: TaskView, stuck: set[str]) -> str:
    if view.task.status == COMPLETED:
        return "completed"
    if view.task.status == FAILED:
        return "failed"
    if view.timed_out:
        return "late"
    if view.task_id in stuck:
        return "stuck"
    return "running" if view.task.exists else "waiting"


def numbered(indices: Sequence[int]) -> str:
    shown = ", ".join(map(str, indices[:MOST_NAMED]))
    return f"task{'s' if len(indices) > 1 else ''} {shown}{more(indices, MOST_NAMED)}"


def more(items: Sequence[object], shown: int) -> str:
    return f" and {len(items) - shown} more" if len(items) > shown else ""
