"""What happened to one deal, task or asset: events, transfers of ownership, who contributed what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.jobs.polling import read_deals
from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.market.listing import Listed, Past
from iexec_lab.ethereum.answers import to_int
from iexec_lab.ethereum.calls import checked
from iexec_lab.ethereum.contracts import ERC721_EVENTS
from iexec_lab.ethereum.logs import read_logs
from iexec_lab.history import graph_values as v
from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.history.source import Span
from iexec_lab.history.tables import TABLES, columns
from iexec_lab.protocol import NULL_ADDRESS, to_bytes32
from iexec_lab.protocol.states import CONTRIBUTION_STATUSES, TASK_STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iexec_lab.client.session import Session
    from iexec_lab.history.source import Page

DEAL_EVENTS: Final = ["OrdersMatched", "SchedulerNotice"]
TASK_EVENTS: Final = [
    *("TaskInitialize", "TaskContribute", "TaskConsensus", "TaskReveal", "TaskReopen", "TaskFinalize"),
    *("TaskClaimed", "Reward", "Seize", "AccurateContribution", "FaultyContribution"),
]
_IN_AT_ONCE: Final = 500  # tasks whose events are asked for together


def deal_events(session: Session, deal_id: str, source: str | None = None) -> Listed:
    """What happened to a deal and its tasks, in the order of the chain.

    Raises:
        ObjectNotFoundError: No such deal.
        JobError: It has more tasks than can be looked at.
    """
    [held] = read_deals(session, [to_bytes32(deal_id)])
    past = Past(session, source)
    span = Span(held.deal.start_time)
    pages = [*past.pages("events", span, {"deal_id": held.deal_id, "event": DEAL_EVENTS})]
    tasks = held.task_ids()
    for start in range(0, len(tasks), _IN_AT_ONCE):
        some = tasks[start : start + _IN_AT_ONCE]
        pages += past.pages("events", span, {"task_id": some, "event": TASK_EVENTS})
    return _listed("events", pages, past)


def task_events(session: Session, task_id: str, start: int, source: str | None = None) -> Listed:
    """What happened to a task of a deal that was made at ``start``, in the order of the chain."""
    past = Past(session, source)
    where = {"task_id": to_bytes32(task_id), "event": TASK_EVENTS}
    return _listed("events", past.pages("events", Span(start), where), past)


def _listed(table: str, pages: Iterable[Page], past: Past) -> Listed:
    """The rows of some pages in the order of the chain."""
    held: dict[str, list[Any]] = {name: [] for name in columns(table)}
    left_out = 0
    for page in pages:
        left_out += page.left_out
        for name, values in held.items():
            values.extend(page[name])
    order = sorted(range(len(held["block"])), key=lambda row: (held["block"][row], held["log_index"][row]))
    sorted_ = {name: [values[row] for row in order] for name, values in held.items()}
    return Listed(TABLES[table], sorted_, left_out, len(order), source=past.source.name)


def asset_transfers(session: Session, kind: str, address: str, source: str | None = None) -> Listed:
    """Who owned an app, dataset or workerpool: its transfers, in the order of the chain; the first made it.

    Raises:
        ServiceError, CallError: The source was not reached.
    """
    past = Past(session, source)
    if isinstance(past.source, SubgraphSource):
        rows, left_out = _from_subgraph(past.source, kind, address)
    else:
        rows, left_out = _from_logs(session, kind, address), 0
    rows.sort(key=lambda row: (row[4], row[5]))
    values = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in _OF_TRANSFER]
    named = dict(zip(_OF_TRANSFER, values, strict=True))
    return Listed("asset_transfer", named, left_out, len(rows), source=past.source.name)


_OF_TRANSFER: Final[tuple[str, ...]] = (
    "happened_at",
    "address",
    "from_",
    "to",
    "block",
    "log_index",
    "tx_hash",
)


def _from_subgraph(source: SubgraphSource, kind: str, address: str) -> tuple[list[tuple[Any, ...]], int]:
    entity, found, left_out = f"{kind}Transfer", [], 0
    query = f"""query transfers($where: {entity[0].upper()}{entity[1:]}_filter!) {{
  rows: {entity}s(first: 1000, orderBy: id, where: $where) {{
    id timestamp from {{ id }} to {{ id }} transaction {{ id }}
  }}
}}"""
    for row in source.subgraph.rows(query, {kind: address.lower()}):
        try:
            block, log_index = v.position(row["id"])
            who = v.linked_or_none(row["from"]), v.linked_or_none(row["to"])
            tx_hash = v.word(row["transaction"]["id"])
            found.append((v.moment(row["timestamp"]), address, *who, block, log_index, tx_hash))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            left_out += 1
    return found, left_out


def _from_logs(session: Session, kind: str, address: str) -> list[tuple[Any, ...]]:
    token = f"0x{int(address, 16):064x}"
    topics = [ERC721_EVENTS.Transfer.topic, None, None, token]
    logs = [*read_logs(session.rpc, session.registries[kind], topics, from_block=0)]
    numbers = sorted({to_int(log["blockNumber"]) for log in logs})
    blocks = session.rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
    times = {
        number: to_int(checked(block, "eth_getBlockByNumber").get("timestamp"))
        for number, block in zip(numbers, blocks, strict=True)
    }
    found = []
    for log in logs:
        told, number = ERC721_EVENTS.Transfer.decode(log), to_int(log["blockNumber"])
        sides = [None if who == NULL_ADDRESS else who for who in (told["from"], told["to"])]
        found.append(
            (times[number], address, *sides, number, to_int(log["logIndex"]), log["transactionHash"])
        )
    return found


def task_contributions(session: Session, task_id: str, start: int, source: str | None) -> Listed:
    """Contributions to a task of a deal that was made at ``start``, newest first."""
    return _contributions(Past(session, source), {"task_id": task_id}, Span(start), None)


def worker_contributions(session: Session, worker: str, values: Mapping[str, Any]) -> Listed:
    """Contributions of a worker, newest first; ``values`` are those of ``ChildFilters``."""
    past = Past(session, values.get("source"))
    span = past.span(values.get("since"), values.get("until"))
    return _contributions(past, {"account": worker.lower()}, span, to_limit(values.get("limit")))


def _contributions(past: Past, where: Mapping[str, Any], span: Span, most: int | None) -> Listed:
    session = past.session
    held: dict[str, list[Any]] = {name: [] for name in ("task_id", "worker", "contributed_at", "tx_hash")}
    left_out = 0
    enough = None if most is None else most + 1
    wanted = {**where, "event": "TaskContribute"}
    for page in past.pages("events", span, wanted, newest_first=True, limit=enough):
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
