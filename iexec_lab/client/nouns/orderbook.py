"""The order book: what the market offers and asks for. No wallet, no node: only the market is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.client.nouns._verb import Noun, framed, verb
from iexec_lab.protocol import check_tag, to_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.services.market import OrderPage


def _raw(name: str, price: str, *fields: str) -> Callable[[OrderPage], dict[str, Any]]:
    """The official JSON of a list: ``{count, <name>: [{orderHash, price, remaining, ...}]}``."""

    def shape(page: OrderPage) -> dict[str, Any]:
        orders = [
            {
                "orderHash": entry["orderHash"],
                "price": entry["order"][price],
                "remaining": entry["remaining"],
                **{field: entry["order"][field] for field in fields if field in entry["order"]},
            }
            for entry in page.orders
        ]
        return {"count": page.count - page.left_out, name: orders}

    return shape


def _drawn(kind: str) -> Any:
    return framed(kind, lambda page: page.orders)


class Orderbook(Noun):
    """``lab.orderbook``: what the market offers and asks for; needs no wallet and no node.

    An address of another kind than the list's own is a restriction: orders open to all or to it match; with
    the strict flag only those that name it; ``any`` takes all, None only those open to all. Amounts are nRLC.
    """

    @verb(
        value=_drawn("apporder"),
        raw=_raw(
            "appOrders",
            "appprice",
            "app",
            "tag",
            "datasetrestrict",
            "workerpoolrestrict",
            "requesterrestrict",
        ),
    )
    def app(
        self,
        app: str | None = None,
        *,
        app_owner: str | None = None,
        dataset: str | None = None,
        workerpool: str | None = None,
        requester: str | None = None,
        dataset_strict: bool = False,
        workerpool_strict: bool = False,
        requester_strict: bool = False,
        tag: Any = None,
        require_tag: Any = None,
        max_tag: Any = None,
        min_volume: int | None = None,
        limit: int | None = None,
        page: int | None = None,
        page_size: int = 20,
    ) -> OrderPage:
        """Orders that let an app be used, cheapest first.

        Args:
            app: The app; ``any`` for all, which is also the default without ``app_owner``.
            app_owner: Only apps of this owner.
            dataset: Open to this dataset.
            workerpool: Open to this workerpool.
            requester: Open to this requester.
            dataset_strict: Naming that dataset.
            workerpool_strict: Naming that workerpool.
            requester_strict: Naming that requester.
            tag: Exactly this tag: words (``"tee,tdx"`` or a list), or 32 bytes as 0x text.
            require_tag: At least these tag bits, given in the same forms.
            max_tag: No other tag bits, given in the same forms.
            min_volume: At least so many tasks left.
            limit: The best so many; None for all.
            page: One page only, from 0.
            page_size: Its size, 10 to 1000.

        Returns:
            DataFrame, one row an order: ``order_hash``, ``app_price_nrlc`` (of a task) ...

        Raises:
            ValidationError: A filter has a value that it can not have.
            MarketError: The market was not reached.
        """
        filters = {
            "app": app or (None if app_owner else "any"),
            "app_owner": app_owner,
            "dataset": dataset,
            "workerpool": workerpool,
            "requester": requester,
            "dataset_strict": dataset_strict,
            "workerpool_strict": workerpool_strict,
            "requester_strict": requester_strict,
            "min_volume": min_volume,
        } | self._tags(tag, require_tag, max_tag)
        return self._read("apporder", filters, limit, page, page_size)

    @verb(
        value=_drawn("datasetorder"),
        raw=_raw(
            "datasetOrders",
            "datasetprice",
            *("dataset", "tag", "apprestrict", "workerpoolrestrict", "requesterrestrict"),
        ),
    )
    def dataset(
        self,
        dataset: str | None = None,
        *,
        dataset_owner: str | None = None,
        app: str | None = None,
        workerpool: str | None = None,
        requester: str | None = None,
        app_strict: bool = False,
        workerpool_strict: bool = False,
        requester_strict: bool = False,
        dataset_strict: bool = False,
        bulk_only: bool = False,
        tag: Any = None,
        require_tag: Any = None,
        max_tag: Any = None,
        min_volume: int | None = None,
        limit: int | None = None,
        page: int | None = None,
        page_size: int = 20,
    ) -> OrderPage:
        """Orders that let a dataset be used, cheapest first; filters as for ``app``.

        Args:
            dataset: The dataset; ``any`` for all, which is also the default without ``dataset_owner``.
            dataset_owner: Only datasets of this owner.
            app: Open to this app.
            workerpool: Open to this workerpool.
            requester: Open to this requester.
            app_strict: Naming that app.
            workerpool_strict: Naming that workerpool.
            requester_strict: Naming that requester.
            dataset_strict: Accepted and without effect, as in the official CLI.
            bulk_only: Only free orders of boundless volume, which bulks can use.
            tag: Exactly this tag: words (``"tee,tdx"`` or a list), or 32 bytes as 0x text.
            require_tag: At least these tag bits, given in the same forms.
            max_tag: No other tag bits, given in the same forms.
            min_volume: At least so many tasks left.
            limit: The best so many; None for all.
            page: One page only, from 0.
            page_size: Its size, 10 to 1000.

        Returns:
            DataFrame, one row an order: ``order_hash``, ``dataset_price_nrlc`` (of a task) ...

        Raises:
            ValidationError: A filter has a value that it can not have.
            MarketError: The market was not reached.
        """
        del dataset_strict
        filters = {
            "dataset": dataset or (None if dataset_owner else "any"),
            "dataset_owner": dataset_owner,
            "app": app,
            "workerpool": workerpool,
            "requester": requester,
            "app_strict": app_strict,
            "workerpool_strict": workerpool_strict,
            "requester_strict": requester_strict,
            "bulk_only": bulk_only,
            "min_volume": min_volume,
        } | self._tags(tag, require_tag, max_tag)
        return self._read("datasetorder", filters, limit, page, page_size)

    @verb(
        value=_drawn("workerpoolorder"),
        raw=_raw(
            "workerpoolOrders",
            "workerpoolprice",
            *(
                "category",
                "tag",
                "trust",
                "workerpool",
                "apprestrict",
                "datasetrestrict",
                "requesterrestrict",
            ),
        ),
    )
    def workerpool(
        self,
        workerpool: str | None = None,
        *,
        workerpool_owner: str | None = None,
        category: int | None = None,
        app: str | None = None,
        dataset: str | None = None,
        requester: str | None = None,
        app_strict: bool = False,
        dataset_strict: bool = False,
        requester_strict: bool = False,
        tag: Any = None,
        require_tag: Any = None,
        max_tag: Any = None,
        min_trust: int | None = None,
        min_volume: int | None = None,
        limit: int | None = None,
        page: int | None = None,
        page_size: int = 20,
    ) -> OrderPage:
        """Orders that sell tasks, cheapest first; filters as for ``app``.

        Args:
            workerpool: The workerpool; by default all.
            workerpool_owner: Only workerpools of this owner.
            category: Only tasks of this size.
            app: Open to this app.
            dataset: Open to this dataset.
            requester: Open to this requester.
            app_strict: Naming that app.
            dataset_strict: Naming that dataset.
            requester_strict: Naming that requester.
            tag: Exactly this tag: words (``"tee,tdx"`` or a list), or 32 bytes as 0x text.
            require_tag: At least these tag bits, given in the same forms.
            max_tag: No other tag bits, given in the same forms.
            min_trust: At least this trust.
            min_volume: At least so many tasks left.
            limit: The best so many; None for all.
            page: One page only, from 0.
            page_size: Its size, 10 to 1000.

        Returns:
            DataFrame, one row an order: ``order_hash``, ``workerpool_price_nrlc`` (of a task) ...

        Raises:
            ValidationError: A filter has a value that it can not have.
            MarketError: The market was not reached.
        """
        filters = {
            "workerpool": workerpool,
            "workerpool_owner": workerpool_owner,
            "category": category,
            "app": app,
            "dataset": dataset,
            "requester": requester,
            "app_strict": app_strict,
            "dataset_strict": dataset_strict,
            "requester_strict": requester_strict,
            "min_trust": min_trust,
            "min_volume": min_volume,
        } | self._tags(tag, require_tag, max_tag)
        return self._read("workerpoolorder", filters, limit, page, page_size)

    @verb(
        value=_drawn("requestorder"),
        raw=_raw(
            "requestOrders",
            "workerpoolmaxprice",
            *("app", "dataset", "workerpool", "requester", "beneficiary", "category", "tag", "trust"),
        ),
    )
    def requester(
        self,
        requester: str | None = None,
        *,
        beneficiary: str | None = None,
        category: int | None = None,
        app: str | None = None,
        dataset: str | None = None,
        workerpool: str | None = None,
        workerpool_strict: bool = False,
        tag: Any = None,
        require_tag: Any = None,
        max_tag: Any = None,
        max_trust: int | None = None,
        min_volume: int | None = None,
        limit: int | None = None,
        page: int | None = None,
        page_size: int = 20,
    ) -> OrderPage:
        """Requests that wait for a workerpool, best paid first.

        Args:
            requester: Whose requests; by default all.
            beneficiary: For this beneficiary.
            category: Only tasks of this size.
            app: For this app.
            dataset: With this dataset.
            workerpool: Open to this workerpool.
            workerpool_strict: Naming that workerpool.
            tag: Exactly this tag: words (``"tee,tdx"`` or a list), or 32 bytes as 0x text.
            require_tag: At least these tag bits, given in the same forms.
            max_tag: No other tag bits, given in the same forms.
            max_trust: At most this trust.
            min_volume: At least so many tasks left.
            limit: The best so many; None for all.
            page: One page only, from 0.
            page_size: Its size, 10 to 1000.

        Returns:
            DataFrame, one row an order: ``order_hash``, ``workerpool_max_price_nrlc`` (of a task) ...

        Raises:
            ValidationError: A filter has a value that it can not have.
            MarketError: The market was not reached.
        """
        filters = {
            "requester": requester,
            "beneficiary": beneficiary,
            "category": category,
            "app": app,
            "dataset": dataset,
            "workerpool": workerpool,
            "workerpool_strict": workerpool_strict,
            "max_trust": max_trust,
            "min_volume": min_volume,
        } | self._tags(tag, require_tag, max_tag)
        return self._read("requestorder", filters, limit, page, page_size)

    def _tags(self, tag: Any, require_tag: Any, max_tag: Any) -> dict[str, str | None]:
        """``tag`` is both bounds and beats the others."""
        frameworks = self.session.network.frameworks
        if tag is not None:
            exact = check_tag(tag, frameworks=frameworks, allow_agnostic=True)
            return {"min_tag": exact, "max_tag": exact}

        def bound(value: Any) -> str | None:
            return None if value is None else to_tag(value, frameworks=frameworks)

        return {"min_tag": bound(require_tag), "max_tag": bound(max_tag)}

    def _read(
        self, kind: str, filters: dict[str, Any], limit: int | None, page: int | None, page_size: int
    ) -> OrderPage:
        market = self.session.market
        if page is not None:
            return market.orderbook(kind, page=page, page_size=page_size, **filters)
        return market.orderbook_all(kind, limit=limit, **filters)
