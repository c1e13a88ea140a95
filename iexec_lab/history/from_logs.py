"""History from the logs of a node, for networks without a subgraph.

Deals and tasks are found by the events that made them, their content is what the hub says of them now, and
the times of a task are those of the blocks of its events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.ethereum.contracts import EVENTS
from iexec_lab.history.derived import cut, orders, transfers
from iexec_lab.history.filters import checked
from iexec_lab.history.logs import rows as log_rows
from iexec_lab.history.logs.assets import assets
from iexec_lab.history.logs.deals import deals
from iexec_lab.history.logs.reader import LogReader
from iexec_lab.history.logs.tasks import tasks
from iexec_lab.history.pages import in_order, sorted_pages
from iexec_lab.history.records import Page, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from iexec_lab.ethereum.abi import Event
    from iexec_lab.history.logs.reader import Log

_AT_ONCE: Final = 500  # deals or tasks of a page


class LogSource(LogReader):
    """The past as the logs of a node tell it."""

    name = "logs"

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
        if table == "orders":
            pages = orders(self, span, newest_first=newest_first)
        elif table == "transfers":
            pages = transfers(self, span, newest_first=newest_first)
        elif table == "events":
            pages = self._events(span, wanted, newest_first=newest_first)
        elif table == "deals":
            pages = self._made("deals", EVENTS.OrdersMatched, span, deals, newest_first=newest_first)
        elif table == "tasks":
            pages = self._made("tasks", EVENTS.TaskInitialize, span, tasks, newest_first=newest_first)
        else:
            pages = sorted_pages(table, [assets(self, table)], newest_first=newest_first)
        return cut(pages, table, span, wanted, limit)

    def _made(
        self,
        table: str,
        event: Event,
        span: Span,
        page_of: Callable[[LogReader, Sequence[Log]], Page],
        *,
        newest_first: bool,
    ) -> Iterator[Page]:
        first, last = self.blocks(span)
        for logs in self.logs([event], first, last, newest_first=newest_first):
            for start in range(0, len(logs), _AT_ONCE):
                some = logs[start : start + _AT_ONCE]
                self.times.learn(some)
                yield in_order(table, page_of(self, some), newest_first=newest_first)

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
