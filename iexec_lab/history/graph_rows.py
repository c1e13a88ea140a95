"""What is asked of a PoCo subgraph for each table, and how a row of its answer becomes a row of the table.

Deals and tasks are read through the event that made them: its id holds block and index of the log, and its
time never changes, which those of the entities do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.history import graph_values as v
from iexec_lab.history.records import Page
from iexec_lab.history.tables import columns
from iexec_lab.protocol.constants import NULL_ADDRESS
from iexec_lab.protocol.multiaddr import decode_multiaddr
from iexec_lab.protocol.states import FINAL_RATIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_NESTED: Final = 1000
"""Rows of a nested list that a subgraph gives at most; a task or asset with more is left out."""
STATUS: Final = {
    **{name: name for name in ("UNSET", "ACTIVE", "REVEALING", "COMPLETED", "FAILED")},
    "FAILLED": "FAILED",
}
_UNFIT: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Listed(NamedTuple):
    """A list of a subgraph: its names there, the fields asked for, how a row is read, and whose events."""

    entity: str
    plural: str
    fields: str
    read: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    moment: str = "timestamp"
    account: str | None = None


DEAL_FIELDS: Final = """id startTime trust tag params botFirst botSize completedTasksCount claimedTasksCount
    appPrice datasetPrice workerpoolPrice workerStake schedulerRewardRatio
    app { id } dataset { id } workerpool { id } category { id workClockTimeRef }
    appOwner { id } datasetOwner { id } workerpoolOwner { id }
    requester { id } beneficiary { id } callback { id } sponsor { id }
    apporder { id } datasetorder { id } workerpoolorder { id } requestorder { id }"""

TASK_FIELDS: Final = f"""id index status results resultDigest resultsCallback consensus
    contributionDeadline revealDeadline finalDeadline requester {{ id }}
    deal {{ id app {{ id }} dataset {{ id }} workerpool {{ id }} category {{ id }} }}
    events(first: {MOST_NESTED}, orderBy: timestamp) {{
      __typename id timestamp ... on TaskContribute {{ worker {{ id }} }}
    }}
    rewards(first: {MOST_NESTED}) {{ value }} seizes(first: {MOST_NESTED}) {{ value }}"""


def deal(row: Mapping[str, Any]) -> tuple[Any, ...]:
    block, log_index = v.position(row["id"])
    found, at = row["deal"], v.moment(row["timestamp"])
    if v.moment(found["startTime"]) != at:
        raise ValueError("a deal starts when it is made")
    dataset, params = v.linked_or_none(found.get("dataset")), v.text(found["params"])
    category = found["category"]
    return (
        v.word(found["id"]),
        at,
        v.linked(found["app"]),
        v.rlc(found["appPrice"]),
        dataset,
        v.rlc(found["datasetPrice"]),
        v.linked(found["workerpool"]),
        v.rlc(found["workerpoolPrice"]),
        v.count(category["id"]),
        v.count(found["botSize"]),
        v.count(found["completedTasksCount"]),
        v.count(found["claimedTasksCount"]),
        v.linked(found["requester"]),
        v.linked(found["beneficiary"]),
        v.linked_or_none(found.get("callback")),
        v.linked_or_none(found.get("sponsor")),
        v.linked(found["appOwner"]),
        v.linked_or_none(found.get("datasetOwner")),
        v.linked(found["workerpoolOwner"]),
        v.count(found["trust"]),
        v.word(found["tag"]),
        params,
        v.is_bulk(dataset, params),
        v.count(found["botFirst"]),
        v.amount(found["workerStake"]),
        v.count(found["schedulerRewardRatio"]),
        v.moment(at + FINAL_RATIO * v.count(category["workClockTimeRef"])),
        v.word(found["apporder"]["id"]),
        _order_of(dataset, found.get("datasetorder")),
        v.word(found["workerpoolorder"]["id"]),
        v.word(found["requestorder"]["id"]),
        block,
        log_index,
        v.word(row["transaction"]["id"]),
    )


def _order_of(dataset: str | None, order: Mapping[str, Any] | None) -> str | None:
    """The hash of an order; without dataset there is none."""
    found = None if order is None else v.word(order["id"])
    return None if dataset is None else found


def task(row: Mapping[str, Any]) -> tuple[Any, ...]:
    block, log_index = v.position(row["id"])
    found, at = row["task"], v.moment(row["timestamp"])
    of = found["deal"]
    if max(map(len, (found["events"], found["rewards"], found["seizes"]))) >= MOST_NESTED:
        raise ValueError("more events than can be read")
    times: dict[str, list[int]] = {}
    workers: list[tuple[tuple[int, int], str]] = []
    for event in found["events"]:
        kind = event["__typename"]
        times.setdefault(kind, []).append(v.moment(event["timestamp"]))
        if kind == "TaskContribute":
            workers.append((v.position(event["id"]), v.eip55(v.linked(event["worker"]))))
    finalized = _only(times.get("TaskFinalize"))
    return (
        v.word(found["id"]),
        v.word(of["id"]),
        v.count(found["index"]),
        STATUS[found["status"]],
        at,
        min(times.get("TaskContribute", ()), default=None),
        max(times.get("TaskReveal", ()), default=None),
        finalized,
        _only(times.get("TaskClaimed")),
        None if finalized is None else v.count(finalized - at),
        v.moment(found["contributionDeadline"]),
        v.moment_or_none(found.get("revealDeadline")),
        v.moment(found["finalDeadline"]),
        [worker for _, worker in sorted(workers)],
        sum(v.rlc(reward["value"]) for reward in found["rewards"]),
        sum(v.rlc(seize["value"]) for seize in found["seizes"]),
        v.word_or_none(found.get("consensus")),
        v.word_or_none(found.get("resultDigest")),
        v.readable(None if found.get("results") is None else v.raw_bytes(found.get("results"))),
        v.hexadecimal(
            None if found.get("resultsCallback") is None else v.raw_bytes(found.get("resultsCallback"))
        ),
        v.linked(of["app"]),
        v.linked_or_none(of.get("dataset")),
        v.linked(of["workerpool"]),
        v.linked(found["requester"]),
        v.count(of["category"]["id"]),
        block,
        log_index,
        v.word(row["transaction"]["id"]),
    )


def _only(times: Sequence[int] | None) -> int | None:
    """The time of what happens once."""
    if not times:
        return None
    if len(times) > 1:
        raise ValueError("a task ends once")
    return times[0]


def _event(
    name: str, account: str | None = None, *, to: str | None = None, value: bool = False, link: str = ""
) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """A reader of an event: the fields that hold its accounts, and of what it is (``deal`` or ``task``)."""

    def read(row: Mapping[str, Any]) -> tuple[Any, ...]:
        block, log_index = v.position(row["id"])
        of = row["contribution"]["task"] if link == "contribution" else row[link] if link else None
        held = None if of is None else v.word(of["id"])
        return (
            v.moment(row["timestamp"]),
            name,
            held if link == "deal" else None,
            held if link in {"task", "contribution"} else None,
            v.linked_or_none(row[account]) if account else None,
            v.linked_or_none(row[to]) if to else None,
            v.rlc(row["value"]) if value else None,
            block,
            log_index,
            v.word(row["transaction"]["id"]),
        )

    return read


def _of_event(name: str, plural: str, fields: str = "", **reading: Any) -> Listed:
    text = f"id timestamp transaction {{ id }} {fields}"
    return Listed(name, plural, text, _event(name, **reading), account=reading.get("account"))


_TASK = "task { id }"
EVENTS: Final[Mapping[str, Listed]] = {
    listed.entity: listed
    for listed in (
        _of_event(
            "Transfer",
            "transfers",
            "from { id } to { id } value",
            account="from",
            to="to",
            value=True,
        ),
        _of_event("Lock", "locks", "account { id } value", account="account", value=True),
        _of_event("Unlock", "unlocks", "account { id } value", account="account", value=True),
        *(
            _of_event(
                name,
                plural,
                f"account {{ id }} value {_TASK}",
                account="account",
                value=True,
                link="task",
            )
            for name, plural in (("Reward", "rewards"), ("Seize", "seizes"))
        ),
        *(
            _of_event(
                f"{name}Contribution",
                f"{name.lower()}Contributions",
                "account { id } contribution { task { id } }",
                account="account",
                link="contribution",
            )
            for name in ("Accurate", "Faulty")
        ),
        _of_event("OrdersMatched", "ordersMatcheds", "deal { id }", link="deal"),
        _of_event(
            "SchedulerNotice",
            "schedulerNotices",
            "workerpool { id } deal { id }",
            account="workerpool",
            link="deal",
        ),
        _of_event(
            "TaskInitialize",
            "taskInitializes",
            f"workerpool {{ id }} {_TASK}",
            account="workerpool",
            link="task",
        ),
        *(
            _of_event(name, plural, f"worker {{ id }} {_TASK}", account="worker", link="task")
            for name, plural in (("TaskContribute", "taskContributes"), ("TaskReveal", "taskReveals"))
        ),
        *(
            _of_event(name, plural, _TASK, link="task")
            for name, plural in (
                ("TaskConsensus", "taskConsensuses"),
                ("TaskReopen", "taskReopens"),
                ("TaskFinalize", "taskFinalizes"),
                ("TaskClaimed", "taskClaimeds"),
            )
        ),
    )
}
"""Name of the event -> its list."""

DEALS: Final = Listed(
    "OrdersMatched",
    "ordersMatcheds",
    f"id timestamp transaction {{ id }} deal {{ {DEAL_FIELDS} }}",
    deal,
)
TASKS: Final = Listed(
    "TaskInitialize",
    "taskInitializes",
    f"id timestamp transaction {{ id }} task {{ {TASK_FIELDS} }}",
    task,
)

_TRANSFERS = f"""transfers(first: {MOST_NESTED}, orderBy: timestamp) {{
    id timestamp from {{ id }} transaction {{ id }} }}"""
_USAGES = f"""usages(first: {MOST_NESTED}, orderBy: timestamp, orderDirection: desc) {{
    botSize timestamp }}"""


def _asset(row: Mapping[str, Any]) -> tuple[int, str, int, int | None, int | None]:
    """(created at, transaction, transfers since, tasks that used it, last used at).

    Of a resource with more deals than a nested list shows, the subgraph's own count is taken; it begins anew
    with every owner, and datasets have none: then it is not known.
    """
    moves, usages = row["transfers"], row["usages"]
    if not moves or len(moves) >= MOST_NESTED:
        raise ValueError("more than can be read")
    used: int | None = v.count(sum(v.count(usage["botSize"]) for usage in usages))
    if len(usages) >= MOST_NESTED:
        used = v.count(row["usageCount"]) if len(moves) == 1 and "usageCount" in row else None
    first = min(moves, key=lambda move: (v.moment(move["timestamp"]), v.position(move["id"])))
    if v.linked(first["from"]) != NULL_ADDRESS:
        raise ValueError("an asset comes from nobody")
    return (
        v.moment(first["timestamp"]),
        v.word(first["transaction"]["id"]),
        len(moves) - 1,
        used,
        max((v.moment(usage["timestamp"]) for usage in usages), default=None),
    )


def app(row: Mapping[str, Any]) -> tuple[Any, ...]:
    created, tx_hash, transfers, used, last = _asset(row)
    return (
        v.address(row["id"]),
        v.text(row["name"]),
        v.text(row["type"]),
        v.linked(row["owner"]),
        created,
        used,
        last,
        decode_multiaddr(v.raw_bytes(row["multiaddr"])),
        v.word(row["checksum"]),
        v.raw_bytes(row["mrenclave"]).decode(errors="replace"),
        transfers,
        tx_hash,
    )


def dataset(row: Mapping[str, Any]) -> tuple[Any, ...]:
    created, tx_hash, transfers, used, last = _asset(row)
    return (
        v.address(row["id"]),
        v.text(row["name"]),
        v.linked(row["owner"]),
        created,
        used,
        last,
        decode_multiaddr(v.raw_bytes(row["multiaddr"])),
        v.word_or_none(row["checksum"]),
        transfers,
        tx_hash,
    )


def workerpool(row: Mapping[str, Any]) -> tuple[Any, ...]:
    created, tx_hash, transfers, used, last = _asset(row)
    return (
        v.address(row["id"]),
        v.text(row["description"]),
        v.linked(row["owner"]),
        created,
        used,
        last,
        v.count(row["workerStakeRatio"]),
        v.count(row["schedulerRewardRatio"]),
        transfers,
        tx_hash,
    )


def category(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        v.count(row["id"]),
        v.text(row["name"]),
        v.text(row["description"]),
        v.count(row["workClockTimeRef"]),
        v.moment(row["timestamp"]),
    )


ENTITIES: Final[Mapping[str, Listed]] = {
    "apps": Listed(
        "App",
        "apps",
        f"id owner {{ id }} name type multiaddr checksum mrenclave usageCount {_TRANSFERS} {_USAGES}",
        app,
    ),
    "datasets": Listed(
        "Dataset", "datasets", f"id owner {{ id }} name multiaddr checksum {_TRANSFERS} {_USAGES}", dataset
    ),
    "workerpools": Listed(
        "Workerpool",
        "workerpools",
        f"""id owner {{ id }} description workerStakeRatio schedulerRewardRatio usageCount
            {_TRANSFERS} {_USAGES}""",
        workerpool,
    ),
    "categories": Listed(
        "Category", "categories", "id name description workClockTimeRef timestamp", category
    ),
}


def read_page(table: str, listed: Listed, rows: Sequence[Any]) -> Page:
    """The rows that can be believed, as columns of the table; the others are counted."""
    held, left_out = [], 0
    for row in rows:
        try:
            held.append(listed.read(row))
        except _UNFIT:
            left_out += 1
    names = columns(table)
    values = map(list, zip(*held, strict=True)) if held else ([] for _ in names)
    return Page(dict(zip(names, values, strict=True)), left_out)
