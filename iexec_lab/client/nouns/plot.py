"""Pictures of the market."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from iexec_lab import plots
from iexec_lab.client.jobs.job import Job
from iexec_lab.client.market.past import Past
from iexec_lab.client.nouns._noun import Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.plots.picture import Picture
from iexec_lab.plots.style import short
from iexec_lab.protocol import to_bytes32

MONTH = "30d"


class Plots(Noun):
    """``lab.plot``: pictures of the market; each takes a frame, or reads what it needs.

    A picture is a PNG in the notebook, so it is there offline and in a saved notebook; ``print(picture)``
    has the exact figures as text, ``picture.save("name.png")`` writes it (or ``.svg``, ``.pdf``), and
    ``picture.figure()`` is the ``matplotlib`` figure.
    """

    def depth(self, *books: pd.DataFrame, category: int = 0, limit: int | None = 2_000) -> Picture:
        """How many tasks are for sale up to each price, and how many are wanted down to it.

        Without books those of category 0, unless another is named; the title says of which it is.

        Args:
            *books: Frames of ``lab.orderbook``, drawn over each other (default: workerpool orders and
                requests).
            category: Without books: which size of tasks.
            limit: Without books: how many orders of each side.

        Raises:
            ValidationError: A frame is no orderbook.
            MarketError: The market was not reached.
        """
        if books:
            return plots.depth(*books)
        from iexec_lab.client.nouns.orderbook import Orderbook

        book = Orderbook(self.session)
        sides = self.session.together(
            lambda: book.workerpool(category=category, limit=limit),
            lambda: book.requester(category=category, limit=limit),
        )
        return plots.depth(*sides, category=category)

    def prices(
        self,
        deals: pd.DataFrame | None = None,
        *,
        category: int | None = None,
        every: str | None = None,
        of: str = "workerpool",
        since: Any = MONTH,
        until: Any = None,
    ) -> Picture:
        """The prices of tasks over time: bars of one category, or a line for each.

        Args:
            deals: A frame of ``lab.history.deals`` or ``lab.history.prices`` (default: read).
            category: Of this category only.
            every: ``hour``, ``day``, ``week`` or ``month`` (default: what fits).
            of: Whose price: ``workerpool``, ``app``, ``dataset``, or ``task``, the three together.
            since: Without a frame: deals from then on, such as ``"30d"`` or a date; None for all.
            until: Without a frame: deals before then.

        Raises:
            ValidationError: It is no frame of deals, or there is no such period, price or moment.
            ServiceError: The source was not reached.
        """
        if deals is None:
            deals = Past(self.session, since, until, {"category": category}).deals
        elif category is not None and "category" in deals:
            deals = deals[deals["category"] == category]
        return plots.prices(deals, every=every, of=of)

    def deals(
        self,
        deals: pd.DataFrame | None = None,
        *,
        every: str | None = None,
        since: Any = MONTH,
        until: Any = None,
    ) -> Picture:
        """How many deals were made, by what became of them.

        Args:
            deals: A frame of ``lab.history.deals`` or ``lab.deal.list`` (default: read).
            every: As for ``prices``.
            since: As for ``prices``.
            until: As for ``prices``.

        Raises:
            ValidationError: It is no frame of deals, or there is no such period or moment.
            ServiceError: The source was not reached.
        """
        past = Past(self.session, since, until)
        found, period = (past.deals, _during(since, until)) if deals is None else (deals, "")
        return plots.deals(found, every=every, now=lambda: past.now, period=period)

    def tasks(
        self,
        tasks: pd.DataFrame | None = None,
        *,
        every: str | None = None,
        since: Any = MONTH,
        until: Any = None,
    ) -> Picture:
        """How many tasks were begun, by their status; of a frame of deals, how many were bought.

        Args:
            tasks: A frame of ``lab.history.tasks``, ``lab.task.list`` or ``lab.history.deals`` (default:
                the tasks are read).
            every: As for ``prices``.
            since: As for ``prices``.
            until: As for ``prices``.

        Raises:
            ValidationError: It is no frame of tasks, or there is no such period or moment.
            ServiceError: The source was not reached.
        """
        past = Past(self.session, since, until)
        found, period = (past.tasks, _during(since, until)) if tasks is None else (tasks, "")
        return plots.tasks(found, every=every, now=lambda: past.now, period=period)

    def earnings(
        self,
        earnings: pd.DataFrame | None = None,
        *,
        top: int = 10,
        since: Any = MONTH,
        until: Any = None,
    ) -> Picture:
        """Who earned most: owners of apps, datasets and workerpools, and workers.

        Args:
            earnings: A frame of ``lab.history.earnings`` or ``lab.history.deals`` (default: read).
            top: How many accounts; the others are one bar.
            since: As for ``prices``.
            until: As for ``prices``.

        Raises:
            ValidationError: It is no such frame, or there is no such moment.
            ServiceError: The source was not reached.
        """
        period = _during(since, until) if earnings is None else ""
        if earnings is None:
            from iexec_lab.history import stats

            past = Past(self.session, since, until)
            earnings = stats.earnings(past.deals, past.tasks_of_deals, past.rewards)
        return plots.earnings(earnings, top=top, period=period)

    def balance(self, statement: pd.DataFrame | None = None) -> Picture:
        """What an account had, staked and locked, over time.

        Args:
            statement: A frame of ``lab.account.history`` (default: that of the wallet).

        Raises:
            ValidationError: It is no account statement.
            WalletError: There is no wallet, and no statement was given.
        """
        whose = ""
        if statement is None:
            from iexec_lab.client.nouns.account import Accounts

            accounts: Any = Accounts(self.session)
            statement, whose = accounts.history(), self.session.address
        return plots.balance(statement, account=whose)

    def timeline(self, job: Job | str | Sequence[str] | pd.DataFrame) -> Picture:
        """The tasks of a job as bars, from their beginning to their end, those of a worker together.

        Args:
            job: A job, the id of a deal, several, or a frame of tasks with the times of their events.

        Raises:
            ValidationError: It is none of these.
            ObjectNotFoundError: No such deal.
            ServiceError: The source was not reached.
        """
        if hasattr(job, "columns"):
            return plots.timeline(job)
        given: Any = job
        ids = [given] if isinstance(given, str) else getattr(given, "deal_ids", given)
        made = Job(self.session, [to_bytes32(each) for each in ids])
        first = min((held.deal.start_time for held in made.deals), default=0)
        past = Past(self.session, None, None, {"deal_id": list(made.deal_ids)})
        past.span = past.span._replace(start=first)
        tasks = past.tasks
        deals = made.deal_ids
        of = f"deal {short(deals[0])}" if len(deals) == 1 else f"{len(deals):,} deals"
        return plots.timeline(tasks, now=past.now, waiting=max(made.volume - len(tasks), 0), of=of)


def _during(since: Any, until: Any) -> str:
    """The time that was asked for, as words of a title."""
    if since is None and until is None:
        return "all of the past"
    is_length = isinstance(since, str) and since[-1:].isalpha()
    begun = "" if since is None else f"the last {since}" if is_length else f"since {since}"
    ended = "" if until is None else f"until {until}"
    return " ".join(filter(None, (begun, ended)))
