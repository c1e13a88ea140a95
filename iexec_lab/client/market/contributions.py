"""Who worked on what: the contributions of a worker, or of a task, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.client.market.listing import Listed, Past, to_limit
from iexec_lab.history.source import Span
from iexec_lab.protocol.states import CONTRIBUTION_STATUSES, TASK_STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.client.session import Session


def of_task(session: Session, task_id: str, start: int, source: str | None) -> Listed:
    """Contributions to a task of a deal that was made at ``start``, newest first."""
    return _find(Past(session, source), {"task_id": task_id}, Span(start), None)


def of_worker(session: Session, worker: str, values: Mapping[str, Any]) -> Listed:
    """Contributions of a worker, newest first; ``values`` are those of ``ChildFilters``."""
    past = Past(session, values.get("source"))
    span = past.span(values.get("since"), values.get("until"))
    return _find(past, {"account": worker.lower()}, span, to_limit(values.get("limit")))


def _find(past: Past, where: Mapping[str, Any], span: Span, most: int | None) -> Listed:
    session = past.session
    held: dict[str, list[Any]] = {name: [] for name in ("task_id", "worker", "contributed_at", "tx_hash")}
    left_out = 0
    enough = None if most is None else most + 1
    wanted = {**where, "event": "TaskContribute"}
    for page in past.source.pages("events", span, wanted, newest_first=True, limit=enough):
        left_out += page.left_out
        held["task_id"] += page["task_id"]
        held["worker"] += page["account"]
        held["contributed_at"] += page["happened_at"]
        held["tx_hash"] += page["tx_hash"]
    more = most is not None and len(held["task_id"]) > most
    columns = {name: values[:most] for name, values in held.items()}
    found = Listed("contribution", columns, left_out, source=past.source.name)
    found.more, found.total = more, None if more else len(found)
    pairs = list(zip(columns["task_id"], columns["worker"], strict=True))
    ids, workers = list(dict.fromkeys(columns["task_id"])), list(dict.fromkeys(columns["worker"]))
    contributions, seen, scores = session.together(
        lambda: session.hub.view_contributions(pairs),
        lambda: dict(zip(ids, session.hub.view_tasks(ids), strict=True)),
        lambda: dict(zip(workers, session.hub.view_scores(workers), strict=True)),
    )
    columns["status"] = [_word(CONTRIBUTION_STATUSES, each.status) for each in contributions]
    columns["result_hash"] = [each.result_hash for each in contributions]
    columns["task_status"] = [_word(TASK_STATUSES, seen[task_id].status) for task_id, _ in pairs]
    columns["deal_id"] = [seen[task_id].deal_id for task_id, _ in pairs]
    columns["score"] = [scores[worker] for _, worker in pairs]
    return found


def _word(names: Sequence[str], number: int) -> str | None:
    """The name of a status; None for one that no hub has."""
    return names[number] if number < len(names) else None
