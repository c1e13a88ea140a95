"""Deals: those that history knows, or the market where it is enough or all that there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.jobs.bulks import read_bulk
from iexec_lab.client.market.details import one_row
from iexec_lab.client.market.filters import DealListFilters
from iexec_lab.client.market.given import about_category, plain_values, with_category
from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.market.listing import (
    NEWEST,
    Listed,
    Past,
    completed,
    gather,
    listed,
    whose,
    without,
)
from iexec_lab.client.market.wanted import SEVERAL, Test, Wanted
from iexec_lab.client.options import declared
from iexec_lab.client.what_is import not_found
from iexec_lab.errors import CallError, IexecError, ServiceError, SubgraphError, ValidationError
from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.hub import MOST_CATEGORIES
from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.history.source import Span
from iexec_lab.history.tables import columns
from iexec_lab.protocol import NULL_ADDRESS, to_moment
from iexec_lab.protocol.bulk import bulk_cid
from iexec_lab.protocol.states import Category
from iexec_lab.services.market import DEAL_FILTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iexec_lab.client.session import Session
    from iexec_lab.services.market_rows import DealRow

MARKET: Final = "market"
_AT_ONCE: Final = 500
_LATEST: Final = 9_000_000_000  # in the year 2255: no date of a frame is after 2261
_ANYWHERE: Final = frozenset({*DEAL_FILTERS, "all", "limit", "source", "ascending"})
"""Filters that the market knows too."""
_AT_MARKET: Final[Mapping[str, str]] = {
    "deal_id": "dealid",
    "started_at": "startTime",
    "category": "category",
    "tasks": "botSize",
    "requester": "requester",
    "beneficiary": "beneficiary",
    "callback": "callback",
    "trust": "trust",
    "tag_hex": "tag",
    "params": "params",
    "first_index": "botFirst",
    "worker_stake_nrlc": "workerStake",
    "scheduler_reward_ratio": "schedulerRewardRatio",
    "final_deadline": "finalTime",
    "apporder_hash": "appHash",
    "datasetorder_hash": "datasetHash",
    "workerpoolorder_hash": "workerpoolHash",
    "requestorder_hash": "requestHash",
    "block": "blockNumber",
    "tx_hash": "transactionHash",
}
_COUNTS: Final = ("category", "tasks", "trust", "first_index", "worker_stake_nrlc", "scheduler_reward_ratio")

_SLICE: Final = re.compile(r"(0x[0-9a-f]{64})-[0-9]{1,18}").fullmatch
_SLICES: Final = """query slices($where: BulkSlice_filter!) {
  rows: bulkSliceice(first: 1000, orderBy: id, where: $where) { id }
}"""


def list_deals(
    session: Session, values: Mapping[str, Any], *, page: int | None = None, page_size: int = 20
) -> Listed:
    """A list of deals.

    Args:
        session: Whose network and wallet.
        values: All filters of ``DealListFilters``, and ``requester``.
        page: One page of the market only, from 0.
        page_size: Its size, 10 to 1000.

    Raises:
        ValidationError: A filter has a value that it cannot have, or the market does not know it.
        ServiceError: Neither the history nor the market was reached.
    """
    values = with_category(session, plain_values(values, SEVERAL))
    given = {name for name, value in values.items() if value is not None and value is not False}
    many = {name for name in given if isinstance(values[name], list)}
    if values.get("sort") == NEWEST:
        given.discard("sort")
    beyond = sorted((given - _ANYWHERE) | many)
    source = values.get("source")
    if page is not None or source == MARKET:
        if beyond:
            raise ValidationError(
                f"The market cannot look for {', '.join(beyond)}{' with several values' if many else ''}",
                hint="Leave out source and page: the history can.",
            )
        return _at_market(session, values, page, page_size)
    if source is None and not session.network.poco_subgraph and not beyond:
        return _at_market(session, values, page, page_size)
    try:
        return listed(session, "deal", values)
    except SubgraphError as error:
        if source is not None or beyond:
            raise
        found = _at_market(session, values, page, page_size)
        found.remark = f"of the market, which does not know how tasks ended: {error.message}"
        return found


def associated(session: Session, deal_id: str, values: Mapping[str, Any]) -> Listed:
    """The other deals of the same request order, newest first.

    Raises:
        ObjectNotFoundError: The history has no such deal.
    """
    row = one_row(Past(session, values.get("source")), "deals", {"deal_id": deal_id.lower()})
    if not row:
        raise not_found(session, "deal", deal_id)
    limit = to_limit(values.get("limit"))
    more = {"requestorder_hash": row["requestorder_hash"], "limit": None if limit is None else limit + 1}
    found = listed(session, "deal", {**values, **more})
    return without(found, "deal_id", deal_id.lower(), limit)


def _at_market(session: Session, values: Mapping[str, Any], page: int | None, page_size: int) -> Listed:
    market = session.market
    mine = whose(session, values, everybody=bool(values.get("all")))
    known = {*declared(DealListFilters), "requester"} & set(DEAL_FILTERS)
    filters = {name: value for name, value in mine.items() if name in known and value is not None}
    if page is not None:
        found = market.deals(page=page, page_size=page_size, **filters)
    else:
        found = market.deals_all(limit=to_limit(values.get("limit")), **filters)
    made = market_list(session, found.deals, found.left_out)
    made.total = found.count
    made.more = page is None and found.count > len(found.deals) + found.left_out
    if not len(made):
        made.remark = about_category(session, values)
    return made


def market_list(session: Session, deals: Sequence[Any], left_out: int) -> Listed:
    """A list of deals as the market tells of them."""
    _add_deadlines(session, deals)
    found = Listed("past_deal", from_market(deals), left_out, source=MARKET)
    return completed(lambda: 0, "deal", found)


def as_listed(session: Session, deals: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Deals of the market as rows of ``deal list``, with what the history knows of how their tasks ended."""
    found = market_list(session, list(map(dict, deals)), 0)
    if not session.network.poco_subgraph:
        return found.rows()
    ids = [*map(str.lower, found.columns["deal_id"])]
    known: dict[str, dict[str, Any]] = {}
    try:
        past = Past(session)
        for start in range(0, len(ids), _AT_ONCE):
            wanted = Wanted({"deal_id": ids[start : start + _AT_ONCE]}, [])
            told = completed(past.now, "deal", gather(past, "deals", Span(), wanted))
            known |= {row["deal_id"].lower(): row for row in told.rows()}
    except (ServiceError, CallError):
        pass  # the market alone does not know that
    return [known.get(deal_id, row) for deal_id, row in zip(ids, found.rows(), strict=True)]


def from_market(deals: Sequence[Any]) -> dict[str, list[Any]]:
    """Rows of the market as columns of history; what the market does not tell is None."""
    found: dict[str, list[Any]] = {name: [None] * len(deals) for name in columns("deals")}
    for name, theirs in _AT_MARKET.items():
        values: list[Any] = [deal.get(theirs) for deal in deals]
        if name in _COUNTS:
            values = [None if value is None else int(value) for value in values]
        elif name in {"started_at", "final_deadline"}:
            values = [_seconds(value) for value in values]
        found[name] = values
    for kind in ("app", "dataset", "workerpool"):
        parts: list[Mapping[str, Any]] = [deal.get(kind) or {} for deal in deals]
        found[kind] = [_somebody(part.get("pointer")) for part in parts]
        found[f"{kind}_owner"] = [_somebody(part.get("owner")) for part in parts]
        found[f"{kind}_price_nrlc"] = [int(part["price"]) if "price" in part else None for part in parts]
    found["callback"] = [_somebody(value) for value in found["callback"]]
    found["bulk"] = [
        dataset is None and bulk_cid(params or "") is not None
        for dataset, params in zip(found["dataset"], found["params"], strict=True)
    ]
    found["datasetorder_hash"] = [
        None if dataset is None else order
        for dataset, order in zip(found["dataset"], found["datasetorder_hash"], strict=True)
    ]
    return found


def _somebody(value: Any) -> Any:
    return None if value == NULL_ADDRESS else value


def _seconds(value: Any) -> int | None:
    moment = None if value is None else to_moment(value)
    return None if moment is None else int(moment.timestamp())


def _add_deadlines(session: Session, deals: Sequence[DealRow]) -> None:
    """What the market does not tell and follows from the category; without a node it stays unknown."""
    numbers = sorted({int(deal["category"]) for deal in deals if "category" in deal})[:MOST_CATEGORIES]
    if not numbers:
        return
    hub = session.hub
    try:
        ratio, categories = session.together(
            lambda: hub.ratios.final,
            lambda: attempt(hub.rpc, [Call(hub.address, HUB.viewCategory, (number,)) for number in numbers]),
        )
    except CallError:
        return
    seconds = {
        number: Category.from_abi(found).work_clock_time_ref
        for number, found in zip(numbers, categories, strict=True)
        if not isinstance(found, CallError)
    }
    for deal in deals:
        lasts = seconds.get(int(deal.get("category", -1)))
        final = int(deal.get("startTime", 0)) + ratio * (lasts or 0)
        if lasts is not None and "startTime" in deal and final < _LATEST:
            deal["finalTime"] = final


def bulk_deals(session: Session, dataset: str, values: Mapping[str, Any]) -> Listed:
    """Deals whose bulk has a dataset, newest first; ``values`` are those of ``ChildFilters``.

    A subgraph knows the bulks that it could read; otherwise each is read from IPFS, and those that cannot be
    read are told.
    """
    past = Past(session, values.get("source"))
    span, most = past.span(values.get("since"), values.get("until")), to_limit(values.get("limit"))
    unread: set[str] = set()
    if isinstance(past.source, SubgraphSource):
        wanted = Wanted({"deal_id": _from_subgraph(past.source, dataset.lower()) or "no deal"}, [])
    else:
        holds = _has(session, dataset, unread)
        wanted = Wanted({"bulk": True}, [Test(("params", "first_index", "tasks"), holds)])
    made = completed(past.now, "deal", gather(past, "deals", span, wanted, limit=most))
    if unread:
        made.remark = f"{len(unread)} bulks could not be read from IPFS"
    return made


def _from_subgraph(source: SubgraphSource, dataset: str) -> list[str]:
    """Ids of the deals, from those of the slices: ``<deal>-<index of the task>``."""
    slices = (_SLICE(row["id"]) for row in source.subgraph.rows(_SLICES, {"datasets_": {"id": dataset}}))
    return list(dict.fromkeys(each[1] for each in slices if each))


def _has(session: Session, dataset: str, unread: set[str]) -> Callable[[str, int, int], bool]:
    """Tells of a deal whether the slices of its tasks have the dataset."""
    known: dict[str, list[set[str]]] = {}

    def has(params: str, first: int, tasks: int) -> bool:
        cid = bulk_cid(params) or ""
        if cid not in known:
            known[cid] = []
            try:
                known[cid] = [{order.dataset for order in each} for each in read_bulk(session, cid).slices]
            except IexecError:
                unread.add(cid)
        return any(dataset in each for each in known[cid][first : first + tasks])

    return has
