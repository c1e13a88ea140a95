"""A part of the past of a session's network, read when it is needed, table by table."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.market.given import plain_values, with_category
from iexec_lab.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from iexec_lab.client.session import Session
    from iexec_lab.history.source import Source, Span

_OF_BOTH: Final = frozenset({"app", "category", "dataset", "requester", "workerpool"})
"""Filters of deals that mean the same for their tasks."""


def where_of(session: Session, filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters of history: names of ENS as the addresses they stand for, a category by its number.

    Raises:
        ValidationError: A filter cannot have such a value.
    """

    def spelled(value: Any) -> Any:
        if isinstance(value, list):
            return [spelled(each) for each in value]
        is_name = isinstance(value, str) and value.endswith(".eth")
        return session.to_address(value) if is_name else value

    for name, word in (("since", "start"), ("until", "end")):
        if name in filters:
            raise ValidationError(f"{name} is not a filter", hint=f'History says {word}: {word}="7d".')
    found = with_category(session, plain_values(filters, filters))
    return {name: spelled(value) for name, value in found.items()}


class Past:
    """The deals that were made in a time, and all that became of them since.

    Args:
        session: Whose network.
        since: As for ``lab.history.deals``.
        until: Up to then.
        where: Filters of the rows: names of columns and the values wanted.
    """

    def __init__(
        self, session: Session, since: Any = None, until: Any = None, where: Mapping[str, Any] | None = None
    ) -> None:
        self._session, self._since, self._until = session, since, until
        self._where = where_of(session, where or {})

    @cached_property
    def source(self) -> Source:
        """The subgraph of the network, or the logs of its node."""
        from iexec_lab.history.source import open_source

        session = self._session
        return open_source(session.network, lambda: session.rpc, timeout=session.timeout)

    @cached_property
    def span(self) -> Span:
        """The time that was asked for.

        Raises:
            ValidationError: It is none.
        """
        from iexec_lab.history.moments import to_span

        return to_span(self._since, self._until, self.source.head, self.source.block)

    @cached_property
    def now(self) -> datetime:
        """The chain's clock."""
        return datetime.fromtimestamp(self.source.head().time, UTC)

    @cached_property
    def deals(self) -> pd.DataFrame:
        """The deals."""
        return self._read("deals", self.span, self._where)

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """Tasks begun in that time."""
        return self._read("tasks", self.span, self._where)

    @cached_property
    def transfers(self) -> pd.DataFrame:
        """Transfers of staked RLC in that time."""
        return self._read("transfers", self.span, self._where)

    @property
    def tasks_of_deals(self) -> pd.DataFrame:
        """The tasks of the deals."""
        shared = {name: value for name, value in self._where.items() if name in _OF_BOTH}
        tasks = self._read("tasks", self._onwards, shared)
        return tasks[tasks["deal_id"].isin(set(self.deals["deal_id"]))]

    @property
    def rewards(self) -> pd.DataFrame:
        """What was paid and seized since, for whatever task."""
        return self._read("events", self._onwards, {"event": ["Reward", "Seize"]})

    @property
    def _onwards(self) -> Span:
        return self.span._replace(end=None, end_block=None)

    def _read(self, table: str, span: Span, where: Mapping[str, Any] | None) -> pd.DataFrame:
        from iexec_lab.history.filters import checked
        from iexec_lab.history.whole import fetch, to_frame

        held = fetch(self.source, table, span, checked(table, where))
        return to_frame(table, held, **self._session.about(), source=self.source.name)
