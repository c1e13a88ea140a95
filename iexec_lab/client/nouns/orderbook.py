"""The order book: what the market offers and asks for. No wallet, no node: only the market is asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any, ClassVar, Unpack

from iexec_lab.client.market.book_filters import (
    FILTERS,
    AppFilters,
    BookFilters,
    DatasetFilters,
    RequesterFilters,
    WorkerpoolFilters,
)
from iexec_lab.client.market.follow import Stream
from iexec_lab.client.market.recording import EVERYBODY, FOLDER, book_at, record
from iexec_lab.client.matching.hidden import SHORT, hidden
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.options import declared, takes, with_defaults
from iexec_lab.errors import ValidationError
from iexec_lab.protocol import check_tag, to_tag
from iexec_lab.services.market import OrderPage

_KINDS = {
    "app": "apporder",
    "dataset": "datasetorder",
    "workerpool": "workerpoolorder",
    "requester": "requestorder",
}


class Orderbook(Noun):
    """``lab.orderbook``: what the market offers and asks for; needs no wallet and no node.

    An address of another kind than the list's own is a restriction: orders match that are open to all or to
    it. With the strict flag only those match that name it; ``any`` takes all, None only those open to all.
    Amounts are nRLC.
    """

    _FRAMES: ClassVar = {verb: Frame(kind, attrgetter("orders")) for verb, kind in _KINDS.items()} | {
        "record": Frame("recording")
    }

    @takes(AppFilters)
    def app(self, app: str | None = None, **filters: Unpack[AppFilters]) -> pd.DataFrame:
        """Orders that let an app be used, cheapest first.

        Args:
            app: The app; ``any`` for all, which is also the default without ``app_owner``.
            **filters: Those of ``AppFilters``.

        Returns:
            DataFrame, one row per order: ``order_hash``, ``app_price_nrlc`` (of a task) ...

        Raises:
            ValidationError: A filter has a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("app", self._fetch_app(app, **filters))

    def _fetch_app(self, app: str | None = None, **filters: Any) -> OrderPage:
        return self._read("app", app, filters)

    @takes(DatasetFilters)
    def dataset(self, dataset: str | None = None, **filters: Unpack[DatasetFilters]) -> pd.DataFrame:
        """Orders that let a dataset be used, cheapest first.

        Args:
            dataset: The dataset; ``any`` for all, which is also the default without ``dataset_owner``.
            **filters: Those of ``DatasetFilters``.

        Returns:
            DataFrame, one row per order: ``order_hash``, ``dataset_price_nrlc`` (of a task) ...

        Raises:
            ValidationError: A filter has a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("dataset", self._fetch_dataset(dataset, **filters))

    def _fetch_dataset(self, dataset: str | None = None, **filters: Any) -> OrderPage:
        return self._read("dataset", dataset, filters)

    @takes(WorkerpoolFilters)
    def workerpool(self, workerpool: str | None = None, **filters: Unpack[WorkerpoolFilters]) -> pd.DataFrame:
        """Orders that sell tasks, cheapest first.

        Args:
            workerpool: The workerpool; by default all.
            **filters: Those of ``WorkerpoolFilters``.

        Returns:
            DataFrame, one row per order: ``order_hash``, ``workerpool_price_nrlc`` (of a task) ...

        Raises:
            ValidationError: A filter has a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("workerpool", self._fetch_workerpool(workerpool, **filters))

    def _fetch_workerpool(self, workerpool: str | None = None, **filters: Any) -> OrderPage:
        return self._read("workerpool", workerpool, filters)

    @takes(RequesterFilters)
    def requester(self, requester: str | None = None, **filters: Unpack[RequesterFilters]) -> pd.DataFrame:
        """Requests that wait for a workerpool, best paid first.

        Args:
            requester: Whose requests; by default all.
            **filters: Those of ``RequesterFilters``.

        Returns:
            DataFrame, one row per order: ``order_hash``, ``workerpool_max_price_nrlc`` (of a task) ...

        Raises:
            ValidationError: A filter has a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("requester", self._fetch_requester(requester, **filters))

    def _fetch_requester(self, requester: str | None = None, **filters: Any) -> OrderPage:
        return self._read("requester", requester, filters)

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
        return Stream(self.session, _KINDS[kind], values, timeout=timeout, every=every, limit=limit)

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
        everybody = {
            name: who for name, who in EVERYBODY.items() if name in declared(FILTERS.get(kind, BookFilters))
        }
        return record(self.stream(kind, timeout=timeout, every=every, **everybody), to, progress)

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
        verb = kind if kind in _KINDS else "workerpool"
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
        page = book_at(self.session, _KINDS[kind], moment, folder, values)
        return page if limit is None else replace(page, orders=page.orders[:limit])

    def _wanted(
        self, kind: str, address: str | None, filters: dict[str, Any]
    ) -> tuple[dict[str, Any], int | None]:
        """The checked filters of a list, and how many rows of it are shown."""
        if kind not in _KINDS:
            raise ValidationError(f"{kind} is not a list of orders", hint=f"Use one of: {', '.join(_KINDS)}.")
        known = declared(FILTERS[kind])
        for name in filters:
            if name not in known or name in {"page", "page_size"}:
                raise ValidationError(
                    f"{name} is not a filter of this list", hint=f"Use one of: {', '.join(known)}."
                )
        values = self._query(kind, address, filters)
        limit, _, _ = (values.pop(name) for name in ("limit", "page", "page_size"))
        return values, limit

    def _read(self, verb: str, wanted: str | None, filters: dict[str, Any]) -> OrderPage:
        values = self._query(verb, wanted, filters)
        limit, page, page_size = (values.pop(name) for name in ("limit", "page", "page_size"))
        market, kind = self.session.market, _KINDS[verb]
        if page is not None:
            return market.orderbook(kind, page=page, page_size=page_size, **values)
        return market.orderbook_all(kind, limit=limit, **values)

    def _query(self, verb: str, wanted: str | None, filters: dict[str, Any]) -> dict[str, Any]:
        """All filters of a list, by the names of ``Market.orderbook``; with ``limit`` and the page."""
        values = with_defaults(FILTERS[verb], filters)
        if verb in {"app", "dataset"} and not values[f"{verb}_owner"]:
            wanted = wanted or "any"  # these two lists need a name
        values[verb] = wanted
        if verb == "dataset":
            del values["dataset_strict"]
        values |= self._tags(*(values.pop(name) for name in ("tag", "require_tag", "max_tag")))
        return values

    def _tags(self, tag: Any, require_tag: Any, max_tag: Any) -> dict[str, str | None]:
        """``tag`` sets both bounds and overrides the others."""
        frameworks = self.session.network.frameworks
        if tag is not None:
            exact = check_tag(tag, frameworks=frameworks, allow_agnostic=True)
            return {"min_tag": exact, "max_tag": exact}

        def bound(value: Any) -> str | None:
            return None if value is None else to_tag(value, frameworks=frameworks)

        return {"min_tag": bound(require_tag), "max_tag": bound(max_tag)}


def not_listed(
    book: Orderbook, verb: str, wanted: str | None, filters: dict[str, Any], listed: OrderPage
) -> str | None:
    """A sentence about the orders that restrictions keep from a short list; None when there are none."""
    if len(listed.orders) >= SHORT or len(listed.orders) + listed.left_out < listed.count:
        return None
    values = book._query(verb, wanted, filters)  # noqa: SLF001 - the same module
    for name in ("limit", "page", "page_size"):
        del values[name]
    return hidden(book.session, _KINDS[verb], values, listed)
