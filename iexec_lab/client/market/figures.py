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

    All take ``since`` and ``until``, and filters as ``lab.history.deals`` does; deals are those made in that
    time, with all that became of them since. To read once and compute much, pass the frames of
    ``lab.history`` to the functions of ``iexec_lab.history.stats``, which do the same.
    """

    session: Session

    @advising
    def per_day(
        self, *, every: str = "day", since: Any = None, until: Any = None, **where: Any
    ) -> pd.DataFrame:
        """The deals of each day.

        Args:
            every: ``hour``, ``day``, ``week`` (from Monday) or ``month``, in UTC.
            since: From then on: ``"30d"``, a date, a block ``"#123"``.
            until: Before then.
            **where: Filters, as for ``lab.history.deals``.

        Returns:
            DataFrame, one row per period, those without a deal too: ``starts_at``, ``deals``, ``tasks``,
                ``completed``, ``failed`` (claimed), ``unfinished``, ``success_rate``, ``volume_nrlc`` (what
                all tasks would cost), ``spent_nrlc`` (what the completed ones did), ``sponsored_nrlc``.

        Raises:
            ValidationError: There is no such period, moment or filter.
            ServiceError: The source was not reached.
        """
        return stats.per_day(Past(self.session, since, until, where).deals, every=every)

    @advising
    def per(self, by: str, *, since: Any = None, until: Any = None, **where: Any) -> pd.DataFrame:
        """The deals of each party.

        Args:
            by: ``app``, ``dataset``, ``workerpool``, ``requester``, ``payer`` (the sponsor, or else the
                requester), ``beneficiary``, ``category``, ``app_owner``, ``dataset_owner`` or
                ``workerpool_owner``.
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row per party, those whose tasks cost most first, with the columns of ``per_day``.
        """
        return stats.per(Past(self.session, since, until, where).deals, by)

    @advising
    def per_app(self, *, since: Any = None, until: Any = None, **where: Any) -> pd.DataFrame:
        """The deals of each app.

        Args:
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, as from ``per("app")``.
        """
        return stats.per_app(Past(self.session, since, until, where).deals)

    @advising
    def per_workerpool(self, *, since: Any = None, until: Any = None, **where: Any) -> pd.DataFrame:
        """The deals of each workerpool.

        Args:
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, as from ``per("workerpool")``.
        """
        return stats.per_workerpool(Past(self.session, since, until, where).deals)

    @advising
    def per_requester(self, *, since: Any = None, until: Any = None, **where: Any) -> pd.DataFrame:
        """The deals of each requester.

        Args:
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, as from ``per("requester")``.
        """
        return stats.per_requester(Past(self.session, since, until, where).deals)

    @advising
    def prices(
        self,
        *,
        every: str = "day",
        of: str = "workerpool",
        since: Any = None,
        until: Any = None,
        **where: Any,
    ) -> pd.DataFrame:
        """The prices of tasks over time, for each category.

        Args:
            every: As for ``per_day``.
            of: Whose price: ``workerpool``, ``app``, ``dataset``, or ``task``, the three together.
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``: ``category=0`` ...

        Returns:
            DataFrame, one row per period and category with a deal: ``starts_at``, ``category``,
                ``open_nrlc``, ``high_nrlc``, ``low_nrlc``, ``close_nrlc``, ``average_nrlc``,
                ``median_nrlc``, ``deals``, ``tasks``, ``volume_nrlc``.
        """
        return stats.prices(Past(self.session, since, until, where).deals, every=every, of=of)

    @advising
    def match_to_result(
        self,
        *,
        by: str = "workerpool",
        quantiles: Iterable[float] = (0.5, 0.9, 0.99),
        since: Any = None,
        until: Any = None,
        **where: Any,
    ) -> pd.DataFrame:
        """How long people waited, from the deal to the completed task.

        Args:
            by: ``workerpool``, ``app``, ``requester`` or ``category``.
            quantiles: Which, between 0 and 1.
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``: filters that deals and tasks both have.

        Returns:
            DataFrame, one row per party: ``tasks``, ``fastest_seconds``, ``p50_seconds`` ...,
                ``slowest_seconds``.
        """
        past = Past(self.session, since, until, where)
        deals = past.deals
        known = set(deals["deal_id"])
        tasks = past.tasks_of_deals
        tasks = tasks[tasks["deal_id"].isin(known)]
        return stats.match_to_result(deals, tasks, by=by, quantiles=quantiles)

    @advising
    def success(
        self, *, by: str = "workerpool", since: Any = None, until: Any = None, **where: Any
    ) -> pd.DataFrame:
        """How often tasks succeed and fail.

        Args:
            by: As for ``per``.
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row per party: ``tasks``, ``completed``, ``failed`` (claimed), ``late``
                (claimable), ``running``, ``success_rate`` and ``failure_rate`` of those that ended.
        """
        past = Past(self.session, since, until, where)
        return stats.success(past.deals, by=by, now=past.now)

    @advising
    def late(self, *, since: Any = None, until: Any = None, **where: Any) -> pd.DataFrame:
        """Deals with tasks that nobody finished in time, whose price can be claimed back.

        Args:
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row per deal: ``deal_id``, the parties, ``payer`` (who gets the money),
                ``final_deadline``, ``late_seconds``, ``tasks``, ``late``, ``claimable_nrlc``.
        """
        past = Past(self.session, since, until, where)
        return stats.late(past.deals, now=past.now)

    @advising
    def earnings(self, *, since: Any = None, until: Any = None, **where: Any) -> pd.DataFrame:
        """What each party earned, and lost of its stake.

        Args:
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``: filters that deals and tasks both have.

        Returns:
            DataFrame, one row per account and role: ``account``, ``role`` (``app_owner``,
                ``dataset_owner``, ``workerpool_owner``, ``worker``, ``other``), ``tasks``, ``earned_nrlc``,
                ``lost_nrlc``.
        """
        past = Past(self.session, since, until, where)
        return stats.earnings(past.deals, past.tasks_of_deals, past.rewards)

    @advising
    def concentration(
        self,
        by: str = "workerpool",
        of: str = "spent_nrlc",
        *,
        top: Iterable[int] = (1, 3, 10),
        since: Any = None,
        until: Any = None,
        **where: Any,
    ) -> pd.DataFrame:
        """How much of the market the largest parties have.

        Args:
            by: As for ``per``.
            of: What is shared: ``spent_nrlc``, ``volume_nrlc``, ``tasks``, ``deals`` ...
            top: Of how many of the largest to tell the share.
            since: As for ``per_day``.
            until: As for ``per_day``.
            **where: As for ``per_day``.

        Returns:
            DataFrame, one row: ``parties``, ``total``, ``top_1_share`` ..., ``herfindahl``, ``gini``.
        """
        return stats.concentration(stats.per(Past(self.session, since, until, where).deals, by), of, top=top)

    @advising
    def staked(self, *, every: str = "day", until: Any = None) -> pd.DataFrame:
        """How much RLC is staked in all, over time.

        Args:
            every: As for ``per_day``.
            until: As for ``per_day``.

        Returns:
            DataFrame, one row per period: ``starts_at``, ``deposited_nrlc``, ``withdrawn_nrlc``,
                ``staked_nrlc`` at its end, the hub's ``totalSupply`` then.
        """
        return stats.staked(Past(self.session, None, until).transfers, every=every)
