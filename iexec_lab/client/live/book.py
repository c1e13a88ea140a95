"""The verbs of ``lab.orderbook`` that go on: follow a list, write it down, read it back."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iexec_lab.client.hints import pd
from iexec_lab.client.live.follow import Stream
from iexec_lab.client.market.book_filters import FILTERS, FOLDER, KINDS, BookFilters
from iexec_lab.client.options import advising, declared
from iexec_lab.errors import ValidationError
from iexec_lab.services.market import OrderPage

if TYPE_CHECKING:
    from iexec_lab.client.session import Session


class LiveBook:
    """Mixed into ``Orderbook``, which knows how its filters become the market's."""

    session: Session

    if TYPE_CHECKING:  # the noun has them

        def _query(self, verb: str, wanted: str | None, filters: dict[str, Any]) -> dict[str, Any]: ...

        def _draw(self, verb: str, facts: Any) -> pd.DataFrame: ...

    @advising
    def stream(
        self,
        kind: str = "workerpool",
        address: str | None = None,
        *,
        timeout: float | None = None,
        every: float = 10.0,
        **filters: Any,
    ) -> Stream:
        """The changes of a list as they happen, from the market's feed; where it has none, by asking again.

        ``for change in lab.orderbook.stream(category=0): ...`` or ``async for``; ``stream.frame`` is the list
        as it is now. After a cut it joins again, and the first changes are those that were missed.

        Args:
            kind: ``app``, ``dataset``, ``workerpool`` or ``requester``.
            address: The app, dataset, workerpool or requester; by default all.
            timeout: Seconds after which it ends; None for never.
            every: Seconds between two looks where there is no feed.
            **filters: Those of the list of that kind; ``limit`` is how many rows ``stream.frame`` has.

        Returns:
            Stream of ``Change(event, row, at, kind)``: ``added``, ``changed`` or ``removed``.

        Raises:
            ValidationError: There is no such list, or it has no such filter.
            MarketError: The market was not reached.
        """
        values, limit = self._wanted(kind, address, filters)
        return Stream(self.session, KINDS[kind], values, timeout=timeout, every=every, limit=limit)

    @advising
    def record(
        self,
        kind: str = "workerpool",
        *,
        to: str | os.PathLike[str] = FOLDER,
        timeout: float | None = None,
        every: float = 10.0,
        progress: Callable[[str], None] | None = None,
    ) -> pd.DataFrame:
        """Write a whole list and its changes down, from the market's feed, until it is interrupted.

        Args:
            kind: ``app``, ``dataset``, ``workerpool`` or ``requester``: all its orders, whoever may use them.
            to: Folder, made if missing; more recordings may go into the same one.
            timeout: Seconds after which it ends; None for never.
            every: Seconds between two looks where there is no feed.
            progress: Called with a few words now and then.

        Returns:
            DataFrame, one row: ``folder``, ``listed`` (orders at the end), ``changes``, ``gaps`` (how often
                the feed was cut), ``files``, ``began_at``, ``ended_at``.

        Raises:
            ValidationError: There is no such list.
            LibraryError: pyarrow is not installed.
            MarketError: The market was not reached.
        """
        return self._draw(
            "record", self._fetch_record(kind, to=to, timeout=timeout, every=every, progress=progress)
        )

    def _fetch_record(
        self,
        kind: str = "workerpool",
        *,
        to: str | os.PathLike[str] = FOLDER,
        timeout: float | None = None,
        every: float = 10.0,
        progress: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        from iexec_lab.client.live.recording import EVERYBODY, record

        everybody = {
            name: who for name, who in EVERYBODY.items() if name in declared(FILTERS.get(kind, BookFilters))
        }
        return record(self.stream(kind, timeout=timeout, every=every, **everybody), to, progress)

    @advising
    def at(
        self,
        moment: Any,
        kind: str = "workerpool",
        address: str | None = None,
        *,
        folder: str | os.PathLike[str] = FOLDER,
        **filters: Any,
    ) -> pd.DataFrame:
        """A recorded list as it was at a moment.

        Args:
            moment: datetime, or text such as ``"2026-10-01 12:30"``: UTC unless it says otherwise.
            kind: ``app``, ``dataset``, ``workerpool`` or ``requester``.
            address: The app, dataset, workerpool or requester; by default all.
            folder: Where ``record`` wrote.
            **filters: Those of the list of that kind.

        Returns:
            DataFrame as of the list's own verb.

        Raises:
            ValidationError: It is no moment, or nothing was recorded then.
            LibraryError: pyarrow is not installed.
        """
        verb = kind if kind in KINDS else "workerpool"
        return self._draw(verb, self._fetch_at(moment, kind, address, folder=folder, **filters))

    def _fetch_at(
        self,
        moment: Any,
        kind: str = "workerpool",
        address: str | None = None,
        *,
        folder: str | os.PathLike[str] = FOLDER,
        **filters: Any,
    ) -> OrderPage:
        values, limit = self._wanted(kind, address, filters)
        from iexec_lab.client.live.recording import book_at

        page = book_at(self.session, KINDS[kind], moment, folder, values)
        return page if limit is None else replace(page, orders=page.orders[:limit])

    def _wanted(
        self, kind: str, address: str | None, filters: dict[str, Any]
    ) -> tuple[dict[str, Any], int | None]:
        """The checked filters of a list, and how many rows of it are shown."""
        if kind not in KINDS:
            raise ValidationError(f"{kind} is not a list of orders", hint=f"Use one of: {', '.join(KINDS)}.")
        known = declared(FILTERS[kind])
        for name in filters:
            if name not in known or name in {"page", "page_size"}:
                raise ValidationError(
                    f"{name} is not a filter of this list", hint=f"Use one of: {', '.join(known)}."
                )
        values = self._query(kind, address, filters)
        limit, _, _ = (values.pop(name) for name in ("limit", "page", "page_size"))
        return values, limit
