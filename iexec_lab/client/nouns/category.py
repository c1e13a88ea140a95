"""Categories: how long a task may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.permit import send
from iexec_lab.client.what_is import category_hint
from iexec_lab.errors import CallError, IexecError, OrderError
from iexec_lab.ethereum.ahead import one_look
from iexec_lab.ethereum.calls import call
from iexec_lab.ethereum.contracts import EVENTS, HUB
from iexec_lab.plain_text import plain
from iexec_lab.protocol import category_arguments, to_address, to_uint256

if TYPE_CHECKING:
    from iexec_lab.protocol.states import Category

MAX_CATEGORIES = 10_000
"""Most categories that are listed; known hubs have five."""


class Categories(Noun):
    """``lab.category``: sizes of tasks, which say how long one may take."""

    _FRAMES: ClassVar = {
        "show": Frame("category"),
        "create": Frame("receipt"),
        "list": Frame("category", lambda rows: rows),
    }

    def show(self, index: int | str) -> pd.DataFrame:
        """One category, by number.

        Returns:
            DataFrame, one row: ``category``, ``name``, ``description``, ``work_clock_seconds`` (how long a
                task may run) and ``deadline_seconds`` (when it is claimable, after the deal).

        Raises:
            CallError: There is no category of that number.
        """
        return self._draw("show", self._fetch_show(index))

    def _fetch_show(self, index: int | str) -> dict[str, Any]:
        number = to_uint256(index)
        hub = self.session.hub
        try:
            with one_look():
                hub.foresee_terms()
                category = hub.view_category(number)
                ratio = hub.ratios.final
        except CallError as error:
            error.hint = error.hint or category_hint(self.session, number)
            raise
        return _facts(number, category, ratio)

    def count(self) -> int:
        """How many there are; their numbers start at 0."""
        return self.session.hub.count_category()

    def timeout_ratio(self) -> int:
        """A task that is not finished can be claimed after this many times the category's seconds."""
        return self.session.hub.ratios.final

    def create(
        self, name: str, description: str, work_clock_time_ref: int | str, *, force: bool = False
    ) -> pd.DataFrame:
        """Add a category; only the owner of the hub can.

        Args:
            name: Free text.
            description: Free text.
            work_clock_time_ref: Longest run of a task, seconds.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``category``, ``tx_hash``.

        Raises:
            OrderError: The wallet does not own the hub.
            AbortedError: It was not confirmed.
        """
        return self._draw("create", self._fetch_create(name, description, work_clock_time_ref, force=force))

    def _fetch_create(
        self, name: str, description: str, work_clock_time_ref: int | str, *, force: bool = False
    ) -> dict[str, Any]:
        session = self.session
        values = {"name": name, "description": description, "workClockTimeRef": work_clock_time_ref}
        arguments = category_arguments(values)
        owner = to_address(call(session.rpc, session.network.hub, HUB.owner))
        if owner != session.signer.address:
            raise OrderError(f"only category owner {owner} can create new categories")
        data = HUB.createCategory.encode(*arguments)
        receipt = send(session, "category create", session.network.hub, data, details=values, force=force)
        for log in receipt.logs:
            if EVENTS.CreateCategory.matches(log):
                return {"catid": str(EVENTS.CreateCategory.decode(log)["catid"]), "txHash": receipt.tx_hash}
        raise IexecError("CreateCategory not confirmed", details={"transaction": receipt.tx_hash})

    def _fetch_list(self) -> list[dict[str, Any]]:
        hub = self.session.hub
        count = hub.count_category()
        if count > MAX_CATEGORIES:
            raise CallError(f"The node counts {plain(count, 80)} categories, more than can be listed")
        found = hub.view_categories(range(count))
        return [_facts(index, each, hub.ratios.final) for index, each in enumerate(found)]

    def list(self) -> pd.DataFrame:
        """All categories, by number: a DataFrame, one row each, as from ``show``.

        Raises:
            CallError: The node counts more of them than can be listed.
        """
        return self._draw("list", self._fetch_list())


def _facts(number: int, category: Category, ratio: int) -> dict[str, Any]:
    deadline = ratio * category.work_clock_time_ref
    return {"index": str(number), "category": category.to_json(), "deadline": str(deadline)}
