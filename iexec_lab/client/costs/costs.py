"""``lab.costs``: what was signed, locked, paid and returned, and the gas, per job and in all; and budgets."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from iexec_lab.client.costs import card
from iexec_lab.client.costs.facts import GONE, refresh
from iexec_lab.client.ledger import BLOCK, FOLDER, Tracker, entries_of, place_of
from iexec_lab.errors import IexecError, ValidationError
from iexec_lab.project.notes import FolderNotes
from iexec_lab.units import parse_rlc

if TYPE_CHECKING:
    import pandas as pd

    from iexec_lab.client.ledger import Entry
    from iexec_lab.client.session import Session

AMOUNTS = ("signed", "locked", "paid", "returned")


class Costs:
    """What a session did, or a ``with`` block, or everybody in a folder; amounts from the chain.

    Such as::

        lab.costs                                # draws itself; lab.costs.frame() is a DataFrame
        lab.costs.total()["paid_nrlc"]           # exact
        with lab.costs(budget="5 RLC") as costs: # whatever this lab does meanwhile, in all threads
            lab.app.run(app)

    ``signed`` is what signatures and transactions allow to be taken at most, ``locked`` what is held for
    tasks that are not settled, ``paid`` what is gone, ``returned`` what came back. A deposit to one's own
    account, a withdrawal and revoking cost only gas.

    Attributes:
        title: What is counted.
    """

    def __init__(self, session: Session, tracker: Tracker, title: str) -> None:
        self._session, self._tracker, self.title = session, tracker, title
        self._open: list[ExitStack] = []
        self._is_block = tracker.of == BLOCK

    def __call__(self, budget: Any = None) -> Costs:
        """What is done in a ``with`` block, by this lab and in whatever thread.

        Args:
            budget: The most that may be gone in it: ``"5 RLC"``, or nRLC; None for no limit.

        Raises:
            ValidationError: It is not an amount.
        """
        return Costs(self._session, Tracker(budget=_amount(budget)), "this block")

    def here(self) -> Costs:
        """What was signed and bought in this folder, by whatever program, wallet and kernel."""
        return FolderCosts(self._session)

    def __enter__(self) -> Costs:  # noqa: PYI034 - a block, whatever it was entered on
        """This block; of a session or a folder a new one."""
        entered = self if self._is_block else self()
        stack = ExitStack()
        stack.enter_context(self._session.ledger.block(entered._tracker))  # noqa: SLF001
        self._open.append(stack)
        return entered

    def __exit__(self, *_raised: object) -> None:
        self._open.pop().close()

    @property
    def budget(self) -> int | None:
        """NRLC that may be gone at most; what would pass it is refused before anything is signed.

        Set it to an amount (``"5 RLC"``, or nRLC), or to None.
        """
        return self._tracker.budget

    @budget.setter
    def budget(self, amount: Any) -> None:
        self._tracker.budget = _amount(amount)

    @property
    def used(self) -> int:
        """NRLC that count against a budget: locked, paid, and what may still be taken."""
        return self._tracker.used

    @property
    def left(self) -> int | None:
        """NRLC that the budget leaves; None without one."""
        return None if self.budget is None else max(self.budget - self.used, 0)

    def frame(self) -> pd.DataFrame:
        """One row for each job or other action, oldest first.

        Returns:
            DataFrame: ``what``, ``deal_id``, ``state``, ``tasks``, ``ended``, ``signed_nrlc``,
                ``locked_nrlc``, ``paid_nrlc``, ``returned_nrlc`` and their twins in RLC, ``gas_wei``
                (missing where it is not known yet), ``wallet``, ``happened_at``, ``tx_hash``.
                ``attrs["sums"]`` are those of ``total``.

        Raises:
            CallError: The node was not reached.
        """
        from iexec_lab import frames

        rows = self.rows()
        about = {**self._session.about(), "sums": total_of(rows)}
        return frames.build("cost", rows, **about)

    def total(self) -> dict[str, int]:
        """The sums: ``signed_nrlc``, ``locked_nrlc``, ``paid_nrlc``, ``returned_nrlc``, ``gas_wei``.

        Raises:
            CallError: The node was not reached.
        """
        return total_of(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """The rows of ``frame``, amounts as text.

        Raises:
            CallError: The node was not reached.
        """
        entries = self._entries()
        refresh(self._session, entries)
        return [_row(entry) for entry in entries if self._shows(entry)]

    def _shows(self, entry: Entry) -> bool:
        return entry.costs

    def _entries(self) -> list[Entry]:
        return [entry for entry in list(self._tracker.entries) if entry.costs]

    def sums(self, rows: list[dict[str, Any]]) -> dict[str, int]:
        """The sums of rows."""
        return total_of(rows)

    def text(self, rows: list[dict[str, Any]], remark: str = "") -> str:
        """The card as text."""
        return card.text(self, rows, total_of(rows), remark)

    def _seen(self) -> tuple[list[dict[str, Any]], str]:
        """The rows as they are now; those seen last, and a remark, when the node is away."""
        try:
            return self.rows(), ""
        except IexecError as error:
            return [_row(entry) for entry in self._entries()], f"As seen last: {error.message}"

    @property
    def network(self) -> str:
        """Name of the network."""
        return self._session.network.name

    def __repr__(self) -> str:
        count = len(self._entries())
        return f"<Costs of {self.title} on {self.network}: {count} entr{'y' if count == 1 else 'ies'}>"

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        rows, remark = self._seen()
        return {
            "text/plain": self.text(rows, remark),
            "text/html": card.html(self, rows, total_of(rows), remark),
        }


class FolderCosts(Costs):
    """What the record of the folder tells of this network."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, Tracker(of=FOLDER), "this folder")

    def _entries(self) -> list[Entry]:
        session, place = self._session, place_of(self._session.place)
        allowed = FolderNotes(session.folder).budget(place)
        entries = entries_of(session.folder, place)
        held = {entry.id: entry for entry in self._tracker.entries}
        self._tracker.entries = [held.get(entry.id, entry) for entry in entries]
        self._since = 0 if allowed is None else allowed[1]
        self._tracker.budget = None if allowed is None else allowed[0]
        return list(self._tracker.entries)

    def _shows(self, entry: Entry) -> bool:
        """What this chain does not know was bought on another one of that name: a sandbox made anew."""
        return entry.costs and (entry.facts is None or entry.facts.state != GONE)

    @property
    def budget(self) -> int | None:
        """The same, for all programs in this folder from the moment on at which it is set.

        Raises:
            ProjectError: The folder cannot be written.
        """
        self._entries()
        return self._tracker.budget

    @budget.setter
    def budget(self, amount: Any) -> None:
        session = self._session
        FolderNotes(session.folder).save_budget(place_of(session.place), _amount(amount), int(time.time()))

    @property
    def used(self) -> int:
        """NRLC that count against the budget of the folder: what was signed since it was set."""
        return Tracker(entry for entry in self._entries() if entry.at >= self._since).used


def _amount(value: Any) -> int | None:
    if value is None:
        return None
    nrlc = parse_rlc(value)
    if nrlc < 0:
        raise ValidationError(f"A budget cannot be negative: {value}")
    return nrlc


def _row(entry: Entry) -> dict[str, Any]:
    """An entry by the names of a frame's columns; without facts only what was signed is known."""
    facts = entry.facts
    gas = [held.wei if held is not None else None for held in entry.sent.values()]
    row: dict[str, Any] = {
        "what": entry.action,
        "dealid": entry.deals[0] if entry.deals else None,
        "dealids": list(entry.deals),
        "state": facts.state if facts else "sent" if entry.sent else "signed",
        "signed": str(entry.signed),
        "gas": None if None in gas else str(sum(each for each in gas if each is not None)),
        "wallet": entry.wallet,
        "timestamp": entry.at,
        "txHash": next(iter(entry.sent), None),
    }
    if facts is not None:
        row |= {name: str(getattr(facts, name)) for name in AMOUNTS[1:]}
        row |= {"tasks": facts.tasks, "ended": facts.done}
    return row


def total_of(rows: list[dict[str, Any]]) -> dict[str, int]:
    """The sums of rows; what is not known is not in them."""
    sums = {f"{name}_nrlc": sum(int(row.get(name) or 0) for row in rows) for name in AMOUNTS}
    return {**sums, "gas_wei": sum(int(row["gas"] or 0) for row in rows)}
