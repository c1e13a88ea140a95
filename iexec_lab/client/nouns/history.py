"""The past of the market: deals, tasks, events, transfers and orders at any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Unpack

from iexec_lab import doors
from iexec_lab.client.market.figures import Figures
from iexec_lab.client.market.given import about_category, plain_values
from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.market.past import where_of
from iexec_lab.client.market.past_filters import (
    PastDeals,
    PastEvents,
    PastOptions,
    PastOrders,
    PastTasks,
    PastTransfers,
)
from iexec_lab.client.nouns._noun import Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.options import declared, takes
from iexec_lab.client.session import Session
from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_address

ENGINES = ("pandas", "dask")


@dataclass(frozen=True)
class Read:
    """Rows in memory, as a page or as columns of Arrow."""

    table: str
    held: Any
    source: str
    remark: str = ""

    @property
    def left_out(self) -> int:
        """How many rows could not be believed."""
        found: int = self.held.left_out
        return found

    def draw(self, session: Session) -> pd.DataFrame:
        """The frame of these rows."""
        from iexec_lab.history.whole import to_frame

        about = {"remark": self.remark} if self.remark else {}
        return to_frame(self.table, self.held, source=self.source, **session.about(), **about)

    def to_json(self) -> dict[str, Any]:
        """The rows as JSON: amounts in decimal text, times in seconds since 1970."""
        from iexec_lab.frames import SCHEMAS
        from iexec_lab.history.tables import TABLES

        kinds = {column.name: column.kind for column in SCHEMAS[TABLES[self.table]]}
        page = self.held.to_page()
        columns = {name: [_in_json(kinds[name], each) for each in held] for name, held in page.items()}
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return {"table": self.table, "source": self.source, "count": page.size, "rows": rows}


def _in_json(kind: str, value: Any) -> Any:
    if value is None or kind not in {"nrlc", "address", "anyone"}:
        return value
    return str(value) if kind == "nrlc" else to_address(value)


@dataclass(frozen=True)
class Wrote:
    """Rows on disk."""

    written: Any
    source: str

    @property
    def left_out(self) -> int:
        """How many rows could not be believed."""
        found: int = self.written.left_out
        return found

    def draw(self, session: Session) -> pd.DataFrame:
        """One row: what was written, and where."""
        from iexec_lab import frames

        return frames.build("past_files", [self.to_json()], single=True, **session.about())

    def to_json(self) -> dict[str, Any]:
        """What was written, and where."""
        done = self.written
        return {
            "table": done.table,
            "folder": str(done.folder),
            "rows": done.rows,
            "read": done.new,
            "files": done.files,
            "leftOut": done.left_out,
            "rewritten": done.rewritten,
            "source": self.source,
        }


class _Drawn:
    """How the facts of these verbs become frames: they know."""

    @staticmethod
    def draw(facts: Read | Wrote, session: Session) -> pd.DataFrame:
        return facts.draw(session)


class History(Figures, Noun):
    """``lab.history``: everything that happened on the market, from its subgraph or from a node's logs."""

    _FRAMES: ClassVar[Mapping[str, Any]] = {
        table: _Drawn() for table in ("deals", "tasks", "events", "transfers", "orders")
    }

    @takes(PastDeals)
    def deals(self, start: Any = None, end: Any = None, **options: Unpack[PastDeals]) -> pd.DataFrame:
        """Deals, in the order they were made.

        Args:
            start: ``"30d"`` before the newest block, a date, a datetime, a block (``"#123"``); None for all.
            end: The same; rows of that moment are not in it.
            **options: See ``PastOptions``.

        Returns:
            DataFrame, one row per deal: prices of one task, parties, how many ``tasks`` and how many of them
                are ``completed`` or ``claimed`` so far. With ``to`` one row that says what was written; with
                ``engine="dask"`` a Dask frame.

        Raises:
            ValidationError: A moment or a filter that cannot be, or a folder with something else in it.
            ServiceError: The subgraph or the node cannot be read.
        """
        return self._get("deals", start, end, options)

    @takes(PastTasks)
    def tasks(self, start: Any = None, end: Any = None, **options: Unpack[PastTasks]) -> pd.DataFrame:
        """Tasks, in the order they were initialised.

        Args:
            start: As in ``deals``.
            end: As in ``deals``.
            **options: See ``PastOptions``.

        Returns:
            DataFrame, one row per task: when it was initialised, contributed, revealed, finalised or claimed,
                by which ``workers``, what was paid and seized. With ``to`` and ``engine`` as in ``deals``.

        Raises:
            ValidationError: As in ``deals``.
            ServiceError: The subgraph or the node cannot be read.
        """
        return self._get("tasks", start, end, options)

    @takes(PastEvents)
    def events(self, start: Any = None, end: Any = None, **options: Unpack[PastEvents]) -> pd.DataFrame:
        """Events of the hub, in the order of the chain.

        Args:
            start: As in ``deals``.
            end: As in ``deals``.
            **options: See ``PastOptions``.

        Returns:
            DataFrame, one row per event: its name, deal or task, account and amount. With ``to`` and
                ``engine`` as in ``deals``.

        Raises:
            ValidationError: As in ``deals``.
            ServiceError: The subgraph or the node cannot be read.
        """
        return self._get("events", start, end, options)

    @takes(PastTransfers)
    def transfers(self, start: Any = None, end: Any = None, **options: Unpack[PastTransfers]) -> pd.DataFrame:
        """Transfers of staked RLC, each with its cause.

        Args:
            start: As in ``deals``.
            end: As in ``deals``.
            **options: See ``PastOptions``.

        Returns:
            DataFrame, one row per transfer. With ``to`` and ``engine`` as in ``deals``.

        Raises:
            ValidationError: As in ``deals``.
            ServiceError: The subgraph or the node cannot be read.
        """
        return self._get("transfers", start, end, options)

    @takes(PastOrders)
    def orders(self, start: Any = None, end: Any = None, **options: Unpack[PastOrders]) -> pd.DataFrame:
        """Orders that were matched, in the order of their first match.

        Args:
            start: As in ``deals``; it is the deals that count.
            end: As in ``deals``.
            **options: See ``PastOptions``.

        Returns:
            DataFrame, one row per order: what it sold, at which price, in how many deals.

        Raises:
            ValidationError: As in ``deals``.
            ServiceError: The subgraph or the node cannot be read.
        """
        return self._get("orders", start, end, options)

    def _fetch_deals(self, start: Any = None, end: Any = None, **options: Any) -> Read | Wrote:
        return self._fetch("deals", start, end, options)

    def _fetch_tasks(self, start: Any = None, end: Any = None, **options: Any) -> Read | Wrote:
        return self._fetch("tasks", start, end, options)

    def _fetch_events(self, start: Any = None, end: Any = None, **options: Any) -> Read | Wrote:
        return self._fetch("events", start, end, options)

    def _fetch_transfers(self, start: Any = None, end: Any = None, **options: Any) -> Read | Wrote:
        return self._fetch("transfers", start, end, options)

    def _fetch_orders(self, start: Any = None, end: Any = None, **options: Any) -> Read | Wrote:
        return self._fetch("orders", start, end, options)

    def _get(self, table: str, start: Any, end: Any, options: Mapping[str, Any]) -> pd.DataFrame:
        engine = options.get("engine", "pandas")
        if engine not in ENGINES:
            raise ValidationError(
                f"engine cannot be {plain(engine, 40)}", hint=f"Use one of: {', '.join(ENGINES)}."
            )
        if engine == "dask":
            found: pd.DataFrame = self._dask(table, start, end, options)
            return found
        return self._draw(table, self._fetch(table, start, end, options))

    def _fetch(self, table: str, start: Any, end: Any, options: Mapping[str, Any]) -> Read | Wrote:
        with doors.progress(f"Reading {table}") as step:

            def tell(progress: Any) -> None:
                step.update(progress.words(), int(100 * progress.share), 100, "%")

            return self._read(table, start, end, options, options.get("progress") or tell)

    def _read(
        self,
        table: str,
        start: Any,
        end: Any,
        options: Mapping[str, Any],
        progress: Callable[[Any], None],
    ) -> Read | Wrote:
        from iexec_lab.history.moments import to_span
        from iexec_lab.history.whole import fetch

        given = plain_values({"start": start, "end": end, "source": options.get("source")})
        start, end = given["start"], given["end"]
        source = self._source(given["source"])
        where = self._where(options)
        limit, to = to_limit(options.get("limit")), options.get("to")
        span = to_span(start, end, source.head, source.block)
        if to is None:
            held = fetch(source, table, span, where, limit=limit, progress=progress)
            remark = about_category(self.session, where) if not held.size else ""
            return Read(table, held, source.name, remark)
        if limit is not None:
            raise ValidationError("limit and to exclude each other", hint="Say from when on: since.")
        from iexec_lab.history.disk.store import Store
        from iexec_lab.history.records import Span

        network = self.session.network
        about = {"chain_id": network.id, "hub": network.hub, "source": source.name}
        folder = Path(to) / str(network.id) / table
        store = Store(source, table, folder, about, where, progress=progress)
        return Wrote(store.update(Span(span.start, span.end)), source.name)

    def _dask(self, table: str, start: Any, end: Any, options: Mapping[str, Any]) -> Any:
        from iexec_lab.history.filters import checked
        from iexec_lab.history.moments import to_span
        from iexec_lab.history.whole import PIECEWISE, Reading, to_dask

        if options.get("to") is not None or options.get("limit") is not None:
            raise ValidationError("A Dask frame takes neither to nor limit", hint="Use its own methods.")
        if table not in PIECEWISE:
            raise ValidationError(f"{table} cannot be read in pieces", hint='Use engine="pandas".')
        source, network = self._source(options.get("source")), self.session.network
        where = checked(table, self._where(options))
        url = network.setting("pocoSubgraph") if source.name == "subgraph" else network.host
        span = to_span(start, end, source.head, source.block)
        reading = Reading(source.name, url, network.hub, table, tuple(where.items()), self.session.timeout)
        return to_dask(source, reading, span)

    def _source(self, name: str | None) -> Any:
        from iexec_lab.history.source import open_source

        session = self.session
        return open_source(session.network, lambda: session.rpc, timeout=session.timeout, source=name)

    def _where(self, options: Mapping[str, Any]) -> dict[str, Any]:
        common = declared(PastOptions)
        filters = {name: value for name, value in options.items() if name not in common and value is not None}
        return where_of(self.session, filters)
