"""What the public explorer's page of a deal, a task, an asset or an account has beside what the hub tells.

Names and scores are read from the node, times, transactions and counts from the history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.market.listing import Past
from iexec_lab.errors import CallError, ServiceError
from iexec_lab.ethereum.calls import Call, attempt, read
from iexec_lab.ethereum.contracts import APP, DATASET, REGISTRY, WORKERPOOL
from iexec_lab.history.fates import STATUS_OF_DEAL, deal_status
from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.history.graph_rows import ENTITIES, read_page
from iexec_lab.history.source import Span
from iexec_lab.protocol import NULL_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.client.jobs.status import JobDeal
    from iexec_lab.client.session import Session

MOST: Final = 20_000
"""Rows of an account that are counted at most; a number beyond is missing, not guessed."""
_NAMES: Final = {
    "app": APP.m_appName,
    "dataset": DATASET.m_datasetName,
    "workerpool": WORKERPOOL.m_workerpoolDescription,
}
_KINDS: Final = ("app", "dataset", "workerpool")


def one_row(past: Past, table: str, where: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a table that a filter names; empty when the source does not know it (yet)."""
    for page in past.pages(table, where=where, limit=1):
        if page.size:
            return {name: values[0] for name, values in page.items()}
    return {}


def count_rows(past: Past, table: str, where: Mapping[str, Any]) -> int | None:
    """How many rows a filter finds; None for more than ``MOST``."""
    count = 0
    for page in past.pages(table, where=where, newest_first=True):
        count += page.size
        if count > MOST:
            return None
    return count


def names_of(session: Session, addresses: Mapping[str, str | None]) -> dict[str, str | None]:
    """The names of an app, a dataset and a workerpool, in one round trip; None for nobody's."""
    asked = {kind: address for kind, address in addresses.items() if address not in {None, NULL_ADDRESS}}
    calls = [Call(str(address), _NAMES[kind]) for kind, address in asked.items()]
    found = attempt(session.rpc, calls) if calls else []
    names: dict[str, str | None] = dict.fromkeys(addresses)
    for kind, name in zip(asked, found, strict=True):
        names[kind] = None if isinstance(name, CallError) else str(name)
    return names


def of_deal(session: Session, deal: Mapping[str, Any], source: str | None = None) -> dict[str, Any]:
    """Details of a deal as ``deal show`` has it."""
    past, category = Past(session, source), int(deal["category"])
    row, now, names, categories = session.together(
        lambda: one_row(past, "deals", {"deal_id": deal["dealid"].lower()}),
        past.now,
        lambda: names_of(session, {kind: deal[kind]["pointer"] for kind in _KINDS}),
        lambda: session.hub.categories([category]),
    )
    status = failed = None
    if row:
        status = deal_status(now)(*(row[name] for name in STATUS_OF_DEAL))
        late = now >= row["final_deadline"]
        failed = row["tasks"] - row["completed"] if late else row["claimed"]
    return {
        **{name: row.get(name) for name in _OF_DEAL},
        "failed": failed,
        "status": status,
        "task_price_nrlc": str(sum(int(deal[kind]["price"]) for kind in _KINDS)),
        "app_name": names["app"],
        "dataset_name": names["dataset"],
        "workerpool_description": names["workerpool"],
        "category_name": categories[category].name,
        "category_seconds": categories[category].work_clock_time_ref,
    }


_OF_DEAL: Final = (
    *("completed", "claimed", "bulk", "apporder_hash", "datasetorder_hash", "workerpoolorder_hash"),
    *("requestorder_hash", "block", "tx_hash"),
)
_OF_TASK: Final = (
    *("initialized_at", "contributed_at", "revealed_at", "finalized_at", "claimed_at", "execution_seconds"),
    *("workers", "reward_nrlc", "seized_nrlc", "block", "tx_hash"),
)


def of_tasks(
    session: Session, held: JobDeal, rows: Sequence[dict[str, Any]], source: str | None = None
) -> list[dict[str, Any]]:
    """Tasks of one deal as ``task show`` has them, with details; those not initialised have no times."""
    deal, past, wanted = held.deal, Past(session, source), {row["taskid"] for row in rows}

    def times() -> dict[str, dict[str, Any]]:
        where = {"deal_id": held.deal_id, **({"task_id": [*wanted]} if len(wanted) == 1 else {})}
        found = {}
        for page in past.pages("tasks", Span(deal.start_time), where):
            for row, task_id in enumerate(page["task_id"]):
                found[task_id] = {name: _plain(name, page[name][row]) for name in _OF_TASK}
        return found

    found, categories = session.together(times, lambda: session.hub.categories([deal.category]))
    terms = {
        "app": deal.app.pointer,
        "dataset": deal.dataset.pointer,
        "workerpool": deal.workerpool.pointer,
        "requester": deal.requester,
        "beneficiary": deal.beneficiary,
        "callback": deal.callback,
        "category": deal.category,
        "category_name": categories[deal.category].name,
        "tag_hex": deal.tag,
    }
    nothing = dict.fromkeys(_OF_TASK)
    return [{**row, "details": {**found.get(row["taskid"], nothing), **terms}} for row in rows]


def _plain(name: str, value: Any) -> Any:
    """Amounts are decimal text in JSON."""
    return str(value) if name.endswith("_nrlc") and value is not None else value


def of_asset(session: Session, kind: str, address: str, source: str | None = None) -> dict[str, Any]:
    """Details of an app, dataset or workerpool."""
    past = Past(session, source)
    row, orders, used = session.together(
        lambda: _asset_row(past, kind, address.lower()),
        lambda: _open_orders(session, kind, address),
        lambda: _outcome(past, address) if kind == "workerpool" else {},
    )
    names = ("created_at", "usage_count", "last_used", "transfers", "tx_hash")
    return {**{name: row.get(name) for name in names}, "open_orders": orders, **used}


def _asset_row(past: Past, kind: str, address: str) -> dict[str, Any]:
    """As ``one_row``; a subgraph is asked for this one only."""
    if not isinstance(past.source, SubgraphSource):
        return one_row(past, f"{kind}s", {"address": address})
    listed = ENTITIES[f"{kind}s"]
    found = past.source.subgraph.query(
        f"query one($id: ID!) {{ row: {kind}(id: $id) {{ {listed.fields} }} }}", {"id": address}
    )
    page = read_page(f"{kind}s", listed, [found["row"]] if found.get("row") else [])
    return {name: values[0] for name, values in page.items()} if page.size else {}


def _open_orders(session: Session, kind: str, address: str) -> int | None:
    """How many orders are open to somebody; None when the market does not answer."""
    filters: dict[str, Any] = {**dict.fromkeys((*_KINDS, "requester"), "any"), kind: address}
    try:
        return session.market.orderbook(f"{kind}order", page_size=10, **filters).count
    except ServiceError:
        return None


def _outcome(past: Past, workerpool: str) -> dict[str, Any]:
    """What became of a workerpool's deals; ``success`` in percent of the tasks that ended.

    Of more than ``MOST`` deals nothing is said.
    """
    sums = dict.fromkeys(("deals", "tasks", "completed", "claimed"), 0)
    for page in past.pages("deals", where={"workerpool": workerpool.lower()}, newest_first=True):
        sums["deals"] += page.size
        for name in ("tasks", "completed", "claimed"):
            sums[name] += sum(page[name])
        if sums["deals"] > MOST:
            return {}
    ended = sums["completed"] + sums["claimed"]
    return {**sums, "success": 100 * sums["completed"] / ended if ended else None}


def of_account(session: Session, address: str, source: str | None = None) -> dict[str, Any]:
    """What an account owns, asked for and worked on."""
    past, wanted = Past(session, source), address.lower()

    def owned() -> dict[str, Any]:
        registries = session.registries
        calls = [Call(registries[kind], REGISTRY.balanceOf, (address,)) for kind in _KINDS]
        counts = dict(zip((f"{kind}s" for kind in _KINDS), map(int, read(session.rpc, calls)), strict=True))
        return {**counts, "score": session.hub.view_scores([address])[0]}

    def events(name: str) -> int | None:
        return count_rows(past, "events", {"account": wanted, "event": name})

    found, *counts = session.together(
        owned,
        lambda: events("TaskContribute"),
        lambda: events("AccurateContribution"),
        lambda: events("FaultyContribution"),
        lambda: count_rows(past, "deals", {"requester": wanted}),
        lambda: count_rows(past, "deals", {"beneficiary": wanted}),
        lambda: count_rows(past, "tasks", {"requester": wanted}),
    )
    names = ("contributions", "accurate", "faulty", "deals", "beneficiary_deals", "tasks")
    return {**found, **dict(zip(names, counts, strict=True))}
