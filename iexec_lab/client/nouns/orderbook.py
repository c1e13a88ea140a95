"""The order book: what the market offers and asks for, and what can be computed from it.

Lists need no wallet and no node; ``match``, and ``simulate`` for an app, ask both, as ``app run`` does.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from iexec_lab.client.live.book import LiveBook
from iexec_lab.client.market.book_filters import (
    FILTERS,
    KINDS,
    AppFilters,
    BestFilters,
    DatasetFilters,
    LevelFilters,
    RequesterFilters,
    SpreadFilters,
    WorkerpoolFilters,
)
from iexec_lab.client.market.computed import Computed
from iexec_lab.client.market.depth import best, fill, grouping, levels, offers, spread
from iexec_lab.client.market.given import about_category, plain_values, with_category
from iexec_lab.client.market.limits import to_limit
from iexec_lab.client.matching.hidden import SHORT, hidden
from iexec_lab.client.matching.run_options import ExecutionOptions, MatchOptions
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.options import takes, with_defaults
from iexec_lab.errors import ValidationError
from iexec_lab.protocol import check_tag, to_tag, to_uint256
from iexec_lab.services.market import OrderPage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Orderbook(LiveBook, Noun):
    """``lab.orderbook``: what the market offers and asks for; needs no wallet and no node.

    An address of another kind than the list's own is a restriction: orders match that are open to all or to
    it. With the strict flag only those match that name it; ``any`` takes all, None only those open to all.
    Amounts are nRLC.
    """

    _FRAMES: ClassVar = {
        **{verb: Frame(kind, attrgetter("orders")) for verb, kind in KINDS.items()},
        "depth": Frame("depth_level", list),
        "best": Frame("best_order", list),
        "spread": Frame("spread", list),
        "match": Frame("combination", list),
        "simulate": Frame("fill", list),
        "record": Frame("recording"),
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
        return self._remarked("workerpool", self._fetch_workerpool(workerpool, **filters), filters)

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
        return self._remarked("requester", self._fetch_requester(requester, **filters), filters)

    def _fetch_requester(self, requester: str | None = None, **filters: Any) -> OrderPage:
        return self._read("requester", requester, filters)

    @takes(LevelFilters)
    def depth(self, kind: str = "workerpool", **filters: Unpack[LevelFilters]) -> pd.DataFrame:
        """The book by price: asks from the lowest, or bids from the highest, and what they add up to.

        Volumes are cumulated for each category, of apps and datasets for each of them.

        Args:
            kind: ``workerpool``, ``app`` or ``dataset`` for asks, ``requester`` for bids.
            **filters: Those of ``LevelFilters``.

        Returns:
            DataFrame, one row per price: ``price_nrlc`` (of a task), ``volume``, ``cumulated``, ``orders``.

        Raises:
            ValidationError: A filter that this list does not have, or a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("depth", self._fetch_depth(kind, **filters))

    def _fetch_depth(self, kind: str = "workerpool", **filters: Any) -> Computed:
        page = self._whole(kind, filters)
        return self._figures(levels(offers(known_list(kind), page.orders)), page.left_out, filters)

    @takes(BestFilters)
    def best(self, kind: str = "workerpool", **filters: Unpack[BestFilters]) -> pd.DataFrame:
        """The best order of each category and tag, or of each app or dataset.

        Args:
            kind: As for ``depth``.
            **filters: Those of ``BestFilters``.

        Returns:
            DataFrame, one row per group: ``price_nrlc`` (of a task), ``remaining`` of the best order,
            ``volume`` and ``orders`` of the group ...

        Raises:
            ValidationError: A filter that this list does not have, or a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("best", self._fetch_best(kind, **filters))

    def _fetch_best(self, kind: str = "workerpool", *, by: Any = None, **filters: Any) -> Computed:
        groups = grouping(known_list(kind), by)
        page = self._whole(kind, filters)
        return self._figures(best(offers(known_list(kind), page.orders), groups), page.left_out, filters)

    @takes(SpreadFilters)
    def spread(self, **filters: Unpack[SpreadFilters]) -> pd.DataFrame:
        """For each category what workerpools ask, what requests pay, and what lies between them.

        Args:
            **filters: Those of ``SpreadFilters``.

        Returns:
            DataFrame, one row per category: ``ask_nrlc``, ``bid_nrlc``, ``mid_nrlc`` (half an nRLC is rounded
            down), ``spread_nrlc`` (negative where more is paid than is asked) ...

        Raises:
            ValidationError: A filter has a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("spread", self._fetch_spread(**filters))

    def _fetch_spread(self, **filters: Any) -> Computed:
        pages = self.session.each(lambda kind: self._whole(kind, dict(filters)), ("workerpool", "requester"))
        asks, bids = (
            offers(KINDS[kind], page.orders)
            for kind, page in zip(("workerpool", "requester"), pages, strict=True)
        )
        left_out = sum(page.left_out for page in pages)
        return self._figures(spread(asks, bids), left_out, filters)

    @takes(MatchOptions)
    def match(self, app: str, **options: Unpack[MatchOptions]) -> pd.DataFrame:
        """All combinations of orders that a request could meet; the first row is what ``app.run`` takes.

        Those that fit come first, the smallest category before the others, in it the cheapest; then those
        that do not, each with the reason. Asks the node too, and signs nothing.

        Args:
            app: Address or ENS name.
            **options: Those of ``app.run``.

        Returns:
            DataFrame, one row per combination: ``fits``, ``task_price_nrlc``, ``reason``, ``volume`` (tasks
            that there is room for), ``restrictions`` ...

        Raises:
            OrderError: There is no such app, dataset or workerpool.
            ValidationError: An option has a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("match", self._fetch_match(app, **options))

    def _fetch_match(self, app: str, **options: Any) -> Computed:
        from iexec_lab.client.market.combinations import list_combinations
        from iexec_lab.client.nouns._run import read_request

        values = with_defaults(MatchOptions, options)
        limit, unchecked = values.pop("limit"), values.pop("skip_preflight_check")
        return list_combinations(
            self.session, read_request(self.session, app, values), limit, unchecked=unchecked
        )

    @takes(LevelFilters)
    def simulate(
        self, volume: int, kind: str = "workerpool", **filters: Unpack[LevelFilters]
    ) -> pd.DataFrame:
        """Fill a volume through the book, price by price; nothing is signed.

        Without a category the smallest one that is offered, as in ``app.run``. With ``app`` (and ``dataset``)
        the deals are those of ``app.run``, with the prices of all orders.

        Args:
            volume: How many tasks.
            kind: As for ``depth``.
            **filters: Those of ``LevelFilters``.

        Returns:
            DataFrame, one row per order that is used: ``price_nrlc``, ``taken``, ``cost_nrlc``,
            ``cumulated``, ``average_rlc`` (of a task so far), ``unfilled`` (still to be placed) ...

        Raises:
            ValidationError: A filter that this list does not have, or a value that is not allowed.
            MarketError: The market was not reached.
        """
        return self._draw("simulate", self._fetch_simulate(volume, kind, **filters))

    def _fetch_simulate(self, volume: int, kind: str = "workerpool", **filters: Any) -> Computed:
        from iexec_lab.client.market.combinations import simulate_request, unfilled_remark
        from iexec_lab.client.nouns._run import read_request

        wanted = to_uint256(volume)
        if wanted < 1:
            raise ValidationError(
                "volume must be greater than or equal to 1", hint="It is the number of tasks."
            )
        asked = {name: value for name, value in filters.items() if value is not None}
        if kind == "workerpool" and "app" in asked:
            return simulate_request(
                self.session, read_request(self.session, asked.pop("app"), _as_options(asked, wanted))
            )
        page = self._whole(kind, filters)
        held, remark = offers(known_list(kind), page.orders), ""
        if held and held[0].category is not None and asked.get("category") is None:
            category = min(offer.category or 0 for offer in held)
            held = [offer for offer in held if offer.category == category]
            remark = f"Category {category}: the smallest that is offered."
        rows, left = fill(held, wanted)
        return Computed.made(
            rows,
            page.left_out,
            remark,
            unfilled_remark(left, wanted),
            self._no_category(asked),
            unfilled=left,
        )

    def _whole(self, kind: str, filters: dict[str, Any]) -> OrderPage:
        """All orders of a list; only the filters that were given are asked for."""
        given = {name: value for name, value in filters.items() if value is not None}
        known_list(kind)
        return self._read(kind, given.pop(kind, None), given)

    def _figures(self, rows: Iterable[dict[str, Any]], left_out: int, filters: dict[str, Any]) -> Computed:
        found = list(rows)
        return Computed.made(found, left_out, "" if found else self._no_category(filters))

    def _no_category(self, filters: Mapping[str, Any]) -> str:
        """A sentence where there is no such category; silent where the node cannot be asked."""
        return about_category(self.session, filters)

    def _remarked(self, verb: str, page: OrderPage, filters: Mapping[str, Any]) -> pd.DataFrame:
        frame = self._draw(verb, page)
        remark = "" if len(frame) else self._no_category(filters)
        if remark:
            frame.attrs |= {"remark": remark, "rows": 0}
        return frame

    def _read(self, verb: str, wanted: str | None, filters: dict[str, Any]) -> OrderPage:
        values = self._query(verb, wanted, filters)
        limit, page, page_size = (values.pop(name) for name in ("limit", "page", "page_size"))
        market, kind = self.session.market, KINDS[verb]
        if page is not None:
            return market.orderbook(kind, page=page, page_size=page_size, **values)
        return market.orderbook_all(kind, limit=limit, **values)

    def _query(self, verb: str, wanted: str | None, filters: dict[str, Any]) -> dict[str, Any]:
        """All filters of a list, by the names of ``Market.orderbook``; with ``limit`` and the page."""
        values = with_category(self.session, plain_values(with_defaults(FILTERS[verb], filters)))
        values["limit"] = to_limit(values["limit"])
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


def known_list(kind: str) -> str:
    """The kind of the orders of a list: ``workerpool`` -> ``workerpoolorder``.

    Raises:
        ValidationError: There is no such list.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValidationError(f"{kind} is not a list of the order book", hint=f"Lists: {', '.join(KINDS)}.")
    return KINDS[kind]


_FOR_A_RUN = {"min_trust": "trust", "tag": "tag", "category": "category"}


def _as_options(asked: Mapping[str, Any], volume: int) -> dict[str, Any]:
    """Filters as the options of a run.

    Raises:
        ValidationError: A run has no such option.
    """
    names = {**_FOR_A_RUN, "dataset": "dataset", "workerpool": "workerpool"}
    for name in asked:
        if name not in names:
            raise ValidationError(
                f"{name} is not for the deals of an app",
                hint=f"Leave it out, or leave out the app. With an app: {', '.join(names)}.",
            )
    values = {names[name]: value for name, value in asked.items()}
    values = with_defaults(ExecutionOptions, {**values, "volume": volume})
    del values["skip_preflight_check"]
    return values


def not_listed(
    book: Orderbook, verb: str, wanted: str | None, filters: dict[str, Any], listed: OrderPage
) -> str | None:
    """A sentence about the orders that restrictions keep from a short list, or why there can be none."""
    if len(listed.orders) >= SHORT or len(listed.orders) + listed.left_out < listed.count:
        return None
    values = book._query(verb, wanted, filters)  # noqa: SLF001 - the same module
    for name in ("limit", "page", "page_size"):
        del values[name]
    remark = hidden(book.session, KINDS[verb], values, listed)
    if remark or listed.orders:
        return remark
    return book._no_category(values) or None  # noqa: SLF001 - as above
