"""History from the logs of a node, for networks without a subgraph.

Deals and tasks are found by the events that made them, their content is what the hub says of them now, and
the times of a task are those of the blocks of its events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.ethereum.calls import block_at, latest_block
from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.ethereum.hub import Hub
from iexec_lab.ethereum.logs import FIRST_SPAN, read_many_logs
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.history import log_rows
from iexec_lab.history.block_times import BlockTimes
from iexec_lab.history.filters import checked
from iexec_lab.history.pages import in_order, sorted_pages
from iexec_lab.history.source import Block, Page, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from iexec_lab.ethereum.abi import Event
    from iexec_lab.ethereum.rpc import Provider

    Log = dict[str, Any]

_BEGINS: Final = {134: 4_543_300, 1: 9_917_600}
"""Chain id -> a block before which the hub did not exist; elsewhere logs are read from the first block."""
_AT_ONCE: Final = 500  # deals or tasks of a page


class LogSource:
    """The past as the logs of a node tell it."""

    name = "logs"

    def __init__(self, rpc: Provider, hub: str) -> None:
        self.rpc = rpc
        self.hub = Hub(rpc, hub)
        self.times = BlockTimes(rpc)

    def __repr__(self) -> str:
        return f"LogSource({self.rpc.name!r})"

    def head(self) -> Block:
        return _block(latest_block(self.rpc))

    def block(self, number: int) -> Block:
        head = self.head()
        return head if number >= head.number else _block(block_at(self.rpc, hex(number)))

    def anchor(self, number: int) -> Block:
        return self.block(number)

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
        from iexec_lab.history.derived import cut, orders, transfers

        wanted = checked(table, where)
        pages: Iterator[Page]
        if table == "orders":
            pages = orders(self, span, newest_first=newest_first)
        elif table == "transfers":
            pages = transfers(self, span, newest_first=newest_first)
        elif table == "events":
            pages = self._events(span, wanted, newest_first=newest_first)
        elif table == "deals":
            pages = self._made("deals", EVENTS.OrdersMatched, span, self._deals, newest_first=newest_first)
        elif table == "tasks":
            pages = self._made("tasks", EVENTS.TaskInitialize, span, self._tasks, newest_first=newest_first)
        else:
            from iexec_lab.history.log_assets import assets

            pages = sorted_pages(table, [assets(self, table)], newest_first=newest_first)
        return cut(pages, table, span, wanted, limit)

    def logs(
        self,
        events: Sequence[Event],
        first: int,
        last: int,
        *,
        address: str | None = None,
        newest_first: bool = False,
    ) -> Iterator[list[Log]]:
        """Logs of these events of the hub (or of another contract), in lists of some blocks each."""
        topics = [[event.topic for event in events]]
        known = {event.topic: event for event in events}
        for logs in read_many_logs(
            self.rpc,
            address or self.hub.address,
            topics,
            from_block=first,
            to_block=last,
            newest_first=newest_first,
        ):
            yield [log for log in logs if log["topics"] and known[log["topics"][0]].matches(log)]

    def blocks(self, span: Span) -> tuple[int, int]:
        """First and last block of a span; the last is before the first when there is none."""
        head = self.head()
        begin = max(span.first_block, min(_BEGINS.get(self.rpc.chain_id, 0), head.number))
        last = head.number if span.end_block is None else min(head.number, span.end_block - 1)
        if span.start > 0:
            begin = max(begin, self.times.first_at(span.start, head))
        if span.end is not None:
            last = min(last, self.times.first_at(span.end, head) - 1)
        return begin, last

    def _made(
        self,
        table: str,
        event: Event,
        span: Span,
        page_of: Callable[[Sequence[Log]], Page],
        *,
        newest_first: bool,
    ) -> Iterator[Page]:
        first, last = self.blocks(span)
        for logs in self.logs([event], first, last, newest_first=newest_first):
            for start in range(0, len(logs), _AT_ONCE):
                some = logs[start : start + _AT_ONCE]
                self.times.learn(some)
                yield in_order(table, page_of(some), newest_first=newest_first)

    def _events(self, span: Span, wanted: Mapping[str, Any], *, newest_first: bool) -> Iterator[Page]:
        names = wanted.get("event", [*log_rows.READERS])
        names = names if isinstance(names, list) else [names]
        events = [getattr(EVENTS, name) for name in names if name in log_rows.READERS]
        first, last = self.blocks(span)
        for logs in self.logs(events, first, last, newest_first=newest_first) if events else ():
            self.times.learn(logs)
            for start in range(0, len(logs), 2 * _AT_ONCE):
                some = logs[start : start + 2 * _AT_ONCE]
                page = log_rows.to_page("events", some, lambda log: log_rows.event(log, self.times))
                yield in_order("events", page, newest_first=newest_first)

    def _deals(self, logs: Sequence[Log]) -> Page:
        from iexec_lab.history.log_deals import deals

        return deals(self, logs)

    def _tasks(self, logs: Sequence[Log]) -> Page:
        from iexec_lab.history.log_tasks import tasks

        return tasks(self, logs)

    def until(self, first: int, moment: int | None) -> Iterator[tuple[int, int]]:
        """Ranges of blocks from ``first`` up to the moment, or to the head for None."""
        head = self.head()
        last = head.number
        if moment is not None and moment < head.time:
            last = self.times.first_at(moment + 1, head)
        for start in range(first, last + 1, FIRST_SPAN):
            yield start, min(start + FIRST_SPAN - 1, last)


def _block(found: Mapping[str, Any]) -> Block:
    return Block(to_int(found["number"]), to_int(found["timestamp"]), str(found.get("hash") or ""))
