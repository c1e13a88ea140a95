"""The figures of ``lab.history``: read the past, and say what ``history.stats`` makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from iexec_lab.client.hints import pd
from iexec_lab.client.market.past import Past
from iexec_lab.client.options import advising
from iexec_lab.history import stats

if TYPE_CHECKING:
    from iexec_lab.client.session import Session


class Figures:
    """Verbs of a noun whose session has a history.

    All take ``start`` and ``end``, and filters as ``lab.history.deals`` does; deals are those made in that
    time, with all that became of them since. To read once and compute much, pass the frames of
    ``lab.history`` to the functions of ``iexec_lab.history.stats``, which do the same.
    """

    session: Session

    @advising
    def per_day(
        self, start: Any = None, end: Any = None, *, every: str = "day", **where: Any
    ) -> pd.DataFrame:
        """The deals of each day.

        Args:
            start: From then on: ``"30d"``, a date, a block ``"#123"``; None for all.
            end: Before then.
            every: ``hour``, ``day``, ``week`` (from Monday) or ``month``, in UTC.
            **where: Filters, as for ``lab.history.deals``.

        Returns:
            DataFrame, one row per period, those without a deal too: ``starts_at``, ``deals``, ``tasks``,
                ``completed``, ``failed`` (claimed), ``unfinished``, ``success_rate``, ``volume_nrlc`` (what
                all tasks would cost), ``spent_nrlc`` (what the completed ones did), ``sponsored_nrlc``.

        Raises:
            ValidationError: There is no such period, moment or filter.
            ServiceError: The source was not reached.
        """
        return stats.per_day(Past(self.session, start, end, where).deals, every=every)

    @advising
    def per(self, by: str, start: Any = None, end: Any = None, **where: Any) -> pd.DataFrame:
        """The deals of each party.

        Args:
            by: ``app``, ``dataset``, ``workerpool``, ``requester``, ``payer`` (the sponsor, or else the
                requester), ``beneficiary``, ``category``, ``app_owner``, ``dataset_owner`` or
                ``workerpool_owner``.
            start: As for ``per_day``.
            end: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row per party, those whose tasks cost most first, with the columns of ``per_day``.
        """
        return stats.per(Past(self.session, start, end, where).deals, by)

    @advising
    def per_app(self, start: Any = None, end: Any = None, **where: Any) -> pd.DataFrame:
        """The deals of each app.

        Args:
            start: As for ``per_day``.
            end: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, as from ``per("app")``.
        """
        return stats.per_app(Past(self.session, start, end, where).deals)

    @advising
    def per_workerpool(self, start: Any = None, end: Any = None, **where: Any) -> pd.DataFrame:
        """The deals of each workerpool.

        Args:
            start: As for ``per_day``.
            end: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, as from ``per("workerpool")``.
        """
        return stats.per_workerpool(Past(self.session, start, end, where).deals)

    @advising
    def per_requester(self, start: Any = None, end: Any = None, **where: Any) -> pd.DataFrame:
        """The deals of each requester.

        Args:
            start: As for ``per_day``.
            end: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, as from ``per("requester")``.
        """
        return stats.per_requester(Past(self.session, start, end, where).deals)

    @advising
    def prices(
        self,
        start: Any = None,
        end: Any = None,
        *,
        every: str = "day",
        of: str = "workerpool",
        **where: Any,
    ) -> pd.DataFrame:
        """The prices of tasks over time, for each category.

        Args:
            start: As for ``per_day``.
            end: As for ``per_day``.
            every: As for ``per_day``.
            of: Whose price: ``workerpool``, ``app``, ``dataset``, or ``task``, the three together.
            **where: As for ``per_day``: ``category=0`` ...

        Returns:
            DataFrame, one row per period and category with a deal: ``starts_at``, ``category``,
                ``open_nrlc``, ``high_nrlc``, ``low_nrlc``, ``close_nrlc``, ``average_nrlc``,
                ``median_nrlc``, ``deals``, ``tasks``, ``volume_nrlc``.
        """
        return stats.prices(Past(self.session, start, end, where).deals, every=every, of=of)

    @advising
    def match_to_result(
        self,
        start: Any = None,
        end: Any = None,
        *,
        by: str = "workerpool",
        quantiles: Iterable[float] = (0.5, 0.9, 0.99),
        **where: Any,
    ) -> pd.DataFrame:
        """How long people waited, from the deal to the completed task.

        Args:
            start: As for ``per_day``.
            end: As for ``per_day``.
            by: ``workerpool``, ``app``, ``requester`` or ``category``.
            quantiles: Which, between 0 and 1.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row per party: ``tasks``, ``fastest_seconds``, ``p50_seconds`` ...,
                ``slowest_seconds``.
        """
        past = Past(self.session, start, end, where)
        return stats.match_to_result(past.deals, past.tasks_of_deals, by=by, quantiles=quantiles)

    @advising
    def success(
        self, start: Any = None, end: Any = None, *, by: str = "workerpool", **where: Any
    ) -> pd.DataFrame:
        """How often tasks succeed and fail.

        Args:
            start: As for ``per_day``.
            end: As for ``per_day``.
            by: As for ``per``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row per party: ``tasks``, ``completed``, ``failed`` (claimed), ``late``
                (claimable), ``running``, ``success_rate`` and ``failure_rate`` of those that ended.
        """
        past = Past(self.session, start, end, where)
        return stats.success(past.deals, by=by, now=past.now)

    @advising
    def late(self, start: Any = None, end: Any = None, **where: Any) -> pd.DataFrame:
        """Deals with tasks that nobody finished in time, whose price can be claimed back.

        Args:
            start: As for ``per_day``.
            end: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row per deal: ``deal_id``, the parties, ``payer`` (who gets the money),
                ``final_deadline``, ``late_seconds``, ``tasks``, ``late``, ``claimable_nrlc``.
        """
        past = Past(self.session, start, end, where)
        return stats.late(past.deals, now=past.now)

    @advising
    def earnings(self, start: Any = None, end: Any = None, **where: Any) -> pd.DataFrame:
        """What each party earned, and lost of its stake.

        Args:
            start: As for ``per_day``.
            end: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row per account and role: ``account``, ``role`` (``app_owner``,
                ``dataset_owner``, ``workerpool_owner``, ``worker``, ``other``), ``tasks``, ``earned_nrlc``,
                ``lost_nrlc``.
        """
        past = Past(self.session, start, end, where)
        return stats.earnings(past.deals, past.tasks_of_deals, past.rewards)

    @advising
    def concentration(
        self,
        by: str = "workerpool",
        of: str = "spent_nrlc",
        start: Any = None,
        end: Any = None,
        *,
        top: Iterable[int] = (1, 3, 10),
        **where: Any,
    ) -> pd.DataFrame:
        """How much of the market the largest parties have.

        Args:
            by: As for ``per``.
            of: What is shared: ``spent_nrlc``, ``volume_nrlc``, ``tasks``, ``deals`` ...
            start: As for ``per_day``.
            end: As for ``per_day``.
            top: Of how many of the largest to tell the share.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row: ``parties``, ``total``, ``top_1_share`` ..., ``herfindahl``, ``gini``.
        """
        return stats.concentration(stats.per(Past(self.session, start, end, where).deals, by), of, top=top)

    @advising
    def staked(self, *, every: str = "day", end: Any = None) -> pd.DataFrame:
        """How much RLC is staked in all, over time.

        Args:
            every: As for ``per_day``.
            end: As for ``per_day``.

        Returns:
            DataFrame, one row per period: ``starts_at``, ``deposited_nrlc``, ``withdrawn_nrlc``,
                ``staked_nrlc`` at its end, the hub's ``totalSupply`` then.
        """
        return stats.staked(Past(self.session, None, end).transfers, every=every)
