"""History from a PoCo subgraph.

Lists are paged by time: a page ends before the last second that it shows, and the next one begins with it, so
that a cursor is a moment and nothing is missing or twice. A second with more rows than a page is read by ids.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from iexec_lab.errors import ApiError, SubgraphError
from iexec_lab.history import graph_values as v
from iexec_lab.history.derived import cut, orders, transfers
from iexec_lab.history.filters import checked
from iexec_lab.history.graph_rows import DEALS, ENTITIES, EVENTS, TASKS, Listed, read_page
from iexec_lab.history.pages import in_order, merged, sorted_pages
from iexec_lab.history.records import Block, Page, Span
from iexec_lab.services.subgraph import PAGE, Subgraph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from iexec_lab.services.http import Answer

_META: Final = "{ _meta { block { number hash timestamp } } }"
_META_SHORT: Final = "{ _meta { block { number } } }"
_NEXT_BLOCK: Final = """query next($order: OrderDirection!, $where: Transaction_filter!) {
  rows: transactions(first: 1, orderBy: blockNumber, orderDirection: $order, where: $where) {
    id blockNumber timestamp
  }
}"""
_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds
_BUSY: Final = frozenset({429, 502, 503, 504})
_SPARE: Final = 50  # rows beyond a limit, for those of the last second
_IN_AT_ONCE: Final = 100  # deals whose tasks are asked for together

_OF_DEAL: Final = {
    **{name: name for name in ("app", "dataset", "workerpool", "category", "requester", "beneficiary")},
    **{name: name for name in ("callback", "sponsor", "trust")},
    "app_owner": "appOwner",
    "dataset_owner": "datasetOwner",
    "workerpool_owner": "workerpoolOwner",
    "deal_id": "id",
    "tag_hex": "tag",
    **{f"{kind}_hash": kind for kind in ("apporder", "datasetorder", "workerpoolorder", "requestorder")},
}
_OF_TASK: Final = {"requester": "requester", "deal_id": "deal", "task_id": "id", "task_index": "index"}
"""Our filter -> the subgraph's, of a linked deal or task."""


class SubgraphSource:
    """The past as a subgraph tells it."""

    name = "subgraph"

    def __init__(self, url: str, *, timeout: float = 30) -> None:
        self.url = url
        self.subgraph = Subgraph(url, timeout=timeout)

    def __repr__(self) -> str:
        return "SubgraphSource()"

    def head(self) -> Block:
        try:
            found = self.subgraph.query(_META)
        except SubgraphError:  # older ones tell neither hash nor time
            found = self.subgraph.query(_META_SHORT)
        try:
            block = found["_meta"]["block"]
            number = v.count(block["number"])
            told_time = block.get("timestamp")
            digest = block.get("hash")
            told = 0 if told_time is None else v.moment(told_time)
            return Block(
                number,
                told or self._transaction({"blockNumber_lte": str(number)}, "desc").time,
                "" if digest is None else v.word(digest),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self.subgraph.malformed() from None

    def block(self, number: int) -> Block:
        head = self.head()
        if number >= head.number:
            return head
        found = self._transaction({"blockNumber_gte": str(number)}, "asc")
        return Block(number, found.time or head.time)

    def anchor(self, number: int) -> Block:
        """The block of the last transaction up to that number; its hash stands for the block's own."""
        return self._transaction({"blockNumber_lte": str(number)}, "desc")

    def _transaction(self, where: Mapping[str, str], order: str) -> Block:
        rows = self.subgraph.query(_NEXT_BLOCK, {"order": order, "where": where}).get("rows")
        try:
            if not rows:
                return Block(0, 0)
            row = rows[0]
            return Block(v.count(row["blockNumber"]), v.moment(row["timestamp"]), v.word(row["id"]))
        except (KeyError, TypeError, ValueError):
            raise self.subgraph.malformed() from None

    def pages(
        self,
        table: str,
        span: Span = Span(),  # noqa: B008 - it cannot be changed
        where: Mapping[str, Any] | None = None,
        *,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Page]:
        """As ``Source.pages``."""
        wanted = checked(table, where)
        pages: Iterator[Page]
        some = limit if wanted.keys() <= _OF_DEAL.keys() else None  # what is sifted here needs whole pages
        if table == "orders":
            pages = orders(self, span, newest_first=newest_first)
        elif table == "transfers":
            pages = transfers(self, span, newest_first=newest_first)
        elif table == "events":
            pages = self._events(span, wanted, newest_first=newest_first, limit=some)
        elif table == "tasks":
            pages = self._tasks(span, wanted, newest_first=newest_first, limit=some)
        elif table == "deals":
            asked = of_deals(wanted)
            pages = self._listed(table, DEALS, span, asked, newest_first=newest_first, limit=some)
        else:
            pages = self._entities(table, newest_first=newest_first)
        return cut(pages, table, span, wanted, limit)

    def _tasks(
        self, span: Span, wanted: Mapping[str, Any], *, newest_first: bool, limit: int | None
    ) -> Iterator[Page]:
        asked, linked = of_tasks(wanted), _of_task(wanted)
        through = {name: wanted[name] for name in ("app", "dataset", "category") if name in wanted}
        if not through:
            yield from self._listed("tasks", TASKS, span, asked, newest_first=newest_first, limit=limit)
            return
        # A filter reaches one link far: the deals first, then the tasks of these deals.
        deals = [
            deal
            for page in self.pages("deals", Span(0, span.end), through)
            for deal in page["deal_id"]
            if "deal_id" not in wanted or deal in _several(wanted["deal_id"])
        ]
        found = []
        for start in range(0, len(deals), _IN_AT_ONCE):
            some = {**linked, "deal_in": deals[start : start + _IN_AT_ONCE]}
            some.pop("deal", None)
            these = {**asked, "task_": dict(_in(some))}
            found += list(self._listed("tasks", TASKS, span, these, newest_first=newest_first, limit=limit))
        yield from sorted_pages("tasks", found, newest_first=newest_first)

    def _entities(self, table: str, *, newest_first: bool) -> Iterator[Page]:
        """Lists whose rows are few: all of them, by ids, and then in the order of their moments."""
        listed = ENTITIES[table]
        text = _query(listed, "id")
        found, last = [], ""
        while True:
            rows = self._rows(self._ask(text, {"id_gt": last}, PAGE, "asc"), PAGE)
            ids = [row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]
            found.append(read_page(table, listed, [row for row in rows if _has_new_id(row, last)]))
            if len(rows) < PAGE or not ids or max(ids) <= last:
                break
            last = max(ids)
        yield from sorted_pages(table, found, newest_first=newest_first)

    def _events(
        self, span: Span, wanted: Mapping[str, Any], *, newest_first: bool, limit: int | None
    ) -> Iterator[Page]:
        kinds = _several(wanted.get("event", [*EVENTS]))
        streams = []
        for name in kinds:
            if name not in EVENTS:
                continue
            listed = EVENTS[name]
            asked: dict[str, Any] = {}
            if "account" in wanted and listed.account:
                asked = dict(_in({listed.account: _asked(wanted["account"])}))
            if "task_id" in wanted and " contribution { task { id } }" in listed.fields:
                asked["contribution_"] = dict(_in({"task": _asked(wanted["task_id"])}))
            elif "task_id" in wanted and " task { id }" in listed.fields:
                asked |= dict(_in({"task": _asked(wanted["task_id"])}))
            elif "deal_id" in wanted and " deal { id }" in listed.fields:
                asked |= dict(_in({"deal": _asked(wanted["deal_id"])}))
            streams.append(
                self._listed("events", listed, span, asked, newest_first=newest_first, limit=limit)
            )
        yield from merged("events", streams, newest_first=newest_first)

    def _listed(
        self,
        table: str,
        listed: Listed,
        span: Span,
        asked: Mapping[str, Any],
        *,
        newest_first: bool,
        limit: int | None = None,
    ) -> Iterator[Page]:
        for rows, _ in self.raw_pages(listed, span, asked, newest_first=newest_first, limit=limit):
            yield in_order(table, read_page(table, listed, rows), newest_first=newest_first)

    def raw_pages(
        self,
        listed: Listed,
        span: Span,
        asked: Mapping[str, Any],
        *,
        newest_first: bool = False,
        limit: int | None = None,
        look: Callable[[bytes], Quick | None] | None = None,
    ) -> Iterator[tuple[Any, int]]:
        """The rows of a list, in pages of whole seconds, each with the moment where the next one goes on.

        Args:
            listed: The list.
            span: Which part of the past, moments only.
            asked: More of the subgraph's own filter.
            newest_first: Back in time.
            limit: How many are wanted, if it is few.
            look: A quicker reader of a page, which may decline: what it reads comes in place of the rows.
        """
        text, by_id = _query(listed, "timestamp"), _query(listed, "id")
        size = PAGE if limit is None else min(PAGE, max(limit, 1) + _SPARE)
        start, end = span.start, span.end
        order = "desc" if newest_first else "asc"
        while end is None or start < end:
            answer = self._ask(text, {**asked, **_between(start, end)}, size, order)
            quick = look(answer.body) if look else None
            if quick is not None and not all(map(Span(start, end).holds, quick.times)):
                quick = None
            rows = self._rows(answer, size) if quick is None else []
            times = [_time(row) for row in rows] if quick is None else quick.times
            if len(times) < size:
                yield quick.pick(None) if quick else rows, start if end is None or newest_first else end
                return
            known = [time for time in times if time is not None and time >= start]
            if not known:
                raise self.subgraph.malformed()
            last = min(known) if newest_first else max(known)
            if last == (max(known) if newest_first else min(known)):
                whole = self._second(by_id, asked, last)
                start, end = (start, last) if newest_first else (last + 1, end)
                yield whole, start
                continue
            start, end = (start, last + 1) if newest_first else (last, end)
            yield (
                quick.pick(last) if quick else [r for r, t in zip(rows, times, strict=True) if t != last],
                start,
            )

    def _second(self, text: str, asked: Mapping[str, Any], time: int) -> list[Any]:
        """All rows of one second, by their ids."""
        last, found = "", []
        while True:
            answer = self._ask(text, {**asked, "timestamp": str(time), "id_gt": last}, PAGE, "asc")
            rows = self._rows(answer, PAGE)
            new = [row for row in rows if _has_new_id(row, last)]
            found += new
            if len(rows) < PAGE or not new:
                return found
            last = max(row["id"] for row in new)

    def _ask(self, text: str, where: Mapping[str, Any], first: int, order: str) -> Answer:
        """The answer; a subgraph that limits requests, or is overloaded, is asked again after a while."""
        variables = {"where": where, "first": first, "order": order}
        for pause in _PAUSES:
            try:
                return self.subgraph.ask(text, variables)
            except (ApiError, SubgraphError) as error:
                if error.status not in _BUSY:
                    raise
                time.sleep(pause)
        return self.subgraph.ask(text, variables)

    def _rows(self, answer: Answer, most: int) -> list[Any]:
        rows = self.subgraph.data(answer).get("rows")
        if not isinstance(rows, list) or len(rows) > most:
            raise self.subgraph.malformed()
        return rows


class Quick(Protocol):
    """A page that was read in another way than row by row."""

    times: Sequence[int]

    def pick(self, last: int | None) -> Any:
        """Its rows; without those of the last second, if that is given."""


def of_deals(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Our filters of deals as the subgraph's, where it has them."""
    asked = {_OF_DEAL[name]: _asked(value) for name, value in wanted.items() if name in _OF_DEAL}
    return {"deal_": dict(_in(asked))} if asked else {}


def of_tasks(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Our filters of tasks as the subgraph's, where it has them."""
    linked = _of_task(wanted)
    asked: dict[str, Any] = {"task_": dict(_in(linked))} if linked else {}
    if "workerpool" in wanted:
        asked |= dict(_in({"workerpool": _asked(wanted["workerpool"])}))
    return asked


def _of_task(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {_OF_TASK[name]: _asked(value) for name, value in wanted.items() if name in _OF_TASK}


def _query(listed: Listed, order_by: str) -> str:
    return f"""query rows($where: {listed.entity}_filter!, $first: Int!, $order: OrderDirection!) {{
  rows: {listed.plural}(first: $first, orderBy: {order_by}, orderDirection: $order, where: $where) {{
    {listed.fields}
  }}
}}"""


def _between(start: int, end: int | None) -> dict[str, str]:
    where = {"timestamp_gte": str(start)} if start else {}
    return where if end is None else {**where, "timestamp_lt": str(end)}


def _time(row: Any) -> int | None:
    try:
        return v.moment(row["timestamp"])
    except (KeyError, TypeError, ValueError):
        return None


def _has_new_id(row: Any, last: str) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"] > last


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _asked(value: Any) -> Any:
    """A value as a subgraph takes it: all numbers are text."""
    if isinstance(value, list):
        return [_asked(each) for each in value]
    return str(value)


def _in(asked: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in asked.items():
        suffix = "_in" if isinstance(value, list) and not name.endswith("_in") else ""
        yield name + suffix, value
